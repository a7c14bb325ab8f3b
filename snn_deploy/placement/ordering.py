"""Which core goes where on the mesh: a curve to begin with, then simulated annealing."""

from dataclasses import dataclass

import numpy as np

from snn_deploy.ir.graph import Array

from .mesh import Mesh, curves
from .traffic import Traffic, cost

HOT, COLD = 2.0, 0.01
"""First and last temperature, in what a core's messages cost on average: at first nearly every
swap is made, in the end hardly one that is a loss."""

OFFERED = 8
"""One core in so many is offered another place in a round; at least so many are."""


MOST_ROUNDS = 8000

PAIRS = 8 * 10**8
"""Rounds times pairs of cores that talk to each other: half a minute, about."""


def rounds_for(traffic: Traffic) -> int:
    """Return how many rounds are worth their time: fewer where more messages are to be weighed."""
    return max(100, min(MOST_ROUNDS, PAIRS // max(len(traffic.messages), 1)))


def start(grid: Mesh, traffic: Traffic, cores: int) -> Array:
    """Return places for cores along the curve that costs least, in their order."""
    found = [curve[:cores] for curve in curves(grid)]
    return min(found, key=lambda place: cost(grid, traffic, place))


def refine(
    grid: Mesh, traffic: Traffic, place: Array, rounds: int, rng: np.random.Generator
) -> Array:
    """Swap cores by simulated annealing; return the best places met, the given ones included.

    In a round some cores are each offered a place near those they exchange messages with. A swap
    that would lower the cost alone is made, one that raises it by d with probability exp(-d / T),
    and T falls from round to round by the same factor.

    Args:
        grid: of the places.
        traffic: between cores.
        place: of each core.  int64 [cores]
        rounds: how many.
        rng: decides who is offered what, and what is made.
    """
    if cost(grid, traffic, place) == 0:
        return place  # nobody talks, or all on one router
    swaps = _Swaps(grid, traffic, place)
    best = swaps.cost, place
    mean = swaps.cost / len(place)
    for temperature in mean * np.geomspace(HOT, COLD, rounds):
        swaps.round(temperature, rng)
        if swaps.cost < best[0]:
            best = swaps.cost, swaps.place[: len(place)].copy()
    # The cost was added up change by change; what is returned is compared anew.
    return min(place, best[1], key=lambda found: cost(grid, traffic, found))


@dataclass(frozen=True, slots=True)
class _Neighbors:
    """Who exchanges messages with whom, both ways together: those of core i are a run of arrays.

    Attributes:
        begin: where the run of each core begins, and the end.  int64 [places + 1]
        core: the neighbour.
        messages: with it.
    """

    begin: Array
    core: Array
    messages: Array


class _Swaps:
    """A placement that changes. Places without a core hold one that talks to nobody."""

    def __init__(self, grid: Mesh, traffic: Traffic, place: Array) -> None:
        self.grid = grid
        self.cores = len(place)
        unused = np.setdiff1d(np.arange(grid.places), place)
        self.place = np.concatenate([place, unused])
        self.holder = np.argsort(self.place)
        self.neighbors = _neighbors(traffic, grid.places)
        self.cost = cost(grid, traffic, self.place)

    def round(self, temperature: float, rng: np.random.Generator) -> None:
        """Offer places to some cores, and make the swaps that are accepted."""
        one, other = self._offers(rng)
        gain = self._gain(one, other) + self._gain(other, one)
        accepted = rng.random(len(gain)) < np.exp(np.minimum(gain, 0) / temperature)
        a, b = one[accepted], other[accepted]
        moved = np.concatenate([a, b])
        runs = self._runs(moved)
        before = self._cost_of(moved, *runs)
        self.place[a], self.place[b] = self.place[b], self.place[a]
        self.holder[self.place[a]], self.holder[self.place[b]] = a, b
        self.cost += self._cost_of(moved, *runs) - before

    def _cost_of(self, cores: Array, owner: Array, neighbor: Array, messages: Array) -> float:
        """Return the cost of all messages that cores send or receive, given their runs."""
        among = np.zeros(len(self.place), bool)
        among[cores] = True
        distance = self.grid.distances(self.place[cores][owner], self.place[neighbor])
        # Messages between two of them are in the runs of both.
        return float((messages * distance) @ np.where(among[neighbor], 0.5, 1.0))

    def _offers(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return pairs of cores that might swap, no core in two of them."""
        one = rng.permutation(self.cores)[: max(OFFERED, self.cores // OFFERED)]
        rows, columns = self.grid.core_at.shape
        spread = rng.choice((0.5, 1.0, 2.0, max(rows, columns) / 2), len(one))
        row, column = (
            np.clip(np.rint(middle + spread * rng.standard_normal(len(one))), 0, end - 1)
            for middle, end in zip(self._middles(one), (rows, columns), strict=True)
        )
        first = self.grid.core_at[row.astype(int), column.astype(int)]
        lane = first + rng.integers(0, self.grid.router_cores, len(one))
        there = (first >= 0) & (lane < self.grid.places)
        one, other = one[there], self.holder[lane[there]]
        both = np.stack([one, other], axis=1).ravel()
        _, seen = np.unique(both, return_index=True)
        fresh = np.zeros(len(both), bool)
        fresh[seen] = True
        alone = fresh.reshape(-1, 2).all(axis=1)
        return one[alone], other[alone]

    def _middles(self, cores: Array) -> tuple[Array, Array]:
        """Return the row and the column in the middle of those that cores talk to."""
        owner, neighbor, messages = self._runs(cores)
        weight = np.bincount(owner, messages, minlength=len(cores))
        there = self.place[neighbor]
        row, column = (
            np.bincount(owner, messages * axis[there], minlength=len(cores))
            / np.maximum(weight, 1e-300)
            for axis in (self.grid.row, self.grid.column)
        )
        return row, column

    def _gain(self, moved: Array, to: Array) -> Array:
        """Return by how much it lowers the cost of each core's own messages to take a place."""
        owner, neighbor, messages = self._runs(moved)
        here, there = self.place[moved][owner], self.place[to][owner]
        with_whom = self.place[neighbor]
        nearer = self.grid.distances(here, with_whom) - self.grid.distances(there, with_whom)
        nearer[neighbor == to[owner]] = 0  # two that swap are as far apart as before
        return np.bincount(owner, messages * nearer, minlength=len(moved))

    def _runs(self, cores: Array) -> tuple[Array, Array, Array]:
        """Return the neighbours of cores one after the other, and whose each is."""
        begin, end = self.neighbors.begin[cores], self.neighbors.begin[cores + 1]
        length = end - begin
        owner = np.repeat(np.arange(len(cores)), length)
        at = np.arange(len(owner)) + np.repeat(begin - (np.cumsum(length) - length), length)
        return owner, self.neighbors.core[at], self.neighbors.messages[at]


def _neighbors(traffic: Traffic, count: int) -> _Neighbors:
    one = np.concatenate([traffic.source, traffic.target])
    other = np.concatenate([traffic.target, traffic.source])
    order = np.lexsort((other, one))
    begin = np.searchsorted(one[order], np.arange(count + 1))
    return _Neighbors(begin, other[order], np.tile(traffic.messages, 2)[order])
