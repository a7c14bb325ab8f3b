"""A placed network as flat arrays, which compiled loops walk: neurons, cores, messages, events."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from snn_deploy.errors import PlacementError
from snn_deploy.hardware import Chip, Target
from snn_deploy.ir.graph import Array
from snn_deploy.mapping.network import ChipNetwork, Population, Synapse
from snn_deploy.placement import Placement, Slot
from snn_deploy.placement.geometry import Box, Connection, boxes, connect, tiling_of
from snn_deploy.placement.layers import on_cores
from snn_deploy.placement.mesh import Mesh, mesh

from .fanout import FanOut, Reader, event_kind, fan_out
from .routes import Routes, picoseconds, routes

SPIKE, GRADED, UPDATED = 1, 2, 4
"""Bits of a mark: a neuron sends a spike, sends a graded message, is updated."""


@dataclass(frozen=True, slots=True)
class Sender:
    """A node whose values leave a population as messages.

    Attributes:
        node: its name.
        population: its place in `Machine.populations`.
        bit: SPIKE or GRADED.
        flits: of a message.
        fan_out: where its messages go.
    """

    node: str
    population: int
    bit: int
    flits: int
    fan_out: FanOut


@dataclass(frozen=True, slots=True)
class Tiles:
    """Every tile of every population, core by core: the order in which a core goes through them.

    Attributes:
        population: of each.  int64 [tiles]
        first, last: of channels, rows and columns, last excluded.  int64 [tiles, 3]
        core: place in `Machine.cores`, ascending.  int64 [tiles]
    """

    population: Array
    first: Array
    last: Array
    core: Array


@dataclass(frozen=True, slots=True)
class Pace:
    """Picoseconds that a core takes for what it does.  int64 [cores] each; the host is the last.

    Attributes:
        access: for every neuron.
        update: more, for one that is updated.
        send: more, for one that sends.
        message: more, for each message that leaves.
    """

    access: Array
    update: Array
    send: Array
    message: Array


@dataclass(frozen=True, slots=True)
class Machine:
    """A placed network, ready to be simulated.

    Attributes:
        name: of the network.
        chip: with its tables.
        mesh: of all chips in use.
        populations: names: of those on cores, then of the host's input, if any.
        depths: chip steps by which each population lags behind the input.  int64 [populations]
        boxes: of the populations, [C, H, W] each.
        cores: the places in use, ascending; the host follows as one more, at the first router.
        senders: spikes and graded messages of the populations; what they reach is in `routes`.
        tiles: of the populations.
        routes: of the senders' classes.
        pace: of the cores.
    """

    name: str
    chip: Chip
    mesh: Mesh
    populations: tuple[str, ...]
    depths: Array
    boxes: tuple[Box, ...]
    cores: Array
    senders: tuple[Sender, ...]
    tiles: Tiles
    routes: Routes
    pace: Pace

    @property
    def row(self) -> Array:
        """Router row of every core, the host's too: int64 [cores + 1]."""
        return np.append(self.mesh.row[self.cores], 0)

    @property
    def column(self) -> Array:
        """Router column of every core, the host's too: int64 [cores + 1]."""
        return np.append(self.mesh.column[self.cores], 0)

    @property
    def first_mark(self) -> Array:
        """Where each population's marks begin, and their end: int64 [populations + 1]."""
        return np.cumsum([0, *(prod(box) for box in self.boxes)])

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Tiles on cores, as a placement has them, core by core."""
        tiles = self.tiles
        ends = np.stack([tiles.first, tiles.last], axis=2).tolist()
        rows = zip(tiles.population.tolist(), ends, tiles.core.tolist(), strict=True)
        return tuple(
            Slot(self.populations[p], (c0, c1), (y0, y1), (x0, x1), int(self.cores[core]))
            for p, ((c0, c1), (y0, y1), (x0, x1)), core in rows
            if core < len(self.cores)
        )

    @property
    def neurons(self) -> Array:
        """Neurons of each tile: int64 [tiles]."""
        return np.asarray((self.tiles.last - self.tiles.first).prod(axis=1))

    @property
    def on_cores(self) -> Array:
        """Which tiles lie on a core, and not with the host: bool [tiles]."""
        return self.tiles.core < len(self.cores)

    @property
    def routers(self) -> int:
        """Routers with a core in use: what a barrier waits for."""
        places = {*zip(self.row[:-1].tolist(), self.column[:-1].tolist(), strict=True)}
        return len(places)


def machine(network: ChipNetwork, placement: Placement, target: Target) -> Machine:
    """Return a placed network as arrays.

    Args:
        network: laid out.
        placement: of this network on this target.
        target: a chip.

    Raises:
        PlacementError: the placement is of another network or chip, or holds a neuron twice or not
            at all.
    """
    check_placement(network, placement, target)
    chip = target.chip
    assert chip is not None, "a placement is of a chip"
    box = boxes(network)
    inputs = (p for p in network.populations if p.source is not None and not p.hosted)
    populations = (*(p for p in network.populations if on_cores(p)), *inputs)
    cores = np.unique([slot.core for slot in placement.slots])
    tiles = _tiles(populations, [box[p.name] for p in populations], placement, cores)
    return assemble(
        network.graph.name,
        chip,
        placement.chips,
        {p.name: (p.depth, box[p.name]) for p in populations},
        cores,
        tiles,
        tuple(_senders(network, populations, box, tiles, chip)),
    )


def assemble(
    name: str,
    chip: Chip,
    chips: int,
    populations: Mapping[str, tuple[int, Box]],
    cores: Array,
    tiles: Tiles,
    senders: Sequence[Sender],
) -> Machine:
    """Return a machine made of its parts, however their neurons are connected.

    Args:
        name: of the network.
        chip: its tables.
        chips: how many.
        populations: depth and box of each, by name.
        cores: the places in use, ascending.
        tiles: of the populations; those of core len(cores) are the host's.
        senders: of the populations.
    """
    depths, sizes = zip(*populations.values(), strict=True)
    fans = [sender.fan_out for sender in senders]
    found = routes(fans, tiles.core, len(cores), chip.latency)
    grid = mesh(chip.limits, chips)
    pace = _pace(chip, len(cores))
    return Machine(
        name,
        chip,
        grid,
        tuple(populations),
        np.array(depths),
        sizes,
        cores,
        tuple(replace(sender, fan_out=sender.fan_out.without_entries()) for sender in senders),
        tiles,
        found,
        pace,
    )


def check_placement(network: ChipNetwork, placement: Placement, target: Target) -> None:
    """Raise PlacementError where a placement is not one of this network on this target."""
    if placement.target != target.name:
        raise PlacementError(network.graph.name, f"is placed on {placement.target}", target.name)
    assert target.chip is not None, "a placement is of a chip"
    places = placement.chips * target.chip.limits.cores
    by_population: dict[str, list[Slot]] = {}
    for slot in placement.slots:
        if not 0 <= slot.core < places:
            raise PlacementError(
                slot.population, f"lies on core {slot.core}", f"one of {places} cores"
            )
        by_population.setdefault(slot.population, []).append(slot)
    box = boxes(network)
    held = {p.name for p in network.populations if on_cores(p)}
    for name in sorted(held ^ by_population.keys()):
        there = "has no core" if name in held else "is no population of it"
        raise PlacementError(network.graph.name, f"'{name}' {there}", "the placement's own network")
    for name, slots in by_population.items():
        _check_tiles(name, slots, box[name])


def _check_tiles(name: str, slots: Sequence[Slot], box: Box) -> None:
    wanted = " x ".join(map(str, box))
    try:
        tiling = tiling_of([slot.spans for slot in slots])
    except ValueError:
        raise PlacementError(
            name, "its tiles overlap or leave gaps", f"a grid of {wanted}"
        ) from None
    ends = [(cuts[0], cuts[-1]) for cuts in tiling]
    if ends != [(0, length) for length in box]:
        found = " x ".join(f"{first}:{last}" for first, last in ends)
        raise PlacementError(name, f"its tiles cover {found}", f"all of {wanted}")


def _tiles(
    populations: Sequence[Population], box: Sequence[Box], placement: Placement, cores: Array
) -> Tiles:
    """Return all tiles by core; the host holds each input in one."""
    place = {p.name: i for i, p in enumerate(populations)}
    slots = sorted(placement.slots, key=lambda slot: slot.core)
    population = [place[slot.population] for slot in slots]
    spans = [slot.spans for slot in slots]
    core = np.searchsorted(cores, [slot.core for slot in slots]).tolist()
    for index, (p, size) in enumerate(zip(populations, box, strict=True)):
        if p.source is not None:
            population.append(index)
            spans.append(((0, size[0]), (0, size[1]), (0, size[2])))
            core.append(len(cores))
    ends = np.array(spans, np.int64).reshape(-1, 3, 2)
    return Tiles(
        np.array(population, np.int64), ends[:, :, 0], ends[:, :, 1], np.array(core, np.int64)
    )


def _senders(
    network: ChipNetwork,
    populations: Sequence[Population],
    box: Mapping[str, Box],
    tiles: Tiles,
    chip: Chip,
) -> Iterator[Sender]:
    place = {p.name: i for i, p in enumerate(populations)}
    for index, population in enumerate(populations):
        for node in population.sends:
            graded = network.graph[node].type.kind != "spike"
            readers = [
                _reader(network, synapse, box, tiles, place[synapse.target])
                for synapse in network.outgoing[node]
                if synapse.target in place  # what the host hears is no message
            ]
            flits = chip.network.graded_flits if graded else chip.network.spike_flits
            reach = fan_out(box[population.name], readers)
            yield Sender(node, index, GRADED if graded else SPIKE, flits, reach)


def _reader(
    network: ChipNetwork, synapse: Synapse, box: Mapping[str, Box], tiles: Tiles, target: int
) -> Reader:
    source = network.sender[synapse.source].name
    connection: Connection = connect(network, synapse, box[source], box[synapse.target])
    numbers = np.flatnonzero(tiles.population == target)
    # By core they lie in any order; a grid is counted in C order.
    numbers = numbers[np.lexsort(tiles.first[numbers].T[::-1])]
    spans = zip(tiles.first[numbers].tolist(), tiles.last[numbers].tolist(), strict=True)
    tiling = tiling_of([tuple(zip(*span, strict=True)) for span in spans])
    return Reader(connection, tiling, numbers, event_kind(synapse))


def _pace(chip: Chip, cores: int) -> Pace:
    """Return how fast cores are; the host puts out one message after the other, and that is all."""
    core = chip.latency
    times = [core.neuron_access_s, core.neuron_update_s, core.send_s, core.axon_out_s]
    rows = np.tile(picoseconds(times)[:, None], (1, cores + 1))
    rows[:, -1] = [0, 0, 0, picoseconds([core.host_message_s])[0]]
    return Pace(*rows)
