"""Samples on placed networks: all counts against the slow chip's, and sums that must agree."""

from dataclasses import fields
from itertools import product
from weakref import ReferenceType, ref

import numpy as np
import pytest

from snn_deploy.errors import PlacementError
from snn_deploy.ir.evaluate import evaluate
from snn_deploy.ir.graph import Array
from snn_deploy.placement import place
from snn_deploy.placement.geometry import boxes
from snn_deploy.simulation import ActivityCounter
from snn_deploy.simulation.chip.emission import Emissions, Stepper
from snn_deploy.simulation.chip.machine import Machine, machine
from snn_deploy.simulation.chip.marks import Marker
from snn_deploy.simulation.chip.result import DIRECTIONS, EVENT_KINDS, ChipCounts, ChipTimes
from snn_deploy.simulation.chip.routes import PER_SECOND
from snn_deploy.simulation.chip.run import Begin, Simulator
from tests.placement.chips import small
from tests.simulation.chip.agreement import assert_counts, compare
from tests.simulation.chip.circuits import NAMES, OTHERS, Case, case, geometric_case, random_case
from tests.simulation.chip.placements import by_chance, placed, together
from tests.simulation.chip.slow import HOST, Live, Recounting

BEGINS: tuple[Begin, ...] = ("stream", "cold")


def simulated(of: Case, on: Machine, begin: Begin = "stream") -> tuple[ChipCounts, ChipTimes]:
    return Simulator(on, "ideal").simulate(Marker(of.network, on).mark(of.x), begin)


def scattered(of: Case, seed: int) -> Machine:
    placement = by_chance(of.network, of.target, np.random.default_rng(seed))
    return machine(of.network, placement, of.target)


@pytest.mark.parametrize("begin", BEGINS)
@pytest.mark.parametrize("name", OTHERS)
def test_every_network(name: str, begin: Begin) -> None:
    chip_case = case(name)
    rng = np.random.default_rng(OTHERS.index(name))
    counts = compare(chip_case, by_chance(chip_case.network, chip_case.target, rng), begin)
    assert counts.messages


@pytest.mark.parametrize("begin", BEGINS)
@pytest.mark.parametrize("name", NAMES)
def test_every_network_on_many_placements(name: str, begin: Begin) -> None:
    """Everything on a core, or several tiles a population and several populations a core."""
    chip_case = case(name)
    compare(chip_case, together(chip_case.network, chip_case.target), begin)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        compare(chip_case, by_chance(chip_case.network, chip_case.target, rng), begin)


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("first", range(0, 40, 4))
def test_random_wirings_on_random_placements(first: int, binary: bool) -> None:
    for seed in range(first, first + 4):
        found = random_case(seed, binary=binary)
        if found is not None:
            rng = np.random.default_rng(seed)
            compare(found, by_chance(found.network, found.target, rng), BEGINS[seed % 2])


@pytest.mark.parametrize("first", range(0, 30, 5))
def test_random_windows(first: int) -> None:
    """Strides, dilations, groups and borders of one axis and of two."""
    for seed in range(first, first + 5):
        found = geometric_case(seed)
        placement = by_chance(found.network, found.target, np.random.default_rng(seed))
        for begin in BEGINS:
            compare(found, placement, begin)


@pytest.mark.parametrize(
    "name",
    [
        "flattened_neurons binary",
        "long_delay binary",
        "pooled_shortcut binary",
        "small_pools relay",
        "strides relay",
        "flattened_sum relay",
    ],
)
def test_placements_that_the_program_makes(name: str) -> None:
    """On chips with so little of everything that small networks need many cores."""
    chip_case = case(name)
    target = small(chip_case.target.name)
    on_small = Case(chip_case.network, target, chip_case.x, chip_case.fans, chip_case.watched)
    placement = place(chip_case.network, target, effort=0)
    assert placement.cores_used >= 3
    compare(on_small, placement)


WITHOUT_BIAS = (
    "corner binary",
    "neurons_read_out binary",
    "awkward_windows binary",
    "flattened_sum relay",
    "small_pools relay",
    "dense_cuba relay",
)


@pytest.mark.parametrize("name", WITHOUT_BIAS)
def test_cold_is_the_chip_from_its_first_step_on(name: str) -> None:
    """Without a bias nobody does anything before the first message comes, told to wait or not."""
    of = case(name)
    assert not of.network.biases
    placement = by_chance(of.network, of.target, np.random.default_rng(7))
    on = machine(of.network, placement, of.target)
    counts, _ = simulated(of, on, "cold")
    recounting = Recounting(of.network, of.fans, placement, of.target)
    raw = Live(of.network, of.fans, of.x, waits=False).run(of.network.graph.steps)
    assert_counts(on, counts, [recounting.count(did) for did in raw])
    assert counts.messages


def test_a_bias_waits_for_the_first_step_of_its_population() -> None:
    """In a cold chip a population at depth d does nothing in the first d steps."""
    of = case("biases binary")
    on = scattered(of, 1)
    counts, _ = simulated(of, on, "cold")
    for tile, slot in enumerate(on.slots):
        depth = of.network.by_name[slot.population].depth
        assert not counts.updates[:depth, tile].any()
    assert counts.updates.any()


@pytest.mark.parametrize("name", [*NAMES, "sew relay", "vanilla binary"])
def test_a_stream_holds_every_step_of_every_population_once(name: str) -> None:
    of = case(name)
    on = scattered(of, 2)
    counts, _ = simulated(of, on)
    marks = Marker(of.network, on).mark(of.x)
    for bit, array in ((1, counts.spikes), (2, counts.graded), (4, counts.updates)):
        for name_of, population in zip(on.populations, marks, strict=True):
            mine = [i for i, slot in enumerate(on.slots) if slot.population == name_of]
            if mine:
                assert array[:, mine].sum() == np.count_nonzero(population & bit)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_sent_is_received(name: str) -> None:
    of = case(name)
    for seed in range(3):
        counts, _ = simulated(of, scattered(of, seed))
        assert np.array_equal(counts.received.sum(axis=1), counts.sent.sum(axis=1) + counts.hosted)
        assert counts.messages == counts.sent.sum() + counts.hosted.sum()


@pytest.mark.parametrize("name", NAMES)
def test_no_placement_changes_what_neurons_do(name: str) -> None:
    """Spikes, updates and events of a population are those that they are on a single core."""
    of = case(name)
    whole = machine(of.network, together(of.network, of.target), of.target)
    expected = by_population(whole, simulated(of, whole)[0])
    for seed in range(3):
        on = scattered(of, seed)
        found = by_population(on, simulated(of, on)[0])
        assert found.keys() == expected.keys()
        assert all(np.array_equal(found[p], expected[p]) for p in expected)


def by_population(on: Machine, counts: ChipCounts) -> dict[str, Array]:
    """Return spikes, graded messages, updates and events, [T, 3 + kinds]."""
    columns = np.stack([counts.spikes, counts.graded, counts.updates], axis=2)
    every = np.concatenate([columns, counts.events], axis=2)
    names = [slot.population for slot in on.slots]
    return {n: every[:, [name == n for name in names]].sum(axis=1) for n in dict.fromkeys(names)}


def test_a_message_within_a_core_goes_nowhere() -> None:
    """On the first core nothing ever moves; on the last, what the host sends goes all the way."""
    of = case("small_pools relay")
    whole = {n: ((0, c), (0, h), (0, w)) for n, (c, h, w) in boxes(of.network).items()}
    here = machine(of.network, placed(of.network, of.target, whole, [0]), of.target)
    there = machine(of.network, placed(of.network, of.target, whole, [5]), of.target)
    counts, _ = simulated(of, here)
    assert here.chip.network.spike_flits == 1
    assert counts.hops == 0
    assert counts.messages > counts.hosted.sum() > 0
    moved, _ = simulated(of, there)
    # One link, to the router below; the host sends spikes, of a flit each.
    assert moved.hops == moved.links[:, DIRECTIONS.index("south"), 0, 0].sum() == moved.hosted.sum()


ONE_SYNAPSE = (
    "corner binary",
    "one_axis relay",
    "awkward_windows binary",
    "strides relay",
    "groups binary",
    "dense_cuba relay",
    "events binary",
    "conv1d relay",
)


@pytest.mark.parametrize("name", ONE_SYNAPSE)
def test_events_of_layers_are_those_of_the_graph(name: str) -> None:
    """Where a layer is a synapse, and the only one of its population, another count knows it."""
    of = case(name)
    network, graph = of.network, of.network.graph
    counter = ActivityCounter(graph)
    batch = of.x[None] if graph.static else of.x[:, None]
    for t, values in enumerate(evaluate(graph, batch)):
        counter.add(t, values)
    counter.add_samples(1)
    activity = counter.activity()
    on = scattered(of, 4)
    counts, _ = simulated(of, on)
    mine = by_population(on, counts)
    layers = {layer.name: layer for layer in activity.synapses}
    seen = 0
    for population, several in network.incoming.items():
        if population in mine and len(several) == 1 and several[0].layer in layers:
            layer = layers[several[0].layer]
            again = graph.steps if layer.once else 1  # what is constant is sent at every step
            assert mine[population][:, 3:].sum() == layer.events * again, population
            seen += 1
    assert seen >= 2
    neurons = {p.neuron: p.name for p in network.populations}
    for neuron in activity.neurons:
        assert mine[neurons[neuron.name]][:, 0].sum() == neuron.spikes


def test_one_step_is_every_step() -> None:
    """T = 1: all populations are at the first step of their sample, at every chip step."""
    of = case("one_step unroll")
    on = scattered(of, 3)
    counts, times = simulated(of, on)
    assert counts.spikes.shape[0] == times.step_s.shape[1] == 1
    marks = Marker(of.network, on).mark(of.x)
    expected = sum(np.count_nonzero(array & 4) for array in marks)
    assert counts.updates.sum() == expected
    cold, _ = simulated(of, on, "cold")
    assert not cold.updates.any()  # nobody but the host is at work
    assert cold.hosted == counts.hosted


def test_hosted_inputs_send_nothing() -> None:
    of = case("biases binary")
    counts, _ = simulated(of, scattered(of, 0))
    assert any(p.hosted for p in of.network.populations)
    assert not counts.hosted.any()
    assert counts.messages == counts.sent.sum() > 0


def test_sums_of_samples() -> None:
    of = case("long_delay binary")
    on = scattered(of, 5)
    marker, simulator = Marker(of.network, on), Simulator(on, "ideal")
    one, other = (simulator.simulate(marker.mark(x)) for x in (of.x, 1 - of.x))
    counts, times = one[0] + other[0], one[1] + other[1]
    assert counts.samples == 2
    for field in fields(ChipCounts):
        first, second = getattr(one[0], field.name), getattr(other[0], field.name)
        assert np.array_equal(getattr(counts, field.name), first + second)
    assert not np.array_equal(one[0].spikes, other[0].spikes)
    assert times.step_s.tolist() == [*one[1].step_s.tolist(), *other[1].step_s.tolist()]
    assert times.busy_s.tolist() == (one[1].busy_s + other[1].busy_s).tolist()
    assert times.slowest.shape == times.receives.shape == (2, of.network.graph.steps)


def test_the_slowest_core_is_named() -> None:
    """Of several that take as long, the first one in use; the host is the last."""
    seen = set()
    for name, seed in product(("corner binary", "small_pools relay", "one_axis relay"), range(5)):
        of = case(name)
        placement = by_chance(of.network, of.target, np.random.default_rng(seed))
        on = machine(of.network, placement, of.target)
        _, times = simulated(of, on)
        recounting = Recounting(of.network, of.fans, placement, of.target)
        for t, did in enumerate(of.watched["stream"]):
            step = recounting.count(did)
            cores = [*on.cores.tolist(), HOST]
            ends = [max(step.sending[core], step.receiving[core]) for core in cores]
            slowest = cores[ends.index(max(ends))]
            receives = step.receiving[slowest] > step.sending[slowest]
            assert times.slowest[0, t] == slowest
            assert times.receives[0, t] == receives
            assert times.step_s[0, t] == max(ends) / PER_SECOND + times.barrier_s
            seen.add((slowest == HOST, receives))
        assert not times.blocked_s.any()
        assert not times.queued_s.any()
    assert seen == {(False, False), (False, True), (True, False)}


@pytest.mark.parametrize("how", ["shapes", "number", "steps", "what they send", "nothing"])
def test_marks_of_another_network(how: str) -> None:
    """The last one has populations of the same shapes, and relays where others have none."""
    of = case("sequence unroll")
    on = scattered(of, 0)
    marks = [*Marker(of.network, on).mark(of.x)]
    wrong = {
        "shapes": [marks[0][:, :, 1:], *marks[1:]],
        "number": marks[1:],
        "steps": [marks[0][1:], *marks[1:]],
        "what they send": [marks[0] | np.uint8(2), *marks[1:]],
        "nothing": marks,
    }[how]
    simulator = Simulator(on)
    if how == "nothing":
        simulator.simulate(wrong)
        return
    with pytest.raises(PlacementError, match="the trace is of another network"):
        simulator.simulate(wrong)


def test_marks_of_a_network_of_the_same_shapes() -> None:
    """One relays its stream, the other does not."""
    relayed, unrolled = case("ms_identity relay"), case("ms_identity unroll")
    marks = Marker(relayed.network, scattered(relayed, 0)).mark(relayed.x)
    on = scattered(unrolled, 0)
    assert [array.shape[1:] for array in marks] == list(on.boxes)
    with pytest.raises(PlacementError, match="the trace is of another network"):
        Simulator(on).simulate(marks)


def test_messages_of_one_step_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the next step is made, those of the step before are the only ones left."""
    of = case("long_delay binary")
    on = scattered(of, 0)
    made: list[ReferenceType[Array]] = []
    left: list[int] = []
    emit = Stepper.emit

    def watched(stepper: Stepper, marks: Array) -> Emissions:
        left.append(sum(reference() is not None for reference in made))
        emissions = emit(stepper, marks)
        made.append(ref(emissions.wait))
        return emissions

    monkeypatch.setattr(Stepper, "emit", watched)
    simulated(of, on)
    assert left == [0, 1, 1, 1, 1, 1]


def test_kinds_of_events() -> None:
    """Kernels and pools, then a dense layer; single connections are of what is read out."""
    of = case("small_pools relay")
    counts, _ = simulated(of, scattered(of, 1))
    on = scattered(of, 1)
    kinds = {}
    for name, every in by_population(on, counts).items():
        kinds[name] = {EVENT_KINDS[k] for k in np.flatnonzero(every[:, 3:].sum(axis=0))}
    assert kinds == {
        "lif1": {"conv"},
        "sum.relay": {"conv"},
        "lif2": {"conv"},
        "max": {"conv"},
        "head": {"dense"},
    }
