"""Neurons that read no weight layer get a weight to read."""

from collections.abc import Callable

import numpy as np
import pytest

from snn_deploy.ir.builder import GraphBuilder
from snn_deploy.ir.graph import Graph
from snn_deploy.ir.ops import Add, AvgPool, Conv, Flatten, Input, Lif, Linear, MaxPool, SumPool
from snn_deploy.passes.adapt_neurons import AdaptNeurons
from tests.networks import FLOAT
from tests.passes.asserting import Golden, assert_pass

LIF = Lif(0.5, threshold=0.6)
POOL = ((2, 2), (2, 2), (0, 0))
UNIT = Conv((1, 1), (0, 0), (1, 1))


def started(*shape: int) -> GraphBuilder:
    builder = GraphBuilder("neurons")
    builder.add("input", Input(shape))
    return builder


def chain() -> Graph:
    """A neuron reads the input, another one its spikes."""
    b = started(3)
    b.add("lif1", LIF, "input")
    b.add("lif2", LIF, "lif1")
    return b.finish("lif2", steps=4)


def sum_of_spikes() -> Graph:
    b = started(2, 4, 4)
    b.add("lif1", LIF, "input")
    b.add("conv", UNIT, "lif1", weight=np.ones((2, 2, 1, 1)))
    b.add("lif2", LIF, "conv")
    b.add("sum", Add(), "lif1", "lif2")
    b.add("lif3", LIF, "sum")
    return b.finish("lif3", "sum", steps=4)


def pooled_spikes() -> Graph:
    b = started(2, 4, 4)
    b.add("lif1", LIF, "input")
    b.add("mean", AvgPool(*POOL), "lif1")
    b.add("lif2", LIF, "mean")
    b.add("most", MaxPool(*POOL), "lif2")
    b.add("flat", Flatten(), "most")
    b.add("lif3", LIF, "flat")
    return b.finish("lif3", steps=4)


CASES: dict[str, Callable[[], Graph]] = {
    build.__name__: build for build in (chain, sum_of_spikes, pooled_spikes)
}


@pytest.mark.parametrize("case", CASES)
def test_adapting(case: str, golden: Golden) -> None:
    result = assert_pass(AdaptNeurons(), CASES[case](), golden, case)
    for node in result.spiking:
        name = node.name if node.name != "lif2" or case != "sum_of_spikes" else "conv"
        assert node.inputs == ((f"{name}.unit",) if name != "conv" else ("conv",))


@pytest.mark.parametrize("op", [AvgPool(*POOL), SumPool(*POOL), MaxPool(*POOL), Flatten()])
def test_what_is_pooled_from_a_layer_has_its_scale(op: AvgPool) -> None:
    b = started(2, 4, 4)
    b.add("conv", UNIT, "input", weight=np.ones((2, 2, 1, 1)))
    b.add("pool", op, "conv")
    b.add("lif", LIF, "pool")
    graph = b.finish("lif", steps=1)
    assert AdaptNeurons()(graph) is graph


def test_layers_and_their_sums_have_a_scale() -> None:
    b = started(3)
    for name in ("fc1", "fc2"):
        b.add(name, Linear(), "input", weight=np.eye(3))
    b.add("sum", Add(), "fc1", "fc2")
    b.add("lif1", LIF, "sum")
    b.add("lif2", LIF, "fc1")
    graph = b.finish("lif1", "lif2", steps=1)
    assert AdaptNeurons()(graph) is graph


@pytest.mark.parametrize("name", FLOAT)
def test_most_networks_are_left_alone(name: str) -> None:
    graph = FLOAT[name]()
    assert AdaptNeurons()(graph) is graph
