"""What a network needs of a chip, population by population, before anything is placed."""

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass

import numpy as np

from snn_deploy.hardware import Target
from snn_deploy.mapping.network import ChipNetwork

from .demand import RESOURCES
from .geometry import overlaps
from .layers import Layers
from .partition import Cut, partition

SPIKE_RATE = 0.25
"""Spikes per neuron and step of a node of which nothing is known."""

MESSAGE_RATE = 1.0
"""Messages per neuron and step of a relay: a current is hardly ever zero."""

Rates = Mapping[str, float]
"""Messages per neuron and step, by node."""


@dataclass(frozen=True, slots=True)
class Needs:
    """Of one population, or of several together.

    Attributes:
        neurons: of it.
        tiles: that it is cut into, each on one core; small ones may share a core.
        cores: at least so many, for tiles that share cores as well as can be.
        synapse_words: of memory, copies of a kernel on several cores counted each.
        input_axons: of all its tiles.
        messages: that leave it in a step, each counted once for each tile that it reaches.
        operations: synaptic operations in a step, on its own cores.
    """

    neurons: int = 0
    tiles: int = 0
    cores: float = 0.0
    synapse_words: int = 0
    input_axons: int = 0
    messages: float = 0.0
    operations: float = 0.0


def needs(network: ChipNetwork, target: Target, rates: Rates | None = None) -> Mapping[str, Needs]:
    """Return what every population needs that cores hold; quick, since nothing is placed.

    Args:
        network: laid out.
        target: a chip.
        rates: of the nodes that send; where one is missing, SPIKE_RATE or MESSAGE_RATE.

    Raises:
        CapacityError: as `partition`.
        UsageError: the target is no chip.
    """
    parts = partition(network, target)
    return {name: _needs(parts.layers, parts.cuts, name, rates or {}) for name in parts.cuts}


def total(parts: Iterable[Needs]) -> Needs:
    """Return the sum of needs."""
    return Needs(*(sum(column) for column in zip(*map(astuple, parts), strict=True)))


def rate_of(layers: Layers, node: str, rates: Rates) -> float:
    """Return the messages per neuron and step of a node."""
    sender = layers.network.sender[node]
    return rates.get(node, MESSAGE_RATE if node == sender.relay else SPIKE_RATE)


def _needs(layers: Layers, cuts: Mapping[str, Cut], name: str, rates: Rates) -> Needs:
    cut = cuts[name]
    used = cut.demand.reshape(-1, len(RESOURCES)).sum(axis=0)
    got = dict(zip(RESOURCES, used.tolist(), strict=True))
    sent = sum(
        rate_of(layers, synapse.source, rates)
        * np.prod(
            [
                overlaps(
                    connection, axis, cut.tiling[axis], cuts[synapse.target].tiling[axis]
                ).sum()
                for axis in range(3)
            ]
        )
        for synapse, connection in layers.readers(name)
    )
    operations = sum(
        rate_of(layers, synapse.source, rates) * layers.connections[synapse.name].count
        for synapse in layers.network.incoming[name]
        if synapse.name in layers.connections
    )
    return Needs(
        neurons=got["neurons"],
        tiles=cut.tiles,
        cores=cut.cores,
        synapse_words=got["synapse_words"],
        input_axons=got["input_axons"],
        messages=float(sent),
        operations=float(operations),
    )
