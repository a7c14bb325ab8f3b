"""The vanilla spiking ResNet and SEW-ResNet: their blocks by hand, what crosses the shortcut."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from snn_deploy.models import build, parameter_count, shortcuts
from snn_deploy.models.sew_resnet import SEWBlock
from snn_deploy.models.spiking_resnet import SpikingBlock
from snn_deploy.neurons import LIF

STEPS = 3


def lif(current: Tensor) -> Tensor:
    """Return the spikes of the textbook recurrence. [T*B, ...] -> the same."""
    u = s = torch.zeros_like(current.unflatten(0, (STEPS, -1))[0])
    spikes = []
    for x in current.unflatten(0, (STEPS, -1)):
        u = 0.25 * u * (1 - s) + x
        s = (u > 0.5).to(u)
        spikes.append(s)
    return torch.cat(spikes)


def sew(s: Tensor, f: Callable[[int, Tensor], Tensor], way: Tensor | None) -> Tensor:
    return lif(f(3, lif(f(0, s)))) + (s if way is None else lif(way))


def vanilla(s: Tensor, f: Callable[[int, Tensor], Tensor], way: Tensor | None) -> Tensor:
    return lif(f(3, lif(f(0, s))) + (s if way is None else way))


@pytest.mark.parametrize(("block", "formula"), [(SEWBlock, sew), (SpikingBlock, vanilla)])
@pytest.mark.parametrize(("channels_out", "stride"), [(4, 1), (6, 2)])
def test_a_block_is_its_formula(
    block: type[nn.Module], formula: Callable[..., Tensor], channels_out: int, stride: int
) -> None:
    torch.manual_seed(channels_out)
    module = block(4, channels_out, stride, STEPS).double().eval()
    for norm in (m for m in module.modules() if isinstance(m, nn.BatchNorm2d)):
        nn.init.uniform_(norm.weight, 0.5, 2)
        nn.init.uniform_(norm.bias, -0.2, 0.4)
    s = torch.randint(0, 2, (STEPS * 2, 4, 8, 8)).double()
    module.requires_grad_(False)
    branch = module.get_submodule("branch")
    assert isinstance(branch, nn.Sequential)

    def affine(first: int, x: Tensor) -> Tensor:
        result: Tensor = branch[first + 1](branch[first](x))
        return result

    shortcut = module.get_submodule("shortcut")
    assert isinstance(shortcut, nn.Sequential)
    changes = channels_out != 4
    assert len(shortcut) == (0 if not changes else 3 if block is SEWBlock else 2)
    way = shortcut[1](shortcut[0](s)) if changes else None
    expected = formula(s, affine, way)
    found = module(s)
    assert 0.1 < found.mean().item() < 1.9
    assert torch.equal(found, expected)


def test_what_crosses_the_shortcuts() -> None:
    """Spikes in the one, counts of up to one a block in the other."""
    torch.manual_seed(5)
    x = torch.randn(2, 3, 16, 16)
    seen: dict[str, Tensor] = {}
    for name in ("spiking_resnet20", "sew_resnet20"):
        network = build(name, steps=2).train()
        stage = network.get_submodule("conv2_x")
        stage.register_forward_hook(lambda _, __, out, name=name: seen.update({name: out}))
        network(x)
    assert set(seen["spiking_resnet20"].unique().tolist()) == {0, 1}
    counts = set(seen["sew_resnet20"].unique().tolist())
    assert {0, 1, 2} <= counts <= {0, 1, 2, 3, 4}


@pytest.mark.parametrize("depth", [20, 32, 44, 56, 110, 482])
def test_the_families_are_of_one_size(depth: int) -> None:
    """The same weights in the same places; only neurons and sums lie otherwise."""
    sizes = {parameter_count(f"{f}_resnet{depth}") for f in ("ms", "sew", "spiking")}
    # An MS-ResNet normalises a block's input in its branch's first norm: none is left over.
    assert len(sizes) == 1


def neurons(name: str) -> int:
    return sum(isinstance(m, LIF) for m in build(name).modules())


def test_neuron_layers() -> None:
    assert neurons("ms_resnet20") == 19
    assert neurons("spiking_resnet20") == 19
    assert neurons("sew_resnet20") == 21, "two shortcuts have a neuron of their own"


def test_who_has_a_choice_of_shortcuts() -> None:
    assert shortcuts("ms_resnet20") == ("projection", "spiking", "pooled")
    assert shortcuts("sew_resnet20") == ()
