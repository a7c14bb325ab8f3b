"""Walking through the steps: what is computed when, what comes in, what comes out."""

import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from snn_deploy.ir import evaluate as module
from snn_deploy.ir.builder import GraphBuilder
from snn_deploy.ir.evaluate import evaluate, read_out, walk
from snn_deploy.ir.graph import Array, Graph
from snn_deploy.ir.ops import (
    Add,
    AvgPool,
    BatchNorm,
    Conv,
    Flatten,
    Identity,
    Input,
    IntegerLif,
    Lif,
    Linear,
    Op,
    SumPool,
)
from tests.networks import FLOAT, INTEGER, stimulus

ONE = (1, 1)
UNIT = Conv(ONE, (0, 0), ONE)


def single(op: Op, shape: tuple[int, ...], static: bool = True, **arrays: Array | None) -> Graph:
    builder = GraphBuilder("single")
    builder.add("input", Input(shape, static=static))
    builder.add("node", op, "input", **arrays)
    return builder.finish("node", steps=1)


def value(graph: Graph, x: Array) -> Array:
    (values,) = evaluate(graph, x)
    return values["node"]


@pytest.mark.parametrize("shape", [(5,), (5, 6), (5, 4, 3)])
def test_batch_norm(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    weight, bias, mean = rng.standard_normal((3, 5))
    variance = rng.random(5) * 3
    x = rng.standard_normal((4, *shape))
    graph = single(BatchNorm(1e-3), shape, weight=weight, bias=bias, mean=mean, variance=variance)
    expected = torch.nn.functional.batch_norm(
        *(torch.from_numpy(a) for a in (x, mean, variance, weight, bias)), eps=1e-3
    )
    np.testing.assert_allclose(value(graph, x), expected.numpy(), rtol=1e-12)


def test_convolution_with_bias(rng: np.random.Generator) -> None:
    weight, bias = rng.standard_normal((6, 3, 3, 3)), rng.standard_normal(6)
    x = rng.standard_normal((2, 3, 9, 8))
    graph = single(Conv((2, 1), (1, 0), ONE), (3, 9, 8), weight=weight, bias=bias)
    expected = torch.nn.functional.conv2d(
        *(torch.from_numpy(a) for a in (x, weight, bias)), stride=(2, 1), padding=(1, 0)
    )
    np.testing.assert_allclose(value(graph, x), expected.numpy(), rtol=1e-12, atol=1e-13)


def test_linear_layer_with_bias(rng: np.random.Generator) -> None:
    weight, bias, x = (rng.standard_normal(s) for s in ((6, 7), (6,), (2, 7)))
    found = value(single(Linear(), (7,), weight=weight, bias=bias), x)
    np.testing.assert_allclose(found, x @ weight.T + bias, rtol=1e-12)


def test_flatten_runs_through_rows_channels_outermost(rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 3, 4, 5))
    found = value(single(Flatten(), (3, 4, 5)), x)
    np.testing.assert_array_equal(found, torch.from_numpy(x).flatten(1).numpy())


def test_flatten_after_a_convolution(rng: np.random.Generator) -> None:
    """Values lie channels-last in memory; what counts is the order of the axes."""
    builder = GraphBuilder("flat")
    builder.add("input", Input((2, 3, 3)))
    weight = rng.standard_normal((4, 2, 2, 2))
    builder.add("conv", Conv(ONE, (0, 0), ONE), "input", weight=weight)
    builder.add("node", Flatten(), "conv")
    x = rng.standard_normal((2, 2, 3, 3))
    expected = torch.nn.functional.conv2d(torch.from_numpy(x), torch.from_numpy(weight)).flatten(1)
    found = value(builder.finish("node", steps=1), x)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-12, atol=1e-13)


def test_identity(rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 3))
    np.testing.assert_array_equal(value(single(Identity(), (3,)), x), x)


def test_addition_of_three(rng: np.random.Generator) -> None:
    builder = GraphBuilder("sum")
    builder.add("input", Input((3,)))
    builder.add("double", Linear(), "input", weight=2 * np.eye(3))
    builder.add("node", Add(), "input", "double", "input")
    x = rng.integers(-8, 9, (2, 3)) / 4
    np.testing.assert_array_equal(value(builder.finish("node", steps=1), x), 4 * x)


def test_integer_layers_shift_then_add_their_bias() -> None:
    """rescale(sum, shift) + bias, a shift and a bias for each channel."""
    graph = single(
        UNIT,
        (1, 1, 2),
        weight=np.array([1, 1, -1], np.int8).reshape(3, 1, 1, 1),
        shift=np.array([2, -1, -1], np.int8),
        bias=np.array([1, 10, 100], np.int32),
    )
    found = value(graph, np.array([5, 6], np.int8).reshape(1, 1, 1, 2))
    assert found.dtype == np.int32
    assert found.reshape(3, 2).tolist() == [[21, 25], [13, 13], [97, 97]]


# --- steps ------------------------------------------------------------------------------------


def layered(static: bool) -> Graph:
    """Conv, batch norm and conv before a neuron; a conv after it; an addition of both."""
    builder = GraphBuilder("layered")
    builder.add("input", Input((1, 2, 2), static=static))
    one = np.ones((1, 1, 1, 1))
    builder.add("conv1", UNIT, "input", weight=one)
    norm = {r: np.ones(1) for r in ("weight", "bias", "mean", "variance")}
    builder.add("norm", BatchNorm(0.0), "conv1", **norm)
    builder.add("conv2", UNIT, "norm", weight=one)
    builder.add("lif", Lif(1.0, threshold=1.5), "conv2")
    builder.add("conv3", UNIT, "lif", weight=one)
    builder.add("sum", Add(), "conv2", "conv3")
    return builder.finish("sum", steps=5)


@pytest.fixture
def convolved(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """One entry for each convolution that was computed."""
    calls: list[int] = []
    real = module.convolve

    def counting(*arguments: Any) -> Array:
        calls.append(len(calls))
        return real(*arguments)

    monkeypatch.setattr(module, "convolve", counting)
    return calls


def test_what_does_not_change_is_computed_once(convolved: list[int]) -> None:
    x = np.ones((1, 1, 2, 2))
    steps = list(evaluate(layered(static=True), x))
    assert len(convolved) == 2 + 5, "two before the neuron once, one after it at every step"
    for name in ("input", "conv1", "norm", "conv2"):
        assert all(values[name] is steps[0][name] for values in steps), name
    assert [int(values["lif"][0, 0, 0, 0]) for values in steps] == [0, 1, 0, 1, 0]


def test_a_sequence_is_computed_at_every_step(convolved: list[int]) -> None:
    x = np.array([1.0, 2.0, 0.0, 1.0, 9.0]).reshape(5, 1, 1, 1, 1) * np.ones((1, 1, 1, 2, 2))
    steps = list(evaluate(layered(static=False), x))
    assert len(convolved) == 3 * 5
    assert [int(values["lif"][0, 0, 0, 0]) for values in steps] == [0, 1, 0, 0, 1]
    assert [float(values["sum"][0, 0, 0, 0]) for values in steps] == [1, 3, 0, 1, 10]


def test_every_run_starts_at_rest() -> None:
    graph = layered(static=True)
    x = np.ones((1, 1, 2, 2))
    first, second = ([v["lif"].sum() for v in evaluate(graph, x)] for _ in range(2))
    assert first == second


def test_samples_do_not_see_each_other(rng: np.random.Generator) -> None:
    graph = FLOAT["float_residual"]()
    x = stimulus(graph, batch=4)
    together = [values[graph.outputs[0]] for values in evaluate(graph, x)]
    for sample in range(4):
        alone = [values[graph.outputs[0]] for values in evaluate(graph, x[sample : sample + 1])]
        for step, values in zip(alone, together, strict=True):
            np.testing.assert_array_equal(step[0], values[sample])


def test_how_many_steps() -> None:
    still, moving = layered(static=True), layered(static=False)
    x = np.ones((1, 1, 2, 2))
    assert len(list(evaluate(still, x))) == 5
    assert len(list(evaluate(still, x, 2))) == 2
    assert len(list(evaluate(moving, np.ones((9, 1, 1, 2, 2))))) == 5, "the graph's own number"
    assert len(list(evaluate(moving, np.ones((9, 1, 1, 2, 2)), 9))) == 9


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", FLOAT)
def test_floats_stay_in_the_type_of_the_input(name: str, dtype: type[np.floating]) -> None:
    graph = FLOAT[name]()
    for values in evaluate(graph, stimulus(graph).astype(dtype)):
        assert {array.dtype for array in values.values()} == {np.dtype(dtype)}


@pytest.mark.parametrize("name", INTEGER)
def test_integers_are_32_bits_and_spikes_are_bytes(name: str) -> None:
    graph = INTEGER[name]()
    for values in evaluate(graph, stimulus(graph)):
        for node in graph.nodes:
            assert values[node.name].shape[1:] == node.type.shape
            spikes = isinstance(node.op, IntegerLif)
            allowed = [np.uint8] if spikes else [np.int32, np.uint8]
            assert values[node.name].dtype in allowed, node.name


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("static", "shape"),
    [
        (True, (1, 2, 2)),
        (True, (4, 1, 2, 3)),
        (True, (5, 4, 1, 2, 2)),
        (True, ()),
        (False, (4, 1, 2, 2)),
        (False, (5, 4, 2, 2, 1)),
        (False, (4, 1, 1, 2, 2)),
    ],
)
def test_another_shape_or_too_few_steps(static: bool, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="input of"):
        list(evaluate(layered(static=static), np.zeros(shape)))


def test_integers_into_a_float_graph() -> None:
    """They would turn every weight into an integer, most of them into 0."""
    with pytest.raises(ValueError, match="'norm' of graph 'layered' takes real numbers"):
        list(evaluate(layered(static=True), np.ones((1, 1, 2, 2), np.uint8)))


def test_real_numbers_into_an_integer_graph() -> None:
    graph = INTEGER["ms_identity"]()
    with pytest.raises(ValueError, match="'lif1' of graph 'network' takes integers"):
        list(evaluate(graph, stimulus(graph).astype(np.float32)))


def test_an_addition_that_overflows_is_named() -> None:
    builder = GraphBuilder("overflow")
    builder.add("input", Input((1,)))
    weight = np.array([[2**15]], np.int32)
    builder.add("left", Linear(), "input", weight=weight)
    builder.add("sum", Add(), "left", "left")
    graph = builder.finish("sum", steps=1)
    list(evaluate(graph, np.array([[2**15 - 1]], np.int32)))
    with pytest.raises(OverflowError, match=r"^sum: a value of 2147483648"):
        list(evaluate(graph, np.array([[2**15]], np.int32)))
    with pytest.raises(OverflowError, match=r"^left: sums of up to"):
        list(evaluate(graph, np.array([[2**16]], np.int32)))


def test_a_bias_that_overflows_is_named() -> None:
    weight = np.array([[2**15]], np.int32)
    graph = single(Linear(), (1,), weight=weight, bias=np.array([2**30], np.int32))
    assert value(graph, np.array([[2**15 - 1]], np.int32)).tolist() == [[2**31 - 2**15]]
    with pytest.raises(OverflowError, match=r"^node: a value of 2147483648"):
        value(graph, np.array([[2**15]], np.int32))


# --- reading out --------------------------------------------------------------------------------


def test_mean_and_sum() -> None:
    builder = GraphBuilder("readout")
    builder.add("input", Input((1,), static=False))
    x = np.array([1.0, 2.0, 6.0]).reshape(3, 1, 1)
    mean = builder.finish("input", steps=3)
    assert read_out(mean, evaluate(mean, x)) == {"input": np.array([[3.0]])}
    total = builder.finish("input", steps=3, readout="sum")
    assert read_out(total, evaluate(total, x)) == {"input": np.array([[9.0]])}


def test_integers_are_summed_not_averaged() -> None:
    graph = INTEGER["dense_static"]()
    x = stimulus(graph)
    assert graph.readout == "mean"
    steps = [values["fc2"] for values in evaluate(graph, x)]
    found = read_out(graph, evaluate(graph, x))
    np.testing.assert_array_equal(found["fc2"], np.sum(steps, axis=0))


def test_spikes_of_many_steps_are_counted() -> None:
    """A spike is a byte; 300 of them are more than a byte holds."""
    builder = GraphBuilder("spikes")
    builder.add("input", Input((1,)))
    threshold = np.array([0], np.int32)
    builder.add("lif", IntegerLif(4096, 4096), "input", threshold=threshold)
    graph = builder.finish("lif", steps=300)
    assert read_out(graph, evaluate(graph, np.ones((1, 1), np.int8)))["lif"].tolist() == [[300]]


def test_reading_out_leaves_the_values_alone() -> None:
    builder = GraphBuilder("still")
    builder.add("input", Input((2,)))
    graph = builder.finish("input", steps=4, readout="sum")
    steps = list(evaluate(graph, np.ones((1, 2))))
    assert read_out(graph, iter(steps))["input"].tolist() == [[4.0, 4.0]]
    assert steps[0]["input"].tolist() == [[1.0, 1.0]]


def test_average_pool_divides_padding_in() -> None:
    graph = single(AvgPool((2, 2), (2, 2), (1, 1)), (1, 2, 2))
    assert value(graph, np.full((1, 1, 2, 2), 8.0)).tolist() == [[[[2.0, 2.0], [2.0, 2.0]]]]


def test_sum_pool_of_integers() -> None:
    graph = single(SumPool((2, 2), (2, 2), (0, 0)), (1, 2, 2))
    assert value(graph, np.full((1, 1, 2, 2), 100, np.int8)).tolist() == [[[[400]]]]


# --- what is held on the way ----------------------------------------------------------------------


@pytest.mark.parametrize("name", FLOAT | INTEGER)
def test_walking_gives_the_same_values_in_graph_order(name: str) -> None:
    graph = (FLOAT | INTEGER)[name]()
    x = stimulus(graph, batch=2)
    expected = [item for values in evaluate(graph, x) for item in values.items()]
    found = list(walk(graph, x))
    assert [n for n, _ in found] == [node.name for node in graph.nodes] * graph.steps
    for (_, array), (node, other) in zip(found, expected, strict=True):
        np.testing.assert_array_equal(array, other, node)


@pytest.mark.parametrize("name", FLOAT | INTEGER)
def test_some_values_kept_are_these_and_no_others(name: str) -> None:
    graph = (FLOAT | INTEGER)[name]()
    x = stimulus(graph, batch=2)
    keep = {graph.outputs[0], graph.nodes[1].name}
    steps = zip(evaluate(graph, x, keep=keep), evaluate(graph, x), strict=True)
    for kept, everything in steps:
        assert kept.keys() == keep
        for node in keep:
            np.testing.assert_array_equal(kept[node], everything[node])


def deep(blocks: int) -> Graph:
    """A residual network: at any time the stream and one branch are enough to go on."""
    builder = GraphBuilder("deep")
    x = builder.add("input", Input((4,)))
    x = builder.add("stem", Linear(), x, weight=np.eye(4, dtype=np.float32))
    for i in range(blocks):
        spikes = builder.add(f"lif{i}", Lif(0.5, threshold=0.1, delayed_reset=False), x)
        branch = builder.add(f"fc{i}", Linear(), spikes, weight=np.eye(4, dtype=np.float32))
        x = builder.add(f"add{i}", Add(), x, branch)
    return builder.finish(builder.add("lif", Lif(0.5, threshold=0.1), x), steps=3)


def test_a_value_is_let_go_of_after_its_last_reader() -> None:
    """A deep network would not fit into memory otherwise: 104 layers, and a batch of images."""
    graph = deep(blocks=30)
    constant = {"input", "stem"}
    alive: dict[str, Any] = {}
    most = 0
    for name, array in walk(graph, np.ones((2, 4), np.float32)):
        alive[name] = weakref.ref(array)
        del array
        held = {n for n, reference in alive.items() if reference() is not None} - constant
        most = max(most, len(held))
    assert most <= 4


def test_without_a_choice_a_step_is_held_as_a_whole() -> None:
    graph = deep(blocks=5)
    for values in evaluate(graph, np.ones((2, 4), np.float32)):
        assert values.keys() == {node.name for node in graph.nodes}
