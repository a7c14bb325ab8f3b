"""The memory-aware account against networks priced by hand and against published prices."""

from dataclasses import replace

import numpy as np
import pytest

from snn_deploy.ir.builder import GraphBuilder
from snn_deploy.ir.graph import Array
from snn_deploy.ir.ops import Add, Conv, Delta, Flatten, Input, IntegerLif, Linear, SumPool
from snn_deploy.quantization import QuantGraph
from snn_deploy.report import Estimate, lemaire
from snn_deploy.report.horowitz import access_j, add_j, multiply_j
from snn_deploy.report.memory import Widths, twin_j
from snn_deploy.simulation import Activity, ActivityCounter
from tests.networks import INTEGER

from .activities import uniform
from .integers import (
    LEAKY,
    PERFECT,
    THRESHOLD,
    convolution,
    counted,
    dense,
    evaluated,
    finish,
    marks,
    ones,
)
from .networks import cifar

PJ = 1e-12


def picojoules(estimate: Estimate) -> dict[str, float]:
    return {share.name: share.energy_j / PJ for share in estimate.shares}


def operations(estimate: Estimate) -> dict[str, float]:
    return {share.name: share.operations for share in estimate.shares}


def test_prices() -> None:
    """13.2 pJ, and 91.4 pJ more for the 8,388,608 bits of a megabyte; both ends of Horowitz."""
    assert access_j(0, 8) / PJ == pytest.approx(13.2)
    assert access_j(2**20, 8) / PJ == pytest.approx(13.2 + 91.4358, abs=1e-3)
    assert [add_j(bits) / PJ for bits in (8, 24, 32)] == pytest.approx([0.03, 0.23 / 3, 0.1])
    assert [multiply_j(b) / PJ for b in (8, 20, 32)] == pytest.approx([0.2, 1.65, 3.1])


def test_nothing_is_published_below_8_bits() -> None:
    assert (add_j(2), multiply_j(3)) == (add_j(8), multiply_j(8))


def fc_activity() -> tuple[QuantGraph, Activity]:
    """Spikes 2 and 1 of 4 inputs in two steps; one of 3 neurons fires in the second."""
    graph = dense()
    first = {"x": marks((4,), (0,), (3,)), "lif": marks((3,))}
    second = {"x": marks((4,), (1,)), "lif": marks((3,), (2,))}
    return graph, counted(graph, first, second)


def test_a_linear_layer_by_hand() -> None:
    """theta 3, over 3 connections each: E 9. T N 6. One spike leaves.

    24-bit additions cost 0.03 + 0.07 * 16 / 24 pJ, multiplications 0.2 + 2.9 * 16 / 24.
    """
    estimate = lemaire(*fc_activity())
    add, multiply = 0.03 + 0.07 * 16 / 24, 0.2 + 2.9 * 16 / 24
    queue = 13.2 + 1.09e-5 * 64 * 32
    assert picojoules(estimate) == pytest.approx(
        {
            "weights": 9 * (13.2 + 1.09e-5 * 12 * 8),
            "potentials and sums": 2 * (9 + 6) * (13.2 + 1.09e-5 * 3 * 24),
            "inputs and outputs": (3 + 1) * queue,
            "biases": 6 * (13.2 + 1.09e-5 * 3 * 32),
            "arithmetic": (9 + 6 + 1) * add + 6 * (multiply + add),
            "addressing": 9 * 0.1,
        }
    )
    assert estimate.snn_j / PJ == pytest.approx(
        118.8094176 + 396.023544 + 52.8892928 + 79.206278 + 14.486667 + 0.9, abs=1e-4
    )


def test_its_twin_by_hand() -> None:
    """12 multiplications of 8 by 8 bits, into 32-bit sums; each input is read once, as in Eq. 4."""
    weights = 12 * (13.2 + 1.09e-5 * 12 * 8)
    inputs, outputs = 4 * (13.2 + 1.09e-5 * 4 * 8), 3 * (13.2 + 1.09e-5 * 3 * 8)
    biases = 3 * (13.2 + 1.09e-5 * 3 * 32)
    arithmetic, addresses = 12 * (0.2 + 0.1) + 3 * 0.1, 12 * 0.1
    by_hand = weights + inputs + outputs + biases + arithmetic + addresses
    assert lemaire(*fc_activity()).ann_j / PJ == pytest.approx(by_hand)


def conv_activity() -> tuple[QuantGraph, Activity]:
    """On 3 x 3, a corner and the middle in step 1, an edge in step 2; one neuron fires."""
    graph, shape = convolution(1, 2, 3), (1, 3, 3)
    silent = marks((2, 3, 3))
    first = {"x": marks(shape, (0, 0, 0), (0, 1, 1)), "lif": silent}
    second = {"x": marks(shape, (0, 0, 1)), "lif": marks((2, 3, 3), (1, 2, 2))}
    return graph, counted(graph, first, second)


def test_a_convolution_by_hand() -> None:
    """theta 3; the places reach 4, 9 and 6 of each of 2 maps: E 38. T N 36. No leak, no bias."""
    add, queue = 0.03 + 0.07 * 16 / 24, 13.2 + 1.09e-5 * 64 * 32
    assert picojoules(lemaire(*conv_activity())) == pytest.approx(
        {
            "weights": 38 * (13.2 + 1.09e-5 * 18 * 8),
            "potentials and sums": 2 * (38 + 36) * (13.2 + 1.09e-5 * 18 * 24),
            "inputs and outputs": (3 + 1) * queue,
            "arithmetic": (38 + 36 + 1) * add,
            "addressing": 38 * 0.1 + 2 * 3 * (3.1 + 0.1),
        }
    )


def test_the_twin_of_a_convolution_by_hand() -> None:
    """2 x (4 x 4 + 4 x 6 + 9) = 98 multiplications, borders left out; an input is read for each."""
    inputs, weights = 98 * (13.2 + 1.09e-5 * 9 * 8), 98 * (13.2 + 1.09e-5 * 18 * 8)
    outputs = 18 * (13.2 + 1.09e-5 * 18 * 8)
    arithmetic, addresses = 98 * (0.2 + 0.1) + 18 * 0.1, (9 + 18 + 2 * 9) * 0.1
    by_hand = inputs + weights + outputs + arithmetic + addresses
    assert lemaire(*conv_activity()).ann_j / PJ == pytest.approx(by_hand)


def residual() -> QuantGraph:
    """A constant stem, a block, and a second one whose shortcut projects the stream."""
    builder = GraphBuilder("residual")
    op = Conv((1, 1), (0, 0), (1, 1))
    x = builder.add("x", Input((1, 2, 2)))
    stem = builder.add("stem", op, x, weight=ones(2, 1, 1, 1), bias=np.ones(2, np.int32))
    s = builder.add("lif1", LEAKY, stem, threshold=THRESHOLD)
    branch = builder.add("branch", op, s, weight=ones(2, 2, 1, 1))
    total = builder.add("sum1", Add(), branch, stem)
    s = builder.add("lif2", PERFECT, total, threshold=THRESHOLD)
    branch = builder.add("late", op, s, weight=ones(2, 2, 1, 1))
    shortcut = builder.add("shortcut", op, total, weight=ones(2, 2, 1, 1))
    total = builder.add("sum2", Add(), branch, shortcut)
    s = builder.add("lif3", PERFECT, total, threshold=THRESHOLD)
    p = builder.add("pool", SumPool((2, 2), (2, 2), (0, 0)), s)
    f = builder.add("flat", Flatten(), p)
    return finish(builder, builder.add("fc", Linear(), f, weight=ones(3, 2)), steps=2)


def residual_values(step: int) -> dict[str, Array]:
    """Two spikes of lif1 and one each of lif2 and lif3 in the first step, none in the second."""
    shape = (2, 2, 2)
    full = np.ones(shape, np.int32)
    values = {"x": np.ones((1, 2, 2), np.int8), "stem": full, "sum1": full, "sum2": full}
    if step:
        return (
            values | dict.fromkeys(("lif1", "lif2", "lif3"), marks(shape)) | {"flat": marks((2,))}
        )
    one = marks(shape, (0, 0, 0))
    two = marks(shape, (0, 0, 0), (1, 1, 1))
    return values | {"lif1": two, "lif2": one, "lif3": one, "flat": marks((2,), (0,))}


def test_a_residual_network_by_hand() -> None:
    """Who pays for what where the paper knows only sequences; N 8 everywhere, 3 at the end, T 2.

    Crossed: stem 8 once, branch 2 * 2, late 2, shortcut 16 at each step, fc 3.
    """
    graph = residual()
    activity = counted(graph, residual_values(0), residual_values(1))
    found = operations(lemaire(graph, activity))
    crossed, dense_ones = 4 + 2 + 3, 8 + 2 * 16
    sums = 2 * (8 + 8 + 3)  # of branch, late and fc, which no neuron holds
    heard = 2 * 3 * 8  # the potentials of three layers that read a stream
    assert found["weights"] == crossed + dense_ones
    assert found["potentials and sums"] == 2 * (crossed + sums + heard)
    assert found["biases"] == 8
    dense_io = dense_ones + 8 + 2 * 8  # inputs read, outputs of stem and shortcut written
    spikes = (2 + 1 + 1) + (2 + 1 + 1)  # written, and read by branch, late and fc
    added = 2 * 2 * 3 * 8  # two sums: two inputs read and one written, at each step
    assert found["inputs and outputs"] == dense_io + heard + spikes + added
    resets, leaks, additions = 4, 2 * 8, 2 * 2 * 8
    dense_sums = 8 + 2 * 8
    assert found["arithmetic"] == (
        crossed + sums + heard + resets + leaks + additions + dense_ones + dense_sums
    )
    addressed = (4 + 8 + 2) + 2 * (8 + 8 + 2)
    assert found["addressing"] == crossed + 2 * (2 + 1) + additions + addressed


def test_what_numbers_cost_by_hand() -> None:
    """Of the same network: bytes of an image are cheap to multiply, a stream and counts are not."""
    graph = residual()
    found = picojoules(lemaire(graph, counted(graph, residual_values(0), residual_values(1))))
    add, multiply = 0.03 + 0.07 * 16 / 24, 0.2 + 2.9 * 16 / 24
    stem = 8 * (0.2 + 0.1) + 8 * 0.1
    branches = (4 + 2) * 0.1 + (16 + 16) * 0.1
    shortcut = 2 * (16 * (3.1 + 0.1) + 8 * 0.1)
    classifier = 3 * (3.1 + 0.1) + 6 * 0.1
    neurons = 48 * add + 4 * add + 16 * (multiply + add)
    additions = 2 * 2 * 8 * 0.1
    by_hand = stem + branches + shortcut + classifier + neurons + additions
    assert found["arithmetic"] == pytest.approx(by_hand)
    image, stream, queue = 1.09e-5 * 4 * 8, 1.09e-5 * 8 * 32, 1.09e-5 * 64 * 32
    accesses = 8 + 8 + 32 + 16 + 48 + 8 + 96
    sizes = 8 * image + (8 + 32 + 16 + 48 + 96) * stream + 8 * queue
    assert found["inputs and outputs"] == pytest.approx(accesses * 13.2 + sizes)


def test_an_inference_is_one_sample() -> None:
    """Of two samples the mean is priced."""
    graph = residual()
    values = [residual_values(0), residual_values(1)]
    counter = ActivityCounter(graph)
    for t, of_one in enumerate(values):
        counter.add(t, {name: np.stack([value, value]) for name, value in of_one.items()})
    counter.add_samples(2)
    assert lemaire(graph, counter.activity()) == lemaire(graph, counted(graph, *values))


def test_the_twin_adds_once() -> None:
    """It has no steps, and constants are added like all others."""
    graph = residual()
    activity = counted(graph, residual_values(0), residual_values(1))
    longer = counted(graph, *(residual_values(step) for step in (0, 1, 1, 1)))
    assert lemaire(graph, activity).ann_j == lemaire(graph, longer).ann_j
    assert lemaire(graph, activity).snn_j < lemaire(graph, longer).snn_j
    eight = Widths(sums=8)
    addition_j = 3 * 8 * access_j(8, 8) + 8 * add_j(8) + 8 * add_j(32)
    layers = lemaire(graph, activity, eight).ann_j - 2 * addition_j
    by_hand = 0.0
    for inputs, outputs, weights, crossed in [(4, 8, 2, 8), *[(8, 8, 4, 16)] * 3]:
        by_hand += crossed * (access_j(inputs, 8) + access_j(weights, 8) + 0.23 * PJ)
        by_hand += outputs * (access_j(outputs, 8) + 0.03 * PJ) + (inputs + outputs + 2) * 0.1 * PJ
    by_hand += 8 * access_j(2, 32)
    by_hand += 6 * (access_j(6, 8) + 0.23 * PJ + 0.1 * PJ)
    by_hand += 2 * access_j(2, 8) + 3 * (access_j(3, 8) + 0.03 * PJ)
    assert layers == pytest.approx(by_hand)


@pytest.mark.parametrize(
    ("channels", "size", "bits", "weight", "potential", "total"),
    [(128, 16, 8, 26.1, 32.1, 58.4), (512, 4, 8, 219, 27.8, 247), (512, 4, 32, 836, 32.1, 868)],
)
def test_published_price_of_an_operation(
    channels: int, size: int, bits: int, weight: float, potential: float, total: float
) -> None:
    """reference/simulators-energy.md 3.5: pJ of one synaptic operation, all numbers as wide.

    What a spike adds to a silent network, over its 9 x channels operations. The published totals
    are rounded, and take 32-bit additions; narrow ones are 0.07 pJ cheaper.
    """
    graph = convolution(channels, channels, size, steps=1)
    silent, shape = marks((channels, size, size)), (channels, size, size)
    before = lemaire(graph, counted(graph, {"x": silent, "lif": silent}), Widths(*[bits] * 5))
    spike = counted(graph, {"x": marks(shape, (0, 1, 1)), "lif": silent})
    after = lemaire(graph, spike, Widths(*[bits] * 5))
    made, had = picojoules(after), picojoules(before)
    per_operation = {kind: (made[kind] - had.get(kind, 0)) / (9 * channels) for kind in made}
    assert per_operation["weights"] == pytest.approx(weight, rel=2e-3)
    assert per_operation["potentials and sums"] == pytest.approx(potential, rel=2e-3)
    assert sum(per_operation.values()) == pytest.approx(total, rel=2e-3)


def test_every_spike_costs() -> None:
    """Twice the rate: no share is less, and the network costs more; the twin is the same."""
    graph = cifar(8, steps=4)
    rare, often = (lemaire(graph, uniform(graph, every)) for every in (10, 5))
    energies = picojoules(often)
    assert all(energies[kind] >= value for kind, value in picojoules(rare).items())
    assert energies["weights"] > 1.5 * picojoules(rare)["weights"]
    assert rare.ann_j == often.ann_j


def test_counted_events_are_paid_one_by_one() -> None:
    """Three events of one pixel in a step cost what they cost in three."""
    graph = dense(kind="graded", steps=3)
    silent = marks((3,))
    counts: list[list[int]] = [[3, 0, 0], [1, 1, 1]]
    at_once, apart = (
        counted(graph, *({"x": np.array([n, 0, 0, 0]), "lif": silent} for n in steps))
        for steps in counts
    )
    assert lemaire(graph, at_once) == lemaire(graph, apart)
    assert operations(lemaire(graph, at_once))["weights"] == 9


def test_spikes_that_stay_come_every_step() -> None:
    """A constant input of spikes is shown T times, though it is counted once."""
    builder = GraphBuilder("constant")
    x = builder.add("x", Input((4,), "spike"))
    y = builder.add("fc", Linear(), x, weight=ones(3, 4))
    graph = finish(builder, builder.add("lif", LEAKY, y, threshold=THRESHOLD), steps=5)
    steps = [{"x": marks((4,), (0,), (1,)), "lif": marks((3,))}] * 5
    assert operations(lemaire(graph, counted(graph, *steps)))["weights"] == 5 * 2 * 3


def test_messages_multiply() -> None:
    """4 inputs that change are read, sent as numbers, and multiplied for each connection."""
    builder = GraphBuilder("messages")
    x = builder.add("x", Input((4,), static=False))
    sent = builder.add("delta", Delta(), x, threshold=THRESHOLD)
    graph = finish(builder, builder.add("fc", Linear(), sent, weight=ones(3, 4)), steps=1)
    activity = counted(graph, {"x": np.arange(4), "delta": np.array([0, 9, 0, -5])})
    add = 0.03 + 0.07 * 16 / 24
    arithmetic = 2 * 3 * (3.1 + 0.1) + 3 * 0.1 + 2 * add + 4 * add
    assert picojoules(lemaire(graph, activity))["arithmetic"] == pytest.approx(arithmetic)
    assert any("messages carry numbers" in text for text in lemaire(graph, activity).assumes)
    assert not any("messages" in text for text in lemaire(*fc_activity()).assumes)


def test_a_synaptic_current_is_a_second_state() -> None:
    """It is read, written and multiplied as the potential is: 2 x T N and T N more."""
    graph, activity = fc_activity()
    filtered = dense(IntegerLif(current_decay=1024, voltage_decay=3072))
    more, less = (operations(lemaire(g, activity)) for g in (filtered, graph))
    assert more["potentials and sums"] - less["potentials and sums"] == 2 * 6
    assert more["arithmetic"] - less["arithmetic"] == 6
    perfect = operations(lemaire(dense(PERFECT), activity))
    assert less["arithmetic"] - perfect["arithmetic"] == 6


def test_widths_are_those_of_the_graph() -> None:
    graph, activity = fc_activity()
    assert Widths.of(graph) == Widths(8, 24, 32, 8, 8)
    wide = replace(graph, weight_bits=16, input_limit=32_767)
    assert Widths.of(wide) == Widths(16, 24, 32, 16, 8)
    assert lemaire(wide, activity).snn_j > lemaire(graph, activity).snn_j
    assert Widths.of(cifar(8, steps=1)) == Widths(32, 32, 32, 32, 32)


def test_a_narrower_twin_is_cheaper() -> None:
    graph = cifar(8, steps=4)
    activity = uniform(graph)
    twins = [twin_j(graph, activity, Widths(activations=bits)) for bits in (3, 8, 16)]
    assert twins == sorted(twins)
    assert len(set(twins)) == 3


def test_memories_outside_the_fit_are_counted() -> None:
    """All of the tiny ones are below 8 kB; 512 x 512 x 9 weights are above 1 MB."""
    assert any(
        "of 2 memories of weights and potentials here, 2 are smaller" in text
        for text in lemaire(*fc_activity()).assumes
    )
    graph = convolution(512, 512, 4, steps=1)
    silent = {"x": marks((512, 4, 4)), "lif": marks((512, 4, 4))}
    texts = lemaire(graph, counted(graph, silent)).assumes
    assert any("0 are smaller" in text and "1 are larger" in text for text in texts)


@pytest.mark.parametrize("name", INTEGER)
def test_every_network_has_a_price(name: str) -> None:
    """At least a weight for each event counted, two accesses for each potential and step."""
    graph = INTEGER[name]()
    assert isinstance(graph, QuantGraph)
    activity = evaluated(graph)
    estimate = lemaire(graph, activity)
    found = operations(estimate)
    assert all(share.operations > 0 and share.operation_j > 0 for share in estimate.shares)
    read = sum(layer.events for layer in activity.synapses if layer.sources) / activity.samples
    assert found["weights"] >= read > 0
    assert found["potentials and sums"] >= 2 * read + 2 * activity.steps * activity.neuron_count
    assert estimate.ratio is not None


def test_nothing_costs_nothing() -> None:
    graph = dense()
    estimate = lemaire(graph, Activity(0, 0, (), (), (), 0, ()))
    assert (estimate.shares, estimate.ann_j, estimate.ratio) == ((), 0, None)
