"""Joules of a run: by hand, and by every way of adding them up."""

from dataclasses import replace
from math import fsum

import numpy as np
import pytest

from snn_deploy import targets
from snn_deploy.hardware import Energies, Fact, Limits, Target
from snn_deploy.report import price
from snn_deploy.report.pricing import DYNAMIC, EVIDENCE, HOPS, between_chips
from snn_deploy.simulation.chip.result import (
    DIRECTIONS,
    EVENT_KINDS,
    ChipCounts,
    ChipRun,
    ChipTimes,
)

from .runs import NEURONS, chip, large, run, slot

PRICES = Energies(
    neuron_access_j=1.0,
    neuron_update_j=2.0,
    send_j=3.0,
    axon_out_j=5.0,
    axon_in_j=7.0,
    conv_event_j=11.0,
    dense_event_j=13.0,
    sparse_event_j=17.0,
    hop_x_j=19.0,
    hop_y_j=23.0,
    chip_hop_j=29.0,
    barrier_j=31.0,
    static_w=37.0,
    host_w=41.0,
)


def priced() -> Target:
    """Loihi 2 at prices that tell each other apart."""
    target = chip()
    assert target.chip is not None
    return replace(target, chip=replace(target.chip, energy=PRICES))


def by_hand() -> ChipRun:
    """Two samples, one step, two chips: `a` on core 0, some of `b` there and some on core 120."""
    slots = (slot("a", 0, neurons=4), slot("b", 0, neurons=2), slot("b", 120, 2, neurons=3))
    links = np.zeros((1, 4, 8, 8), np.int64)
    links[0, 0, 0, 2] = 2  # east, within a row
    links[0, 1, 5, 3] = 4  # west
    links[0, 2, 3, 0] = 6  # south, from the last row of the first chip
    links[0, 3, 4, 0] = 8  # north, back to it
    links[0, 2, 1, 1] = 10  # south
    counts = ChipCounts(
        samples=2,
        spikes=np.array([[4, 0, 2]]),
        graded=np.array([[0, 2, 0]]),
        updates=np.array([[8, 2, 4]]),
        sent=np.array([[6, 2, 4]]),
        events=np.array([[[10, 0, 0], [0, 30, 0], [0, 0, 20]]]),
        received=np.array([[8, 6]]),
        hosted=np.array([[2]]),
        links=links,
    )
    times = ChipTimes(
        tier="ideal",
        step_s=np.array([[0.25], [0.75]]),
        barrier_s=0.125,
        slowest=np.array([[0], [120]], np.int32),
        receives=np.array([[True], [False]]),
        busy_s=np.array([[[0.25, 0.5]], [[0.5, 0.25]]]),
        blocked_s=np.zeros((1, 2)),
        queued_s=np.zeros((1, 2)),
    )
    cores = np.array([0, 120])
    return ChipRun(
        slots=slots, cores=cores, latency=3, chips=2, counts=counts, times=times, asked=2
    )


def test_every_charge_by_hand() -> None:
    """Half of all counts, since two samples were run; one step of 9 neurons; half a second."""
    spent = price(by_hand(), priced())
    assert {charge.constant: (charge.count, charge.energy_j) for charge in spent.charges} == {
        "neuron_access_j": (9, 9),
        "neuron_update_j": (7, 14),
        "send_j": (4, 12),
        "axon_out_j": (6, 30),
        "axon_in_j": (7, 49),
        "conv_event_j": (5, 55),
        "dense_event_j": (15, 195),
        "sparse_event_j": (10, 170),
        "hop_x_j": (3, 57),
        "hop_y_j": (5, 115),
        "chip_hop_j": (7, 203),
        "barrier_j": (2, 62),
        "static_w": (1.0, 37),
        "host_w": (0.5, 20.5),
    }
    assert (spent.dynamic_j, spent.links_j) == (909, 375)
    assert (spent.barrier_j, spent.static_j, spent.host_j) == (62, 37, 20.5)
    assert spent.total_j == 1028.5


def test_layers_and_cores_by_hand() -> None:
    """Core 0 receives 4 messages a sample; `a` has 5 of its 20 events, so one of them is its."""
    spent = price(by_hand(), priced())
    a, b = spent.layers["a"], spent.layers["b"]
    assert (a.neurons_j, a.messages_j, a.events_j) == (4 + 8 + 6, 15 + 7, 55)
    assert (b.neurons_j, b.messages_j, b.events_j) == (5 + 6 + 6, 15 + 42, 195 + 170)
    assert spent.cores_j == (95 + (2 + 2 + 3 + 5 + 21 + 195), 3 + 4 + 3 + 10 + 21 + 170)


def test_tiles_without_events_share_what_arrives_equally() -> None:
    made = by_hand()
    silent = replace(made, counts=replace(made.counts, events=0 * made.counts.events))
    spent = price(silent, priced())
    assert (spent.layers["a"].messages_j, spent.layers["b"].messages_j) == (15 + 14, 15 + 14 + 21)


@pytest.mark.parametrize("name", ["loihi", "loihi2"])
@pytest.mark.parametrize("seed", range(3))
def test_joules_are_conserved(name: str, seed: int) -> None:
    """By kind, by layer, by core, and as the test adds them up itself."""
    target = targets.load(name)
    assert target.chip is not None
    slots = [slot(f"layer{i}", core, 7 * i, i + 1) for i, core in enumerate([3, 3, 9, 127, 200, 9])]
    made = run(slots, target, chips=2, samples=3, seed=seed)
    counts, table = made.counts, target.chip.energy
    spent = price(made, target)
    far = between_chips(target.chip.limits, counts.links.shape)
    events = counts.events.sum(axis=(0, 1))
    expected = (
        made.steps * sum(s.neurons for s in slots) * table.neuron_access_j
        + counts.updates.sum() * table.neuron_update_j / 3
        + (counts.spikes.sum() + counts.graded.sum()) * table.send_j / 3
        + counts.sent.sum() * table.axon_out_j / 3
        + counts.received.sum() * table.axon_in_j / 3
        + sum(
            n * getattr(table, f"{kind}_event_j") / 3
            for n, kind in zip(events, EVENT_KINDS, strict=True)
        )
        + (counts.links * ~far)[:, :2].sum() * table.hop_x_j / 3
        + (counts.links * ~far)[:, 2:].sum() * table.hop_y_j / 3
        + (counts.links * far).sum() * table.chip_hop_j / 3
    )
    assert spent.dynamic_j == pytest.approx(expected, rel=1e-12)
    by_layer = fsum(layer.total_j for layer in spent.layers.values())
    assert by_layer + spent.links_j == pytest.approx(spent.dynamic_j, rel=1e-12)
    assert fsum(spent.cores_j) + spent.links_j == pytest.approx(spent.dynamic_j, rel=1e-12)
    assert fsum(c.energy_j for c in spent.charges) == pytest.approx(spent.total_j, rel=1e-12)
    parts = (spent.dynamic_j, spent.static_j, spent.barrier_j, spent.host_j)
    assert fsum(parts) == pytest.approx(spent.total_j, rel=1e-12)
    seconds = made.times.step_s.sum() / 3
    assert spent.static_j == pytest.approx(2 * seconds * table.static_w, rel=1e-12)


def test_every_price_counts_once() -> None:
    """Each constant alone, at 1: what is left is its count."""
    nothing = dict.fromkeys(PRICES.__slots__, 0.0)
    base = priced()
    assert base.chip is not None
    made = by_hand()
    for charge in price(made, base).charges:
        alone = replace(base.chip, energy=Energies(**{**nothing, charge.constant: 1.0}))
        spent = price(made, replace(base, chip=alone))
        assert spent.total_j == charge.count, charge.constant
        inside = spent.links_j if charge.constant in HOPS else fsum(spent.cores_j)
        assert inside == (charge.count if charge.constant in DYNAMIC else 0), charge.constant


def test_counts_of_more_samples_are_means() -> None:
    made, target = by_hand(), priced()
    twice = replace(made, counts=made.counts + made.counts, times=made.times + made.times)
    assert price(twice, target) == price(made, target)


@pytest.mark.parametrize(
    ("direction", "row", "column"),
    [("east", 1, 7), ("west", 1, 8), ("south", 3, 1), ("north", 4, 1)],
)
def test_links_that_cross_a_border_of_a_chip(direction: str, row: int, column: int) -> None:
    """Chips of 4 x 8 routers: from the last column on, and back from the first of the next."""
    limits = _limits()
    far = between_chips(limits, (12, 24))
    assert far.shape == (4, 12, 24)
    where = DIRECTIONS.index(direction)
    assert far[where, row, column]
    along = direction in ("east", "west")
    across = np.zeros((12, 24), bool)
    if along:
        across[:, column::8] = True
    else:
        across[row::4] = True
    # West of the first column and north of the first row there is nothing, so no traffic.
    inner = far[where].copy()
    across[0, :] &= direction != "north"
    inner[0, :] &= direction != "north"
    across[:, 0] &= direction != "west"
    inner[:, 0] &= direction != "west"
    assert (inner == across).all()


def _limits() -> Limits:
    target = targets.load("loihi2")
    assert target.chip is not None
    return target.chip.limits


def test_evidence_is_a_share_of_the_joules() -> None:
    base = priced()
    assert base.chip is not None
    facts = {
        "conv_event_j": Fact(11.0, "somebody", "published", "J"),
        "static_w": Fact(37.0, "somebody", "measured", "W"),
        "host_w": Fact(41.0, "somebody", "derived", "W"),
        "barrier_j": Fact(31.0, "somebody", "fitted", "J"),
    }
    spent = price(by_hand(), replace(base, chip=replace(base.chip, facts=facts)))
    assert spent.evidence == {
        "published": 55 / 1028.5,
        "measured": 37 / 1028.5,
        "derived": 20.5 / 1028.5,
        "fitted": 62 / 1028.5,
        # A number of which nothing is known is as good as a guess.
        "assumed": (909 - 55) / 1028.5,
    }
    assert tuple(spent.evidence) == EVIDENCE
    assert fsum(spent.evidence.values()) == pytest.approx(1)


def test_nothing_rests_on_nothing() -> None:
    target = chip(**dict.fromkeys(PRICES.__slots__, 0.0))
    spent = price(by_hand(), target)
    assert spent.total_j == 0
    assert set(spent.evidence.values()) == {0}


def test_a_large_run() -> None:
    target = chip()
    made = large(target)
    spent = price(made, target)
    assert len(spent.layers) == 330
    assert len(spent.cores_j) == 2736
    accessed = spent.charges[0].count
    assert accessed == made.steps * NEURONS * len(made.slots)
