"""What the tiles of a population need of their cores."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TypeVar

import numpy as np

from snn_deploy.hardware import Chip, Limits
from snn_deploy.ir.graph import Array

from .geometry import Box, Connection, Cuts, Tiling, overlaps, reached, tile_sizes
from .layers import Labels, Layer
from .storage import synapse_words

RESOURCES = (
    "neurons",
    "neuron_groups",
    "synapse_words",
    "axon_map_words",
    "axon_memory_words",
    "core_words",
    "input_axons",
    "output_axons",
    "delay_slots",
    "neuron_formats",
    "thresholds",
    "synapse_formats",
)
"""What a core has, and what tiles that share it add up to: the last axis of every demand."""

UNLIMITED = 2**62

Item = TypeVar("Item", bound=Hashable)

_NONE = np.zeros((1, 1, 1), np.int64)


@dataclass(frozen=True, slots=True)
class Reader:
    """A synapse that reads a layer, and the tiles that it delivers to.

    Attributes:
        node: whose messages it reads; those of one node share their map of axons.
        connection: its geometry.
        tiling: of its target.
    """

    node: str
    connection: Connection
    tiling: Tiling


def capacity(limits: Limits) -> Array:
    """Return how much a core has of every resource.  int64 [RESOURCES]."""
    found = {name: getattr(limits, name) for name in RESOURCES}
    found["neurons"] = min(limits.neurons, limits.allocated_neurons or limits.neurons)
    return np.array([UNLIMITED if n is None else n for n in found.values()], np.int64)


def demand(chip: Chip, layer: Layer, readers: Sequence[Reader], tiling: Tiling) -> Array:
    """Return what every tile needs.

    Args:
        chip: whose memory holds them.
        layer: that is cut.
        readers: of the layer.
        tiling: of the layer.

    Returns:
        int64 [channel parts, row parts, column parts, RESOURCES].
    """
    neurons = tile_sizes(tiling)
    found = {
        "neurons": neurons,
        "neuron_groups": np.ones((1, 1, 1), np.int64),
        "delay_slots": neurons * layer.slots,
        "neuron_formats": _different(layer.exponents, layer.box, tiling),
        "thresholds": _different(layer.thresholds, layer.box, tiling),
        **_arriving(chip, layer, tiling),
        **_leaving(chip, neurons, readers, tiling),
    }
    in_words = ("neurons", "synapse_words", "axon_map_words", "axon_memory_words")
    found["core_words"] = _sum_of(in_words, lambda name: found.get(name, _NONE))
    columns = [np.broadcast_to(found.get(name, _NONE), neurons.shape) for name in RESOURCES]
    return np.stack(columns, axis=-1)


def _arriving(chip: Chip, layer: Layer, tiling: Tiling) -> Mapping[str, Array]:
    """Return what every tile needs for the messages that reach it."""
    stored = [incoming.stored for incoming in layer.incoming]
    return {
        "synapse_words": _sum_of(stored, lambda s: synapse_words(chip, s, tiling)),
        "input_axons": _sum_of(stored, lambda s: _input_axons(chip, s.connection, tiling)),
        "synapse_formats": _formats(layer, tiling[0]),
    }


def _formats(layer: Layer, cuts: Cuts) -> Array:
    """Return how many formats of synapses each part of the channels has.

    A format is a width, an exponent, a field for delays, and whether there is an index.
    """
    found = []
    for first, last in pairwise(cuts):
        formats = {
            (i.stored.bits, i.stored.delayed, i.stored.connection.shared, exponent)
            for i in layer.incoming
            for exponent in (i.exponents if len(i.exponents) == 1 else i.exponents[first:last])
        }
        found.append(len(formats))
    return np.array(found)[:, None, None]


def _input_axons(chip: Chip, connection: Connection, tiling: Tiling) -> Array:
    """Return the input axons that every tile needs for a synapse.

    All-to-all: one for each input. A shared kernel: one for all of it (`kernels`, as the core
    tables of Intel's compiler say), or one for each position that reaches the tile, its channels
    told apart by the message (`lists`, as nengo-loihi's `conv.py` does).
    """
    if not connection.shared:
        return np.full((1, 1, 1), int(np.prod(connection.source)))
    if chip.synapse_store == "kernels":
        return np.ones((1, 1, 1), np.int64)
    rows, columns = (reached(connection, axis, tiling[axis]).sum(axis=1) for axis in (1, 2))
    return np.asarray((rows[:, None] * columns)[None])


def _leaving(
    chip: Chip, neurons: Array, readers: Sequence[Reader], tiling: Tiling
) -> Mapping[str, Array]:
    """Return what every tile needs for the messages that leave it.

    `lists`: an output axon for each position, or neuron towards an all-to-all layer, and tile that
    it reaches, as nengo-loihi counts them.

    `kernels`: an entry of the map for each position, or for each neuron where an all-to-all layer
    reads it, as the core tables say; and a word of axon memory for each position and tile that it
    reaches, or for each tile of an all-to-all layer, which is at least what they say.
    """
    routes = [(reader.connection, reader.tiling) for reader in readers]
    if chip.synapse_store == "lists":
        slots = chip.limits.population_axon_slots or 1
        axons = _sum_of(routes, lambda r: _routes(*r, tiling) * (slots if r[0].shared else neurons))
        return {"output_axons": axons}
    positions = neurons // np.diff(tiling[0])[:, None, None]
    dense = {reader.node for reader in readers if not reader.connection.shared}
    nodes = {reader.node for reader in readers}
    return {
        "axon_map_words": len(dense) * neurons + len(nodes - dense) * positions,
        "axon_memory_words": _sum_of(routes, lambda r: _routes(*r, tiling)),
    }


def _routes(connection: Connection, target: Tiling, tiling: Tiling) -> Array:
    """Return from how many positions to how many tiles messages go, or to how many tiles at all."""
    if not connection.shared:
        return np.full((1, 1, 1), tile_sizes(target).size)
    channels, rows, columns = (
        overlaps(connection, axis, tiling[axis], target[axis]) for axis in range(3)
    )
    parts = (channels > 0).sum(axis=1)
    return np.asarray(parts[:, None, None] * rows.sum(axis=1)[:, None] * columns.sum(axis=1))


def _sum_of(items: Iterable[Item], each: Callable[[Item], Array]) -> Array:
    """Return the sum over items; what equal items give is computed once."""
    return sum((count * each(item) for item, count in Counter(items).items()), _NONE)


@lru_cache(maxsize=1024)
def _different(labels: Labels, box: Box, tiling: Tiling) -> Array:
    """Return how many different labels every tile has."""
    if len(labels) == 1:
        return np.ones((1, 1, 1), np.int64)
    grid = np.array(labels).reshape(box if len(labels) == np.prod(box) else (box[0], 1, 1))
    shape = [len(cuts) - 1 if n > 1 else 1 for cuts, n in zip(tiling, grid.shape, strict=True)]
    found = np.zeros(shape, np.int64)
    for place in np.ndindex(found.shape):
        part = tuple(slice(*cuts[i : i + 2]) for cuts, i in zip(tiling, place, strict=True))
        found[place] = len(np.unique(grid[part]))
    return found
