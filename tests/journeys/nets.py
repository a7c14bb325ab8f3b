"""Small networks for `--model tests.journeys.nets:NAME`; the weights are the same in every run."""

import torch
from torch import Tensor, nn

from snn_deploy.models.conv_snn import ConvSNN
from snn_deploy.neurons import LIF

SHAPE = (3, 8, 8)
CLASSES = 5
MEAN = (0.5, 0.4, 0.3)
STD = (0.25, 0.2, 0.3)


class Residual(nn.Module):
    """A stem, one residual block on the current, a classifier; T times a batch on one axis."""

    def __init__(self, steps: int = 3) -> None:
        super().__init__()
        self.steps = steps
        self.stem = nn.Conv2d(SHAPE[0], 6, 3, padding=1)
        self.lif1 = LIF(steps=steps)
        self.conv = nn.Conv2d(6, 6, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(6)
        self.lif2 = LIF(steps=steps)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """x: [B, C, H, W]  ->  [B, classes]."""
        current = self.stem(x.repeat(self.steps, 1, 1, 1))
        current = current + self.norm(self.conv(self.lif1(current)))
        out = self.fc(self.pool(self.lif2(current)).flatten(1))
        return out.unflatten(0, (self.steps, -1)).mean(0)


class Branching(nn.Module):
    """Decides by its data what it does."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        if x.sum() > 0:
            return self.fc(x)
        return self.fc(-x)


def residual() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(20)
        return Residual()


def branching() -> nn.Module:
    return Branching()


def one_step() -> nn.Module:
    """A network that is called once a step: T is whatever the user says."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(20)
        return nn.Sequential(nn.Flatten(), nn.Linear(192, 16), LIF(), nn.Linear(16, CLASSES))


def map_of_classes() -> nn.Module:
    """A network that gives a value a pixel and class."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(20)
        return nn.Sequential(nn.Conv2d(3, 4, 3), LIF(), nn.Conv2d(4, CLASSES, 1))


def infinite() -> nn.Module:
    network = residual()
    with torch.no_grad():
        network.get_parameter("fc.weight")[0, 0] = torch.inf
    return network


def quits() -> nn.Module:
    raise SystemExit


def explodes() -> nn.Module:
    raise RuntimeError("these weights\nare nowhere")


def no_module() -> int:
    return 3


def of_events(steps: int = 5) -> nn.Module:
    """A network for event recordings of 12 x 14 pixels, of 5 steps unless told otherwise."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(20)
        network = ConvSNN((2, 12, 14), (4,), 8, 2, steps)
        for name, parameter in network.named_parameters():
            if name.endswith("weight") and parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.5)
    return network


def of_sequences() -> nn.Module:
    """A network that takes [T, B, 6], one number after the other."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(20)
        return Sequences()


class Sequences(nn.Module):
    """Merges time and batch, as all layers of ours do."""

    def __init__(self, steps: int = 4) -> None:
        super().__init__()
        self.steps = steps
        self.layers = nn.Sequential(nn.Linear(6, 16), LIF(steps=steps), nn.Linear(16, CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        """x: [T, B, 6]  ->  [B, classes]."""
        out: Tensor = self.layers(x.flatten(0, 1))
        return out.unflatten(0, (self.steps, -1)).mean(0)
