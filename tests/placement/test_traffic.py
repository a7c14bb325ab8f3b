"""Messages from tile to tile and over links, on a mesh that can be drawn."""

from dataclasses import replace

import numpy as np

from snn_deploy.placement.geometry import Axis, Connection
from snn_deploy.placement.mesh import mesh
from snn_deploy.placement.traffic import Traffic, cost, flow, joined, link_loads, mean_hops
from tests.placement.chips import chip_of

GRID = mesh(
    replace(chip_of("loihi").limits, cores=6, mesh_rows=2, mesh_columns=3, router_cores=1), 1
)
"""0 1 2 above 3 4 5, a core each."""


def test_a_message_reaches_every_tile_that_listens() -> None:
    """A row of 6, a kernel of 3: the tile of 0 to 2 hears 0 to 3, the other 2 to 5."""
    axes = Axis(1, 1), Axis(6, 6, 3, 1, 1)
    connection = Connection((2, 1, 6), (4, 1, 6), 1, axes)
    found = flow(connection, 0.5, ((0, 2), (0, 1), (0, 4, 6)), ((0, 4), (0, 1), (0, 3, 6)))
    pairs = zip(found.source, found.target, found.messages, strict=True)
    assert list(pairs) == [(0, 0, 4.0), (0, 1, 2.0), (1, 1, 2.0)]


def test_between_cores() -> None:
    """Tiles 0 and 1 share core 0: what they send tile 2 adds up, what they tell each other not."""
    parts = [
        Traffic(np.array([0]), np.array([2]), np.array([3.0])),
        Traffic(np.array([0]), np.array([0]), np.array([9.0])).moved(1, 2),
        Traffic(np.array([0]), np.array([1]), np.array([5.0])),
    ]
    found = joined(parts).between(np.array([0, 0, 1]))
    assert (found.source.tolist(), found.target.tolist()) == ([0], [1])
    assert found.messages.tolist() == [12.0]
    assert joined([]).messages.size == 0


def test_rows_first() -> None:
    traffic = Traffic(np.array([0, 1, 2]), np.array([2, 0, 1]), np.array([1.0, 10.0, 100.0]))
    place = np.array([0, 5, 3])  # 0 -> 3: down; 5 -> 0: left, left, up; 3 -> 5: right, right
    loads = link_loads(GRID, traffic, place)
    assert loads["south"].tolist() == [[1, 0, 0], [0, 0, 0]]
    assert loads["west"].tolist() == [[0, 0, 0], [0, 10, 10]]
    assert loads["north"].tolist() == [[0, 0, 0], [10, 0, 0]]
    assert loads["east"].tolist() == [[0, 0, 0], [100, 100, 0]]
    assert cost(GRID, traffic, place) == 1 + 30 + 200
    assert mean_hops(GRID, traffic, place) == 231 / 111


def test_no_message_has_no_length() -> None:
    nothing = joined([])
    assert mean_hops(GRID, nothing, np.array([0])) == 0
    assert all((load == 0).all() for load in link_loads(GRID, nothing, np.array([0])).values())
