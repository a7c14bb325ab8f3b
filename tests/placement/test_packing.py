"""Tiles on cores."""

import numpy as np
import pytest

from snn_deploy.placement.packing import pack


def packed(sizes: list[int], limit: int, layers: list[int] | None = None) -> list[int]:
    layer = np.array(layers or list(range(len(sizes))))
    return pack(np.array(sizes)[:, None], layer, np.array([limit])).tolist()


def test_large_tiles_are_alone() -> None:
    assert packed([9, 8, 7], 10) == [0, 1, 2]


def test_small_tiles_fill_what_is_left() -> None:
    assert packed([9, 1, 8, 2], 10) == [0, 0, 1, 1]


def test_every_resource_counts() -> None:
    demand = np.array([[5, 1], [5, 9], [1, 1]])
    assert pack(demand, np.arange(3), np.array([10, 10])).tolist() == [0, 0, 1]
    assert pack(demand, np.arange(3), np.array([10, 9])).tolist() == [0, 1, 0]


def test_the_nearest_layer_is_company() -> None:
    assert packed([6, 6, 6, 3, 3, 3], 10, [0, 5, 9, 9, 0, 5]) == [0, 1, 2, 2, 0, 1]


def test_the_fullest_core_is_company_where_that_saves_one() -> None:
    """By layers, 3 and 2 go to 6 and 7 and leave 3 without a place; 7 + 3, 6 + 2 + 2 fill two."""
    assert max(packed([7, 6, 3, 2, 2], 10, [9, 0, 0, 0, 0])) == 1


@pytest.mark.parametrize("seed", range(20))
def test_no_core_is_over_full(seed: int) -> None:
    rng = np.random.default_rng(seed)
    demand, limits = rng.integers(1, 60, (80, 3)), np.array([100, 90, 80])
    core = pack(demand, rng.integers(0, 9, 80), limits)
    used = np.zeros((core.max() + 1, 3), int)
    np.add.at(used, core, demand)
    assert (used <= limits).all()
    assert set(core) == set(range(core.max() + 1))
    firsts = [int(np.flatnonzero(core == c)[0]) for c in range(core.max() + 1)]
    assert firsts == sorted(firsts)
    assert len(used) <= 1.3 * (demand / limits).max(axis=1).sum() + 1
