"""How full every core of a placement is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

import numpy as np

from snn_deploy.hardware import Chip
from snn_deploy.ir.graph import Array
from snn_deploy.mapping.network import ChipNetwork

from .demand import RESOURCES, Reader, capacity, demand
from .geometry import Tiling, tiling_of
from .layers import Layers, describe
from .result import Placement


@dataclass(frozen=True, slots=True)
class Usage:
    """What the cores of a placement use.

    Attributes:
        cores: in use, ascending.  int64 [cores]
        used: int64 [cores, RESOURCES]
        limits: of a core.  int64 [RESOURCES]
    """

    cores: Array
    used: Array
    limits: Array

    def fullest(self) -> Sequence[tuple[str, float]]:
        """Return of every core the resource of which it uses the largest share, and the share."""
        share = self.used / self.limits
        worst = share.argmax(axis=1)
        return [(RESOURCES[i], float(row[i])) for row, i in zip(share, worst, strict=True)]


def usage(network: ChipNetwork, placement: Placement, chip: Chip) -> Usage:
    """Return how full the cores are. The placement is one of this network on this chip."""
    layers = describe(network, chip)
    # A grid is counted in C order, whatever the order of the slots.
    slots = {name: sorted(placement.of(name), key=attrgetter("spans")) for name in layers.held}
    tilings = {name: tiling_of([slot.spans for slot in own]) for name, own in slots.items()}
    cores = np.unique([slot.core for slot in placement.slots])
    used = np.zeros((len(cores), len(RESOURCES)), np.int64)
    for name, own in slots.items():
        readers = tuple(_readers(layers, name, tilings))
        needed = demand(chip, layers.held[name], readers, tilings[name])
        places = np.searchsorted(cores, [slot.core for slot in own])
        np.add.at(used, places, needed.reshape(-1, len(RESOURCES)))
    return Usage(cores, used, capacity(chip.limits))


def _readers(layers: Layers, name: str, tilings: Mapping[str, Tiling]) -> Iterator[Reader]:
    for synapse, connection in layers.readers(name):
        yield Reader(synapse.source, connection, tilings[synapse.target])
