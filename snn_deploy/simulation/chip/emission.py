"""One chip step, counted: who sends what when, and what that causes where. Compiled loops.

`emit` goes through the neurons core by core, in the order in which a core does; `tally` turns what
it found into counts. Both are exact: integers, and times in whole picoseconds.
"""

from dataclasses import dataclass

import numpy as np

from snn_deploy.ir.graph import Array

from .compiled import kept
from .machine import GRADED, SPIKE, UPDATED, Machine
from .result import EVENT_KINDS


@dataclass(frozen=True, slots=True)
class Emissions:
    """What leaves the cores in a step, in the order in which it does.

    Attributes:
        core_at: where each core's emissions begin, the host's last, and their end.
            int64 [cores + 2]
        tile_at: where each tile's begin, and their end.  int64 [tiles + 1]
        wait: picoseconds that a core works for its neurons between the emission before, or the
            beginning of the step, and this one.  int64 [emissions]
        route: class of what is sent, of the machine's routes.  int32 [emissions]
        flits: of each message of it.  int32 [emissions]
        rest: picoseconds that a core works after its last one.  int64 [cores + 1]
        spikes, graded, updates: of each tile.  int64 [tiles]
    """

    core_at: Array
    tile_at: Array
    wait: Array
    route: Array
    flits: Array
    rest: Array
    spikes: Array
    graded: Array
    updates: Array


@dataclass(frozen=True, slots=True)
class StepCounts:
    """What the emissions of a step amount to.

    Attributes:
        sent: messages that leave each tile.  int64 [tiles]
        events: synaptic events at each tile, by EVENT_KINDS.  int64 [tiles, kinds]
        received: messages that reach each core.  int64 [cores]
        links: flits over each link, by DIRECTIONS, from the router [row, column].
            int64 [4, rows, columns]
        sending_ps: that each core works for its neurons and what they send; the host is the last.
            int64 [cores + 1]
        receiving_ps: that each core works for what reaches it.  int64 [cores]
    """

    sent: Array
    events: Array
    received: Array
    links: Array
    sending_ps: Array
    receiving_ps: Array


class Stepper:
    """Counts the steps of a machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        tiles, fans = machine.tiles, [sender.fan_out for sender in machine.senders]
        self._tiles = np.column_stack([tiles.population, tiles.first, tiles.last, tiles.core])
        self._boxes = np.array(machine.boxes, np.int64).reshape(-1, 3)
        self._senders = np.full((len(machine.boxes), 2), -1, np.int64)
        for index, sender in enumerate(machine.senders):
            self._senders[sender.population, int(sender.bit == GRADED)] = index
        axes = [axis for fan in fans for axis in (fan.channel, fan.row, fan.column)]
        self._axes = np.concatenate([np.zeros(0, np.int32), *axes])
        self._axis_at = np.cumsum([0, *map(len, axes)])[:-1].reshape(-1, 3)
        self._classes = np.array([fan.classes for fan in fans], np.int64).reshape(-1, 3)
        self._flits = np.array([sender.flits for sender in machine.senders], np.int64)
        pace = machine.pace
        self._pace = np.stack([pace.access, pace.update, pace.send])

    def emit(self, marks: Array) -> Emissions:
        """Return what leaves the cores.

        marks: of all neurons, population by population, uint8 [neurons].
        """
        sends = int(np.count_nonzero(marks & SPIKE) + np.count_nonzero(marks & GRADED))
        cores, tiles = len(self._machine.cores) + 1, len(self._tiles)
        made = Emissions(
            np.zeros(cores + 1, np.int64),
            np.zeros(tiles + 1, np.int64),
            np.empty(sends, np.int64),
            np.empty(sends, np.int32),
            np.empty(sends, np.int32),
            np.zeros(cores, np.int64),
            *np.zeros((3, tiles), np.int64),
        )
        _emit(
            marks,
            self._tiles,
            self._boxes,
            self._machine.first_mark,
            self._senders,
            self._axes,
            self._axis_at,
            self._classes,
            self._machine.routes.first,
            self._flits,
            self._pace,
            *(getattr(made, name) for name in made.__slots__),
        )
        return made

    def tally(self, made: Emissions) -> StepCounts:
        """Return what emissions amount to."""
        machine, routes, tiles = self._machine, self._machine.routes, len(self._tiles)
        cores = len(machine.cores)
        rows, columns = machine.mesh.core_at.shape
        sent, received = np.zeros(tiles, np.int64), np.zeros(cores, np.int64)
        events = np.zeros((tiles, len(EVENT_KINDS)), np.int64)
        receiving = np.zeros(cores, np.int64)
        along, across = np.zeros((2, rows, columns + 1), np.int64), None
        across = np.zeros((2, rows + 1, columns), np.int64)
        _tally(
            made.tile_at,
            made.route,
            made.flits,
            self._tiles[:, -1],
            machine.row,
            machine.column,
            routes.message_at,
            routes.core,
            routes.work,
            routes.event_at,
            routes.tile,
            routes.kind,
            routes.events,
            sent,
            events,
            received,
            receiving,
            along,
            across,
        )
        sending = made.rest + _by_core(made.wait, made.core_at)
        by_core = np.zeros(cores + 1, np.int64)
        np.add.at(by_core, machine.tiles.core, sent)
        sending += by_core * machine.pace.message
        return StepCounts(sent, events, received, _links(along, across), sending, receiving)


def _by_core(values: Array, at: Array) -> Array:
    """Return the sum of each core's part: int64 [cores + 1]."""
    sums = np.concatenate([np.zeros(1, np.int64), np.cumsum(values)])
    return sums[at[1:]] - sums[at[:-1]]


def _links(along: Array, across: Array) -> Array:
    """Return loads from where runs of links begin and end, by DIRECTIONS."""
    runs = np.cumsum(along, axis=2)[:, :, :-1], np.cumsum(across, axis=1)[:, :-1]
    return np.concatenate(runs)


@kept()
def _emit(  # type: ignore[no-untyped-def]  # noqa: C901 - one loop over neurons, flat for speed
    marks,
    tiles,
    boxes,
    first_mark,
    senders,
    axes,
    axis_at,
    classes,
    first_class,
    flits_of,
    pace,
    core_at,
    tile_at,
    wait,
    route,
    flits,
    rest,
    spikes,
    graded,
    updates,
):
    n = 0
    tile = 0
    for core in range(len(core_at) - 1):
        core_at[core] = n
        clock = 0
        access, update, send = pace[0, core], pace[1, core], pace[2, core]
        while tile < len(tiles) and tiles[tile, 7] == core:
            p = tiles[tile, 0]
            height, width = boxes[p, 1], boxes[p, 2]
            for c in range(tiles[tile, 1], tiles[tile, 4]):
                for y in range(tiles[tile, 2], tiles[tile, 5]):
                    row = first_mark[p] + (c * height + y) * width
                    for x in range(tiles[tile, 3], tiles[tile, 6]):
                        mark = marks[row + x]
                        clock += access
                        if mark == 0:
                            continue
                        if mark & UPDATED:
                            clock += update
                            updates[tile] += 1
                        for which in range(2):
                            if not mark & (SPIKE if which == 0 else GRADED):
                                continue
                            clock += send
                            if which == 0:
                                spikes[tile] += 1
                            else:
                                graded[tile] += 1
                            s = senders[p, which]
                            a = axes[axis_at[s, 0] + c]
                            b = axes[axis_at[s, 1] + y]
                            d = axes[axis_at[s, 2] + x]
                            place = (a * classes[s, 1] + b) * classes[s, 2] + d
                            wait[n] = clock
                            route[n] = first_class[s] + place
                            flits[n] = flits_of[s]
                            clock = 0
                            n += 1
            tile += 1
            tile_at[tile] = n
        rest[core] = clock
    core_at[len(core_at) - 1] = n


@kept()
def _tally(  # type: ignore[no-untyped-def]
    tile_at,
    route,
    flits,
    core_of,
    row,
    column,
    message_at,
    to_core,
    work,
    event_at,
    to_tile,
    kind,
    number,
    sent,
    events,
    received,
    receiving,
    along,
    across,
):
    alike = np.zeros(len(message_at) - 1, np.int64)
    for tile in range(len(tile_at) - 1):
        here = core_of[tile]
        for e in range(tile_at[tile], tile_at[tile + 1]):
            alike[route[e]] += 1
        for e in range(tile_at[tile], tile_at[tile + 1]):
            k = route[e]
            times = alike[k]
            if times == 0:
                continue
            alike[k] = 0
            for m in range(message_at[k], message_at[k + 1]):
                there = to_core[m]
                sent[tile] += times
                received[there] += times
                receiving[there] += times * work[m]
                _count_way(row, column, here, there, times * flits[e], along, across)
            for j in range(event_at[k], event_at[k + 1]):
                events[to_tile[j], kind[j]] += times * number[j]


@kept()
def _count_way(row, column, here, there, flits, along, across):  # type: ignore[no-untyped-def]
    """Add a run of links along the row, then one along the column of the destination."""
    r, c, end_r, end_c = row[here], column[here], row[there], column[there]
    if end_c > c:
        along[0, r, c] += flits
        along[0, r, end_c] -= flits
    elif end_c < c:
        along[1, r, end_c + 1] += flits
        along[1, r, c + 1] -= flits
    if end_r > r:
        across[0, r, end_c] += flits
        across[0, end_r, end_c] -= flits
    elif end_r < r:
        across[1, end_r + 1, end_c] += flits
        across[1, r + 1, end_c] -= flits
