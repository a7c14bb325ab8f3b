"""Samples to batches, whatever they are: what training asks of images and of event recordings."""

from typing import Protocol

import torch
from torch import Tensor

from snn_deploy import models
from snn_deploy.checkpoints import InputSpec
from snn_deploy.datasets import Samples

from .augmentation import normalise, shift, shift_and_flip
from .config import TrainingConfig

EVENT_SHIFT = 2
"""By so many pixels recordings move at most; a third of the margin around an N-MNIST digit."""


class Batches(Protocol):
    """Labelled samples of which some are made into a batch at a time.

    Attributes:
        labels: int64 [N].
    """

    @property
    def labels(self) -> Tensor: ...

    def plain(self, chosen: Tensor, device: torch.device) -> Tensor:
        """Return what the network reads: [B, *S], or [T, B, *S] of what has time.

        chosen: int64 [B].
        """
        ...

    def augmented(self, chosen: Tensor, device: torch.device, generator: torch.Generator) -> Tensor:
        """As `plain`, of samples altered at random. The generator lives on the CPU."""
        ...


class ImageBatches:
    """Images in bytes, held as they are; augmented by shifting and mirroring."""

    def __init__(self, samples: Samples, spec: InputSpec) -> None:
        self._images = torch.from_numpy(samples.values)
        self.labels = torch.from_numpy(samples.labels)
        self._spec = spec

    def plain(self, chosen: Tensor, device: torch.device) -> Tensor:
        return normalise(self._images[chosen].to(device), self._spec.mean, self._spec.std)

    def augmented(self, chosen: Tensor, device: torch.device, generator: torch.Generator) -> Tensor:
        return shift_and_flip(self.plain(chosen, device), generator)


class EventBatches:
    """Event recordings, binned when a batch is asked for; augmented by shifting.

    They are not mirrored: what a camera records has a left and a right, and a digit too.
    """

    def __init__(self, samples: Samples, spec: InputSpec) -> None:
        self._samples = samples
        self.labels = torch.from_numpy(samples.labels)
        self._spec = spec

    def plain(self, chosen: Tensor, device: torch.device) -> Tensor:
        counts = self._samples.chosen(chosen.numpy()).normalised(self._spec)
        return torch.from_numpy(counts).to(device)

    def augmented(self, chosen: Tensor, device: torch.device, generator: torch.Generator) -> Tensor:
        """Every step of a recording moves alike."""
        x = self.plain(chosen, device).transpose(0, 1)
        moved = shift(x.flatten(1, 2), generator, EVENT_SHIFT)
        return moved.reshape(x.shape).transpose(0, 1)


def batches_of(samples: Samples, config: TrainingConfig) -> Batches:
    """Return labelled samples as what training asks for."""
    made = EventBatches if samples.kind == "events" else ImageBatches
    return made(samples, input_of(samples, config))


def input_of(samples: Samples, config: TrainingConfig) -> InputSpec:
    """Return what the network to be trained will expect of a sample.

    Images have the shape that they have; a network for events insists on its sensor's.
    """
    if samples.kind == "events":
        shape = models.input_shape(config.architecture) or samples.shape or ()
        return InputSpec(shape, (), (), config.steps, config.events)
    return InputSpec(samples.shape or (), config.mean, config.std, config.steps)
