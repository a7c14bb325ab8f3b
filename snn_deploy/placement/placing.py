"""`place`: cut, pack, order, refine."""

from collections.abc import Iterator, Mapping
from itertools import pairwise, product
from typing import Literal

import numpy as np

from snn_deploy.errors import CapacityError
from snn_deploy.hardware import Limits, Target
from snn_deploy.ir.graph import Array
from snn_deploy.mapping.network import ChipNetwork

from .demand import RESOURCES, UNLIMITED, capacity
from .mesh import Mesh, mesh
from .ordering import refine, rounds_for, start
from .packing import pack
from .partition import SHARINGS, Cut, Partition, partition
from .result import Placement, Slot, Used, Ways
from .totals import Rates, rate_of
from .traffic import Traffic, cost, flow, joined, link_loads, mean_hops

Begin = Literal["best", "sequential", "random"]
"""Where refinement begins: along the curve that costs least, or, to be compared with, core after
core in the order of the layers, or anywhere."""


def place(
    network: ChipNetwork,
    target: Target,
    rates: Rates | None = None,
    *,
    seed: int = 0,
    effort: int | None = None,
    begin: Begin = "best",
) -> Placement:
    """Put the neurons of a network on the cores of a chip, or of several.

    As few cores as can be found; among them, messages go short ways. The same arguments give the
    same placement.

    Args:
        network: laid out.
        target: a chip.
        rates: messages per neuron and step of the nodes that send, as for `needs`.
        seed: of what is tried.
        effort: rounds of swaps; 0 leaves the beginning as it is. Unless said, as many as are
            worth half a minute at most.
        begin: where the swaps begin.

    Raises:
        CapacityError: all that does not fit, with what would help.
        UsageError: the target is no chip.
    """
    parts, core, traffic = _divided(network, target, rates or {})
    limits, cores = parts.chip.limits, int(core.max()) + 1
    chips = _chips(network, target.name, limits, cores)
    grid, rng = mesh(limits, chips), np.random.default_rng(seed)
    before = _begin(grid, traffic, cores, begin, rng)
    rounds = rounds_for(traffic) if effort is None else effort
    after = refine(grid, traffic, before, rounds, rng)
    return Placement(
        target=target.name,
        slots=tuple(_slots(parts.cuts, after[core])),
        cores_used=len(after),
        cores=grid.places,
        chips=chips,
        utilization=_utilization(_demands(parts), after[core], limits),
        ways=_ways(grid, traffic, after),
        ways_before=_ways(grid, traffic, before),
        shapes={name: network.by_name[name].shape for name in parts.cuts},
    )


def _divided(
    network: ChipNetwork, target: Target, rates: Rates
) -> tuple[Partition, Array, Traffic]:
    """Return tiles, their cores, and the traffic between cores: the fewest cores, then messages."""
    found = []
    for sharing in SHARINGS:
        parts = partition(network, target, sharing)
        core = _packed(parts)
        found.append((parts, core, messages(parts, rates).between(core)))
    return min(found, key=lambda one: (one[1].max(), one[2].messages.sum()))


def messages(parts: Partition, rates: Rates) -> Traffic:
    """Return the messages between all tiles in a step; tiles are counted in the cuts' order."""
    counts = [cut.tiles for cut in parts.cuts.values()]
    first = dict(zip(parts.cuts, np.cumsum([0, *counts]).tolist(), strict=False))
    found = []
    for name, cut in parts.cuts.items():
        for synapse, connection in parts.layers.readers(name):
            rate = rate_of(parts.layers, synapse.source, rates)
            sent = flow(connection, rate, cut.tiling, parts.cuts[synapse.target].tiling)
            found.append(sent.moved(first[name], first[synapse.target]))
    return joined(found)


def _packed(parts: Partition) -> Array:
    """Return a core for every tile; the cores have no places yet.  int64 [tiles]."""
    counts = [cut.tiles for cut in parts.cuts.values()]
    layer = np.repeat(np.arange(len(counts)), counts)
    return pack(_demands(parts), layer, capacity(parts.chip.limits))


def _demands(parts: Partition) -> Array:
    """Return the demand of all tiles.  int64 [tiles, RESOURCES]."""
    return np.concatenate([c.demand.reshape(-1, len(RESOURCES)) for c in parts.cuts.values()])


def _chips(network: ChipNetwork, target: str, limits: Limits, cores: int) -> int:
    """Return how many chips so many cores take. Raises CapacityError if no system has as many."""
    chips = -(-cores // limits.cores)
    if chips > limits.chips:
        most = f"the largest system of {limits.chips:,} chips has {limits.chips * limits.cores:,}"
        misfit = (network.graph.name, "chips", chips, limits.chips)
        raise CapacityError(target, [misfit], f"{cores:,} cores are needed, {most}")
    return chips


def _begin(
    grid: Mesh, traffic: Traffic, cores: int, begin: Begin, rng: np.random.Generator
) -> Array:
    if begin == "random":
        return rng.permutation(grid.places)[:cores]
    return np.arange(cores) if begin == "sequential" else start(grid, traffic, cores)


def _slots(cuts: Mapping[str, Cut], core: Array) -> Iterator[Slot]:
    places = iter(core.tolist())
    for name, cut in cuts.items():
        spans = ([*pairwise(ends)] for ends in cut.tiling)
        for channels, rows, columns in product(*spans):
            yield Slot(name, channels, rows, columns, next(places))


def _utilization(demand: Array, core: Array, limits: Limits) -> Mapping[str, Used]:
    """Return for every resource that the chip counts what its fullest core uses."""
    numbers, place = np.unique(core, return_inverse=True)
    used = np.zeros((len(numbers), len(RESOURCES)), np.int64)
    np.add.at(used, place, demand)
    worst = used.argmax(axis=0)
    return {
        name: Used(int(used[worst[i], i]), int(limit), int(numbers[worst[i]]))
        for i, (name, limit) in enumerate(zip(RESOURCES, capacity(limits), strict=True))
        if limit < UNLIMITED
    }


def _ways(grid: Mesh, traffic: Traffic, place: Array) -> Ways:
    busiest = max(float(load.max()) for load in link_loads(grid, traffic, place).values())
    return Ways(cost(grid, traffic, place), mean_hops(grid, traffic, place), busiest)
