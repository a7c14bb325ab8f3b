"""What a graph promises when it is made, and what the builder refuses before."""

import dataclasses

import numpy as np
import pytest

from snn_deploy.errors import GraphError, InternalError
from snn_deploy.ir.builder import GraphBuilder
from snn_deploy.ir.graph import Array, Graph, Node, ValueType
from snn_deploy.ir.ops import Add, Flatten, Input, Lif, Linear, Op
from snn_deploy.ir.shapes import ShapeError
from tests.networks import INTEGER

VECTOR = ValueType((2,), "current")


def node(name: str, op: Op, *inputs: str) -> Node:
    return Node(name, op, inputs, VECTOR)


INPUT = node("input", Input((2,)))
LAYER = node("fc", Linear(), "input")
WEIGHT = {"fc.weight": np.eye(2)}


def graph(
    *nodes: Node,
    outputs: tuple[str, ...] = ("fc",),
    params: dict[str, Array] = WEIGHT,
    steps: int = 1,
) -> Graph:
    return Graph("net", nodes, outputs, params, steps)


@pytest.mark.parametrize(
    ("nodes", "outputs", "params", "culprit", "problem"),
    [
        ((INPUT, node("9lives", Flatten(), "input")), ("input",), {}, "9lives", "not a name"),
        ((INPUT, node("a b", Flatten(), "input")), ("input",), {}, "a b", "not a name"),
        ((INPUT, node("a;b\n", Flatten(), "input")), ("input",), {}, "a;b\n", "not a name"),
        ((INPUT, node("x\n", Flatten(), "input")), ("input",), {}, "x\n", "not a name"),
        ((INPUT, LAYER, LAYER), ("fc",), WEIGHT, "fc", "two nodes of this name"),
        ((INPUT, node("sum", Add(), "input", "late")), ("sum",), {}, "sum", "reads 'late'"),
        ((INPUT, node("sum", Add(), "input", "sum")), ("sum",), {}, "sum", "reads 'sum'"),
        ((LAYER, INPUT), ("fc",), WEIGHT, "fc", "reads 'input', which is not before it"),
        ((INPUT, LAYER), ("fc",), {}, "fc", "has no parameter 'weight'"),
        ((INPUT, LAYER), ("head",), WEIGHT, "head", "an output that no node gives"),
        ((INPUT, LAYER), ("fc", "input", "fc"), WEIGHT, "fc", "an output twice"),
        ((INPUT, LAYER), (), WEIGHT, "fc", "no output"),
        ((INPUT, node("two", Input((2,)))), ("two",), {}, "input, two", "2 inputs"),
        ((), (), {}, "", "0 inputs"),
        (
            (INPUT, LAYER),
            ("fc",),
            WEIGHT | {"fc.wieght": np.eye(2)},
            "fc.wieght",
            "a parameter that no node reads",
        ),
        (
            (INPUT, LAYER),
            ("fc",),
            {"fc.weight": np.array([[1, np.nan], [0, 1]])},
            "fc.weight",
            "a parameter that is not finite",
        ),
        (
            (INPUT, LAYER),
            ("fc",),
            WEIGHT | {"fc.bias": np.array([0, -np.inf], np.float32)},
            "fc.bias",
            "a parameter that is not finite",
        ),
    ],
)
def test_a_malformed_graph_is_refused(
    nodes: tuple[Node, ...],
    outputs: tuple[str, ...],
    params: dict[str, Array],
    culprit: str,
    problem: str,
) -> None:
    with pytest.raises(GraphError) as caught:
        graph(*nodes, outputs=outputs, params=params)
    assert caught.value.graph == "net"
    assert caught.value.node == culprit
    assert problem in caught.value.problem
    assert isinstance(caught.value, InternalError)


@pytest.mark.parametrize("steps", [0, -1])
def test_a_graph_without_steps_is_refused(steps: int) -> None:
    with pytest.raises(GraphError) as caught:
        graph(INPUT, LAYER, steps=steps)
    assert str(steps) in caught.value.problem


def test_names_may_have_dots() -> None:
    name = "layer1.0._conv2"
    made = graph(INPUT, node(name, Flatten(), "input"), outputs=(name,), params={})
    assert made[name].op == Flatten()
    assert name in made
    assert "layer1" not in made


def test_a_graph_does_not_change() -> None:
    made = graph(INPUT, LAYER)
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.steps = 3  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        made.params["fc.weight"][0, 0] = 5
    with pytest.raises(TypeError):
        made.params["fc.bias"] = np.zeros(2)  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        made["fc"].name = "other"  # type: ignore[misc]


def test_arrays_are_shared_not_copied() -> None:
    weight = np.eye(2)
    made = graph(INPUT, LAYER, params={"fc.weight": weight})
    assert np.shares_memory(made.params["fc.weight"], weight)
    assert weight.flags.writeable, "the caller's own array is left alone"


def test_looking_things_up() -> None:
    made = graph(INPUT, LAYER)
    assert made.input is INPUT
    np.testing.assert_array_equal(made.weight("fc"), np.eye(2))
    np.testing.assert_array_equal(made.weight(LAYER), np.eye(2))
    assert made.param("fc", "bias") is None
    assert made.param(LAYER, "weight") is not None
    with pytest.raises(KeyError):
        made.weight("input")
    with pytest.raises(KeyError):
        made["nobody"]


def test_readers_are_named_once_and_in_order() -> None:
    made = graph(
        INPUT,
        node("twice", Add(), "input", "input"),
        node("fc", Linear(), "input"),
        node("sum", Add(), "fc", "twice"),
        outputs=("sum",),
    )
    readers = {name: [r.name for r in found] for name, found in made.readers().items()}
    assert readers == {"input": ["twice", "fc"], "twice": ["sum"], "fc": ["sum"], "sum": []}


def test_spiking_layers_in_order() -> None:
    names = [n.name for n in INTEGER["ms_identity"]().spiking]
    assert names == ["lif1", "lif2", "lif3", "lif4"]


# --- builder --------------------------------------------------------------------------------------


@pytest.fixture
def builder() -> GraphBuilder:
    made = GraphBuilder("net")
    made.add("input", Input((2,)))
    return made


def test_a_name_is_given_once(builder: GraphBuilder) -> None:
    """A second node of a name would take the first one's place, and its readers with it."""
    builder.add("fc", Linear(), "input", weight=np.eye(2))
    with pytest.raises(GraphError) as caught:
        builder.add("fc", Linear(), "input", weight=np.zeros((2, 2)))
    assert (caught.value.node, caught.value.problem) == ("fc", "two nodes of this name")


def test_a_source_must_be_there(builder: GraphBuilder) -> None:
    with pytest.raises(GraphError) as caught:
        builder.add("lif", Lif(0.5), "late")
    assert (caught.value.node, caught.value.graph) == ("lif", "net")


def test_an_array_must_be_there(builder: GraphBuilder) -> None:
    with pytest.raises(GraphError) as caught:
        builder.add("fc", Linear(), "input", weight=None)
    assert caught.value.problem == "has no parameter 'weight'"


def test_an_array_that_no_node_reads(builder: GraphBuilder) -> None:
    builder.add("lif", Lif(0.5), "input", bias=np.zeros(2))
    with pytest.raises(GraphError) as caught:
        builder.finish("lif", steps=1)
    assert caught.value.node == "lif.bias"


def test_shapes_must_fit(builder: GraphBuilder) -> None:
    with pytest.raises(ShapeError):
        builder.add("fc", Linear(), "input", weight=np.eye(3))


def test_the_builder_infers_types(builder: GraphBuilder) -> None:
    builder.add("fc", Linear(), "input", weight=np.ones((5, 2)), bias=None)
    assert builder.type("fc") == ValueType((5,), "current")
    made = builder.finish("fc", steps=3, readout="sum")
    assert (made.steps, made.readout, made.outputs) == (3, "sum", ("fc",))
    assert list(made.params) == ["fc.weight"]


def test_copying_a_node_renames_what_it_reads() -> None:
    source = graph(INPUT, LAYER)
    builder = GraphBuilder("copy")
    builder.add("start", Input((2,)))
    builder.copy(source, LAYER, {"input": "start"})
    made = builder.finish("fc", steps=1)
    assert made["fc"].inputs == ("start",)
    assert np.shares_memory(made.weight("fc"), source.weight("fc"))
