"""Steps of any activity, counted: by hand, and one neuron, synapse and router after the other."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn_deploy.ir.graph import Array
from snn_deploy.placement import Placement, Slot
from snn_deploy.placement.geometry import Tiling
from snn_deploy.simulation.chip.emission import Stepper
from snn_deploy.simulation.chip.machine import GRADED, SPIKE, UPDATED, Machine, machine
from snn_deploy.simulation.chip.result import DIRECTIONS, EVENT_KINDS
from tests.simulation.chip.agreement import assert_step, leaving
from tests.simulation.chip.circuits import Case, case
from tests.simulation.chip.placements import by_chance, placed
from tests.simulation.chip.slow import HOST, Recounting, Step, ps

SMALL = (
    "corner binary",
    "one_axis relay",
    "awkward_windows binary",
    "one_step relay",
    "one_step unroll",
    "added_twice relay",
    "small_pools relay",
    "flattened_sum relay",
    "rounded_vector relay",
    "constant_read_out binary",
    "two_outputs relay",
)


def at_random(of: Case, on: Machine, rng: np.random.Generator) -> tuple[Array, Step]:
    """Return marks such as no network makes, and the same as the slow chip has it.

    Neurons send without being updated, and are updated and send nothing.
    """
    did, parts = Step(), []
    density = rng.choice([0.0, 0.02, 0.3, 1.0])
    for index, (name, box) in enumerate(zip(on.populations, on.boxes, strict=True)):
        size = int(np.prod(box))
        marks = np.zeros(size, np.uint8)
        for sender in on.senders:
            if sender.population == index:
                sends = rng.random(size) < density
                marks |= sends.astype(np.uint8) * np.uint8(sender.bit)
                did.sent[sender.node] = dict.fromkeys(np.flatnonzero(sends).tolist(), 1)
        if of.network.by_name[name].source is None:
            updated = rng.random(size) < density
            marks |= updated.astype(np.uint8) * np.uint8(UPDATED)
            did.updated[name] = set(np.flatnonzero(updated).tolist())
        parts.append(marks)
    return np.concatenate(parts), did


@pytest.mark.parametrize("name", SMALL)
@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_any_activity_on_any_placement(name: str, seed: int) -> None:
    chip_case, rng = case(name), np.random.default_rng(seed)
    placement = by_chance(chip_case.network, chip_case.target, rng)
    on = machine(chip_case.network, placement, chip_case.target)
    stepper = Stepper(on)
    marks, did = at_random(chip_case, on, rng)
    emissions = stepper.emit(marks)
    counts = stepper.tally(emissions)
    recounting = Recounting(chip_case.network, chip_case.fans, placement, chip_case.target)
    expected = recounting.count(did)
    assert_step(on, emissions, counts, expected)
    assert leaving(on, emissions) == {
        core: expected.leaving[core] for core in [*on.cores.tolist(), HOST]
    }
    assert emissions.rest.tolist() == [expected.rest[core] for core in [*on.cores.tolist(), HOST]]


PLACES: dict[str, Tiling] = {
    "lif": ((0, 2), (0, 2, 4), (0, 4)),
    "last": ((0, 1, 3), (0, 2), (0, 2)),
    "last.readout": ((0, 3), (0, 2), (0, 2)),
}
"""Of `corner`: the upper half of [2, 4, 4], the lower; the first of [3, 2, 2], the others; all."""


@pytest.fixture
def corner() -> tuple[Case, Placement, Machine]:
    """Routers of a chip: 0 1 / 2 -, two cores each. lif is on 0 and 3, last on 5 and 2."""
    chip_case = case("corner binary")
    placement = placed(chip_case.network, chip_case.target, PLACES, [0, 3, 5, 2, 4])
    return chip_case, placement, machine(chip_case.network, placement, chip_case.target)


def flat(on: Machine, **marks: Sequence[tuple[int, int]]) -> Array:
    """Return marks of all neurons, given (number, bits) by population; dots are underscores."""
    found = np.zeros(on.first_mark[-1], np.uint8)
    for name, several in marks.items():
        begin = on.first_mark[on.populations.index(name.replace("_", "."))]
        for number, bits in several:
            found[begin + number] = bits
    return found


def test_a_3x3_convolution_at_a_corner(corner: tuple[Case, Placement, Machine]) -> None:
    """The input's corner reaches 2x2 places of two channels; row 1 reaches both halves."""
    _, _, on = corner
    assert on.cores.tolist() == [0, 2, 3, 4, 5]
    stepper = Stepper(on)
    emissions = stepper.emit(flat(on, input=[(0, SPIKE), (4 * 1 + 1, SPIKE)]))
    counts = stepper.tally(emissions)
    upper, lower = (on.slots.index(slot) for slot in on_tiles(on, "lif"))
    conv = EVENT_KINDS.index("conv")
    # Of (0, 0): rows 0 and 1, columns 0 and 1. Of (1, 1): rows 0 to 2, columns 0 to 2.
    assert counts.events[upper, conv] == 2 * 2 * 2 + 2 * 2 * 3
    assert counts.events[lower, conv] == 2 * 1 * 3
    assert counts.events.sum() == 8 + 12 + 6
    assert counts.received.tolist() == [2, 0, 1, 0, 0]
    assert counts.sent.tolist() == [0, 0, 0, 0, 0, 3]
    # Core 3 is at the second router; the host stands at the first, as core 0 does.
    assert links(counts.links) == {("east", 0, 0): 1}
    latency = on.chip.latency
    events = ps(latency.conv_event_s)
    assert counts.receiving_ps.tolist() == [
        2 * ps(latency.axon_in_s) + 20 * events, 0, ps(latency.axon_in_s) + 6 * events, 0, 0,
    ]  # fmt: skip
    assert counts.sending_ps[-1] == 3 * ps(latency.host_message_s)


def test_ways_and_times_by_hand(corner: tuple[Case, Placement, Machine]) -> None:
    """Neurons of lif on core 3 send to both tiles of last: core 2 beside them, and core 5."""
    _, _, on = corner
    stepper, cores = Stepper(on), on.cores.tolist()
    # Of rows 2 and 3: (0, 2, 0), (0, 2, 1) and (1, 3, 3), the first, second and last of 16.
    lif = [(8, SPIKE | UPDATED), (9, UPDATED), (31, SPIKE | UPDATED)]
    emissions = stepper.emit(flat(on, lif=lif, last=[(1, SPIKE)]))
    counts = stepper.tally(emissions)
    _, lower = (on.slots.index(tile) for tile in on_tiles(on, "lif"))
    first, others = (on.slots.index(tile) for tile in on_tiles(on, "last"))
    (readout,) = (on.slots.index(tile) for tile in on_tiles(on, "last.readout"))
    assert counts.sent[[lower, first]].tolist() == [4, 1]
    assert emissions.spikes[[lower, first]].tolist() == [2, 1]
    assert emissions.updates[[lower, first]].tolist() == [3, 0]
    # A window of 2x2 with stride 2: a neuron reaches one place, of one channel and of two.
    assert counts.events[[first, others, readout]].tolist() == [[2, 0, 0], [4, 0, 0], [0, 0, 1]]
    assert counts.events.sum() == 7
    # To core 5 along the row, then down; last on core 5 sends to core 4 at its own router.
    assert links(counts.links) == {("west", 0, 1): 2, ("south", 0, 0): 2}
    assert [heard for _, heard, _ in leaving(on, emissions)[3]] == [[2, 5], [2, 5]]
    latency, place = on.chip.latency, cores.index(3)
    access, update = ps(latency.neuron_access_s), ps(latency.neuron_update_s)
    send, out = ps(latency.send_s), ps(latency.axon_out_s)
    begin, end = emissions.core_at[[place, place + 1]]
    assert emissions.wait[begin:end].tolist() == [
        access + update + send,
        15 * access + 2 * update + send,
    ]
    assert emissions.rest[[place, cores.index(0)]].tolist() == [0, 16 * access]
    assert counts.sending_ps[place] == 16 * access + 3 * update + 2 * send + 4 * out


def on_tiles(on: Machine, population: str) -> list[Slot]:
    found = [slot for slot in on.slots if slot.population == population]
    return sorted(found, key=lambda slot: (slot.channels, slot.rows, slot.columns))


def links(loads: Array) -> dict[tuple[str, int, int], int]:
    return {
        (DIRECTIONS[d], int(row), int(column)): int(loads[d, row, column])
        for d, row, column in np.argwhere(loads)
    }


def test_one_neuron_may_send_a_spike_and_a_value() -> None:
    """Two messages to the core where both are heard, of as many flits as each has."""
    chip_case = case("one_step relay")
    network = chip_case.network
    both = network.by_name["lif1"]
    assert (both.neuron, both.relay) == ("lif1", "conv1.relay")
    placement = by_chance(network, chip_case.target, np.random.default_rng(5))
    on = machine(network, placement, chip_case.target)
    stepper = Stepper(on)
    emissions = stepper.emit(flat(on, lif1=[(0, SPIKE | GRADED | UPDATED)]))
    assert emissions.spikes.sum() == emissions.graded.sum() == emissions.updates.sum() == 1
    assert emissions.flits.tolist() == [
        on.chip.network.spike_flits, on.chip.network.graded_flits
    ]  # fmt: skip
    assert emissions.wait[1] == ps(on.chip.latency.send_s)
    counts = stepper.tally(emissions)
    conv, _, sparse = counts.events.sum(axis=0)
    assert (conv, sparse) == (4 * 4, 1)


def test_silence_costs_only_looking(corner: tuple[Case, Placement, Machine]) -> None:
    _, _, on = corner
    stepper = Stepper(on)
    emissions = stepper.emit(flat(on))
    counts = stepper.tally(emissions)
    access = ps(on.chip.latency.neuron_access_s)
    assert counts.sending_ps.tolist() == [
        16 * access,
        8 * access,
        16 * access,
        12 * access,
        4 * access,
        0,
    ]
    for name in ("sent", "events", "received", "links", "receiving_ps"):
        assert not getattr(counts, name).any()
