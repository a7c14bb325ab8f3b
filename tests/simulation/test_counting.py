"""Counts against circuits counted by hand, against convolutions with ones, and conservation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snn_deploy.ir.builder import GraphBuilder
from snn_deploy.ir.evaluate import evaluate
from snn_deploy.ir.graph import Array, Graph
from snn_deploy.ir.kernels import convolve
from snn_deploy.ir.ops import (
    Add,
    AvgPool,
    Conv,
    Delay,
    Delta,
    Flatten,
    Input,
    Lif,
    Linear,
    Op,
    Sigma,
    SigmaDelta,
    SumPool,
)
from snn_deploy.simulation import Activity, ActivityCounter, Spread
from snn_deploy.simulation.geometry import effective_fan_out, fan_out

IF = Lif(membrane_keep=1.0)


def conv(stride: int = 1, padding: int = 0, dilation: int = 1, groups: int = 1) -> Conv:
    return Conv((stride,) * 2, (padding,) * 2, (dilation,) * 2, groups)


def counted(graph: Graph, *steps: dict[str, Array]) -> Activity:
    counter = ActivityCounter(graph)
    for t, values in enumerate(steps):
        counter.add(t, values)
    counter.add_samples(len(next(iter(steps[0].values()))))
    return counter.activity()


def one_conv(op: Conv, weight: Array, shape: tuple[int, ...]) -> Graph:
    """Spikes that enter, a convolution, its neurons."""
    builder = GraphBuilder("one")
    x = builder.add("x", Input(shape, "spike", static=False))
    y = builder.add("conv", op, x, weight=weight)
    return builder.finish(builder.add("lif", IF, y), steps=2)


def spike_at(shape: tuple[int, ...], *places: tuple[int, ...]) -> Array:
    values = np.zeros((1, *shape), np.uint8)
    for place in places:
        values[(0, *place)] = 1
    return values


def test_convolution_with_borders_by_hand() -> None:
    """3x3, padding 1, 2 outputs on 3x3: a corner reaches 4 places, an edge 6, the middle 9."""
    shape = (1, 3, 3)
    graph = one_conv(conv(padding=1), np.ones((2, 1, 3, 3), np.float32), shape)
    silent = spike_at((2, 3, 3))
    first = {"x": spike_at(shape, (0, 0, 0), (0, 1, 1)), "lif": silent}
    second = {"x": spike_at(shape, (0, 0, 1)), "lif": spike_at((2, 3, 3), (1, 2, 2))}
    activity = counted(graph, first, second)
    (layer,) = activity.synapses
    assert layer.events_by_step == (2 * (4 + 9), 2 * 6)
    assert layer.active_by_step == (2, 1)
    assert layer.reads == "spike"
    assert not layer.once
    assert layer.macs == 2 * 9 * 9
    assert layer.connections == 2 * (4 * 4 + 4 * 6 + 9)
    assert activity.neurons[0].spikes_by_step == (0, 1)
    assert activity.neurons[0].neurons == 18
    assert activity.neurons[0].stage == "3x3"


def test_stride_and_groups_by_hand() -> None:
    """2x2 with stride 2 on 5x5: the last row and column reach nothing; a channel only its group."""
    shape = (2, 5, 5)
    weight = np.ones((4, 1, 2, 2), np.float32)
    weight[0] = 0  # of the first channel's two outputs one has no weights
    graph = one_conv(conv(stride=2, groups=2), weight, shape)
    x = spike_at(shape, (0, 0, 0), (0, 4, 4), (1, 3, 3))
    (layer,) = counted(graph, {"x": x, "lif": spike_at((4, 2, 2))}).synapses
    assert layer.active == 3
    assert layer.events == 2 + 0 + 2
    assert layer.effective_events == 1 + 0 + 2
    assert layer.connections == 2 * 16 * 2


def test_linear_and_graded_by_hand() -> None:
    """Two spikes in one pooling window are one input of value 2."""
    builder = GraphBuilder("pooled")
    x = builder.add("x", Input((1, 2, 2), "current"))
    s = builder.add("lif", IF, x)
    p = builder.add("pool", SumPool((2, 1), (2, 1), (0, 0)), s)
    f = builder.add("flat", Flatten(), p)
    weight = np.array([[1, 1], [0, 1], [1, 1]], np.float32)
    graph = builder.finish(builder.add("fc", Linear(), f, weight=weight), steps=1)
    spikes = np.array([[[[1, 1], [1, 0]]]], np.uint8)
    activity = counted(graph, {"lif": spikes, "flat": np.array([[2, 1]], np.int32)})
    (layer,) = activity.synapses
    assert (layer.reads, layer.sources) == ("graded", ("lif",))
    assert (layer.events, layer.multi_valued_events, layer.effective_events) == (6, 3, 5)
    assert layer.macs == layer.connections == 6


def test_counted_events_by_hand() -> None:
    """Three events of one pixel in a step are one active input, and two repeats."""
    builder = GraphBuilder("events")
    x = builder.add("x", Input((1, 2, 2), "graded", static=False))
    y = builder.add("conv", conv(), x, weight=np.ones((5, 1, 1, 1), np.float32))
    graph = builder.finish(builder.add("lif", IF, y), steps=2)
    silent = np.zeros((1, 5, 2, 2), np.uint8)
    first = {"x": np.array([[[[3, 0], [1, 0]]]]), "lif": silent}
    second = {"x": np.array([[[[0, 0], [0, 2]]]]), "lif": silent}
    (layer,) = counted(graph, first, second).synapses
    assert (layer.reads, layer.sources, layer.once) == ("graded", (), False)
    assert (layer.active_by_step, layer.repeats) == ((2, 1), 3)
    assert (layer.events_by_step, layer.multi_valued_events) == ((10, 5), 10)


def residual(static: bool = True) -> Graph:
    """An analog stem, a spiking branch, a projected stream, pooling, a classifier."""
    builder = GraphBuilder("residual")
    ones = np.ones((2, 2, 1, 1), np.float32)
    x = builder.add("x", Input((2, 4, 4), static=static))
    stem = builder.add("stem", conv(), x, weight=ones)
    s = builder.add("lif1", IF, stem)
    branch = builder.add("branch", conv(stride=2), s, weight=ones)
    shortcut = builder.add("shortcut", conv(stride=2), stem, weight=ones)
    stream = builder.add("sum1", Add(), branch, shortcut)
    late = builder.add("late", conv(), stream, weight=ones)
    total = builder.add("sum2", Add(), branch, stream, late)
    s = builder.add("lif2", IF, total)
    p = builder.add("pool", AvgPool((2, 2), (2, 2), (0, 0)), s)
    f = builder.add("flat", Flatten(), p)
    y = builder.add("fc", Linear(), f, weight=np.ones((3, 2), np.float32))
    return builder.finish(y, steps=3)


@pytest.mark.parametrize("static", [True, False])
def test_what_each_layer_reads(static: bool) -> None:
    counter = ActivityCounter(residual(static))
    found = {s.name: (s.reads, s.sources, s.once) for s in counter.activity().synapses}
    assert found == {
        "stem": ("analog", (), static),
        "branch": ("spike", ("lif1",), False),
        "shortcut": ("stream", (), static),
        "late": ("stream", (), False),
        "fc": ("graded", ("lif2",), False),
    }


def test_messages_are_spikes_that_carry_a_number() -> None:
    """A film through sigma-delta neurons; the first two of three inputs change at step 1."""
    one = np.ones(1, np.int32)
    builder = GraphBuilder("told")
    x = builder.add("x", Input((3,), static=False))
    told = builder.add("delta", Delta(0, 0), x, threshold=one)
    late = builder.add("late", Delay(), told, steps=np.array([1], np.int8))
    y = builder.add("fc", Linear(), late, weight=np.ones((4, 3), np.int8))
    heard = builder.add("sd", SigmaDelta(0), y, threshold=one)
    out = builder.add("out", Linear(), heard, weight=np.zeros((2, 4), np.int8))
    total = builder.add("sigma", Sigma(), out)
    graph = builder.finish(
        builder.add("after", Linear(), total, weight=np.ones((1, 2), np.int8)), steps=3
    )
    film = np.array([[5, 0, -1], [7, 1, -1], [7, 1, -1]])[:, None]
    activity = counted(graph, *evaluate(graph, film))
    assert {s.name: (s.reads, s.sources) for s in activity.synapses} == {
        "fc": ("message", ("delta",)),
        "out": ("message", ("sd",)),
        "after": ("stream", ()),
    }
    assert [layer.name for layer in activity.neurons] == ["delta", "sd"]
    assert activity.neurons[0].spikes_by_step == (2, 2, 0)
    assert activity.synapses[0].active_by_step == (0, 2, 2)
    assert activity.synapses[0].events == 4 * 4
    assert activity.synapses[0].multi_valued_events == 2 * 4


def test_additions_are_those_of_a_step() -> None:
    assert ActivityCounter(residual()).activity().additions == 8 + 2 * 8


def test_a_constant_layer_counts_once(rng: np.random.Generator) -> None:
    graph = residual()
    x = rng.random((5, 2, 4, 4)) + 0.1
    activity = counted(graph, *evaluate(graph, x))
    stem = activity.synapses[0]
    assert stem.active_by_step == (5 * 32, 0, 0)
    assert stem.events_by_step == (5 * 64, 0, 0)
    assert stem.multi_valued_events == 5 * 64


@given(st.data())
def test_events_are_a_convolution_with_ones(data: st.DataObject) -> None:
    """The fan-out map agrees with the evaluator's own geometry, whatever the convolution."""
    number = data.draw(st.integers(0, 10_000))
    rng = np.random.default_rng(number)
    groups = int(rng.integers(1, 3))
    kernel = tuple(int(k) for k in rng.integers(1, 4, 2))
    stride, dilation = (tuple(int(n) for n in rng.integers(1, 3, 2)) for _ in range(2))
    padding = tuple(int(n) for n in rng.integers(0, 4, 2))
    op = Conv(stride, padding, dilation, groups)
    weight = rng.integers(-1, 2, (2 * groups, 2, *kernel)).astype(np.float32)
    shape = (2 * groups, 7, 6)
    graph = one_conv(op, weight, shape)
    x = (rng.random((3, *shape)) < 0.4).astype(np.uint8)
    (layer,) = counted(graph, {"x": x, "lif": np.zeros((3, *graph["lif"].type.shape))}).synapses
    assert layer.events == convolve(x, np.ones_like(weight, np.int8), op).sum()
    assert layer.effective_events == convolve(x, (weight != 0).astype(np.int8), op).sum()
    full = np.ones((1, *shape), np.uint8)
    assert layer.connections == convolve(full, np.ones_like(weight, np.int8), op).sum()


def test_fan_out_of_one_axis() -> None:
    builder = GraphBuilder("audio")
    x = builder.add("x", Input((2, 5), "spike", static=False))
    weight = np.ones((3, 2, 3), np.float32)
    y = builder.add("conv", Conv((2,), (1,), (1,)), x, weight=weight)
    graph = builder.finish(y, steps=1)
    assert fan_out(graph, graph["conv"]).tolist() == [[3, 6, 3, 6, 3]]
    assert effective_fan_out(graph, graph["conv"]).tolist() == [[3, 6, 3, 6, 3]] * 2


def test_sums_agree(rng: np.random.Generator) -> None:
    """Layers, stages, steps and samples are four ways to add up the same spikes."""
    graph = residual(static=False)
    counter = ActivityCounter(graph)
    fired = 0
    for size in (4, 1, 3):
        x = rng.normal(size=(3, size, 2, 4, 4))
        for t, values in enumerate(evaluate(graph, x)):
            counter.add(t, values)
            fired += int(values["lif1"].sum() + values["lif2"].sum())
        counter.add_samples(size)
    activity = counter.activity()
    assert activity.samples == 8
    assert activity.spikes == fired > 0
    assert sum(activity.spikes_by_step) == fired
    assert sum(activity.spikes_by_sample) == fired
    assert sum(stage.spikes for stage in activity.stages) == fired
    assert sum(layer.per_sample.total for layer in activity.neurons) == fired
    assert [(stage.name, stage.layers) for stage in activity.stages] == [("4x4", 1), ("2x2", 1)]
    for layer in activity.synapses:
        assert layer.effective_events == layer.events <= layer.connections * 3 * 8
    spikes = {layer.name: layer.spikes for layer in activity.neurons}
    assert activity.synapses[1].active == spikes["lif1"]


def test_batches_make_no_difference(rng: np.random.Generator) -> None:
    graph = residual()
    x = rng.normal(size=(6, 2, 4, 4))
    whole = counted(graph, *evaluate(graph, x))
    counter = ActivityCounter(graph)
    for part in (x[:1], x[1:5], x[5:]):
        for t, values in enumerate(evaluate(graph, part)):
            counter.add(t, values)
        counter.add_samples(len(part))
    assert counter.activity() == whole


def test_spread_is_exact() -> None:
    spread = Spread.of([1, 2, 3, 6])
    assert (spread.total, spread.squares, spread.smallest, spread.largest) == (12, 50, 1, 6)
    assert spread.mean == 3
    assert spread.deviation == pytest.approx(np.std([1, 2, 3, 6], ddof=1))
    assert Spread.of([5]).deviation == 0
    assert Spread.of([]).mean == 0


def test_an_unclosed_batch_is_refused() -> None:
    graph = one_conv(conv(), np.ones((1, 1, 1, 1), np.float32), (1, 2, 2))
    values = {"x": spike_at((1, 2, 2)), "lif": spike_at((1, 2, 2))}
    counter = ActivityCounter(graph)
    counter.add(0, values)
    with pytest.raises(ValueError, match="add_samples"):
        counter.add(0, values)
    with pytest.raises(ValueError, match="open"):
        counter.activity()
    with pytest.raises(ValueError, match="2 samples announced"):
        counter.add_samples(2)


def test_integers_and_floats_count_alike() -> None:
    op: Op = conv(padding=1)
    assert isinstance(op, Conv)
    graph = one_conv(op, np.ones((2, 1, 3, 3), np.int8), (1, 3, 3))
    x, s = spike_at((1, 3, 3), (0, 1, 2)), spike_at((2, 3, 3), (0, 0, 0))
    as_float = {"x": x.astype(np.float32), "lif": s.astype(np.float32)}
    assert counted(graph, {"x": x, "lif": s}) == counted(graph, as_float)
