"""A placed network as arrays: what is where, what is refused, and what it costs to say so."""

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
import pytest

from snn_deploy import targets
from snn_deploy.errors import PlacementError
from snn_deploy.hardware import Chip, Interconnect, Latencies
from snn_deploy.ir.graph import Graph
from snn_deploy.placement import Placement, Slot
from snn_deploy.placement.geometry import Box, Tiling, boxes
from snn_deploy.quantization.graph import QuantGraph
from snn_deploy.simulation.chip.fanout import FanOut, event_kind, fan_out, synapse_lists
from snn_deploy.simulation.chip.machine import (
    Machine,
    Tiles,
    assemble,
    machine,
)
from snn_deploy.simulation.chip.marks import Marker
from snn_deploy.simulation.chip.routes import PER_SECOND, picoseconds
from snn_deploy.simulation.chip.run import Simulator
from tests.mapping.chips import GRADED, mapped
from tests.networks import Network
from tests.simulation.chip.circuits import Case, case
from tests.simulation.chip.placements import ON, by_chance, placed, together

SEED = 3
LOIHI2 = ON["loihi2"]


def scattered(of: Case, seed: int = SEED) -> Placement:
    return by_chance(of.network, of.target, np.random.default_rng(seed))


def made(of: Case, placement: Placement) -> Machine:
    return machine(of.network, placement, of.target)


@pytest.mark.parametrize("seed", range(4))
def test_tiles_are_those_of_the_placement_core_by_core(seed: int) -> None:
    chip_case = case("small_pools relay")
    placement = scattered(chip_case, seed)
    found = made(chip_case, placement)
    assert found.slots == tuple(sorted(placement.slots, key=lambda slot: slot.core))
    assert found.cores.tolist() == sorted({slot.core for slot in placement.slots})
    assert (np.diff(found.tiles.core) >= 0).all()
    assert found.neurons[found.on_cores].tolist() == [slot.neurons for slot in found.slots]


def test_the_host_holds_the_input_in_a_tile_of_its_own() -> None:
    """It stands at the first router, whoever is there."""
    chip_case = case("corner binary")
    box = boxes(chip_case.network)
    whole = {name: ((0, c), (0, h), (0, w)) for name, (c, h, w) in box.items()}
    found = made(chip_case, placed(chip_case.network, chip_case.target, whole, [4]))
    assert found.cores.tolist() == [4]
    assert (found.row.tolist(), found.column.tolist()) == ([1, 0], [0, 0])
    assert found.populations[-1] == "input"
    assert found.on_cores.tolist() == [True, True, True, False]
    assert found.neurons.tolist() == [32, 12, 12, 16]
    assert [sender.node for sender in found.senders] == ["lif", "last", "input"]
    assert found.routers == 1


def test_what_the_host_computes_is_in_no_tile_and_hears_no_message() -> None:
    """Here cores hear the input too, so it is on the chip as well."""
    chip_case = case("constant_read_out binary")
    hosted = {p.name for p in chip_case.network.populations if p.hosted}
    found = made(chip_case, together(chip_case.network, chip_case.target))
    assert hosted == {"conv1.relay"}
    assert set(found.populations) == {p.name for p in chip_case.network.populations} - hosted


def test_routers_with_a_core_in_use() -> None:
    """Two cores are at each router; three routers of a chip have some."""
    chip_case = case("corner binary")
    tilings = {
        "lif": ((0, 1, 2), (0, 2, 4), (0, 4)),
        "last": ((0, 3), (0, 2), (0, 2)),
        "last.readout": ((0, 3), (0, 2), (0, 2)),
    }
    one = placed(chip_case.network, chip_case.target, tilings, [0, 1])
    more = placed(chip_case.network, chip_case.target, tilings, [0, 1, 5, 7], chips=2)
    assert made(chip_case, one).routers == 1
    assert made(chip_case, more).routers == 3


def changed(placement: Placement, at: int, **parts: object) -> Placement:
    """Return a placement of which one slot is another."""
    slots = list(placement.slots)
    slots[at] = replace(slots[at], **parts)  # type: ignore[arg-type]  # a test's own choice
    return replace(placement, slots=tuple(slots))


HALVES = {
    "lif": ((0, 2), (0, 2, 4), (0, 4)),
    "last": ((0, 3), (0, 2), (0, 1, 2)),
    "last.readout": ((0, 3), (0, 2), (0, 2)),
}
REFUSED = {
    "another chip": ("network", "is placed on loihi2", "loihi is needed"),
    "a hole": ("lif", "its tiles cover 0:2 x 2:4 x 0:4", "all of 2 x 4 x 4 is needed"),
    "a hole in the middle": ("lif", "overlap or leave gaps", "a grid of 2 x 4 x 4 is needed"),
    "an overlap": ("lif", "overlap or leave gaps", "a grid of 2 x 4 x 4 is needed"),
    "the same tile twice": ("lif", "overlap or leave gaps", "a grid of 2 x 4 x 4 is needed"),
    "beyond the box": ("last", "its tiles cover 0:3 x 0:3 x 0:2", "all of 3 x 2 x 2 is needed"),
    "beyond the chip": ("last.readout", "lies on core 6", "one of 6 cores is needed"),
    "before the chip": ("last.readout", "lies on core -1", "one of 6 cores is needed"),
    "a population too few": ("network", "'last' has no core", "the placement's own network"),
    "a population too many": ("network", "'x' is no population of it", "own network is needed"),
    "on a core, and the host has it": ("network", "'input' is no population of it", "own network"),
}


def wrong(how: str, good: Placement) -> Placement:
    """Return a placement that is refused. Its slots: lif twice, last twice, its readout."""
    slots = good.slots
    whole = (0, 1), (0, 4), (0, 4)
    chosen = {
        "another chip": lambda: replace(good, target="loihi2"),
        "a hole": lambda: replace(good, slots=slots[1:]),
        "a hole in the middle": lambda: changed(good, 0, rows=(0, 1)),
        "an overlap": lambda: changed(good, 0, rows=(0, 3)),
        "the same tile twice": lambda: replace(good, slots=(slots[0], *slots)),
        "beyond the box": lambda: changed(changed(good, 2, rows=(0, 3)), 3, rows=(0, 3)),
        "beyond the chip": lambda: changed(good, 4, core=6),
        "before the chip": lambda: changed(good, 4, core=-1),
        "a population too few": lambda: replace(good, slots=(*slots[:2], slots[4])),
        "a population too many": lambda: replace(good, slots=(*slots, Slot("x", *whole, 0))),
        "on a core, and the host has it": lambda: replace(
            good, slots=(*slots, Slot("input", *whole, 0))
        ),
    }
    return chosen[how]()


@pytest.mark.parametrize("how", REFUSED)
def test_refused(how: str) -> None:
    chip_case = case("corner binary")
    good = placed(chip_case.network, chip_case.target, HALVES, [0, 1])
    machine(chip_case.network, good, chip_case.target)
    where, problem, wanted = REFUSED[how]
    with pytest.raises(PlacementError) as raised:
        machine(chip_case.network, wrong(how, good), chip_case.target)
    assert raised.value.where == where
    assert problem in raised.value.problem
    assert wanted in raised.value.remedy


def test_a_placement_of_another_network() -> None:
    """One that has other populations, and one whose populations have other shapes."""
    chip_case = case("corner binary")
    for other in ("awkward_windows binary", "neurons_read_out binary"):
        placement = together(case(other).network, chip_case.target)
        with pytest.raises(PlacementError, match="the placement's own network is needed"):
            machine(chip_case.network, placement, chip_case.target)
    wider = Network((1, 5, 5), kind="spike", static=False).conv("conv", 2, padding=1).lif("lif")
    wider.conv("late", 3, (2, 2), stride=2).lif("last")
    placement = together(mapped(quantised(wider.finish(steps=3)), "unroll").network, ON["loihi"])
    with pytest.raises(PlacementError, match="lif: its tiles cover 0:2 x 0:5 x 0:5"):
        machine(chip_case.network, placement, ON["loihi"])


def test_slots_may_be_listed_in_any_order() -> None:
    """Cores then go through their tiles in another order, which changes no count."""
    chip_case = case("small_pools relay")
    placement = scattered(chip_case)
    mixed = replace(placement, slots=tuple(reversed(placement.slots)))
    counts = [simulated(chip_case, made(chip_case, each)) for each in (placement, mixed)]
    assert counts[0] == {slot: counts[1][slot] for slot in counts[0]}


def simulated(of: Case, on: Machine) -> dict[Slot, list[int]]:
    """Return sums over the steps, by tile."""
    counts, _ = Simulator(on, "ideal").simulate(Marker(of.network, on).mark(of.x))
    each = [getattr(counts, name) for name in ("spikes", "graded", "updates", "sent")]
    sums = np.concatenate([np.stack(each, axis=2), counts.events], axis=2).sum(axis=0)
    return dict(zip(on.slots, sums.tolist(), strict=True))


def quantised(graph: Graph) -> QuantGraph:
    assert isinstance(graph, QuantGraph)
    return graph


def convolutions(channels: int, length: int = 12) -> QuantGraph:
    net = Network((2, length, length), kind="spike", static=False)
    net.conv("conv1", channels, padding=1).lif("lif1")
    net.conv("conv2", channels, padding=1, stride=2).lif("lif2")
    return quantised(net.conv("conv3", channels).lif("lif3").finish(steps=1))


@pytest.mark.parametrize("parts", [1, 3])
def test_cost_does_not_grow_with_synapses(parts: int) -> None:
    """Four times the channels are sixteen times the synapses, and the same lists."""
    size = {}
    for channels in (4, 16):
        network = mapped(convolutions(channels), "unroll", GRADED).network
        tilings = {name: _even(box, parts) for name, box in boxes(network).items()}
        placement = placed(network, LOIHI2, tilings, [0, 1, 2, 3, 4])
        found = machine(network, placement, LOIHI2)
        size[channels] = (found.routes.classes, found.routes.nbytes)
    assert size[4] == size[16]
    assert size[16][1] < 200_000


def _even(box: Box, parts: int) -> Tiling:
    channels, rows, columns = (tuple(n * i // parts for i in range(parts + 1)) for n in box)
    return channels, rows, columns


ONE_READER_EACH = ("corner binary", "one_axis relay", "rounded relay", "dense binary")


@pytest.mark.parametrize("name", ONE_READER_EACH)
def test_lists_of_synapses_count_alike(name: str) -> None:
    """Whole channels, seen as neurons in a row that have a list of synapses each."""
    chip_case = case(name)
    network = chip_case.network
    tilings = {
        n: ((0, 1, c), (0, h), (0, w)) if c > 1 else ((0, c), (0, h), (0, w))
        for n, (c, h, w) in boxes(network).items()
    }
    on = made(chip_case, placed(network, chip_case.target, tilings, [3, 0, 2]))
    marks = Marker(network, on).mark(chip_case.x)
    in_a_row = [array.reshape(len(array), -1, 1, 1) for array in marks]
    for begin in ("stream", "cold"):
        expected = Simulator(on, "ideal").simulate(marks, begin)
        found = Simulator(listed(chip_case, on), "ideal").simulate(in_a_row, begin)
        for one, other in zip(expected, found, strict=True):
            for field in fields(one):
                assert np.array_equal(getattr(one, field.name), getattr(other, field.name))


def listed(of: Case, on: Machine) -> Machine:
    """Return a machine that knows of neither convolutions nor boxes."""
    area = np.array([h * w for _, h, w in on.boxes])[on.tiles.population]
    first, last = (np.zeros_like(on.tiles.first), np.ones_like(on.tiles.last))
    first[:, 0] = on.tiles.first[:, 0] * area
    last[:, 0] = on.tiles.last[:, 0] * area
    tiles = replace(on.tiles, first=first, last=last)
    senders = [replace(s, fan_out=_list(of, s.node, on.populations, tiles)) for s in on.senders]
    populations = {
        name: (int(depth), (int(np.prod(box)), 1, 1))
        for name, depth, box in zip(on.populations, on.depths, on.boxes, strict=True)
    }
    return assemble(on.name, on.chip, 1, populations, on.cores, tiles, senders)


def _list(of: Case, node: str, populations: Sequence[str], tiles: Tiles) -> FanOut:
    (synapse,) = of.network.outgoing[node] or (None,)
    if synapse is None:
        return fan_out((of.network.sender[node].size, 1, 1), [])
    fan = of.fans[synapse.name]
    tile = np.zeros(of.network.by_name[synapse.target].size, np.int32)
    for number in np.flatnonzero(tiles.population == populations.index(synapse.target)):
        tile[tiles.first[number, 0] : tiles.last[number, 0]] = number
    target = np.array([t for several in fan for t, _ in several], np.int32)
    return synapse_lists(np.cumsum([0, *map(len, fan)]), target, tile, event_kind(synapse))


def test_two_flattened_maps_of_different_shapes_are_no_population() -> None:
    net = Network((2, 4, 6), kind="spike", static=False).conv("conv1", 2, padding=1).lif("lif1")
    net.conv("conv2", 4, padding=1).flatten("fine")
    net.at = "lif1"
    net.conv("conv3", 16, (1, 1), stride=2).flatten("coarse").add("sum", "fine", "coarse")
    network = mapped(quantised(net.lif("lif2").linear("head", 3).finish()), "unroll").network
    with pytest.raises(PlacementError) as raised:
        boxes(network)
    assert raised.value.where == "lif2"
    assert raised.value.problem == "is the flattened of 4 x 4 x 6 and of 16 x 2 x 3"


def test_neurons_that_are_joined_one_to_one_lie_in_equal_boxes() -> None:
    """A vector that is added to a flattened map, and one that is added to their spikes."""
    box = boxes(case("flattened_sum relay").network)
    assert box["lif2"] == box["lif3"] == box["lif4"] == box["sew"] == (3, 5, 4)


@pytest.mark.parametrize("name", ["loihi", "loihi2"])
def test_no_time_of_a_chip_is_cut_by_counting_picoseconds(name: str) -> None:
    chip = targets.load(name).chip
    assert isinstance(chip, Chip)
    tables: tuple[Latencies | Interconnect, ...] = (chip.latency, chip.network)
    for table in tables:
        for field in fields(table):
            value = getattr(table, field.name)
            if isinstance(value, float):
                assert picoseconds([value])[0] / PER_SECOND == value, field.name
