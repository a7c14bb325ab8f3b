"""What is legal at each stage."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from snn_deploy.errors import GraphError
from snn_deploy.ir.builder import GraphBuilder
from snn_deploy.ir.graph import Graph, ValueType
from snn_deploy.ir.ops import (
    OPS,
    AvgPool,
    BatchNorm,
    Delay,
    Delta,
    Identity,
    Input,
    IntegerLif,
    Lif,
    Linear,
    Op,
    Relay,
    Sigma,
    SigmaDelta,
)
from snn_deploy.ir.spec import FOLDED, QUANTIZED, TRACED, Spec, complaints, verify
from tests.networks import FLOAT, INTEGER

INTEGERS_ONLY: set[type[Op]] = {IntegerLif, Delta, SigmaDelta, Sigma, Delay, Relay}
ILLEGAL: dict[str, tuple[Spec, set[type[Op]]]] = {
    "traced": (TRACED, INTEGERS_ONLY),
    "folded": (FOLDED, {*INTEGERS_ONLY, BatchNorm, Identity}),
    "quantized": (QUANTIZED, {Lif, BatchNorm, AvgPool, Identity, Relay}),
}


@pytest.mark.parametrize("name", ILLEGAL)
def test_which_ops_are_legal(name: str) -> None:
    spec, illegal = ILLEGAL[name]
    assert spec.name == name
    assert set(OPS) - spec.ops == illegal


@pytest.mark.parametrize("name", FLOAT)
def test_float_networks_are_folded(name: str) -> None:
    verify(FLOAT[name](), FOLDED)
    verify(FLOAT[name](), TRACED)


@pytest.mark.parametrize("name", INTEGER)
def test_integer_networks_are_quantized(name: str) -> None:
    verify(INTEGER[name](), QUANTIZED)


def two_norms() -> Graph:
    builder = GraphBuilder("norms")
    builder.add("input", Input((2,)))
    arrays = {role: np.ones(2) for role in BatchNorm.required}
    builder.add("norm1", BatchNorm(0.1), "input", **arrays)
    builder.add("lif", Lif(0.5), "norm1")
    builder.add("norm2", BatchNorm(0.1), "lif", **arrays)
    return builder.finish("norm2", steps=1)


def test_all_complaints_are_listed() -> None:
    found = list(complaints(two_norms(), FOLDED))
    assert found == [
        (name, "BatchNorm is not legal in a folded graph") for name in ("norm1", "norm2")
    ]
    with pytest.raises(GraphError) as caught:
        verify(two_norms(), FOLDED)
    assert (caught.value.graph, caught.value.node) == ("norms", "norm1")
    assert "norm1: BatchNorm" in caught.value.problem
    assert "norm2: BatchNorm" in caught.value.problem


def test_a_type_that_its_inputs_do_not_make() -> None:
    made = two_norms()
    nodes = list(made.nodes)
    nodes[2] = replace(nodes[2], type=ValueType((2,), "graded"))
    wrong = Graph(made.name, tuple(nodes), made.outputs, made.params, 1)
    assert list(complaints(wrong, TRACED)) == [("lif", "is graded[2], its inputs make it spike[2]")]


@pytest.mark.parametrize(
    ("graph", "spec"), [(FLOAT["float_residual"], FOLDED), (INTEGER["ms_identity"], QUANTIZED)]
)
def test_types_are_checked_at_every_stage(graph: Callable[[], Graph], spec: Spec) -> None:
    made = graph()
    nodes = list(made.nodes)
    nodes[-1] = replace(nodes[-1], type=ValueType((77,), "current"))
    wrong = Graph(made.name, tuple(nodes), made.outputs, made.params, made.steps)
    assert [name for name, _ in complaints(wrong, spec)] == [nodes[-1].name]


def test_shapes_that_do_not_fit() -> None:
    made = two_norms()
    nodes = (replace(made.nodes[0], type=ValueType((3,), "current")), *made.nodes[1:])
    wrong = Graph(made.name, nodes, made.outputs, made.params, 1)
    found = dict(complaints(wrong, TRACED))
    assert found["input"] == "is current[3], its inputs make it current[2]"
    assert "of shape (2,) for 3 channels" in found["norm1"]


def test_only_integers_are_shifted() -> None:
    builder = GraphBuilder("shifted")
    builder.add("input", Input((2,)))
    builder.add("fc", Linear(), "input", weight=np.eye(2), shift=np.array([1], np.int8))
    made = builder.finish("fc", steps=1)
    assert list(complaints(made, FOLDED)) == [("fc", "has a shift in a float graph")]
    assert not list(complaints(made, QUANTIZED))


@pytest.mark.parametrize(("steps", "legal"), [([0, 62], True), ([0, -1], False)])
def test_nothing_is_known_of_the_future(steps: list[int], legal: bool) -> None:
    builder = GraphBuilder("late")
    builder.add("input", Input((2,)))
    builder.add("late", Delay(), "input", steps=np.array(steps, np.int8))
    found = list(complaints(builder.finish("late", steps=1), QUANTIZED))
    assert found == ([] if legal else [("late", "has a delay below zero")])
