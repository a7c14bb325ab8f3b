"""Cores on routers, routers on chips, chips side by side: who is where, and how far apart.

Routers form one grid over all chips, and messages travel first along a row, then along a column
(XY routing, as Loihi's). A link between chips is as long as `chip_hops` others; the two axes are
then independent, and a distance is |x - x'| + |y - y'| in coordinates that are stretched there.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from snn_deploy.hardware import Limits
from snn_deploy.ir.graph import Array


@dataclass(frozen=True, slots=True)
class Mesh:
    """Places for cores, numbered chip by chip, router by router in rows.

    Attributes:
        chip: of each place.
        column, row: of its router in the grid of all chips.
        x, y: stretched.
        core_at: the first place of a router, by row and column; -1 where there is none.
        router_cores: how many places a router has at most; they follow one another.
    """

    chip: Array
    column: Array
    row: Array
    x: Array
    y: Array
    core_at: Array
    router_cores: int

    @property
    def places(self) -> int:
        """Number of places."""
        return len(self.chip)

    def distances(self, a: Array, b: Array) -> Array:
        """Return the stretched distances between places."""
        return np.abs(self.x[a] - self.x[b]) + np.abs(self.y[a] - self.y[b])

    def hops(self, a: Array, b: Array) -> Array:
        """Return the links between places, those between chips counted once."""
        across, along = self.column[a] - self.column[b], self.row[a] - self.row[b]
        return np.abs(across) + np.abs(along)


def mesh(limits: Limits, chips: int) -> Mesh:
    """Return the mesh of so many chips, as square as it gets."""
    chip_rows, chip_columns = _arranged(limits, chips)
    place = np.arange(chips * limits.cores)
    chip, router = place // limits.cores, place % limits.cores // limits.router_cores
    # Chips run to and fro, so that one is beside the next.
    chip_row, across = chip // chip_columns, chip % chip_columns
    chip_column = np.where(chip_row % 2, chip_columns - 1 - across, across)
    row = chip_row * limits.mesh_rows + router // limits.mesh_columns
    column = chip_column * limits.mesh_columns + router % limits.mesh_columns
    core_at = np.full((chip_rows * limits.mesh_rows, chip_columns * limits.mesh_columns), -1)
    first = place % limits.cores % limits.router_cores == 0
    core_at[row[first], column[first]] = place[first]
    longer = limits.chip_hops - 1
    x, y = column + longer * chip_column, row + longer * chip_row
    return Mesh(chip, column, row, x, y, core_at, limits.router_cores)


def curves(grid: Mesh) -> Iterator[Array]:
    """Yield orders of all places in which neighbours are near: strips of routers, to and fro.

    The first is the numbering itself: chip by chip, row by row.
    """
    yield np.arange(grid.places)
    for along, across in ((grid.row, grid.column), (grid.column, grid.row)):
        for width in (1, 2, 4):
            strip = across // width
            up = np.where(strip % 2, along.max() - along, along)
            yield np.lexsort((across, up, strip, grid.chip))


def _arranged(limits: Limits, chips: int) -> tuple[int, int]:
    """Return rows and columns of chips that make the most square grid of routers."""
    shapes = [(-(-chips // columns), columns) for columns in range(1, chips + 1)]
    sides = [(s[0] * limits.mesh_rows, s[1] * limits.mesh_columns) for s in shapes]
    return min(zip(sides, shapes, strict=True), key=lambda pair: (sum(pair[0]), max(pair[0])))[1]
