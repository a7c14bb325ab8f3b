"""Which parts of a source reach which parts of a target: axis by axis, no synapse list.

Every population is seen as a box [C, H, W]; a connection joins two boxes and is a product of three
axes, so that what holds for tiles of a box is a product of what holds for cuts of its axes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, product
from math import prod

import numpy as np

from snn_deploy.errors import PlacementError
from snn_deploy.ir.graph import Array
from snn_deploy.ir.ops import Conv, Identity, Linear, SumPool
from snn_deploy.mapping.network import ChipNetwork, Synapse

Box = tuple[int, int, int]
Cuts = tuple[int, ...]
"""Where the parts of an axis begin, and its end: (0, 7, 14, 16) is three parts."""

Tiling = tuple[Cuts, Cuts, Cuts]
"""Cuts of the channels, rows and columns of a box. Tiles are counted in C order."""


@dataclass(frozen=True, slots=True)
class Axis:
    """How outputs along an axis read inputs: output p reads p * stride + k * dilation - padding.

    Attributes:
        inputs, outputs: positions.
        kernel, stride, padding, dilation: of the window.
    """

    inputs: int
    outputs: int
    kernel: int = 1
    stride: int = 1
    padding: int = 0
    dilation: int = 1


@dataclass(frozen=True, slots=True)
class Connection:
    """The geometry of a synapse.

    Attributes:
        source, target: the boxes that it joins.
        groups: of channels; outputs of a group read the inputs of that group.
        axes: of rows and columns; None where every input goes to every output.
    """

    source: Box
    target: Box
    groups: int
    axes: tuple[Axis, Axis] | None

    @property
    def shared(self) -> bool:
        """Whether one kernel serves all positions."""
        return self.axes is not None

    @property
    def count(self) -> int:
        """Number of connections, those of weight zero included."""
        if self.axes is None:
            return prod(self.source) * prod(self.target)
        rows, columns = (int(touching(axis).sum()) for axis in self.axes)
        return self.source[0] * self.target[0] // self.groups * rows * columns


def boxes(network: ChipNetwork) -> dict[str, Box]:
    """Return every population as a box; a vector takes the box of what it is the flattened of.

    Raises:
        PlacementError: it is the flattened of two boxes.
    """
    found = {p.name: as_box(p.shape) for p in network.populations if len(p.shape) > 1}
    joined = []
    for synapse in network.synapses:
        source = network.sender[synapse.source].name
        if isinstance(synapse.op, Identity):
            joined += [(source, synapse.target), (synapse.target, source)]
        elif not isinstance(synapse.op, Linear):
            found.setdefault(synapse.target, _given(synapse, found[source], network))
    # Neurons that are joined one to one lie in equal boxes.
    while more := {b: found[a] for a, b in joined if a in found and b not in found}:
        found |= more
    found = {p.name: found.get(p.name, as_box(p.shape)) for p in network.populations}
    for synapse in network.synapses:
        _check_given(synapse, found, network)
    return found


def _check_given(synapse: Synapse, found: Mapping[str, Box], network: ChipNetwork) -> None:
    if isinstance(synapse.op, Linear):
        return
    given = _given(synapse, found[network.sender[synapse.source].name], network)
    if given != found[synapse.target]:
        both = " and of ".join(" x ".join(map(str, b)) for b in (found[synapse.target], given))
        raise PlacementError(synapse.target, f"is the flattened of {both}", "one shape")


def as_box(shape: tuple[int, ...]) -> Box:
    """Return [N], [C, L] or [C, H, W] as [C, H, W]."""
    channels, *rest = shape
    rows, columns = (*(1,) * (2 - len(rest)), *rest)
    return channels, rows, columns


def connect(network: ChipNetwork, synapse: Synapse, source: Box, target: Box) -> Connection:
    """Return the geometry of a synapse between two boxes."""
    if isinstance(synapse.op, Linear):
        return Connection(source, target, 1, None)
    groups = synapse.op.groups if isinstance(synapse.op, Conv) else source[0]
    windows = _windows(network, synapse)
    axes = [
        Axis(*sizes, *window)
        for sizes, window in zip(zip(source[1:], target[1:], strict=True), windows, strict=True)
    ]
    return Connection(source, target, groups, (axes[0], axes[1]))


def _given(synapse: Synapse, source: Box, network: ChipNetwork) -> Box:
    """Return the box that a windowed synapse gives."""
    weight = network.weight(synapse)
    channels = source[0] if weight is None else len(weight)
    rows, columns = (
        (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
        for size, (kernel, stride, padding, dilation) in zip(
            source[1:], _windows(network, synapse), strict=True
        )
    )
    return channels, rows, columns


def _windows(network: ChipNetwork, synapse: Synapse) -> list[tuple[int, int, int, int]]:
    """Return kernel, stride, padding and dilation of rows and columns."""
    op = synapse.op
    if isinstance(op, Identity):
        found = []
    elif isinstance(op, SumPool):
        found = list(zip(op.kernel, op.stride, op.padding, (1, 1), strict=False))
    else:
        assert isinstance(op, Conv), "linear synapses have no window"
        weight = network.weight(synapse)
        assert weight is not None, "a convolution has a weight"
        found = list(zip(weight.shape[2:], op.stride, op.padding, op.dilation, strict=True))
    return [(1, 1, 0, 1)] * (2 - len(found)) + found


def tiling_of(spans: Sequence[tuple[tuple[int, int], ...]]) -> Tiling:
    """Return the cuts of tiles that make a grid, given their spans [channels, rows, columns].

    Raises:
        ValueError: they are no grid, in whatever order.
    """
    axes = zip(*spans, strict=True)
    cuts = [tuple(sorted({end for span in axis for end in span})) for axis in axes]
    channels, rows, columns = cuts
    grid = product(*(pairwise(axis) for axis in cuts))
    if [*grid] != sorted(tuple(span) for span in spans):
        raise ValueError("tiles that are no grid")
    return channels, rows, columns


def tile_sizes(tiling: Tiling) -> Array:
    """Return the positions of every tile.  int64 [channel parts, row parts, column parts]."""
    channels, rows, columns = (np.diff(cuts) for cuts in tiling)
    return np.asarray(channels[:, None, None] * rows[:, None] * columns)


@lru_cache(maxsize=512)
def touching(axis: Axis) -> Array:
    """Return whether output p reads input y.  bool [outputs, inputs]."""
    found = np.zeros((axis.outputs, axis.inputs), bool)
    for k in range(axis.kernel):
        y = np.arange(axis.outputs) * axis.stride + k * axis.dilation - axis.padding
        inside = (y >= 0) & (y < axis.inputs)
        found[np.flatnonzero(inside), y[inside]] = True
    found.flags.writeable = False
    return found


@lru_cache(maxsize=4096)
def reached(connection: Connection, axis: int, cuts: Cuts) -> Array:
    """Return which source positions of an axis reach each part of the target.

    bool [parts, source positions]; axis 0 is the channels.
    """
    if connection.axes is None:
        return np.ones((len(cuts) - 1, connection.source[axis]), bool)
    if axis == 0:
        per_group = connection.target[0] // connection.groups
        group = np.arange(connection.source[0]) // (connection.source[0] // connection.groups)
        first, last = np.array(cuts[:-1]) // per_group, (np.array(cuts[1:]) - 1) // per_group
        return (group >= first[:, None]) & (group <= last[:, None])
    return np.logical_or.reduceat(touching(connection.axes[axis - 1]), cuts[:-1], axis=0)


@lru_cache(maxsize=4096)
def overlaps(connection: Connection, axis: int, source: Cuts, target: Cuts) -> Array:
    """Return how many positions of each part of the source reach each part of the target.

    int64 [source parts, target parts]
    """
    mask = reached(connection, axis, target).astype(np.int64)
    return np.add.reduceat(mask, source[:-1], axis=1).T


@lru_cache(maxsize=4096)
def tap_counts(axis: Axis, first: int, last: int) -> tuple[int, ...]:
    """Return of each different set of taps how many they are.

    A set is that by which an input reaches the outputs [first, last); inputs at the borders of a
    tile reach fewer of them.
    """
    taps = np.arange(axis.kernel) * axis.dilation
    start = np.arange(axis.inputs)[:, None] + axis.padding - taps
    output = start // axis.stride
    used = (start % axis.stride == 0) & (output >= first) & (output < last)
    sets = np.unique(used[used.any(axis=1)], axis=0)
    return tuple(int(count) for count in sets.sum(axis=1))
