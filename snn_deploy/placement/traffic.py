"""Messages between cores: how many, how far, over which links."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from snn_deploy.ir.graph import Array

from .geometry import Connection, Tiling, overlaps
from .mesh import Mesh


@dataclass(frozen=True, slots=True)
class Traffic:
    """Messages in a step from one to another: tiles or cores.

    Attributes:
        source, target: numbers of tiles or cores.  int64 [pairs]
        messages: float64 [pairs], each above 0.
    """

    source: Array
    target: Array
    messages: Array

    def moved(self, source: int, target: int) -> "Traffic":
        """Return the same with other numbers: these are added."""
        return Traffic(self.source + source, self.target + target, self.messages)

    def between(self, core: Array) -> "Traffic":
        """Return the traffic between cores from that between tiles; none within a core."""
        source, target = core[self.source], core[self.target]
        count = int(core.max(initial=0)) + 1
        pairs, place = np.unique(source * count + target, return_inverse=True)
        messages = np.bincount(place, self.messages, minlength=len(pairs))
        away = pairs // count != pairs % count
        return Traffic(pairs[away] // count, pairs[away] % count, messages[away])


def flow(connection: Connection, rate: float, source: Tiling, target: Tiling) -> Traffic:
    """Return what a synapse's source sends its target: each message once to each tile it reaches.

    Tiles are numbered within their populations.
    """
    counts = [overlaps(connection, axis, source[axis], target[axis]) for axis in range(3)]
    pairs = [np.nonzero(count) for count in counts]
    found = []
    for end in (0, 1):
        shape = [count.shape[end] for count in counts]
        c, r, w = (pair[end] for pair in pairs)
        tile = (c[:, None, None] * shape[1] + r[:, None]) * shape[2] + w
        found.append(tile.ravel())
    c, r, w = (count[pair] for count, pair in zip(counts, pairs, strict=True))
    messages = (c[:, None, None] * r[:, None] * w).ravel() * rate
    return Traffic(found[0], found[1], messages)


def joined(parts: Sequence[Traffic]) -> Traffic:
    """Return several traffics as one."""
    empty = np.zeros(0, np.int64)
    columns = [(p.source, p.target, p.messages) for p in parts] or [(empty, empty, empty * 1.0)]
    source, target, messages = (np.concatenate(column) for column in zip(*columns, strict=True))
    return Traffic(source, target, messages)


def cost(grid: Mesh, traffic: Traffic, place: Array) -> float:
    """Return messages times distance in a step, for cores at places."""
    distance = grid.distances(place[traffic.source], place[traffic.target])
    return float(traffic.messages @ distance)


def mean_hops(grid: Mesh, traffic: Traffic, place: Array) -> float:
    """Return the links that a message between cores passes on average; 0 where none does."""
    hops = grid.hops(place[traffic.source], place[traffic.target])
    return float(traffic.messages @ hops) / max(float(traffic.messages.sum()), 1e-300)


def link_loads(grid: Mesh, traffic: Traffic, place: Array) -> Mapping[str, Array]:
    """Return the messages in a step over every link, by direction: from the router [row, column].

    "east" leads to the next column, "south" to the next row. A message to several cores is one to
    each of them.
    """
    source, target = place[traffic.source], place[traffic.target]
    r0, c0, r1, c1 = grid.row[source], grid.column[source], grid.row[target], grid.column[target]
    shape = grid.core_at.shape
    east = _runs(shape, r0, c0, c1, traffic.messages)
    west = _runs(shape, r0, c1 + 1, c0 + 1, traffic.messages)
    south = _runs(shape[::-1], c1, r0, r1, traffic.messages).T
    north = _runs(shape[::-1], c1, r1 + 1, r0 + 1, traffic.messages).T
    return {"east": east, "west": west, "south": south, "north": north}


def _runs(shape: tuple[int, ...], line: Array, first: Array, end: Array, messages: Array) -> Array:
    """Return how much passes each position of each line, for runs [first, end) that go up."""
    up = first < end
    change = np.zeros((shape[0], shape[1] + 1))
    np.add.at(change, (line[up], first[up]), messages[up])
    np.add.at(change, (line[up], end[up]), -messages[up])
    return np.asarray(np.cumsum(change, axis=1)[:, :-1])
