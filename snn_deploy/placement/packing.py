"""Puts tiles on as few cores as it can: large ones alone, small ones together."""

import numpy as np

from snn_deploy.ir.graph import Array


def pack(demand: Array, layer: Array, limits: Array) -> Array:
    """Return the core of every tile; cores are numbered in the order of their first tiles.

    Tiles are taken by decreasing size. Each goes to a core that has room: once to the one whose
    layer is nearest, once to the fullest; the nearest is taken unless the fullest needs fewer.

    Args:
        demand: of the tiles.  int64 [tiles, resources]
        layer: the number of the layer that each is of.  int64 [tiles]
        limits: of a core.  int64 [resources]
    """
    nearest = _first_fit(demand, layer, limits, nearest=True)
    fullest = _first_fit(demand, layer, limits, nearest=False)
    return nearest if nearest.max() <= fullest.max() else fullest


def _first_fit(demand: Array, layer: Array, limits: Array, *, nearest: bool) -> Array:
    load = (demand / limits).max(axis=1)
    smallest = load.min()
    used = np.zeros_like(demand)
    level = np.zeros(len(demand))
    home = np.zeros(len(demand), np.int64)
    core = np.empty(len(demand), np.int64)
    opened = 0
    for tile in np.argsort(-load, kind="stable"):
        # A core that only a smaller tile than any could join is not looked at.
        open_to = np.flatnonzero(level[:opened] + smallest <= 1)
        room = open_to[(used[open_to] + demand[tile] <= limits).all(axis=1)]
        if len(room):
            merit = np.abs(home[room] - layer[tile]) if nearest else -level[room]
            chosen = room[np.argmin(merit)]
        else:
            chosen, opened = opened, opened + 1
            home[chosen] = layer[tile]
        core[tile] = chosen
        used[chosen] += demand[tile]
        level[chosen] = (used[chosen] / limits).max()
    return _in_order(core)


def _in_order(core: Array) -> Array:
    """Number cores by the first tile that each has."""
    found, first, place = np.unique(core, return_index=True, return_inverse=True)
    rank = np.empty(len(found), np.int64)
    rank[np.argsort(first)] = np.arange(len(found))
    return rank[place]
