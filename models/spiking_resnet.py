"""The vanilla spiking ResNet: an ANN's ResNet with neurons where its ReLUs were.

The baseline that degrades with depth (Fang et al., NeurIPS 2021, and Hu et al., TNNLS 2024, compare
with it). One block, with spikes s on the shortcut and a neuron after the addition:

    LIF(BN2(Conv3x3(LIF(BN1(Conv3x3(s))))) + s)

Neurons and batch norms are those of the MS-ResNet here: the two differ in their blocks alone.
"""

from functools import partial

from torch import Tensor, nn

from snn_deploy.neurons import LIF

from .residual import (
    THIN_CHANNELS,
    THIN_STRIDES,
    ResidualNetwork,
    TemporalBatchNorm,
    blocks_of_depth,
    thin_stem,
)


class SpikingBlock(nn.Module):
    """The residual block. s: spikes [T*B, C_in, H, W] -> spikes [T*B, C_out, H/stride, W/stride].

    Where the shape changes the shortcut is a 1x1 convolution and a batch norm: a current, as the
    branch is.
    """

    recomputable = True

    def __init__(self, channels_in: int, channels_out: int, stride: int, steps: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(channels_in, channels_out, 3, stride, 1, bias=False),
            TemporalBatchNorm(channels_out),
            LIF(steps=steps),
            nn.Conv2d(channels_out, channels_out, 3, 1, 1, bias=False),
            TemporalBatchNorm(channels_out),
        )
        self.shortcut = nn.Sequential()
        if stride != 1 or channels_in != channels_out:
            conv = nn.Conv2d(channels_in, channels_out, 1, stride, bias=False)
            self.shortcut.extend([conv, TemporalBatchNorm(channels_out)])
        self.lif = LIF(steps=steps)

    def forward(self, s: Tensor) -> Tensor:
        """Return the spikes of branch(s) + shortcut(s)."""
        return self.lif(self.branch(s) + self.shortcut(s))


def cifar(depth: int, *, classes: int = 10, steps: int = 6) -> ResidualNetwork:
    """Build the thin CIFAR network of depth 6n + 2: three stages of n blocks, 16/32/64 channels.

    Raises:
        ValueError: the depth is not of the form 6n + 2.
    """
    return ResidualNetwork(
        stem=thin_stem(),
        channels_in=16,
        encoder=LIF(steps=steps),
        blocks=blocks_of_depth(depth),
        channels=THIN_CHANNELS,
        strides=THIN_STRIDES,
        make_block=partial(SpikingBlock, steps=steps),
        last=None,
        dropout=0.0,
        classes=classes,
        steps=steps,
    )
