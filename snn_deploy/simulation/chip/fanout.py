"""Where the messages of a neuron go: worked out for classes of neurons, never for each synapse.

What a neuron at (c, y, x) of a box reaches is a product of three axes, so neurons whose channel,
row and column reach as much of every tile are of one class: they send the same messages to the same
cores and cause as many synaptic events there. A convolution has a few dozen classes, however many
synapses it has.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from snn_deploy.ir.graph import Array
from snn_deploy.ir.ops import Identity, Linear
from snn_deploy.mapping.network import Synapse
from snn_deploy.placement.geometry import Box, Connection, Cuts, Tiling, touching

from .compiled import kept
from .result import EVENT_KINDS, EventKind


@dataclass(frozen=True, slots=True)
class Reader:
    """A synapse that reads a node, and the tiles that it delivers to.

    Attributes:
        connection: its geometry.
        tiling: of its target.
        slots: the number of every tile, in C order.  int64 [tiles]
        kind: how its synapses are stored.
    """

    connection: Connection
    tiling: Tiling
    slots: Array
    kind: EventKind


@dataclass(frozen=True, slots=True)
class FanOut:
    """What the neurons of one sending node reach.

    The class of the neuron at (c, y, x) is (channel[c] * rows + row[y]) * columns + column[x],
    where `rows` and `columns` are the numbers of different entries of `row` and `column`.

    Attributes:
        channel, row, column: class of each position of an axis.  int32 [C], [H], [W]
        classes: how many of each axis.
        of: class of each entry, ascending.  int32 or int64 [entries]
        slot: tile that an entry reaches.  int32 or int64 [entries]
        events: synaptic events that a message causes there.  int32 or int64 [entries]
        kind: of the events, a place in EVENT_KINDS.  int8 [entries]
    """

    channel: Array
    row: Array
    column: Array
    classes: tuple[int, int, int]
    of: Array
    slot: Array
    events: Array
    kind: Array

    def without_entries(self) -> Self:
        """Return the classes of the neurons, and nothing of what they reach."""
        return replace(
            self, of=self.of[:0], slot=self.slot[:0], events=self.events[:0], kind=self.kind[:0]
        )


def event_kind(synapse: Synapse) -> EventKind:
    """Return how the synapses of a layer are stored."""
    if isinstance(synapse.op, Linear):
        return "dense"
    return "sparse" if isinstance(synapse.op, Identity) else "conv"


def fan_out(box: Box, readers: Sequence[Reader]) -> FanOut:
    """Return what the neurons of a box reach through all synapses that read them."""
    reach = [
        [_reached(reader.connection, axis, reader.tiling[axis]) for reader in readers]
        for axis in range(3)
    ]
    alike = [_classes(length, tables) for length, tables in zip(box, reach, strict=True)]
    channels, rows, columns = (len(first) for first, _ in alike)
    parts = [
        _entries(reader, [table[first] for table, (first, _) in zip(tables, alike, strict=True)])
        for reader, *tables in zip(readers, *reach, strict=True)
    ]
    of, slot, events, kind = _joined(parts)
    order = np.argsort(of, kind="stable")
    channel, row, column = (place.astype(np.int32) for _, place in alike)
    return FanOut(
        channel,
        row,
        column,
        (channels, rows, columns),
        of[order],
        slot[order],
        events[order],
        kind[order],
    )


def synapse_lists(first: Array, target: Array, tile: Array, kind: EventKind) -> FanOut:
    """Return what neurons reach that have a list of synapses each: a class for every neuron.

    Args:
        first: where each neuron's list begins, and the end of the last.  int64 [N + 1]
        target: neuron that each synapse reaches.  int32 [synapses]
        tile: that holds each neuron.  int32 [targets]
        kind: how the synapses are stored.
    """
    reached = np.zeros(len(first) - 1, np.int32)
    tiles = int(tile.max()) + 1
    _count_tiles(first, target, tile, tiles, reached)
    slot, events = np.empty((2, reached.sum()), np.int32)
    _list_tiles(first, target, tile, tiles, slot, events)
    neurons = np.arange(len(reached), dtype=np.int32)
    alone = np.zeros(1, np.int32)
    return FanOut(
        neurons,
        alone,
        alone,
        classes=(len(neurons), 1, 1),
        of=np.repeat(neurons, reached),
        slot=slot,
        events=events,
        kind=np.full(len(slot), EVENT_KINDS.index(kind), np.int8),
    )


@kept()
def _count_tiles(first, target, tile, tiles, reached):  # type: ignore[no-untyped-def]
    """Count the tiles that each neuron reaches."""
    last = np.full(tiles, -1, np.int32)
    for n in range(len(reached)):
        for s in range(first[n], first[n + 1]):
            there = tile[target[s]]
            if last[there] != n:
                last[there] = n
                reached[n] += 1


@kept()
def _list_tiles(first, target, tile, tiles, slot, events):  # type: ignore[no-untyped-def]
    """List them by neuron, in the order in which its synapses name them."""
    place = np.full(tiles, -1, np.int64)
    begin = 0
    end = 0
    for n in range(len(first) - 1):
        for s in range(first[n], first[n + 1]):
            there = tile[target[s]]
            if place[there] < begin:
                place[there] = end
                slot[end] = there
                events[end] = 0
                end += 1
            events[place[there]] += 1
        begin = end


def _reached(connection: Connection, axis: int, cuts: Cuts) -> Array:
    """Return how many positions of each part of the target a position of the source reaches.

    int64 [source positions, target parts]; the product over the axes are synaptic events.
    """
    positions = connection.source[axis]
    if connection.axes is None:
        return np.tile(np.diff(cuts).astype(np.int64), (positions, 1))
    if axis:
        read = touching(connection.axes[axis - 1]).astype(np.int64)
        return np.add.reduceat(read, cuts[:-1], axis=0).T
    group = np.arange(positions) // (positions // connection.groups)
    size = connection.target[0] // connection.groups
    begin, end = group[:, None] * size, (group[:, None] + 1) * size
    both = np.minimum(end, np.array(cuts[1:])) - np.maximum(begin, np.array(cuts[:-1]))
    return np.maximum(both, 0)


def _classes(length: int, tables: Sequence[Array]) -> tuple[Array, Array]:
    """Return a position of each class of an axis, and the class of each position."""
    if not tables:
        return np.zeros(1, np.int64), np.zeros(length, np.int64)
    _, first, place = np.unique(
        np.concatenate(tables, axis=1), axis=0, return_index=True, return_inverse=True
    )
    return first, place.ravel()


def _entries(reader: Reader, tables: Sequence[Array]) -> tuple[Array, Array, Array, Array]:
    """Return class, slot, events and kind for every class and tile that meet.

    tables: by axis, what each class reaches of each part.
    """
    met = [np.nonzero(table) for table in tables]
    number = [table.shape for table in tables]
    of, tile, events = (np.zeros((1, 1, 1), np.int64) for _ in range(3))
    events += 1
    for axis, (table, (one, part)) in enumerate(zip(tables, met, strict=True)):
        shape = [1, 1, 1]
        shape[axis] = len(one)
        of = of * number[axis][0] + one.reshape(shape)
        tile = tile * number[axis][1] + part.reshape(shape)
        events = events * table[one, part].reshape(shape)
    kind = np.full(of.size, EVENT_KINDS.index(reader.kind), np.int8)
    return of.ravel(), reader.slots[tile.ravel()], events.ravel(), kind


def _joined(parts: Sequence[tuple[Array, ...]]) -> tuple[Array, ...]:
    empty = np.zeros(0, np.int64)
    columns = zip(*parts, strict=True) if parts else ((empty,), (empty,), (empty,), (empty,))
    return tuple(np.concatenate(column) for column in columns)
