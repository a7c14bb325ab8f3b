"""Nodes that hand on their input go."""

from collections.abc import Callable

import numpy as np
import pytest

from snn_deploy.ir.builder import GraphBuilder
from snn_deploy.ir.graph import Graph
from snn_deploy.ir.ops import Add, Identity, Input, Lif, Linear
from snn_deploy.passes.drop_identity import DropIdentity
from tests.networks import FLOAT
from tests.passes.asserting import Golden, assert_pass


def started() -> GraphBuilder:
    builder = GraphBuilder("dropouts")
    builder.add("input", Input((2,)))
    return builder


def between() -> Graph:
    b = started()
    b.add("fc1", Linear(), "input", weight=np.array([[1.0, 2], [3, -4]]))
    b.add("drop1", Identity(), "fc1")
    b.add("drop2", Identity(), "drop1")
    b.add("lif", Lif(0.5), "drop2")
    b.add("drop3", Identity(), "lif")
    b.add("fc2", Linear(), "drop3", weight=np.array([[1.0, 2]]), bias=np.array([0.5]))
    return b.finish("fc2", steps=3)


def both_ways() -> Graph:
    """The addition reads a value and its double."""
    b = started()
    b.add("drop", Identity(), "input")
    b.add("sum", Add(), "drop", "input")
    return b.finish("sum", steps=1)


def at_the_end() -> Graph:
    b = started()
    b.add("lif", Lif(0.5), "input")
    b.add("drop", Identity(), "lif")
    return b.finish("drop", steps=2)


CASES: dict[str, Callable[[], Graph]] = {
    "between": between,
    "both_ways": both_ways,
    "at_the_end": at_the_end,
}


@pytest.mark.parametrize("case", CASES)
def test_dropping(case: str, golden: Golden) -> None:
    result = assert_pass(DropIdentity(), CASES[case](), golden, case)
    assert not any(isinstance(node.op, Identity) for node in result.nodes)


def test_outputs_that_become_one_are_one() -> None:
    b = started()
    b.add("drop", Identity(), "input")
    b.add("lif", Lif(0.5), "drop")
    assert DropIdentity()(b.finish("drop", "lif", "input", steps=1)).outputs == ("input", "lif")


@pytest.mark.parametrize("name", FLOAT)
def test_a_graph_without_them_is_handed_on(name: str) -> None:
    graph = FLOAT[name]()
    assert DropIdentity()(graph) is graph
