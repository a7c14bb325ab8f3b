"""MS-ResNet (also SRM-ResNet): residual learning on the membrane current.

Hu, Wu, Deng, Yao, Li: Advancing Spiking Neural Networks Toward Deep Residual Learning, IEEE TNNLS
2024 (arXiv 2112.08954). The parameter names are those of the published checkpoints, so these load
as they are once a leading `module.` is stripped.

One block, with the real-valued current x travelling on the shortcut:

    x + BN2(Conv3x3(LIF(BN1(Conv3x3(LIF(x))))))
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from snn_deploy.neurons import LIF

from .residual import (
    THIN_CHANNELS,
    THIN_STRIDES,
    ResidualNetwork,
    TemporalBatchNorm,
    blocks_of_depth,
)

Shortcut = Literal["projection", "spiking", "pooled"]
Stem = Literal["3x3", "7x7", "3x3-three"]


@dataclass(frozen=True, slots=True)
class MSResNetConfig:
    """What distinguishes one MS-ResNet from another.

    Attributes:
        blocks: residual blocks of each stage.
        channels: channels of each stage.
        strides: stride of each stage's first block.
        stem: kernel of the analog first layer; "3x3-three" is the stack of the 104-layer network.
        stem_channels: what the stem gives.
        shortcut: where the shape changes: "projection" is a 1x1 convolution on the real-valued
            stream, "pooled" averages 2x2 before it (104 layers), "spiking" puts a LIF before it
            so that a chip with binary spikes can run it (the author's advice to users).
        dropout: before the classifier.
        classes: of the classifier.
        steps: T.
    """

    blocks: tuple[int, ...]
    channels: tuple[int, ...]
    strides: tuple[int, ...]
    stem: Stem = "3x3"
    stem_channels: int = 16
    shortcut: Shortcut = "projection"
    dropout: float = 0.0
    classes: int = 10
    steps: int = 6


class MSBlock(nn.Module):
    """The residual block. x: [T*B, C_in, H, W] -> [T*B, C_out, H/stride, W/stride]."""

    recomputable = True

    def __init__(
        self, inputs: int, outputs: int, stride: int, shortcut: Shortcut, steps: int
    ) -> None:
        super().__init__()
        self.residual_function = nn.Sequential(
            LIF(steps=steps),
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            TemporalBatchNorm(outputs),
            LIF(steps=steps),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            TemporalBatchNorm(outputs, scale=0.0),
        )
        changes_shape = stride != 1 or inputs != outputs
        layers = _shortcut(inputs, outputs, stride, shortcut, steps) if changes_shape else []
        self.shortcut = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Return block(x) + shortcut(x)."""
        return self.residual_function(x) + self.shortcut(x)


def _shortcut(
    inputs: int, outputs: int, stride: int, kind: Shortcut, steps: int
) -> list[nn.Module]:
    before: list[nn.Module] = []
    if kind == "pooled":
        before, stride = [nn.AvgPool2d(stride, stride)], 1
    elif kind == "spiking":
        before = [LIF(steps=steps)]
    conv = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
    return [*before, conv, TemporalBatchNorm(outputs)]


def _stem(kind: Stem, channels: int) -> nn.Sequential:
    if kind == "3x3":
        convs = [nn.Conv2d(3, channels, 3, 1, 1, bias=False)]
    elif kind == "7x7":
        convs = [nn.Conv2d(3, channels, 7, 2, 3, bias=False)]
    else:
        convs = [
            nn.Conv2d(3, channels, 3, 2, 1),
            nn.Conv2d(channels, channels, 3, 1, 1),
            nn.Conv2d(channels, channels, 3, 1, 1),
        ]
    return nn.Sequential(*convs, TemporalBatchNorm(channels))


class MSResNet(ResidualNetwork):
    """A whole network. Images [B, 3, H, W] or sequences [T, B, 3, H, W] -> logits [B, classes].

    The stem's output goes onto the stream as it is; the first spikes are those of the first block.
    """

    def __init__(self, config: MSResNetConfig) -> None:
        def block(channels_in: int, channels_out: int, stride: int) -> nn.Module:
            return MSBlock(channels_in, channels_out, stride, config.shortcut, config.steps)

        super().__init__(
            stem=_stem(config.stem, config.stem_channels),
            channels_in=config.stem_channels,
            encoder=None,
            blocks=config.blocks,
            channels=config.channels,
            strides=config.strides,
            make_block=block,
            last=LIF(steps=config.steps),
            dropout=config.dropout,
            classes=config.classes,
            steps=config.steps,
        )
        self.config = config


def cifar(
    depth: int, *, classes: int = 10, steps: int = 6, shortcut: Shortcut = "projection"
) -> MSResNet:
    """Build the thin CIFAR network of depth 6n + 2: three stages of n blocks, 16/32/64 channels.

    Raises:
        ValueError: the depth is not of the form 6n + 2.
    """
    return MSResNet(
        MSResNetConfig(
            blocks_of_depth(depth),
            THIN_CHANNELS,
            THIN_STRIDES,
            classes=classes,
            steps=steps,
            shortcut=shortcut,
        )
    )


def cifar_wide(*, classes: int = 10, steps: int = 6, shortcut: Shortcut = "projection") -> MSResNet:
    """Build the wide CIFAR network that papers call MS-ResNet-18: 128/256/512 channels."""
    return MSResNet(
        MSResNetConfig(
            (3, 3, 2),
            (128, 256, 512),
            (1, 2, 2),
            stem_channels=64,
            classes=classes,
            steps=steps,
            shortcut=shortcut,
        )
    )


_IMAGENET_BLOCKS: dict[int, Sequence[int]] = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    104: (3, 8, 32, 8),
}


def imagenet(
    depth: int, *, classes: int = 1000, steps: int = 6, shortcut: Shortcut | None = None
) -> MSResNet:
    """Build the ImageNet network of 18, 34 or 104 layers; the shortcut is the paper's unless given.

    Raises:
        ValueError: another depth.
    """
    if depth not in _IMAGENET_BLOCKS:
        raise ValueError(f"depth {depth}: an ImageNet MS-ResNet has 18, 34 or 104 layers")
    deepest = depth == 104
    return MSResNet(
        MSResNetConfig(
            tuple(_IMAGENET_BLOCKS[depth]),
            (64, 128, 256, 512),
            (2, 2, 2, 2),
            stem="3x3-three" if deepest else "7x7",
            stem_channels=64,
            shortcut=shortcut or ("pooled" if deepest else "projection"),
            dropout=0.2 if deepest else 0.0,
            classes=classes,
            steps=steps,
        )
    )
