"""Intel's PilotNet-LIF on Loihi 2: its network, the cores that Intel gave it, what Intel measured.

All figures are in the outputs of lava-dl's tutorials/lava/lib/dl/netx/pilotnet_snn/benchmark.ipynb,
of two versions: one frame, over and over, for 10,000 steps, so that no input is waited for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np

from snn_deploy.frontends.netx import read
from snn_deploy.frontends.netx.building import Entering, integer_graph
from snn_deploy.ir.graph import Array
from snn_deploy.placement import Placement, Slot
from snn_deploy.quantization.graph import QuantGraph

SHAPE = (3, 66, 200)
STEPS = 16
BRIGHTEST, DARKEST = 76, -4
"""Of a pixel, as the file's input layer makes one of [-1, 1]: 36 + 40 x."""

STEP_S = 1 / 408.91 / STEPS
SHORTEST_S, LONGEST_S = 105e-6, 202e-6
"""Read from a plot of all steps."""
OTHER_STEP_S = 1 / 342.29 / STEPS
"""The same network on as many cores of another board, in the output of commit 12f0402."""

STATIC_W, TOTAL_W = 0.2321, 0.6792
DYNAMIC_J, TOTAL_J = 1.094e-3, 1.661e-3
"""Of an inference."""

EVENTS, BUSIEST_EVENTS = 2.29e6, 150e3
"""Synaptic events of a step, of all cores and of the busiest: read from a plot of counters whose
unit is not documented."""

WIDTHS = {"lif0": 16, "lif1": 4, "lif2": 4, "lif3": 8, "lif4": 8, "lif5": 16}
"""Columns that a core gets of each map, all of its channels and rows: "Conv(4, 32, 24)" in the log
is 4 columns of 32 rows and 24 channels."""
PARTS = {"lif7": 12}
"""Cores that a vector gets; others get one."""

Numbering = Literal["output", "input"]
"""The log counts cores from the output layer on; where on the mesh they are, it does not say."""


@dataclass(frozen=True, slots=True)
class Frame:
    """An image in the registers of the input's own neurons, where Intel's script writes it too."""

    graph: QuantGraph
    x: Array


def load(network: Path, image: Array) -> Frame:
    """Return the network with an image for its bias; nothing enters.

    image: [C, H, W], what the neurons of the input add at every step.
    """
    entering = Entering(SHAPE, STEPS, static=True, kind="current", limit=1)
    graph = integer_graph(read(network), "pilotnet", entering)
    params = {**graph.params, "lif0.bias": (image << 6).astype(np.int32)}
    return Frame(replace(graph, params=params), np.zeros(SHAPE, np.int32))


def read_image(path: Path) -> Array:
    """Return a recorded image as int32 [C, H, W]; in its file it is [W, H, C]."""
    image: Array = np.load(path).transpose(2, 1, 0).astype(np.int32)
    return image


def brighter(image: Array, by: int) -> Array:
    """Return an image with so much more in every pixel."""
    changed: Array = np.clip(image + by, DARKEST, BRIGHTEST)
    return changed


def on_intels_cores(
    like: Placement, first: Numbering = "output", seed: int | None = None
) -> Placement:
    """Return the network on 74 cores, cut as Intel's compiler did.

    Args:
        like: any placement of it.
        first: the layer whose cores have the lowest numbers.
        seed: cores are anywhere on the chip instead.
    """
    layers = [_tiles(name, shape) for name, shape in like.shapes.items()]
    tiles = [tile for layer in (layers if first == "input" else layers[::-1]) for tile in layer]
    places = np.arange(len(tiles))
    if seed is not None:
        places = np.random.default_rng(seed).permutation(like.cores)[: len(tiles)]
    slots = [replace(tile, core=core) for tile, core in zip(tiles, places.tolist(), strict=True)]
    return replace(like, slots=tuple(slots), cores_used=len(slots))


def column_by_column(placement: Placement) -> Placement:
    """Return the same cores, which go through their columns one after the other."""
    slots = [
        replace(slot, columns=(column, column + 1))
        for slot in placement.slots
        for column in range(*slot.columns)
    ]
    return replace(placement, slots=tuple(slots))


def _tiles(name: str, shape: tuple[int, ...]) -> Sequence[Slot]:
    channels, rows, columns = (*shape, 1, 1)[:3]
    if name in WIDTHS:
        ends = [*range(0, columns, WIDTHS[name]), columns]
        return [Slot(name, (0, channels), (0, rows), span, 0) for span in pairwise(ends)]
    ends = np.linspace(0, channels, PARTS.get(name, 1) + 1).round().astype(int).tolist()
    return [Slot(name, span, (0, 1), (0, 1), 0) for span in pairwise(ends)]
