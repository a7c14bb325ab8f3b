"""Cuts every population into tiles that fit a core each, as few cores' worth as possible.

Populations are cut from the last to the first: what leaves a tile depends on how its readers are
cut, what it receives does not depend on how its sources are. So every choice is exact when it is
made, and none is taken back.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, get_args

import numpy as np

from snn_deploy.errors import CapacityError, UsageError
from snn_deploy.hardware import Chip, Target
from snn_deploy.ir.graph import Array
from snn_deploy.mapping.network import ChipNetwork

from .demand import RESOURCES, Reader, capacity, demand
from .fields import Misfit, field_misfits, remedy
from .geometry import Box, Tiling, reached, tile_sizes
from .layers import Layer, Layers, describe
from .storage import synapse_words

Sharing = Literal["alike", "any"]
"""What a cut expects of small tiles: that they share cores with tiles of their own size, or that
those of up to half a core fill cores to the brim. Neither is better for all networks."""

SHARINGS: tuple[Sharing, ...] = get_args(Sharing)

ATTEMPTS = 32
"""How many tilings are looked at once one is found that fits, in search of a better one."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A population, cut.

    Attributes:
        tiling: where.
        demand: of every tile.  int64 [channel parts, row parts, column parts, RESOURCES]
        cores: what the tiles take at least, where they share cores as well as can be.
    """

    tiling: Tiling
    demand: Array
    cores: float

    @property
    def tiles(self) -> int:
        """Number of tiles."""
        return self.demand[..., 0].size


@dataclass(frozen=True, slots=True)
class Partition:
    """A network whose populations are cut for a chip.

    Attributes:
        chip: whose cores they fit.
        layers: of the network.
        cuts: by population, those that cores hold, in the network's order.
    """

    chip: Chip
    layers: Layers
    cuts: Mapping[str, Cut]


def partition(network: ChipNetwork, target: Target, sharing: Sharing = "alike") -> Partition:
    """Cut all populations that cores hold.

    Args:
        network: laid out.
        target: a chip.
        sharing: what to expect of small tiles.

    Raises:
        CapacityError: all numbers that their fields cannot hold, and all populations of which a
            core cannot hold a single neuron.
        UsageError: the target is no chip.
    """
    if target.chip is None:
        raise UsageError(f"{target.name} has no cores to place a network on", "choose a chip")
    chip = target.chip
    layers = describe(network, chip)
    fields = [*field_misfits(network, chip.limits)]
    misfits: list[Misfit] = []
    found: dict[str, Cut] = {}
    known: dict[tuple[Layer, tuple[Reader, ...]], Cut | None] = {}
    for name in reversed([*layers.held]):
        key = layers.held[name], tuple(_readers(layers, name, found))
        if key not in known:
            # Where a field cannot hold a number nothing fits: no search, but all complaints.
            known[key] = None if fields else _cut(chip, sharing, *key)
        cut = known[key]
        if cut is None:
            misfits = [*_misfits(name, chip, *key), *misfits]
        found[name] = cut or _uncut(chip, *key)
    if fields or misfits:
        raise CapacityError(target.name, [*fields, *misfits], remedy([*fields, *misfits]))
    return Partition(chip, layers, {name: found[name] for name in layers.held})


def _readers(layers: Layers, name: str, cuts: Mapping[str, Cut]) -> Iterator[Reader]:
    """Yield the readers of a population; nodes are numbered, so that equal layers are equal."""
    population = layers.network.by_name[name]
    for synapse, connection in layers.readers(name):
        node = str(population.sends.index(synapse.source))
        yield Reader(node, connection, cuts[synapse.target].tiling)


def _cut(chip: Chip, sharing: Sharing, layer: Layer, readers: Sequence[Reader]) -> Cut | None:
    """Return the best tiling that fits, or None.

    Tilings are looked at in the order of what they take at least; one that fits ends the search
    when no other can be better, or after some attempts.
    """
    limits = capacity(chip.limits)
    if (_alone(chip, layer, readers) > limits).any():
        return None
    best: tuple[tuple[float, int, int], Cut] | None = None
    attempts = 0
    for least, tiling in _candidates(chip, sharing, layer):
        if best is not None and (least > best[0][0] or attempts >= ATTEMPTS):
            break
        attempts += best is not None
        needed = demand(chip, layer, readers, tiling)
        if (needed > limits).any():
            continue
        load = (needed / limits).max(axis=-1)
        key = (float(_worth(load, sharing).sum()), load.size, _received(layer, tiling))
        if best is None or key < best[0]:
            best = key, Cut(tiling, needed, float(load.sum()))
    return None if best is None else best[1]


def _uncut(chip: Chip, layer: Layer, readers: Sequence[Reader]) -> Cut:
    """Return a population as one tile: what its sources take it for, where nothing fits."""
    tiling = _tiling(layer.box, layer.box)
    return Cut(tiling, demand(chip, layer, readers, tiling), 0.0)


def _worth(load: Array, sharing: Sharing) -> Array:
    """Return how much of a core a tile takes that loads it so far."""
    if sharing == "any":
        return np.where(load > 1 / 2, 1.0, load)
    return 1 / np.maximum(np.floor(1 / np.maximum(load, 1e-9)), 1)


def _candidates(chip: Chip, sharing: Sharing, layer: Layer) -> Iterator[tuple[float, Tiling]]:
    """Yield tilings with what they are worth at least, the least first.

    Tiles of a tiling are equal, but for the last of each axis, which takes what is left: full
    tiles leave one small rest, which shares a core with others.
    """
    steps = [_steps(length) for length in layer.box]
    grid = np.meshgrid(*steps, indexing="ij")
    worth, count = np.zeros(grid[0].shape), np.ones(grid[0].shape, np.int64)
    fits = np.ones(grid[0].shape, bool)
    kinds = []
    for size, length in zip(grid, layer.box, strict=True):
        kinds.append(((size, length // size), (length % size, np.minimum(length % size, 1))))
        count *= -(-length // size)
    for kind in product(*kinds):
        extent, number = zip(*kind, strict=True)
        load = _least_load(chip, layer, extent)
        many = np.prod(number, axis=0)
        fits &= (load <= 1) | (many == 0)
        worth += many * _worth(load, sharing)
    for flat in np.lexsort((count.ravel(), worth.ravel())):
        if fits.flat[flat]:
            yield float(worth.flat[flat]), _tiling(layer.box, [int(g.flat[flat]) for g in grid])


def _steps(length: int) -> list[int]:
    """Return all sizes of equal parts of an axis, of which no smaller ones make as few parts."""
    return sorted({-(-length // parts) for parts in range(1, length + 1)})


def _least_load(chip: Chip, layer: Layer, extent: Sequence[Array]) -> Array:
    """Return the share of a core that tiles of a size take at least, whatever leaves them."""
    limits = capacity(chip.limits)
    neurons = np.prod(extent, axis=0)
    channels, place = np.unique(extent[0], return_inverse=True)
    words = np.array([_least_words(chip, layer, int(c)) for c in channels])[place]
    words = words.reshape(neurons.shape)
    found = {
        "neurons": neurons,
        "neuron_groups": np.minimum(neurons, 1),
        "synapse_words": words,
        "core_words": neurons + words,
        "delay_slots": neurons * layer.slots,
    }
    loads = [array / limits[RESOURCES.index(name)] for name, array in found.items()]
    return np.asarray(np.max(loads, axis=0))


def _least_words(chip: Chip, layer: Layer, channels: int) -> int:
    """Return the synapse words of one position of some channels; more positions take no fewer."""
    if channels == 0:
        return 0
    first, rows, columns = (
        (0, size, length) if size < length else (0, length)
        for size, length in zip((channels, 1, 1), layer.box, strict=True)
    )
    words = [synapse_words(chip, i.stored, (first, rows, columns)).flat[0] for i in layer.incoming]
    return int(sum(words))


def _tiling(box: Box, size: Sequence[int]) -> Tiling:
    """Return the tiling of a box by tiles of a size."""
    channels, rows, columns = (
        (*range(0, length, step), length) for length, step in zip(box, size, strict=True)
    )
    return channels, rows, columns


def _received(layer: Layer, tiling: Tiling) -> int:
    """Return the messages that tiles receive if every source sends one to each that it reaches."""
    total = 0
    for incoming in layer.incoming:
        masks = (reached(incoming.stored.connection, axis, tiling[axis]) for axis in range(3))
        total += int(np.prod([mask.sum() for mask in masks]))
    return total


def _misfits(name: str, chip: Chip, layer: Layer, readers: Sequence[Reader]) -> list[Misfit]:
    """Return what a core lacks for a single neuron of a population."""
    limits = capacity(chip.limits)
    most = _alone(chip, layer, readers)
    return [
        (name, f"{resource.replace('_', ' ')} for one neuron", int(needed), int(limit))
        for resource, needed, limit in zip(RESOURCES, most, limits, strict=True)
        if needed > limit
    ]


def _alone(chip: Chip, layer: Layer, readers: Sequence[Reader]) -> Array:
    """Return the most that a neuron needs of each resource, of those at borders and in the middle.

    int64 [RESOURCES]
    """
    places = [sorted({0, length // 2, length - 1}) for length in layer.box]
    channels, rows, columns = (
        tuple(sorted({end for p in place for end in (p, p + 1)} | {0, length}))
        for place, length in zip(places, layer.box, strict=True)
    )
    needed = demand(chip, layer, readers, (channels, rows, columns))
    return np.asarray(needed[tile_sizes((channels, rows, columns)) == 1].max(axis=0))
