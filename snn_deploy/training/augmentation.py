"""Images to batches: bytes to normalised currents, shifted and mirrored at random."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def normalise(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """images: uint8 [B, C, H, W] -> float32 (x / 255 - mean) / std, channels last."""
    mean_ = torch.tensor(mean, device=images.device).view(-1, 1, 1)
    std_ = torch.tensor(std, device=images.device).view(-1, 1, 1)
    scaled = (images.float() / 255.0 - mean_) / std_
    return scaled.contiguous(memory_format=torch.channels_last)


def shift_and_flip(x: Tensor, generator: torch.Generator, padding: int = 4) -> Tensor:
    """Crop each image from its zero-padded frame at random and mirror half of them.

    x: [B, C, H, W] -> the same shape. The generator lives on the CPU.
    """
    top, left = _corners(len(x), generator, padding)
    mirrored = torch.rand(len(x), 1, generator=generator) < 0.5
    cropped = _cropped(x, top, left, mirrored, padding)
    return cropped.contiguous(memory_format=torch.channels_last)


def shift(x: Tensor, generator: torch.Generator, padding: int) -> Tensor:
    """As `shift_and_flip`, without mirroring: up to `padding` pixels each way."""
    top, left = _corners(len(x), generator, padding)
    return _cropped(x, top, left, torch.zeros(len(x), 1, dtype=torch.bool), padding)


def _corners(batch: int, generator: torch.Generator, padding: int) -> tuple[Tensor, Tensor]:
    """Return where crops begin in a padded frame: rows [B, 1] and columns [B, 1]."""
    top = torch.randint(0, 2 * padding + 1, (batch, 1), generator=generator)
    return top, torch.randint(0, 2 * padding + 1, (batch, 1), generator=generator)


def _cropped(x: Tensor, top: Tensor, left: Tensor, mirrored: Tensor, padding: int) -> Tensor:
    batch, channels, height, width = x.shape
    padded = functional.pad(x, (padding,) * 4)
    columns = torch.arange(width).expand(batch, width)
    columns = torch.where(mirrored, width - 1 - columns, columns) + left
    rows = torch.arange(height) + top
    index = (rows[:, :, None] * (width + 2 * padding) + columns[:, None, :]).to(x.device)
    flat = padded.reshape(batch, channels, -1)
    index = index.reshape(batch, 1, -1).expand(-1, channels, -1)
    return flat.gather(2, index).view(batch, channels, height, width)
