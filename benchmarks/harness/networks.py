"""Networks that spike, and images for them: what the benchmarks run."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from snn_deploy import datasets
from snn_deploy.checkpoints import InputSpec
from snn_deploy.frontends.loading import load
from snn_deploy.models import build
from snn_deploy.models.ms_resnet import MSBlock, MSResNet, MSResNetConfig, Shortcut
from snn_deploy.models.residual import TemporalBatchNorm
from snn_deploy.neurons import LIF

Floats = NDArray[np.float32]

ROOT = Path(__file__).parents[2]
CHECKPOINTS = ROOT / "models" / "checkpoints"
SAMPLES = ROOT / "models" / "samples" / "cifar10_100.npz"

CIFAR10 = InputSpec((3, 32, 32), (0.4914, 0.4822, 0.4465), (0.247, 0.243, 0.261), 4)
IMAGENET = InputSpec((3, 224, 224), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 6)
LIVELY = 0.55
"""Standard deviation of every neuron's input: above the threshold of 0.5 in one case of five."""
LIVELIER = 0.7
"""As LIVELY; neurons fire as often as those of the published networks, in one step of five."""
_IMAGENET_NAMES = ("ms_resnet18", "ms_resnet34", "ms_resnet104")
_FEW_IMAGES = 4
"""Of 224 x 224: batch norms take their statistics from millions of values all the same."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A network to measure.

    Attributes:
        name: of the architecture.
        weights: where they are from, in words.
        module: in eval mode.
        input: what it expects.
        rates: spikes per neuron and step, by neuron layer, on real images.
    """

    name: str
    weights: str
    module: MSResNet
    input: InputSpec
    rates: Mapping[str, float]

    @property
    def layers(self) -> int:
        """Weight layers on the longest way, as papers count them."""
        return 2 + 2 * sum(self.module.config.blocks)

    def rate_text(self) -> str:
        """Return the firing rates in words."""
        found = list(self.rates.values())
        mean = float(np.mean(found))
        return f"firing rate {mean:.2f} on average, {min(found):.2f} to {max(found):.2f} by layer"


def subject(name: str, steps: int) -> Subject:
    """Return the trained network where one ships, else one of random weights that fires like it.

    It reads images of ImageNet's size where its architecture is made for them, else of CIFAR's.
    """
    if (found := trained(name, steps)) is not None:
        return found
    if name in _IMAGENET_NAMES:
        return lively(name, steps, like=IMAGENET, images=_FEW_IMAGES, spread=LIVELIER)
    return lively(name, steps, spread=LIVELIER)


def trained(name: str, steps: int) -> Subject | None:
    """Return a network that ships with the project, or None where it does not lie here."""
    checkpoint = CHECKPOINTS / f"{name}_cifar10.pt"
    if not checkpoint.exists():
        return None
    loaded = load(checkpoint, steps=steps)
    module, spec = loaded.module, loaded.input
    assert isinstance(module, MSResNet), "the shipped checkpoint is an MS-ResNet"
    assert spec is not None, "our checkpoints say what they expect"
    rates = firing(module, samples(spec, 8))
    return Subject(name, f"trained ({checkpoint.name})", module, replace(spec, steps=steps), rates)


def lively(
    architecture: str,
    steps: int,
    seed: int = 20,
    *,
    like: InputSpec = CIFAR10,
    images: int = 8,
    shortcut: Shortcut | None = None,
    spread: float = LIVELY,
) -> Subject:
    """Return a network of random weights that fires as a trained one does.

    Untrained, a block's last batch norm scales by 0 and nothing past the stem depends on depth.
    Here every batch norm gets the statistics of its own input on a few images and a scale with
    which all neurons see inputs of one spread: a stream of n additions shares it out among them.
    """
    torch.manual_seed(seed)
    config = {} if shortcut is None else {"shortcut": shortcut}
    module = build(architecture, steps=steps, **config)
    assert isinstance(module, MSResNet), "the architectures of this project"
    weights = f"random, seed {seed}, made to fire"
    return _made_to_fire(architecture, weights, module, replace(like, steps=steps), images, spread)


def tiny() -> Subject:
    """Return a network of one block on images of 8 x 8, which runs all that larger ones do."""
    torch.manual_seed(0)
    module = MSResNet(MSResNetConfig((1,), (8,), (1,), stem_channels=8, steps=2))
    spec = replace(CIFAR10, shape=(3, 8, 8), steps=2)
    return _made_to_fire("tiny", "random", module, spec, 8, LIVELY)


def _made_to_fire(
    name: str, weights: str, module: MSResNet, spec: InputSpec, images: int, spread: float
) -> Subject:
    shown = samples(spec, images)
    _share_spread(module, spread)
    with torch.no_grad(), _measuring(module):
        module(torch.from_numpy(shown))
    return Subject(name, weights, module, spec, firing(module, shown))


def samples(spec: InputSpec, count: int) -> Floats:
    """Return real images as a network reads them, the first ones again where there are too few."""
    images = enlarged(spec.shape[-1], count)
    found = datasets.Samples(str(SAMPLES), images, None).normalised(spec)
    return np.resize(found, (count, *found.shape[1:]))


def enlarged(side: int, count: int) -> NDArray[np.uint8]:
    """Return the first CIFAR-10 images, bytes [N, 3, side, side]: bilinear where they grow."""
    images = datasets.load(SAMPLES).first(count).values
    assert isinstance(images, np.ndarray), "no recordings"
    if images.shape[-1] != side:
        grown = functional.interpolate(
            torch.from_numpy(images).float(), (side, side), mode="bilinear", align_corners=False
        )
        images = grown.round().byte().numpy()
    return images.astype(np.uint8)


def firing(module: nn.Module, images: Floats) -> Mapping[str, float]:
    """Return spikes per neuron and step of every neuron layer."""
    rates: dict[str, float] = {}
    hooks = [
        layer.register_forward_hook(
            lambda _module, _inputs, output, name=name: rates.update({name: float(output.mean())})
        )
        for name, layer in module.named_modules()
        if isinstance(layer, LIF)
    ]
    with torch.no_grad():
        module(torch.from_numpy(images))
    for hook in hooks:
        hook.remove()
    return rates


def _share_spread(module: MSResNet, spread: float) -> None:
    """Set the scale of every batch norm so that variances of a stream add up to one size."""
    for norm in module.modules():
        if isinstance(norm, TemporalBatchNorm):
            nn.init.constant_(norm.bn.weight, spread)
    begins = spread / 2**0.5
    nn.init.constant_(_norms(module.conv1)[-1].bn.weight, begins)
    for stage in module.stages:
        blocks = [b for b in module.get_submodule(stage).children() if isinstance(b, MSBlock)]
        for block in blocks:
            adds = begins / len(blocks) ** 0.5
            nn.init.constant_(_norms(block.residual_function)[-1].bn.weight, adds)
            for norm in _norms(block.shortcut):
                nn.init.constant_(norm.bn.weight, begins)


def _norms(module: nn.Module) -> list[TemporalBatchNorm]:
    return [m for m in module.modules() if isinstance(m, TemporalBatchNorm)]


@contextmanager
def _measuring(module: nn.Module) -> Iterator[None]:
    """Let every batch norm take the statistics of the next batch as its own."""
    norms = [m for m in module.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    module.train()
    yield
    module.eval()
    for norm in norms:
        norm.momentum = 0.1


def logits(run: nn.Module, images: Floats) -> Tensor:
    """Return what a module says of images."""
    with torch.inference_mode():
        found: Tensor = run(torch.from_numpy(images))
    return found
