"""Writes the processes of a population: what shares its current."""

import numpy as np

from snn_deploy.ir.ops import IntegerLif
from snn_deploy.mapping import ChipNetwork, Population

from .bounds import Bounds
from .fields import LifFields, lif_fields
from .source_text import Code, SourceText, Value

WINDOW = Code("STEPS")


def lava_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return (W, H, C) of [C, H, W], (L, 1, C) of [C, L], (N,) of [N]."""
    return (shape[1], 1, shape[0]) if len(shape) == 2 else tuple(reversed(shape))


def write_neurons(
    text: SourceText, network: ChipNetwork, population: Population, bounds: Bounds
) -> Code:
    """Append the neurons of a population, Lava's own where they are exact; return their variable.

    They send spikes from `s_out`, and what their relay gives from `m_out`.
    """
    if population.neuron is None:
        return _relays(text, network, population)
    fields = lif_fields(network, population, bounds)
    if fields is None:
        return _own(text, network, population, population.neuron)
    return _lif(text, population, fields)


def _lif(text: SourceText, population: Population, fields: LifFields) -> Code:
    mantissa = fields.bias_mant
    stored = None if mantissa is None else mantissa.astype(np.int16)
    return text.make(
        "LIFReset",
        population.name,
        shape=lava_shape(population.shape),
        vth=fields.vth,
        du=fields.du,
        dv=fields.dv,
        bias_mant=text.constant(f"{population.name}.bias_mant", stored),
        bias_exp=None if mantissa is None else fields.bias_exp,
        reset_interval=WINDOW,
        reset_offset=population.depth + 1,  # Lava counts its steps from 1
    )


def _own(text: SourceText, network: ChipNetwork, population: Population, node: str) -> Code:
    graph, op = network.graph, network.graph[node].op
    assert isinstance(op, IntegerLif), "the layout put it there"
    return text.make(
        "Neurons" if population.relay is None else "ResidualNeurons",
        population.name,
        shape=lava_shape(population.shape),
        threshold=text.constant(f"{node}.threshold", graph.param(node, "threshold")),
        current_decay=op.current_decay,
        voltage_decay=op.voltage_decay,
        reset=op.reset,
        at_equality=op.at_equality or None,
        current_bias=_current_bias(text, network, population),
        bias=text.constant(f"{node}.bias", graph.param(node, "bias")),
        window=WINDOW,
        depth=population.depth,
    )


def _relays(text: SourceText, network: ChipNetwork, population: Population) -> Code:
    graph, node = network.graph, population.relay
    assert node is not None, "the caller looked"
    return text.make(
        "Relays",
        population.name,
        shape=lava_shape(population.shape),
        current_bias=_current_bias(text, network, population),
        shift=text.constant(f"{node}.shift", graph.param(node, "shift")),
        bias=text.constant(f"{node}.bias", graph.param(node, "bias")),
        depth=population.depth,
    )


def write_readout(
    text: SourceText, network: ChipNetwork, population: Population, node: str
) -> Code:
    """Append what adds a population's current up; it sends the sum so far from `total_out`."""
    return text.make(
        "Readout",
        f"{node}.readout",
        shape=lava_shape(population.shape),
        current_bias=_current_bias(text, network, population),
        window=WINDOW,
        depth=population.depth,
    )


def _current_bias(text: SourceText, network: ChipNetwork, population: Population) -> Value:
    return text.constant(f"{population.name}.current_bias", network.bias(population))
