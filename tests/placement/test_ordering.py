"""A ring of cores that is scattered finds together."""

import numpy as np

from snn_deploy.placement.mesh import mesh
from snn_deploy.placement.ordering import refine, rounds_for, start
from snn_deploy.placement.traffic import Traffic, cost
from tests.placement.chips import chip_of

GRID = mesh(chip_of("loihi").limits, 1)
CHAIN = Traffic(np.arange(63), np.arange(1, 64), np.ones(63))


def test_a_chain_takes_the_shortest_way_there_is() -> None:
    """64 cores on 16 routers: 15 hops, neighbours on one router cost nothing."""
    assert cost(GRID, CHAIN, start(GRID, CHAIN, 64)) == 15


def test_a_scattered_chain_gets_short() -> None:
    rng = np.random.default_rng(20)
    scattered = rng.permutation(128)[:64]
    found = refine(GRID, CHAIN, scattered, 4000, rng)
    assert len(set(found.tolist())) == 64
    assert cost(GRID, CHAIN, found) < cost(GRID, CHAIN, scattered) / 4


def test_places_are_kept_where_no_way_is_shorter() -> None:
    near = Traffic(np.array([0, 1]), np.array([1, 2]), np.ones(2))
    place = np.array([1, 0, 3])
    assert refine(GRID, near, place, 10, np.random.default_rng(0)) is place


def test_places_are_kept_where_nothing_is_sent() -> None:
    silent = Traffic(np.zeros(0, int), np.zeros(0, int), np.zeros(0))
    place = np.array([5, 3, 9])
    assert refine(GRID, silent, place, 10, np.random.default_rng(0)) is place


def test_the_more_there_is_to_weigh_the_fewer_rounds() -> None:
    many = np.zeros(10**6, int)
    assert rounds_for(CHAIN) == 8000
    assert rounds_for(Traffic(many, many, many)) == 800
