"""The largest numbers that any input can cause, which decide whose processes are exact."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np

from snn_deploy.ir.graph import Array
from snn_deploy.ir.ops import Identity, SumPool
from snn_deploy.mapping import ChipNetwork, Population, Synapse
from snn_deploy.quantization.graph import QuantGraph

LIMIT = 2**23
"""Accumulators and messages have 24 bits, sign included; our processes refuse more."""

Interval = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Intervals that hold at every step, of samples and of what runs before and after them.

    Attributes:
        messages: by sending node; 0 is always one of them.
        synapses: by synapse, the largest magnitude of what it delivers.
        currents: by population, the largest magnitude of its current, bias included.
    """

    messages: Mapping[str, Interval] = field(default_factory=dict)
    synapses: Mapping[str, int] = field(default_factory=dict)
    currents: Mapping[str, int] = field(default_factory=dict)


def of_input(graph: QuantGraph) -> Interval:
    """Return what an input may hold."""
    kind = graph.input.type.kind
    limit = 1 if kind == "spike" else graph.input_limit
    return (-limit if kind == "current" else 0), limit


def bounds(network: ChipNetwork) -> Bounds:
    """Return the bounds of a network, from its input's limit on."""
    messages: dict[str, Interval] = {}
    synapses: dict[str, int] = {}
    currents: dict[str, int] = {}
    for population in network.populations:
        delivered = {
            s.name: _delivered(network, s, messages[s.source])
            for s in network.incoming[population.name]
        }
        synapses |= {name: _magnitude(interval) for name, interval in delivered.items()}
        bias = network.bias(population)
        current = _sum([*delivered.values(), (0, 0) if bias is None else _span(bias)])
        currents[population.name] = _magnitude(current)
        messages |= _messages(network, population, current)
    return Bounds(messages, synapses, currents)


def _delivered(network: ChipNetwork, synapse: Synapse, message: Interval) -> Interval:
    """Return what any output of a synapse can be; at a border, any part of its fan-in is 0."""
    low, high = message
    if isinstance(synapse.op, Identity):
        return message
    if isinstance(synapse.op, SumPool):
        return low * prod(synapse.op.kernel), high * prod(synapse.op.kernel)
    weight = network.weight(synapse)
    assert weight is not None, "a layer's synapse has its weight"
    rows = weight.reshape(len(weight), -1).astype(np.int64)
    # Python's integers, which nothing overflows.
    up = np.maximum(rows, 0).sum(axis=1).astype(object)
    down = np.maximum(-rows, 0).sum(axis=1).astype(object)
    exponent = network.exponent(synapse)
    factor = 1 if exponent is None else 2 ** exponent.astype(object)
    return (
        int(((up * low - down * high) * factor).min()),
        int(((up * high - down * low) * factor).max()),
    )


def _messages(
    network: ChipNetwork, population: Population, current: Interval
) -> dict[str, Interval]:
    found: dict[str, Interval] = {}
    if population.source is not None:
        found[population.source] = of_input(network.graph)
    if population.neuron is not None:
        found[population.neuron] = (0, 1)
    if population.relay is not None:
        found[population.relay] = _relayed(network, population.relay, current)
    return found


def _relayed(network: ChipNetwork, relay: str, current: Interval) -> Interval:
    shift, bias = (network.graph.param(relay, role) for role in ("shift", "bias"))
    low, high = current
    least, most = (0, 0) if shift is None else _span(shift)
    ends = [_rescaled(end, n) for end in (low, high) for n in (least, most)]
    low, high = _sum([(min(ends), max(ends)), (0, 0) if bias is None else _span(bias)])
    return max(min(low, 0), 1 - LIMIT), min(max(high, 0), LIMIT - 1)


def _rescaled(value: int, shift: int) -> int:
    """Return value * 2^shift, to the right rounded to nearest, halves away from zero."""
    if shift >= 0:
        return value << shift
    size = (abs(value) + (1 << (-shift - 1))) >> -shift
    return size if value >= 0 else -size


def _span(array: Array) -> Interval:
    return int(array.min()), int(array.max())


def _sum(intervals: Sequence[Interval]) -> Interval:
    return sum(low for low, _ in intervals), sum(high for _, high in intervals)


def _magnitude(interval: Interval) -> int:
    return max(-interval[0], interval[1])
