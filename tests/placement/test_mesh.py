"""Routers, chips, distances, and orders of places."""

import numpy as np
import pytest

from snn_deploy.placement.mesh import curves, mesh
from tests.placement.chips import chip_of

LIMITS = chip_of("loihi").limits


def test_one_chip() -> None:
    """4 rows of 8 routers with 4 cores each."""
    grid = mesh(LIMITS, 1)
    assert grid.places == 128
    assert (grid.row[5], grid.column[5]) == (0, 1)
    assert (grid.row[127], grid.column[127]) == (3, 7)
    assert grid.core_at[1, 0] == 32
    assert grid.hops(np.array([0, 0, 0]), np.array([3, 4, 127])).tolist() == [0, 1, 10]
    assert (
        grid.distances(np.arange(128), np.zeros(128, int)) == grid.hops(np.arange(128), 0)
    ).all()


def test_two_chips_are_one_above_the_other() -> None:
    """So that the grid is 8 x 8. A link between chips is 8 others long."""
    grid = mesh(LIMITS, 2)
    assert grid.core_at.shape == (8, 8)
    below, above = 128, 96
    assert (grid.row[above], grid.row[below]) == (3, 4)
    assert grid.hops(np.array([above]), np.array([below])).item() == 1
    assert grid.distances(np.array([above]), np.array([below])).item() == 8


def test_chips_run_to_and_fro() -> None:
    """Of six chips in rows of two, each has a side in common with the next."""
    grid = mesh(LIMITS, 6)
    corners = [
        (grid.row[grid.chip == c].min(), grid.column[grid.chip == c].min()) for c in range(6)
    ]
    assert corners == [(0, 0), (0, 8), (4, 8), (4, 0), (8, 0), (8, 8)]


def test_a_chip_that_is_missing_leaves_a_hole() -> None:
    grid = mesh(LIMITS, 5)
    assert grid.core_at.shape == (12, 16)
    assert (grid.core_at >= 0).sum() == 5 * 32
    assert (grid.core_at[8:, 8:] == -1).all()


def test_a_chip_with_fewer_cores_than_routers_have_places() -> None:
    grid = mesh(chip_of("loihi2").limits, 1)
    assert grid.places == 120
    assert (grid.core_at >= 0).sum() == 30


@pytest.mark.parametrize("chips", [1, 2, 5])
def test_curves_visit_every_place_and_stay_near(chips: int) -> None:
    grid = mesh(LIMITS, chips)
    first, *others = curves(grid)
    assert first.tolist() == list(range(grid.places))
    for curve in others:
        assert sorted(curve) == list(range(grid.places))
        assert (np.diff(grid.chip[curve]) >= 0).all()
        steps = grid.hops(curve[1:], curve[:-1])
        inside = np.diff(grid.chip[curve]) == 0
        assert steps[inside].max() <= 4
