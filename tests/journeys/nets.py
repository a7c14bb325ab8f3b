"""Small networks for `--model tests.journeys.nets:NAME`; the weights are the same in every run."""

import torch
from torch import Tensor, nn

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
