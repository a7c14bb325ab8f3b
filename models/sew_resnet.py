"""SEW-ResNet: spikes are added to spikes.

Fang et al.: Deep Residual Learning in Spiking Neural Networks, NeurIPS 2021 (arXiv 2102.04159),
with the element-wise function ADD. One block, with the integers s travelling on the shortcut:

    s + LIF(BN2(Conv3x3(LIF(BN1(Conv3x3(s))))))

What travels is a count: every block of a stage may add one to it. Neurons and batch norms are those
of the MS-ResNet here: the two differ in their blocks alone. (The paper's ImageNet networks have
integrate-and-fire neurons.)
"""

from functools import partial

from torch import Tensor, nn

from snn_deploy.neurons import LIF

from .residual import ResidualNetwork, conv_norm, thin_of_spikes


class SEWBlock(nn.Module):
    """The residual block. s: counts [T*B, C_in, H, W] -> counts [T*B, C_out, H/stride, W/stride].

    Where the shape changes the shortcut is a 1x1 convolution, a batch norm and a neuron.
    """

    recomputable = True

    def __init__(self, channels_in: int, channels_out: int, stride: int, steps: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            *conv_norm(channels_in, channels_out, 3, stride),
            LIF(steps=steps),
            *conv_norm(channels_out, channels_out, 3),
            LIF(steps=steps),
        )
        self.shortcut = nn.Sequential()
        if stride != 1 or channels_in != channels_out:
            self.shortcut.extend(
                [*conv_norm(channels_in, channels_out, 1, stride), LIF(steps=steps)]
            )

    def forward(self, s: Tensor) -> Tensor:
        """Return branch(s) + shortcut(s)."""
        return self.branch(s) + self.shortcut(s)


def cifar(depth: int, *, classes: int = 10, steps: int = 6) -> ResidualNetwork:
    """Build the thin CIFAR network of depth 6n + 2: three stages of n blocks, 16/32/64 channels.

    Raises:
        ValueError: the depth is not of the form 6n + 2.
    """
    return thin_of_spikes(depth, partial(SEWBlock, steps=steps), classes=classes, steps=steps)
