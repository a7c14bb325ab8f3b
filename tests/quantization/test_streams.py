"""Which values share a scale."""

from collections.abc import Callable

import numpy as np
import pytest

from snn_deploy.ir.builder import GraphBuilder
from snn_deploy.ir.graph import Graph
from snn_deploy.ir.ops import Add, Conv, Input, Lif, Linear
from snn_deploy.passes import JOIN_SCALES, run_passes
from snn_deploy.quantization.streams import find_streams, stream_of
from tests.networks import FLOAT

UNIT = Conv((1, 1), (0, 0), (1, 1))


class Layers(GraphBuilder):
    def __init__(self) -> None:
        super().__init__("streams")
        self.add("input", Input((2, 3, 3)))

    def conv(self, name: str, source: str) -> str:
        return self.add(name, UNIT, source, weight=np.ones((2, 2, 1, 1)))

    def branch(self, name: str, source: str) -> str:
        return self.conv(name, self.add(f"{name}.lif", Lif(0.5), source))


def stage() -> Graph:
    """Three blocks on one stream, a projection to the next."""
    b = Layers()
    at = b.conv("stem", "input")
    for number in range(3):
        inner = b.branch(f"inner{number}", at)
        at = b.add(f"sum{number}", Add(), b.branch(f"outer{number}", inner), at)
    projected = b.conv("projection", at)
    at = b.add("sum3", Add(), projected, b.branch("outer3", b.branch("inner3", at)))
    b.branch("head", at)
    return b.finish("head", steps=1)


def joined_late() -> Graph:
    """Two streams that have grown already are joined by a third addition."""
    b = Layers()
    left = b.add("left", Add(), b.conv("a", "input"), b.conv("b", "input"))
    right = b.add("right", Add(), b.conv("c", "input"), b.conv("d", "input"))
    b.conv("apart", "input")
    return b.finish(b.add("both", Add(), left, right), "apart", steps=1)


def shared() -> Graph:
    """A value that two additions read makes one stream of them."""
    b = Layers()
    for name in ("a", "b", "c"):
        b.conv(name, "input")
    b.add("left", Add(), "a", "b")
    b.add("right", Add(), "c", "a")
    return b.finish("left", "right", steps=1)


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (shared, [{"a", "b", "c", "left", "right"}]),
        (
            stage,
            [
                {"stem", "outer0", "sum0", "outer1", "sum1", "outer2", "sum2"},
                {"inner0"},
                {"inner1"},
                {"inner2"},
                {"projection", "sum3", "outer3"},
                {"inner3"},
                {"head"},
            ],
        ),
        (joined_late, [{"a", "b", "left", "c", "d", "right", "both"}, {"apart"}]),
    ],
)
def test_streams(build: Callable[[], Graph], expected: list[set[str]]) -> None:
    streams = find_streams(build())
    assert [{node.name for node in stream} for stream in streams] == expected
    where = stream_of(streams)
    assert where == {name: i for i, names in enumerate(expected) for name in names}


@pytest.mark.parametrize("name", FLOAT)
def test_every_addition_is_with_its_addends(name: str) -> None:
    graph = run_passes(FLOAT[name](), JOIN_SCALES)
    where = stream_of(find_streams(graph))
    for node in graph.nodes:
        if isinstance(node.op, Add) and node.type.kind == "current":
            assert {where[i] for i in node.inputs} == {where[node.name]}
        scaled = isinstance(node.op, Conv | Linear | Add) and node.type.kind == "current"
        assert (node.name in where) == scaled


def test_sums_of_spikes_are_no_stream() -> None:
    b = Layers()
    b.add("lif1", Lif(0.5), b.conv("a", "input"))
    b.add("lif2", Lif(0.5), b.conv("b", "lif1"))
    b.add("sew", Add(), "lif1", "lif2")
    assert [[n.name for n in s] for s in find_streams(b.finish("sew", steps=1))] == [["a"], ["b"]]
