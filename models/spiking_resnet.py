"""The vanilla spiking ResNet: an ANN's ResNet with neurons where its ReLUs were.

The baseline that degrades with depth (Fang et al., NeurIPS 2021, and Hu et al., TNNLS 2024, compare
with it). One block, with spikes s on the shortcut and a neuron after the addition:

    LIF(BN2(Conv3x3(LIF(BN1(Conv3x3(s))))) + s)

Neurons and batch norms are those of the MS-ResNet here: the two differ in their blocks alone.
"""

from functools import partial

from torch import Tensor, nn

from snn_deploy.neurons import LIF

from .residual import ResidualNetwork, conv_norm, thin_of_spikes


class SpikingBlock(nn.Module):
    """The residual block. s: spikes [T*B, C_in, H, W] -> spikes [T*B, C_out, H/stride, W/stride].

    Where the shape changes the shortcut is a 1x1 convolution and a batch norm: a current, as the
    branch is.
    """

    recomputable = True

    def __init__(self, channels_in: int, channels_out: int, stride: int, steps: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            *conv_norm(channels_in, channels_out, 3, stride),
            LIF(steps=steps),
            *conv_norm(channels_out, channels_out, 3),
        )
        self.shortcut = nn.Sequential()
        if stride != 1 or channels_in != channels_out:
            self.shortcut.extend(conv_norm(channels_in, channels_out, 1, stride))
        self.lif = LIF(steps=steps)

    def forward(self, s: Tensor) -> Tensor:
        """Return the spikes of branch(s) + shortcut(s)."""
        return self.lif(self.branch(s) + self.shortcut(s))


def cifar(depth: int, *, classes: int = 10, steps: int = 6) -> ResidualNetwork:
    """Build the thin CIFAR network of depth 6n + 2: three stages of n blocks, 16/32/64 channels.

    Raises:
        ValueError: the depth is not of the form 6n + 2.
    """
    return thin_of_spikes(depth, partial(SpikingBlock, steps=steps), classes=classes, steps=steps)
