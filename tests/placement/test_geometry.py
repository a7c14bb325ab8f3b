"""Who reaches whom, axis by axis, against the definition of a window."""

import numpy as np
import pytest

from snn_deploy.placement.geometry import (
    Axis,
    Connection,
    as_box,
    boxes,
    overlaps,
    reached,
    tap_counts,
    tile_sizes,
    touching,
)
from tests.placement.chips import network

AXES = [
    Axis(8, 8, 3, 1, 1),
    Axis(8, 4, 3, 2, 1),
    Axis(9, 3, 2, 3, 0),  # some inputs reach nothing
    Axis(9, 7, 2, 1, 0, 2),
    Axis(5, 9, 5, 1, 4),
    Axis(6, 6),
]


def reads(axis: Axis, output: int) -> set[tuple[int, int]]:
    """Return input and tap of all that an output reads."""
    pairs = (
        (output * axis.stride + k * axis.dilation - axis.padding, k) for k in range(axis.kernel)
    )
    return {(y, k) for y, k in pairs if 0 <= y < axis.inputs}


@pytest.mark.parametrize("axis", AXES)
def test_who_reads_whom(axis: Axis) -> None:
    found = touching(axis)
    for p in range(axis.outputs):
        assert set(np.flatnonzero(found[p])) == {y for y, _ in reads(axis, p)}


@pytest.mark.parametrize("axis", AXES)
def test_who_reaches_a_part_and_by_which_taps(axis: Axis) -> None:
    cuts = (0, 1, axis.outputs - 1, axis.outputs)
    connection = Connection((4, axis.inputs, 1), (4, axis.outputs, 1), 1, (axis, Axis(1, 1)))
    masks = reached(connection, 1, cuts)
    for mask, first, last in zip(masks, cuts, cuts[1:], strict=False):
        taps: dict[int, set[int]] = {}
        for p in range(first, last):
            for y, k in reads(axis, p):
                taps.setdefault(y, set()).add(k)
        assert set(np.flatnonzero(mask)) == set(taps)
        different = {frozenset(t) for t in taps.values()}
        assert sorted(tap_counts(axis, first, last)) == sorted(len(t) for t in different)
    source = (0, 2, axis.inputs)
    expected = [[mask[a:b].sum() for mask in masks] for a, b in ((0, 2), (2, axis.inputs))]
    assert overlaps(connection, 1, source, cuts).tolist() == np.array(expected).tolist()


def test_channels_reach_their_group() -> None:
    """3 groups of 2 to 4 channels."""
    connection = Connection((6, 1, 1), (12, 1, 1), 3, (Axis(1, 1), Axis(1, 1)))
    masks = reached(connection, 0, (0, 3, 5, 12))
    assert [np.flatnonzero(mask).tolist() for mask in masks] == [[0, 1], [0, 1, 2, 3], [2, 3, 4, 5]]


def test_all_reach_all_without_a_window() -> None:
    connection = Connection((2, 3, 4), (5, 1, 1), 1, None)
    assert connection.count == 24 * 5
    assert all(reached(connection, axis, (0, 1)).all() for axis in range(3))


def test_connections_are_counted_once_each() -> None:
    """3 x 3 with borders: rows and columns of 8 have 22 meetings each."""
    axis = Axis(8, 8, 3, 1, 1)
    assert Connection((4, 8, 8), (6, 8, 8), 2, (axis, axis)).count == 2 * 2 * 3 * 22 * 22


def test_boxes() -> None:
    assert as_box((5,)) == (5, 1, 1)
    assert as_box((5, 7)) == (5, 1, 7)
    assert as_box((5, 6, 7)) == (5, 6, 7)
    found = boxes(network("flattened_neurons relay"))
    assert found["lif1"] == (4, 8, 8)  # a vector, seen as what the convolution gives
    assert found["head"] == (5, 1, 1)


def test_tile_sizes() -> None:
    assert tile_sizes(((0, 2, 3), (0, 4), (0, 1, 5))).tolist() == [[[8, 32]], [[4, 16]]]
