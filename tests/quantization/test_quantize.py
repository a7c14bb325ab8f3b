"""Whole networks: what becomes of scales, weights, biases and spikes."""

from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from snn_deploy.errors import QuantizationError
from snn_deploy.ir.builder import GraphBuilder
from snn_deploy.ir.evaluate import evaluate, read_out
from snn_deploy.ir.graph import Array, Graph
from snn_deploy.ir.ops import Add, Conv, Input, IntegerLif, Lif, Linear
from snn_deploy.ir.spec import QUANTIZED, verify
from snn_deploy.passes import JOIN_SCALES, run_passes
from snn_deploy.quantization import (
    QuantGraph,
    QuantizationOptions,
    Quantized,
    calibrate,
    quantize,
)
from tests.networks import FLOAT, stimulus
from tests.quantization.networks import (
    ALL,
    PAPER,
    ms_blocks,
    natural,
    samples,
    started,
    weak_channels,
    weighted,
)

DEFAULT = QuantizationOptions()
FINE = QuantizationOptions(weight_bits=16, input_bits=16, current_bits=17)
CHANNELS = QuantizationOptions(per_channel=True)
OPTIONS = {"default": DEFAULT, "fine": FINE, "channels": CHANNELS}


def quantized(graph: Graph, options: QuantizationOptions = DEFAULT) -> Quantized:
    return quantize(graph, calibrate(graph, samples(graph)), options)


@cache
def network(name: str, options: str) -> tuple[Graph, Quantized]:
    graph = ALL[name]()
    return graph, quantized(graph, OPTIONS[options])


def along(scale: Array, like: Array) -> Array:
    """Shape a scale [1] or [C] for values [B, C, ...]."""
    return scale.reshape(1, -1, *(1,) * (like.ndim - 2))


def differing(graph: Graph, made: QuantGraph, x: Array) -> float:
    """Return the share of neuron-steps that spike in one network and not in the other."""
    pairs = zip(evaluate(graph, x), evaluate(made, made.quantize_input(x)), strict=True)
    wrong = [(a[n.name] != b[n.name]).mean() for a, b in pairs for n in graph.spiking]
    return float(np.mean(wrong))


# --- spikes ---------------------------------------------------------------------------------------


MOST = {"fine": 0.01, "default": 0.04, "channels": 0.04}


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", ALL)
def test_the_spikes_of_the_float_network(name: str, options: str) -> None:
    """Integers round, and a spike that turns over turns others over: a few per cent at 8 bits.

    With 16 bits next to none are left, so that it is the rounding and nothing else. The samples
    are others than those of the calibration.
    """
    graph, found = network(name, options)
    made = found.graph
    verify(made, QUANTIZED)
    assert differing(graph, made, samples(graph, seed=3)) < MOST[options]


@pytest.mark.parametrize("name", ALL)
def test_readouts_are_near(name: str) -> None:
    graph, quantized_as = network(name, "fine")
    made = quantized_as.graph
    x = samples(graph, seed=3)
    floats = read_out(graph, evaluate(graph, x))
    integers = read_out(made, evaluate(made, made.quantize_input(x)))
    for output in graph.outputs:
        found = integers[output] * along(made.output_scale(output), integers[output])
        assert np.corrcoef(found.ravel(), floats[output].ravel())[0, 1] > 0.99


@pytest.mark.parametrize("options", ["default", "channels"])
@pytest.mark.parametrize("name", ALL)
def test_nothing_leaves_the_register(name: str, options: str) -> None:
    graph, found = network(name, options)
    made = found.graph
    x = made.quantize_input(samples(graph, seed=3))
    saturated: Counter[str] = Counter()
    list(evaluate(made, x, saturated=saturated))
    assert not saturated


# --- scales ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", ALL)
def test_whatever_is_added_has_one_scale(name: str, options: str) -> None:
    made = network(name, options)[1].graph
    for node in made.nodes:
        if isinstance(node.op, Add):
            for source in node.inputs:
                np.testing.assert_array_equal(made.scales[source], made.scales[node.name])


def test_a_residual_stream_has_one_unit_from_end_to_end() -> None:
    made = quantized(ms_blocks()).graph
    first = ("stem", "conv1b", "sum1", "conv2b", "sum2")
    second = ("projection", "conv3b", "sum3")
    for stream in (first, second):
        assert {float(made.scales[name][0]) for name in stream} == {
            float(made.scales[stream[0]][0])
        }
    inner = {float(made.scales[name][0]) for name in ("conv1a", "conv2a", "stem", "projection")}
    assert len(inner) == 4, "layers that feed neurons alone have scales of their own"


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", ALL)
def test_integers_times_scales_are_the_real_values(name: str, options: str) -> None:
    """Weights: integer * 2^shift * unit = weight * scale of what is read, to half a step."""
    graph, found = network(name, options)
    made = found.graph
    adapted = run_passes(graph, JOIN_SCALES)
    assert [layer.name for layer in found.layers] == weighted(made)
    for layer in found.layers:
        node = made[layer.name]
        integers = made.weight(node).astype(np.float64)
        shift = made.param(node, "shift")
        shift = np.zeros(1) if shift is None else shift.astype(np.float64)
        step = (made.scales[layer.name] * 2.0**shift).reshape(-1, *(1,) * (integers.ndim - 1))
        source = made.scales[node.inputs[0]]
        real = adapted.weight(layer.name).astype(np.float64) * by_input(source, node.op, integers)
        error = np.abs(integers * step - real)
        limit = OPTIONS[options].weight_limit
        inside = np.abs(integers) < min(limit, np.abs(integers).max())
        assert (error[inside] <= 0.5001 * np.broadcast_to(step, error.shape)[inside]).all()
        measured = np.linalg.norm(integers * step - real) / (np.linalg.norm(real) or 1.0)
        assert layer.weight_error == pytest.approx(measured, rel=1e-6, abs=1e-12)
        assert layer.shift == shift.max()
        assert layer.scale == pytest.approx(made.scales[layer.name].mean())


def by_input(scale: Array, op: object, weight: Array) -> Array:
    """Shape what is read, [1] or [I], so that it multiplies a weight [O, I/groups, *K]."""
    if scale.size == 1:
        return scale
    groups = op.groups if isinstance(op, Conv) else 1
    rows = np.repeat(scale.reshape(groups, -1), len(weight) // groups, axis=0)
    return rows.reshape(*rows.shape, *(1,) * (weight.ndim - 2))


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", ALL)
def test_what_reads_spikes_never_loses_bits(name: str, options: str) -> None:
    made = network(name, options)[1].graph
    for layer in weighted(made):
        shift = made.param(layer, "shift")
        if shift is not None and isinstance(made[made[layer].inputs[0]].op, IntegerLif):
            assert shift.min() >= 0, layer


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", ALL)
def test_currents_fit_into_their_bits(name: str, options: str) -> None:
    """What calibration saw of a layer or a stream is within the range that was asked for.

    What is read out, by no neuron, is bounded by the register of its sums alone.
    """
    graph, found = network(name, options)
    largest = calibrate(graph, samples(graph)).largest
    limit = OPTIONS[options].current_limit
    for node in graph.nodes:
        if isinstance(node.op, Conv | Linear | Add) and node.type.kind == "current":
            units = largest[node.name] / found.graph.scales[node.name].min()
            read_out = node.name in graph.outputs and not graph.readers()[node.name]
            assert units <= (2**30 if read_out else 1.001 * limit), node.name


@pytest.mark.parametrize("name", ALL)
def test_an_output_is_not_rounded(name: str) -> None:
    made = network(name, "default")[1].graph
    for output in made.outputs:
        if not made.readers()[output] and made[made[output].inputs[0]].type.kind != "current":
            assert made.param(output, "shift") is None


def test_sums_of_24_bits_hold_back_the_weights_that_read_streams() -> None:
    graph = network("ms_blocks", "default")[0]
    found = calibrate(graph, samples(graph))
    tops = {}
    for bits in (32, 24, 20):
        made = quantize(graph, found, QuantizationOptions(sum_bits=bits)).graph
        (layer,) = (n for n in made.nodes if n.name == "projection")
        rows = np.abs(made.weight(layer).astype(np.int64)).reshape(layer.type.shape[0], -1)
        reach = found.largest[layer.inputs[0]] / made.scales[layer.inputs[0]].max()
        assert reach * rows.sum(axis=1).max() < 2 ** (bits - 1)
        tops[bits] = int(rows.max())
    assert tops[20] < tops[24] <= tops[32], tops


def test_a_mean_is_a_sum_with_a_smaller_scale() -> None:
    made = network("sew", "default")[1].graph
    assert made.scales["mean"].tolist() == [1 / 64]
    assert type(made["mean"].op).__name__ == "SumPool"


# --- neurons --------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", ALL)
def test_thresholds_are_fine(name: str, options: str) -> None:
    """A hundred units or more: rounding moves no threshold by more than half a per cent."""
    made = network(name, options)[1].graph
    for node in made.spiking:
        assert made.params[f"{node.name}.threshold"].min() >= 100 * 64, node.name


def test_thresholds_carry_the_scale_of_the_stream() -> None:
    made = quantized(ms_blocks()).graph
    for lif, current in (("lif1a", "stem"), ("lif2a", "sum1"), ("lif4", "sum3")):
        unit = made.scales[current][0]
        assert made.params[f"{lif}.threshold"].tolist() == [round(0.5 / unit) * 64]


# --- bits -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("per_channel", [False, True])
def test_fewer_bits_are_fewer_integers(per_channel: bool) -> None:
    graph = ms_blocks()
    calibration = calibrate(graph, samples(graph))
    errors = []
    for bits in (2, 3, 4, 5, 6, 7, 8, 12, 16):
        options = QuantizationOptions(weight_bits=bits, per_channel=per_channel)
        found = quantize(graph, calibration, options)
        weights = [found.graph.weight(name) for name in weighted(found.graph)]
        assert {w.dtype for w in weights} == {np.dtype(np.int8 if bits <= 8 else np.int16)}
        assert max(int(np.abs(w.astype(np.int64)).max()) for w in weights) <= 2 ** (bits - 1) - 1
        assert found.graph.weight_bits == bits
        errors.append(float(np.mean([layer.weight_error for layer in found.layers])))
    assert all(a > 1.4 * b for a, b in pairwise(errors[:7]))
    assert errors[6] < 0.01
    assert errors[8] < 0.001


def test_channels_have_scales_where_thresholds_can_carry_them() -> None:
    found = quantized(ms_blocks(), CHANNELS)
    made = found.graph
    assert made.scales["conv1a"].shape == (8,)
    assert made.params["lif1b.threshold"].shape == (8,)
    assert made.scales["stem"].shape == (1,), "it begins a stream"
    assert made.scales["head"].shape == (1,), "classes are compared with each other"
    shifts = made.param("conv1b", "shift")
    assert shifts is not None
    assert shifts.shape == (8,), "a branch of a stream has a power of two for each channel"
    coarse = {layer.name: layer.weight_error for layer in quantized(ms_blocks()).layers}
    fine = {layer.name: layer.weight_error for layer in found.layers}
    assert fine["conv1a"] < coarse["conv1a"]
    assert np.mean(list(fine.values())) < np.mean(list(coarse.values()))


def test_weak_channels_do_not_need_more_than_the_register() -> None:
    """Their scale is finer than the others, but not the unit that thresholds are counted in."""
    made = quantized(weak_channels(), CHANNELS).graph
    unit = made.scales["conv2"]
    assert unit.shape == (8,)
    assert unit.max() / unit.min() <= 2
    assert not made.weight("conv2")[5].any()


def test_wide_weights_leave_room_for_the_sums() -> None:
    """A projection at 16 bits reads 64 channels of 15 bits: its sums must still fit into 32."""
    net = started().conv("stem", 64, padding=1).neuron("lif1", PAPER).conv("conv", 8, padding=1)
    net.conv("projection", 8, (1, 1), source="stem").add("sum", "conv", "projection")
    graph = natural(net.neuron("lif2", PAPER))
    made = quantized(graph, QuantizationOptions(weight_bits=16)).graph
    largest = int(np.abs(made.weight("projection").astype(np.int64)).max())
    assert 1000 < largest < 32767, "held back, but not to nothing"
    list(evaluate(made, made.quantize_input(2 * samples(graph))))


# --- biases ---------------------------------------------------------------------------------------


def test_bias_correction_takes_off_the_mean_error() -> None:
    net = started().conv("conv", 8, padding=1, bias=True).neuron("lif", PAPER)
    graph = natural(net.conv("out", 6, (5, 5)), steps=2)
    x = samples(graph, 40) + 1.0
    calibration = calibrate(graph, x)
    errors = {}
    for corrected in (False, True):
        options = QuantizationOptions(weight_bits=3, bias_correction=corrected, per_channel=False)
        made = quantize(graph, calibration, options).graph
        pairs = zip(evaluate(graph, x), evaluate(made, made.quantize_input(x)), strict=True)
        off = [b["conv"] * along(made.scales["conv"], b["conv"]) - a["conv"] for a, b in pairs]
        errors[corrected] = np.abs(np.mean(off, axis=(0, 1, 3, 4))).max()
    assert errors[True] < 0.5 * errors[False]


def test_biases_are_in_the_unit_of_the_stream() -> None:
    graph = ms_blocks()
    made = quantized(graph, replace(DEFAULT, bias_correction=False)).graph
    for name in ("stem", "conv2b", "projection", "head"):
        real = graph.params[f"{name}.bias"].astype(np.float64)
        found = made.params[f"{name}.bias"]
        assert found.dtype == np.int32
        np.testing.assert_array_equal(found, np.rint(real / made.scales[name]))
    assert made.param("conv1a", "bias") is None


# --- inputs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [4, 8, 12])
def test_analog_inputs_fill_their_bits(bits: int) -> None:
    graph = ms_blocks()
    x = samples(graph)
    made = quantize(graph, calibrate(graph, x), QuantizationOptions(input_bits=bits)).graph
    integers = made.quantize_input(x)
    assert made.input_limit == 2 ** (bits - 1) - 1
    assert np.abs(integers.astype(int)).max() == made.input_limit
    np.testing.assert_allclose(
        integers * made.scales["input"], x, atol=0.5001 * float(made.scales["input"][0])
    )


def counting(kind: str, threshold: float = 0.5) -> Graph:
    net = started(2, 8, 8, static=False).conv("conv", 8, padding=1)
    net.neuron("lif", Lif(0.25, threshold=threshold))
    graph = natural(net.conv("out", 4), steps=4)
    nodes = list(graph.nodes)
    nodes[0] = replace(
        nodes[0],
        op=Input((2, 8, 8), kind, static=False),  # type: ignore[arg-type]
        type=replace(nodes[0].type, kind=kind),
    )
    return Graph(graph.name, tuple(nodes), graph.outputs, graph.params, 4)


@pytest.mark.parametrize(("kind", "most"), [("spike", 1), ("graded", 9), ("graded", 300)])
def test_counts_of_events_stay_what_they_are(
    kind: str, most: int, rng: np.random.Generator
) -> None:
    graph = counting(kind)
    x = rng.integers(0, most + 1, (4, 6, 2, 8, 8)).astype(np.float32)
    x[0, 0, 0, 0, 0] = most
    made = quantize(graph, calibrate(graph, x)).graph
    assert made.scales["input"].tolist() == [1.0]
    assert made.input_limit == (1 if kind == "spike" else max(127, most))
    np.testing.assert_array_equal(made.quantize_input(x), x)
    assert differing(graph, made, x) < 0.01


def test_integers_that_16_bits_do_not_hold_are_scaled() -> None:
    graph = counting("graded", threshold=1000.0)
    x = np.zeros((4, 1, 2, 8, 8), np.float32)
    x[:, 0, 0, 0, 0] = 40_000
    made = quantize(graph, calibrate(graph, x)).graph
    assert made.input_limit == 127
    assert made.quantize_input(x).max() == 127
    assert made.scales["input"].tolist() == [pytest.approx(40_000 / 127)]


def test_an_input_that_calibration_saw_nothing_of() -> None:
    graph = ms_blocks()
    made = quantize(graph, calibrate(graph, np.zeros((2, 3, 8, 8)))).graph
    list(evaluate(made, made.quantize_input(samples(graph) / 100)))


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["float_hard", "float_none", "float_delayed"])
def test_neurons_without_an_integer_form_are_named(name: str) -> None:
    graph = FLOAT[name]()
    with pytest.raises(QuantizationError) as caught:
        quantize(graph, calibrate(graph, stimulus(graph)))
    assert caught.value.where.startswith("lif")


def test_spikes_of_different_scales_cannot_be_added() -> None:
    builder = GraphBuilder("mixed")
    builder.add("input", Input((4,), "graded"))
    builder.add("fc", Linear(), "input", weight=np.eye(4, dtype=np.float32))
    builder.add("lif", Lif(0.5), "fc")
    builder.add("sum", Add(), "lif", "input")
    graph = builder.finish("sum", steps=1)
    with pytest.raises(QuantizationError) as caught:
        quantize(graph, calibrate(graph, np.array([[0.5, 1, 2, 3]])))
    assert caught.value.where == "sum"
    assert "different scales" in caught.value.problem
    quantize(graph, calibrate(graph, np.array([[0, 1, 2, 3]])))


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", ALL)
def test_no_real_number_is_left(name: str, options: str) -> None:
    made = network(name, options)[1].graph
    assert isinstance(made, QuantGraph)
    assert {array.dtype.kind for array in made.params.values()} == {"i"}
    assert made.outputs == ALL[name]().outputs


def test_the_float_graph_is_left_alone() -> None:
    graph = ms_blocks()
    before = {key: array.copy() for key, array in graph.params.items()}
    quantized(graph)
    assert before.keys() == graph.params.keys()
    for key, array in before.items():
        np.testing.assert_array_equal(graph.params[key], array)
