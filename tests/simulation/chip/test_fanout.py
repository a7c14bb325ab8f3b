"""Classes of neurons against neurons one by one, whatever the geometry."""

from collections import Counter
from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn_deploy.ir.ops import Conv, Identity, Linear, SumPool
from snn_deploy.mapping import Synapse
from snn_deploy.placement.geometry import Axis, Box, Connection, Cuts, Tiling, tiling_of
from snn_deploy.simulation.chip.fanout import (
    FanOut,
    Reader,
    event_kind,
    fan_out,
    synapse_lists,
)
from snn_deploy.simulation.chip.result import EVENT_KINDS, EventKind

Reached = Counter[tuple[int, str]]
"""Events, by tile and kind."""


def of_neuron(fan: FanOut, place: Sequence[int]) -> Reached:
    """Return what the class of a neuron reaches."""
    c, y, x = place
    _, rows, columns = fan.classes
    number = (fan.channel[c] * rows + fan.row[y]) * columns + fan.column[x]
    found: Reached = Counter()
    for e in np.flatnonzero(fan.of == number):
        found[int(fan.slot[e]), EVENT_KINDS[fan.kind[e]]] += int(fan.events[e])
    return found


def one_by_one(reader: Reader, place: Sequence[int]) -> Reached:
    """Return what a neuron reaches, one neuron of the target after the other."""
    found: Reached = Counter()
    connection = reader.connection
    counts = [len(cuts) - 1 for cuts in reader.tiling]
    for there in product(*map(range, connection.target)):
        if connection.axes is not None and not joined(connection, place, there):
            continue
        parts = [
            sum(cut <= at for cut in cuts) - 1
            for at, cuts in zip(there, reader.tiling, strict=True)
        ]
        tile = (parts[0] * counts[1] + parts[1]) * counts[2] + parts[2]
        found[int(reader.slots[tile]), reader.kind] += 1
    return found


def joined(connection: Connection, here: Sequence[int], there: Sequence[int]) -> bool:
    """Say whether a windowed connection joins two neurons: `Axis` has the formula."""
    assert connection.axes is not None
    fan_in = connection.source[0] // connection.groups
    outputs = connection.target[0] // connection.groups
    if here[0] // fan_in != there[0] // outputs:
        return False
    return all(
        any(p * a.stride + k * a.dilation - a.padding == y for k in range(a.kernel))
        for a, y, p in zip(connection.axes, here[1:], there[1:], strict=True)
    )


def cut(draw: st.DrawFn, length: int) -> Cuts:
    inner = draw(st.sets(st.integers(1, max(1, length - 1)), max_size=3))
    return (0, *sorted(inner - {length}), length)


def tiled(draw: st.DrawFn, box: Box) -> Tiling:
    return cut(draw, box[0]), cut(draw, box[1]), cut(draw, box[2])


def axis(draw: st.DrawFn, inputs: int) -> Axis:
    """Draw a window: of any stride, padding and dilation that leaves an output."""
    kernel, stride, dilation = (draw(st.integers(1, 3)) for _ in range(3))
    span = dilation * (kernel - 1) + 1
    padding = draw(st.integers(max(0, -(-(span - inputs) // 2)), 4))
    outputs = (inputs + 2 * padding - span) // stride + 1
    return Axis(inputs, outputs, kernel, stride, padding, dilation)


@st.composite
def readers_of_a_box(draw: st.DrawFn) -> tuple[Box, list[Reader]]:
    groups = draw(st.integers(1, 3))
    source = (groups * draw(st.integers(1, 2)), draw(st.integers(1, 6)), draw(st.integers(1, 6)))
    readers: list[Reader] = []
    for _ in range(draw(st.integers(1, 3))):
        kind: EventKind = draw(st.sampled_from(EVENT_KINDS))
        if kind == "dense":
            connection = Connection(source, (draw(st.integers(1, 5)), 1, 1), 1, None)
        elif kind == "sparse":
            axes = (Axis(source[1], source[1]), Axis(source[2], source[2]))
            connection = Connection(source, source, source[0], axes)
        else:
            axes = (axis(draw, source[1]), axis(draw, source[2]))
            target = (groups * draw(st.integers(1, 2)), axes[0].outputs, axes[1].outputs)
            connection = Connection(source, target, groups, axes)
        tiling = tiled(draw, connection.target)
        tiles = int(np.prod([len(cuts) - 1 for cuts in tiling]))
        numbers = np.array(draw(st.permutations(range(tiles))), np.int64) + 100 * len(readers)
        readers.append(Reader(connection, tiling, numbers, kind))
    return source, readers


@given(readers_of_a_box())
@settings(max_examples=50)
def test_every_neuron_reaches_what_its_synapses_do(case: tuple[Box, list[Reader]]) -> None:
    box, readers = case
    fan = fan_out(box, readers)
    assert (np.diff(fan.of) >= 0).all()
    for place in product(*map(range, box)):
        expected: Reached = Counter()
        for reader in readers:
            expected.update(one_by_one(reader, place))
        assert of_neuron(fan, place) == expected


def square(channels: int, length: int, parts: int, stride: int = 1) -> tuple[Box, Reader]:
    """Return a 3x3 convolution with borders, its target cut into parts along every axis."""
    window = Axis(length, (length - 1) // stride + 1, 3, stride, 1)
    target = (channels, window.outputs, window.outputs)
    tiling = tuple(tuple(size * i // parts for i in range(parts + 1)) for size in target)
    assert len(tiling) == 3
    connection = Connection((channels, length, length), target, 1, (window, window))
    return connection.source, Reader(connection, tiling, np.arange(parts**3), "conv")


def test_a_convolution_by_hand() -> None:
    """Two outputs on 3x3: a corner reaches 4 places, an edge 6, the middle 9, of each."""
    box, reader = square(2, 3, 1)
    fan = fan_out(box, [reader])
    assert fan.classes == (1, 2, 2)
    assert fan.channel.tolist() == [0, 0]
    assert fan.row.tolist() == fan.column.tolist() == [0, 1, 0]
    assert fan.of.tolist() == [0, 1, 2, 3]
    assert fan.events.tolist() == [2 * 4, 2 * 6, 2 * 6, 2 * 9]
    assert fan.slot.tolist() == [0] * 4


def test_a_stride_leaves_neurons_out() -> None:
    """1x1 with stride 2: odd rows and columns reach nobody."""
    window = Axis(4, 2, 1, 2)
    connection = Connection((1, 4, 4), (3, 2, 2), 1, (window, window))
    fan = fan_out((1, 4, 4), [Reader(connection, ((0, 3), (0, 2), (0, 2)), np.zeros(1), "conv")])
    assert of_neuron(fan, (0, 0, 2)) == {(0, "conv"): 3}
    assert of_neuron(fan, (0, 1, 2)) == {}
    assert len(fan.of) == 1


@pytest.mark.parametrize("stride", [1, 2])
def test_cost_does_not_grow_with_channels_nor_with_the_map(stride: int) -> None:
    """What makes classes is how the target is cut, and borders."""
    small, deep, wide = (
        fan_out(box, [reader])
        for box, reader in (square(*size, 3, stride) for size in ((6, 24), (96, 24), (6, 192)))
    )
    assert small.classes == deep.classes == wide.classes
    assert len(small.of) == len(deep.of) == len(wide.of) < 1000
    assert deep.events.sum() == 16 * small.events.sum()


def test_dense_layers_have_one_class() -> None:
    connection = Connection((5, 6, 7), (9, 1, 1), 1, None)
    reader = Reader(connection, ((0, 4, 9), (0, 1), (0, 1)), np.array([3, 8]), "dense")
    fan = fan_out((5, 6, 7), [reader])
    assert fan.classes == (1, 1, 1)
    assert (fan.slot.tolist(), fan.events.tolist()) == ([3, 8], [4, 5])


def test_nobody_reads() -> None:
    fan = fan_out((2, 3, 4), [])
    assert fan.classes == (1, 1, 1)
    assert len(fan.of) == len(fan.slot) == len(fan.events) == len(fan.kind) == 0
    assert [len(axis) for axis in (fan.channel, fan.row, fan.column)] == [2, 3, 4]


def test_kinds() -> None:
    window = ((1,), (1,), (0,))
    ops = (Linear(), Identity(), SumPool(*window), Conv(*window))
    synapses = [Synapse("s", "a", "b", op, None, 0, False, (1, 2), (1, 2)) for op in ops]
    assert [event_kind(s) for s in synapses] == ["dense", "sparse", "conv", "conv"]


@given(st.data())
@settings(max_examples=50)
def test_lists_of_synapses(data: st.DataObject) -> None:
    """A neuron may reach a tile by many synapses, a neuron twice, or nobody at all."""
    tile = np.array(data.draw(st.lists(st.integers(0, 4), min_size=1, max_size=9)), np.int32)
    lists = data.draw(
        st.lists(st.lists(st.integers(0, len(tile) - 1), max_size=6), min_size=1, max_size=6)
    )
    first = np.cumsum([0, *map(len, lists)])
    target = np.array([t for several in lists for t in several], np.int32)
    fan = synapse_lists(first, target, tile, "sparse")
    for neuron, several in enumerate(lists):
        expected = Counter((int(tile[t]), "sparse") for t in several)
        assert of_neuron(fan, (neuron, 0, 0)) == expected
        assert len(set(fan.slot[fan.of == neuron])) == (fan.of == neuron).sum()


GRID = [((c, c + 2), (y, y + 1), (0, 5)) for c in (0, 2) for y in (0, 1, 2)]


def test_tiles_of_a_grid_in_any_order() -> None:
    expected = ((0, 2, 4), (0, 1, 2, 3), (0, 5))
    assert tiling_of(GRID) == tiling_of(GRID[::-1]) == expected


@pytest.mark.parametrize(
    "spans",
    [
        GRID[1:],
        [*GRID, GRID[0]],
        [*GRID[1:], ((0, 2), (0, 1), (0, 4))],
        [*GRID[1:], ((0, 3), (0, 1), (0, 5))],
        [*GRID, ((0, 0), (0, 1), (0, 5))],
    ],
    ids=["a hole", "one twice", "one too short", "an overlap", "one of nothing"],
)
def test_tiles_that_are_no_grid(spans: list[tuple[tuple[int, int], ...]]) -> None:
    with pytest.raises(ValueError, match="no grid"):
        tiling_of(spans)
