"""How many words of memory a core needs for the synapses of a tile.

Two stores, as `hardware.SynapseStore` names them:

`kernels` (Loihi 2). A kernel lies there once, however large the tile. For each of its taps and
input channels: a word, and the weights towards the tile's channels, packed,

    kernel rows * kernel columns * input channels * (1 + ceil(channels * bits / word))

An all-to-all layer has a list for each input, ceil((neurons * (bits + index) + head) / word), zero
weights included. Both are fitted to the core tables in the output of Intel's own compiler, see
`targets/README.md`. A kernel of several groups is taken to be one for each group.

`lists` (Loihi). The list of an input holds its synapses in parts of 64, each with a head, rounded
up to words; the inputs of a convolution share a list where they reach outputs by the same taps, so
the borders of a tile have their own. An index is left out where a list covers all neurons in order.
As nengo-loihi 1.1.0 stores them, `block.py` and `conv.py`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, product
from math import prod

import numpy as np

from snn_deploy.hardware import Chip, Limits
from snn_deploy.ir.graph import Array

from .geometry import Connection, Cuts, Tiling, tap_counts, tile_sizes

_NO_FIELD = {"lists": (7,)}
"""Widths that a store has no field for; the next one is taken. Source: nengo-loihi, block.py."""


Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Stored:
    """Synapses as they are stored.

    Attributes:
        connection: their geometry.
        bits: of a weight.
        delayed: whether they have a delay.
    """

    connection: Connection
    bits: int
    delayed: bool


@lru_cache(maxsize=4096)
def synapse_words(chip: Chip, stored: Stored, tiling: Tiling) -> Array:
    """Return the words of every tile of the target.  int64, broadcasts to the tiles [C, H, W]."""
    field = stored.bits + (stored.bits in _NO_FIELD.get(chip.synapse_store, ()))
    if not stored.connection.shared:
        return _all_to_all(chip, stored, field, tiling)
    if chip.synapse_store == "kernels":
        return _kernels(chip.limits, stored, field, tiling[0])
    return _lists(chip.limits, stored, field, tiling)


def weight_bits(weight: Array) -> int:
    """Return how many bits weights need, a sign only where signs are mixed, at least 1.

    A power of two that divides all of them is left to the exponent.
    """
    whole = weight.astype(np.int64) >> common_exponent(weight)
    low, high = int(whole.min(initial=0)), int(whole.max(initial=0))
    if low >= 0 or high <= 0:
        return max(1, max(high, -low).bit_length())
    return 1 + max(high.bit_length(), (-low - 1).bit_length())


def common_exponent(weight: Array) -> int:
    """Return the largest e for which 2^e divides all weights; 0 if all are zero."""
    together = int(np.bitwise_or.reduce(weight.ravel().astype(np.int64)))
    return (together & -together).bit_length() - 1 if together else 0


def _all_to_all(chip: Chip, stored: Stored, field: int, tiling: Tiling) -> Array:
    limits = chip.limits
    inputs = int(np.prod(stored.connection.source))
    index = limits.index_bits if chip.synapse_store == "kernels" else 0
    synapse = field + index + (limits.delay_bits if stored.delayed else 0)
    return inputs * _list_words(limits, tile_sizes(tiling), synapse)


def _list_words(limits: Limits, synapses: Array, bits: int) -> Array:
    """Return the words of lists of so many synapses of so many bits."""
    part = limits.list_synapses
    if part is None:
        return -(-(synapses * bits + limits.list_bits) // limits.word_bits)
    whole, rest = synapses // part, synapses % part
    full = -(-(part * bits + limits.list_bits) // limits.word_bits)
    return whole * full + np.where(
        rest, -(-(rest * bits + limits.list_bits) // limits.word_bits), 0
    )


def _kernels(limits: Limits, stored: Stored, field: int, cuts: Cuts) -> Array:
    connection = stored.connection
    assert connection.axes is not None, "shared kernels have axes"
    taps = connection.axes[0].kernel * connection.axes[1].kernel
    inputs = connection.source[0] // connection.groups
    outputs = _outputs_by_group(connection, cuts)
    rows = [
        sum(n * (1 + -(-size * field // limits.word_bits)) for size, n in part.items())
        for part in outputs
    ]
    return np.array(rows, np.int64)[:, None, None] * (taps * inputs)


def _lists(limits: Limits, stored: Stored, field: int, tiling: Tiling) -> Array:
    connection = stored.connection
    assert connection.axes is not None, "shared kernels have axes"
    bits = field + (limits.delay_bits if stored.delayed else 0)
    sets = [_outputs_by_group(connection, tiling[0])]
    for axis, cuts in zip(connection.axes, tiling[1:], strict=True):
        sets.append([Counter(tap_counts(axis, a, b)) for a, b in pairwise(cuts)])
    parts = [
        [(int(size), tuple(one.items())) for size, one in zip(np.diff(cuts), each, strict=True)]
        for cuts, each in zip(tiling, sets, strict=True)
    ]
    # Most parts of an axis are alike, so there are few kinds of tiles.
    kinds = [list(dict.fromkeys(part)) for part in parts]
    words = [_tile_words(limits, bits, tile) for tile in product(*kinds)]
    table = np.array(words, np.int64).reshape([len(kind) for kind in kinds])
    places = [[kind.index(p) for p in part] for part, kind in zip(parts, kinds, strict=True)]
    return table[np.ix_(*places)] * (connection.source[0] // connection.groups)


def _tile_words(limits: Limits, bits: int, tile: Sequence[tuple[int, Pairs]]) -> int:
    """Return the words of the lists of an input channel.

    tile: by axis, its size and pairs: (channels of groups, or taps of sets of taps; how many such).
    There is a list for each choice of a group and of sets of taps.
    """
    neurons = prod(size for size, _ in tile)
    index = max(limits.index_bits, (neurons - 1).bit_length())
    choices = list(product(*(pairs for _, pairs in tile)))
    lengths = np.array([prod(length for length, _ in choice) for choice in choices])
    counts = np.array([prod(count for _, count in choice) for choice in choices])
    return int((_list_words(limits, lengths, bits + index) * counts).sum())


def _outputs_by_group(connection: Connection, cuts: Cuts) -> list[Counter[int]]:
    """Return for each part of the channels how many groups have how many of its channels."""
    per_group = connection.target[0] // connection.groups
    found = []
    for a, b in pairwise(cuts):
        bounds = [a, *range((a // per_group + 1) * per_group, b, per_group), b]
        found.append(Counter(np.diff(bounds).tolist()))
    return found
