"""A chip network as partition and traffic see it: boxes, geometry, and what fills core tables."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from snn_deploy.hardware import Chip, Limits
from snn_deploy.ir.graph import Array
from snn_deploy.mapping.network import ChipNetwork, Population, Synapse

from .geometry import Box, Connection, boxes, connect
from .storage import Stored, weight_bits

Labels = tuple[int, ...]
"""A number for each channel or neuron, in C order; one for all where they are the same."""

_SAME: Labels = (0,)

CURRENT_SHIFT = 6
"""What arrives as a current is shifted so far on its way to the potential, see `IntegerLif`."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A synapse as the cores of its target store it.

    Attributes:
        stored: its geometry and weights.
        exponents: of its channels, or one of all; with each the synapses of a tile have another
            format.
    """

    stored: Stored
    exponents: Labels


@dataclass(frozen=True, slots=True)
class Layer:
    """What decides how a population is cut: equal layers are cut equally.

    Attributes:
        box: its neurons.
        incoming: its synapses.
        slots: of the delay line of each neuron.
        thresholds: each different one of a tile is an entry of a table.
        exponents: of its biases; each different one of a tile is a format of neurons.
    """

    box: Box
    incoming: tuple[Incoming, ...]
    slots: int
    thresholds: Labels = _SAME
    exponents: Labels = _SAME


@dataclass(frozen=True, slots=True)
class Layers:
    """A network, its populations described.

    Attributes:
        network: that is described.
        held: by population; those that no core holds are left out.
        connections: of the synapses that carry messages, by name.
    """

    network: ChipNetwork
    held: Mapping[str, Layer]
    connections: Mapping[str, Connection]

    def readers(self, name: str) -> list[tuple[Synapse, Connection]]:
        """Return the synapses that read a population."""
        sends = self.network.by_name[name].sends
        reading = (s for node in sends for s in self.network.outgoing[node])
        return [(s, self.connections[s.name]) for s in reading if s.name in self.connections]


def describe(network: ChipNetwork, chip: Chip) -> Layers:
    """Return the layers of a network, and the geometry of its synapses."""
    box = boxes(network)
    connections = {
        s.name: connect(network, s, box[network.sender[s.source].name], box[s.target])
        for s in network.synapses
        if not network.sender[s.source].hosted
    }
    held = {
        p.name: _layer(network, p, box[p.name], connections, chip.limits)
        for p in network.populations
        if on_cores(p)
    }
    return Layers(network, held, connections)


def on_cores(population: Population) -> bool:
    """Return whether cores hold a population: the host has the input, and what it computes."""
    return not population.hosted and population.source is None


def bias_of(network: ChipNetwork, population: Population) -> Array:
    """Return the constant that enters the potential, in its units.  int64 [1], [C] or [N]."""
    current, own = network.bias(population), None
    if population.neuron is not None:
        own = network.graph.param(population.neuron, "bias")
    terms = [np.zeros(1, np.int64)]
    if current is not None:
        terms.append(current.ravel().astype(np.int64) << CURRENT_SHIFT)
    if own is not None:
        terms.append(own.ravel().astype(np.int64))
    longest = max(len(term) for term in terms)
    return np.asarray(np.sum([np.repeat(term, longest // len(term)) for term in terms], axis=0))


def bias_exponents(bias: Array, limits: Limits) -> Array:
    """Return the least e for which |bias| < 2^(bias_bits - 1) * 2^e, the largest where none is."""
    fits = [np.abs(bias) >> e < 1 << (limits.bias_bits - 1) for e in range(limits.bias_exponent)]
    return np.where(np.any(fits, axis=0), np.argmax(fits, axis=0), limits.bias_exponent)


def delay_slots(longest: int, limits: Limits) -> int:
    """Return how many sums of currents a neuron holds for a delay of so many steps.

    What is sent now arrives in 1 to longest + 1 steps, and one sum is being read; a power of two.
    So 64 slots are the 62 steps that are published as the most. As many as a full core has for
    each of its neurons are always there.
    """
    return max(limits.delay_slots // limits.neurons, 1 << (longest + 1).bit_length())


def _layer(
    network: ChipNetwork,
    population: Population,
    box: Box,
    connections: Mapping[str, Connection],
    limits: Limits,
) -> Layer:
    """Describe a population. What a chip has no table for is left out: it decides nothing."""
    synapses = [s for s in network.incoming[population.name] if s.name in connections]
    thresholds = exponents = _SAME
    if limits.thresholds is not None and population.neuron is not None:
        # Which of them are equal matters, what they are does not.
        values = network.graph.params[f"{population.neuron}.threshold"]
        thresholds = _labels(np.unique(values, return_inverse=True)[1])
    if limits.neuron_formats is not None:
        exponents = _labels(bias_exponents(bias_of(network, population), limits))
    return Layer(
        box,
        tuple(_incoming(network, s, connections[s.name], limits) for s in synapses),
        delay_slots(max((s.delay for s in synapses), default=0), limits),
        thresholds,
        exponents,
    )


def _incoming(
    network: ChipNetwork, synapse: Synapse, connection: Connection, limits: Limits
) -> Incoming:
    weight = network.weight(synapse)
    bits = 1 if weight is None else weight_bits(weight)
    exponent = None if limits.synapse_formats is None else network.exponent(synapse)
    exponents = _SAME if exponent is None else _labels(exponent)
    return Incoming(Stored(connection, bits, synapse.delay > 0), exponents)


def _labels(array: Array) -> Labels:
    labels = tuple(array.ravel().tolist())
    return labels[:1] if len(set(labels)) == 1 else labels
