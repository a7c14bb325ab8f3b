"""torch.compile takes the neuron whole: one graph, the same spikes and gradients."""

import importlib

import pytest
import torch
from torch import nn

from snn_deploy.neurons import LIF, set_fused
from snn_deploy.neurons import fused as operators
from tests.neurons import cases, textbook

# Dynamo makes an object of every autograd function that it traces, and torch warns of that.
pytestmark = pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")


def network(fused: bool) -> nn.Module:
    found = nn.Sequential(
        nn.Conv2d(3, 4, 3), LIF(0.3, steps=4), nn.Conv2d(4, 4, 3), LIF(steps=4, width=2.0)
    )
    set_fused(found, fused)
    return found


@pytest.fixture(params=["loop", "fused"])
def taken(request: pytest.FixtureRequest) -> nn.Module:
    if request.param == "fused":
        request.getfixturevalue("interpreted")
    torch.compiler.reset()
    return network(request.param == "fused")


def test_beside_norse() -> None:
    """Its use of torch.jit turns the functions of `math` into operators for the compiler."""
    importlib.import_module("norse.torch")
    torch.compiler.reset()
    run = torch.compile(network(fused=False), backend="eager", fullgraph=True)
    assert run(torch.randn(8, 3, 9, 9)).shape == (8, 4, 5, 5)


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
@pytest.mark.parametrize("layout", ["contiguous", "channels last"])
def test_one_graph_and_the_same_numbers(taken: nn.Module, backend: str, layout: str) -> None:
    run = torch.compile(taken, backend=backend, fullgraph=True)
    x = cases.arranged(torch.randn(8, 3, 9, 9), layout)
    grad = torch.randn(8, 4, 5, 5)
    expected = textbook.run_lif(taken, x, grad)
    found = textbook.run_lif(run, x, grad)  # type: ignore[arg-type]  # a module gives a module
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])
    with torch.no_grad():
        assert torch.equal(run(x), expected[0])


@pytest.mark.usefixtures("interpreted")
def test_the_operators_keep_torchs_rules() -> None:
    x = torch.randn(5, 37, requires_grad=True)
    torch.library.opcheck(operators._forward, (x, 0.25, 0.5, 1.0, True))
    _, facts = operators._forward(x.detach(), 0.25, 0.5, 1.0, True)
    torch.library.opcheck(operators._backward, (torch.randn(5, 37), facts, 0.25, 2.0))
