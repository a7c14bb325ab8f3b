"""Runs of simulated chips, made up: counts that add up, of no network in particular."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from snn_deploy import targets
from snn_deploy.hardware import Target
from snn_deploy.ir.graph import Array
from snn_deploy.placement import Slot, Usage
from snn_deploy.placement.demand import RESOURCES, capacity
from snn_deploy.placement.mesh import mesh
from snn_deploy.report import Simulation, describe_run
from snn_deploy.report.simulated import HOST
from snn_deploy.simulation.chip.result import ChipCounts, ChipRun, ChipTimes, Tier

STEP_S = 2e-5
NEURONS = 100
"""Of a tile."""


def chip(**prices: float) -> Target:
    """Loihi 2, with some prices changed."""
    target = targets.load("loihi2")
    assert target.chip is not None
    energy = replace(target.chip.energy, **prices)
    return replace(target, chip=replace(target.chip, energy=energy))


def slot(population: str, core: int, begin: int = 0, neurons: int = NEURONS) -> Slot:
    """A tile of a vector of neurons."""
    return Slot(population, (begin, begin + neurons), (0, 1), (0, 1), core)


def run(
    slots: Sequence[Slot],
    target: Target,
    *,
    chips: int = 1,
    steps: int = 4,
    samples: int = 2,
    seed: int = 0,
    tier: Tier = "contention",
) -> ChipRun:
    """A run in which everything has happened some random number of times."""
    rng = np.random.default_rng(seed)
    slots = sorted(slots, key=lambda tile: tile.core)
    cores = np.unique([tile.core for tile in slots])
    assert target.chip is not None
    grid = mesh(target.chip.limits, chips)

    def some(*shape: int) -> Array:
        return rng.integers(0, 50, (steps, *shape)) * samples

    counts = ChipCounts(
        samples=samples,
        spikes=some(len(slots)),
        graded=some(len(slots)),
        updates=some(len(slots)),
        sent=some(len(slots)),
        events=some(len(slots), 3) * 100,
        received=some(len(cores)),
        hosted=some(),
        links=some(4, *grid.core_at.shape) * _inside(grid.core_at.shape),
    )
    shape = samples, steps
    times = ChipTimes(
        tier=tier,
        step_s=STEP_S * (1 + rng.random(shape)),
        barrier_s=2e-7,
        slowest=rng.choice([*cores, HOST], shape).astype(np.int32),
        receives=rng.random(shape) < 0.5,
        busy_s=STEP_S * samples * rng.random((2, steps, len(cores))),
        blocked_s=STEP_S * rng.random((steps, len(cores))),
        queued_s=STEP_S * rng.random((steps, len(cores))),
    )
    return ChipRun(
        slots=tuple(slots),
        cores=cores,
        latency=7,
        chips=chips,
        counts=counts,
        times=times,
        asked=samples,
    )


def _inside(shape: tuple[int, ...]) -> Array:
    """Which links lead to another router, and not out of the mesh.  bool [4, rows, columns]."""
    row, column = np.indices(shape)
    return np.stack([column < shape[1] - 1, column > 0, row < shape[0] - 1, row > 0])


def large(target: Target, chips: int = 23, cores: int = 2736, populations: int = 330) -> ChipRun:
    """A run of a network as deep as there are, on many chips."""
    per_core = [cores * i // populations for i in range(populations + 1)]
    slots = []
    for i in range(populations):
        name = f"conv{2 + 3 * i // populations}_x.{i // 2}.residual_function.{3 * (i % 2)}"
        # Neighbours share the core where one ends and the next begins.
        held = range(per_core[i], min(cores, per_core[i + 1] + 1))
        slots += [slot(name, core, begin=NEURONS * n) for n, core in enumerate(held)]
    return run(slots, target, chips=chips, samples=1)


SLOTS = (slot("conv1", 2), slot("conv1", 5), slot("lif1", 5), slot("fc", 5))
ORDER = ("conv1", "lif1", "fc")


def simulated(made: ChipRun | None = None, target: Target | None = None) -> Simulation:
    """A run of three layers on two cores, described; or another."""
    target = target or chip()
    return describe_run(made or run(SLOTS, target), target, ORDER)


def full() -> Simulation:
    """The same, with cores of which it is known how full they are."""
    target = chip()
    assert target.chip is not None
    limits = capacity(target.chip.limits)
    used = np.zeros((2, len(RESOURCES)), np.int64)
    used[:, 0] = limits[0] // 2
    made = run(SLOTS, target)
    return describe_run(made, target, ORDER, Usage(made.cores, used, limits))
