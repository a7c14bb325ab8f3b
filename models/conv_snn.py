"""A small convolutional spiking network for event cameras, strictly sequential.

    [conv 3x3 stride 2 - BN - LIF] x 3 - Flatten - Linear - BN - LIF - Linear

Strides instead of pooling, so that every synapse reads spikes, and no path beside another, so that
formats which know only one layer after the other can hold it.
"""

from collections import OrderedDict
from collections.abc import Sequence
from math import prod

from torch import Tensor, nn

from snn_deploy.neurons import LIF

DECAY = 0.5
"""What a potential keeps from one step to the next: half, an integer in any fixed point."""


class ConvSNN(nn.Module):
    """A whole network. Counts of events [T, B, P, H, W] -> logits [B, classes], a mean over time.

    Args:
        shape: of the input at one step, (P, H, W).
        channels: of each convolution.
        hidden: neurons of the dense layer.
        classes: of the classifier.
        steps: T.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        channels: Sequence[int],
        hidden: int,
        classes: int,
        steps: int,
    ) -> None:
        super().__init__()
        self.steps = steps
        self.input_shape = shape
        inputs, *size = shape
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        for number, outputs in enumerate(channels, start=1):
            layers[f"conv{number}"] = nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False)
            layers[f"norm{number}"] = _at_threshold(nn.BatchNorm2d(outputs))
            layers[f"lif{number}"] = LIF(DECAY, steps=steps)
            inputs, size = outputs, [(length + 1) // 2 for length in size]
        layers["flatten"] = nn.Flatten()
        layers["dense"] = nn.Linear(inputs * prod(size), hidden, bias=False)
        layers["norm"] = _at_threshold(nn.BatchNorm1d(hidden))
        layers["lif"] = LIF(DECAY, steps=steps)
        self.features = nn.Sequential(layers)
        self.fc = nn.Linear(hidden, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Run T steps and return the logits of the mean firing rates."""
        logits = self.fc(self.features(x.flatten(0, 1)))
        return logits.unflatten(0, (self.steps, -1)).mean(0)


def _at_threshold(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> nn.Module:
    """Let currents begin with the threshold as their deviation: a fair share of neurons fires."""
    nn.init.constant_(norm.weight, 0.5)
    return norm


def nmnist(*, classes: int = 10, steps: int = 12) -> ConvSNN:
    """Build the network for N-MNIST: 34 x 34 pixels, two polarities, 66 k parameters."""
    return ConvSNN((2, 34, 34), (16, 32, 32), 64, classes, steps)
