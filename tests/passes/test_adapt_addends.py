"""Addends that have no weights get some."""

from collections.abc import Callable

import numpy as np
import pytest

from snn_deploy.ir.builder import GraphBuilder
from snn_deploy.ir.graph import Array, Graph
from snn_deploy.ir.ops import Add, AvgPool, Conv, Input, Lif, Linear
from snn_deploy.passes.adapt_addends import AdaptAddends
from tests.networks import FLOAT
from tests.passes.asserting import Golden, assert_pass

ONES = (1, 1)


class Layers(GraphBuilder):
    """A builder with convolutions that keep the shape."""

    def __init__(self, *shape: int) -> None:
        super().__init__("sums")
        self.add("input", Input(shape))

    def conv(self, name: str, source: str) -> str:
        channels = self.type(source).shape[0]
        weight: Array = np.arange(channels * channels * 9) % 7 - 3.0
        return self.add(
            name,
            Conv(ONES, ONES, ONES),
            source,
            weight=weight.reshape(channels, channels, 3, 3) / 4,
        )

    def lif(self, name: str, source: str) -> str:
        return self.add(name, Lif(0.5, threshold=0.25), source)


def spikes_into_a_current() -> Graph:
    """The block of the first spiking ResNets."""
    b = Layers(2, 4, 4)
    at = b.lif("lif", b.conv("stem", "input"))
    return b.finish(b.add("sum", Add(), b.conv("conv", at), at), steps=3)


def pooled_spikes() -> Graph:
    b = Layers(2, 4, 4)
    b.lif("lif", "input")
    b.add("pool", AvgPool((2, 2), (2, 2), (0, 0)), "lif")
    return b.finish(b.add("sum", Add(), b.conv("conv", "pool"), "pool"), steps=3)


def the_input() -> Graph:
    b = Layers(2, 4, 4)
    return b.finish(b.add("sum", Add(), "input", b.conv("conv", "input")), steps=1)


def vectors() -> Graph:
    b = Layers(3)
    b.lif("lif", "input")
    b.add("fc", Linear(), "lif", weight=np.array([[1.0, 2, 3], [0, 1, 0], [-1, 0, 0.5]]))
    return b.finish(b.add("sum", Add(), "lif", "fc"), steps=3)


def twice() -> Graph:
    """One weight serves both positions."""
    b = Layers(2, 4, 4)
    b.lif("lif", "input")
    return b.finish(b.add("sum", Add(), "lif", b.conv("conv", "lif"), "lif"), steps=3)


def several() -> Graph:
    """Two sums of one stream, two of them with spikes; the sum of spikes feeds another."""
    b = Layers(2, 4, 4)
    stem = b.conv("stem", "input")
    b.lif("lif1", stem)
    b.add("counts", Add(), "lif1", b.lif("lif2", b.conv("conv1", "lif1")))
    b.add("sum1", Add(), stem, "counts")
    b.add("sum2", Add(), "sum1", b.conv("conv2", b.lif("lif3", "sum1")), "lif3", "counts")
    return b.finish("sum2", "counts", steps=3)


CASES: dict[str, Callable[[], Graph]] = {
    build.__name__: build
    for build in (spikes_into_a_current, pooled_spikes, the_input, vectors, twice, several)
}


@pytest.mark.parametrize("case", CASES)
def test_adapting(case: str, golden: Golden) -> None:
    graph = CASES[case]()
    result = assert_pass(AdaptAddends(), graph, golden, case)
    readers = result.readers()
    unread = {node.name for node in result.nodes if not readers[node.name]}
    assert unread <= set(result.outputs), "no weight is left over"
    for node in result.nodes:
        if isinstance(node.op, Add) and node.type.kind == "current":
            assert all(isinstance(result[i].op, Add | Conv | Linear) for i in node.inputs)


def test_sums_of_spikes_are_left_alone() -> None:
    b = Layers(2, 4, 4)
    at = b.lif("lif1", "input")
    graph = b.finish(b.add("sum", Add(), at, b.lif("lif2", b.conv("conv", at))), steps=1)
    assert AdaptAddends()(graph) is graph


@pytest.mark.parametrize("name", FLOAT)
def test_sums_of_convolutions_are_left_alone(name: str) -> None:
    graph = FLOAT[name]()
    assert AdaptAddends()(graph) is graph
