"""Many samples: the same in one process and in several, in their order, until somebody stops."""

from collections.abc import Iterator
from multiprocessing import active_children

import numpy as np
import pytest

from snn_deploy.errors import ExecutorError
from snn_deploy.ir.graph import Array
from snn_deploy.simulation.chip import running
from snn_deploy.simulation.chip.machine import machine
from snn_deploy.simulation.chip.marks import Marker
from snn_deploy.simulation.chip.result import ChipCounts, ChipTimes
from snn_deploy.simulation.chip.run import Simulator
from snn_deploy.simulation.chip.running import run_samples
from snn_deploy.simulation.chip.streaming import WAITING, Work, simulate_samples
from tests.mapping.chips import mapped
from tests.mapping.wiring import random_network, random_stimulus
from tests.simulation.chip.placements import ON, by_chance

SAMPLES = 7
LOIHI2 = ON["loihi2"]


@pytest.fixture(scope="module")
def work() -> Work:
    network = mapped(random_network(3), "relay").network
    placement = by_chance(network, LOIHI2, np.random.default_rng(1))
    return Work(network, machine(network, placement, LOIHI2), "contention")


@pytest.fixture(scope="module")
def inputs(work: Work) -> list[Array]:
    graph = work.network.graph
    x = random_stimulus(graph, np.random.default_rng(2), SAMPLES)
    return list(x if graph.static else np.moveaxis(x, 1, 0))


@pytest.fixture(scope="module")
def one_by_one(work: Work, inputs: list[Array]) -> list[tuple[ChipCounts, ChipTimes]]:
    marker, simulator = Marker(work.network, work.machine), Simulator(work.machine, work.tier)
    return [simulator.simulate(marker.mark(x)) for x in inputs]


def nobody(_: int) -> None:
    """Observe nothing."""


@pytest.mark.parametrize("workers", [1, 2])
def test_samples_add_up(
    work: Work,
    inputs: list[Array],
    one_by_one: list[tuple[ChipCounts, ChipTimes]],
    workers: int,
) -> None:
    seen: list[int] = []
    counts, times = simulate_samples(work, inputs, workers, seen.append)
    assert seen == [*range(1, SAMPLES + 1)]
    assert counts.samples == SAMPLES
    for name in ("spikes", "graded", "updates", "sent", "events", "received", "hosted", "links"):
        alone = sum(getattr(each, name) for each, _ in one_by_one)
        assert np.array_equal(getattr(counts, name), alone), name
    assert len({tuple(each.spikes.sum(axis=1)) for each, _ in one_by_one}) > 1
    assert np.array_equal(times.step_s, np.concatenate([t.step_s for _, t in one_by_one]))
    assert np.array_equal(times.slowest, np.concatenate([t.slowest for _, t in one_by_one]))
    assert np.allclose(times.queued_s, sum(t.queued_s for _, t in one_by_one), rtol=1e-12)


@pytest.mark.parametrize("workers", [1, 2])
def test_stopping_keeps_what_is_done(work: Work, inputs: list[Array], workers: int) -> None:
    seen: list[int] = []
    counts, times = simulate_samples(
        work, inputs, workers, seen.append, stop=lambda: len(seen) >= 3
    )
    assert (counts.samples, len(times.step_s), seen) == (3, 3, [1, 2, 3])


def test_few_samples_are_read_ahead(work: Work, inputs: list[Array]) -> None:
    read: list[int] = []
    ahead: list[int] = []

    def reading() -> Iterator[Array]:
        for place, x in enumerate(inputs * 3):
            read.append(place)
            yield x

    simulate_samples(work, reading(), 2, lambda done: ahead.append(len(read) - done))
    assert len(read) == 3 * SAMPLES
    assert max(ahead) < WAITING * 2


def test_a_process_that_is_ended_from_outside(work: Work, inputs: list[Array]) -> None:
    def end(_: int) -> None:
        for process in active_children():
            process.kill()

    with pytest.raises(ExecutorError, match=r"ended from outside.*fewer --workers"):
        simulate_samples(work, inputs * 5, 2, end)


def test_no_samples(work: Work) -> None:
    with pytest.raises(ValueError, match="no samples"):
        simulate_samples(work, [], 1, nobody)


@pytest.mark.parametrize(("most", "tier"), [(0, "contention"), (10**6, "cycle")])
def test_auto_goes_by_messages(
    work: Work,
    inputs: list[Array],
    most: int,
    tier: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(running, "MESSAGES_BY_FLIT", most)
    placement = by_chance(work.network, LOIHI2, np.random.default_rng(1))
    run = run_samples(work.network, placement, LOIHI2, inputs, asked=SAMPLES, workers=1)
    assert (run.times.tier, run.counts.samples, run.partial) == (tier, SAMPLES, False)


def test_a_run_says_what_it_is_of(work: Work, inputs: list[Array]) -> None:
    network = work.network
    placement = by_chance(network, LOIHI2, np.random.default_rng(1))
    seen: list[int] = []
    run = run_samples(
        network,
        placement,
        LOIHI2,
        inputs,
        asked=SAMPLES,
        workers=1,
        observe=seen.append,
        stop=lambda: len(seen) == 2,
    )
    assert run.partial
    assert (run.counts.samples, run.asked, run.steps) == (2, SAMPLES, network.graph.steps)
    assert run.latency == network.latency
    assert sorted(run.slots, key=str) == sorted(placement.slots, key=str)
    assert [slot.core for slot in run.slots] == sorted(slot.core for slot in placement.slots)
    assert run.cores.tolist() == sorted({slot.core for slot in placement.slots})
