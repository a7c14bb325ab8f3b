"""Placements made by hand and by chance, on chips of which nothing is too small."""

from collections.abc import Mapping, Sequence
from itertools import cycle, pairwise, product

import numpy as np

from snn_deploy.hardware import Target
from snn_deploy.mapping import ChipNetwork
from snn_deploy.placement import Placement, Slot, Ways
from snn_deploy.placement.geometry import Tiling, boxes
from snn_deploy.placement.layers import on_cores
from tests.placement.chips import changed

SMALL_MESH = {"cores": 6, "mesh_rows": 2, "mesh_columns": 2, "router_cores": 2}
ON = {name: changed(name, **SMALL_MESH) for name in ("loihi", "loihi2")}
"""Targets of two routers by two, of which the last has no core."""

NOWHERE = Ways(0.0, 0.0, 0.0)


def placed(
    network: ChipNetwork,
    target: Target,
    tilings: Mapping[str, Tiling],
    cores: Sequence[int],
    chips: int = 1,
) -> Placement:
    """Return a placement: the tiles of all populations on these cores, again from the first on."""
    taken = cycle(cores)
    slots = [
        Slot(p.name, channels, rows, columns, next(taken))
        for p in network.populations
        if on_cores(p)
        for channels, rows, columns in product(*map(pairwise, tilings[p.name]))
    ]
    assert target.chip is not None
    return Placement(
        target=target.name,
        slots=tuple(slots),
        cores_used=len({slot.core for slot in slots}),
        cores=chips * target.chip.limits.cores,
        chips=chips,
        utilization={},
        ways=NOWHERE,
        ways_before=NOWHERE,
        shapes={p.name: p.shape for p in network.populations if on_cores(p)},
    )


def together(network: ChipNetwork, target: Target) -> Placement:
    """Return a placement of everything on the first core."""
    box = boxes(network)
    whole = {name: ((0, c), (0, h), (0, w)) for name, (c, h, w) in box.items()}
    return placed(network, target, whole, [0])


def by_chance(network: ChipNetwork, target: Target, rng: np.random.Generator) -> Placement:
    """Return uneven grids on any cores: of several chips, of one, all on one core."""
    assert target.chip is not None
    chips = int(rng.integers(1, 4))
    places = chips * target.chip.limits.cores
    used = rng.integers(0, places, rng.choice([1, 2, 5, 20]))
    tilings = {
        name: (_cuts(channels, rng), _cuts(rows, rng), _cuts(columns, rng))
        for name, (channels, rows, columns) in boxes(network).items()
    }
    return placed(network, target, tilings, used.tolist(), chips)


def _cuts(length: int, rng: np.random.Generator) -> tuple[int, ...]:
    inner = rng.choice(np.arange(1, length + 1), min(length, int(rng.integers(0, 4))), False)
    return (0, *sorted({*inner.tolist()} - {length}), length)
