"""Small integer graphs for the accounts that need to know widths."""

from dataclasses import fields
from typing import Any

import numpy as np

from snn_deploy.ir.builder import GraphBuilder
from snn_deploy.ir.evaluate import evaluate
from snn_deploy.ir.graph import Array
from snn_deploy.ir.ops import Conv, Input, IntegerLif, Kind, Linear
from snn_deploy.quantization import QuantGraph
from snn_deploy.simulation import Activity, ActivityCounter
from tests.networks import stimulus

LEAKY = IntegerLif(current_decay=4096, voltage_decay=3072)
PERFECT = IntegerLif(current_decay=4096, voltage_decay=0)
THRESHOLD = np.array([64], np.int32)


def finish(builder: GraphBuilder, *outputs: str, steps: int, **options: Any) -> QuantGraph:
    graph = builder.finish(*outputs, steps=steps)
    values = {f.name: getattr(graph, f.name) for f in fields(graph) if f.init}
    return QuantGraph(**values, scales={node.name: np.ones(1) for node in graph.nodes}, **options)


def ones(*shape: int) -> Array:
    return np.ones(shape, np.int8)


def dense(neuron: IntegerLif = LEAKY, kind: Kind = "spike", steps: int = 2) -> QuantGraph:
    """4 inputs, 3 neurons, biases."""
    builder = GraphBuilder("dense")
    x = builder.add("x", Input((4,), kind, static=False))
    bias = np.ones(3, np.int32)
    y = builder.add("fc", Linear(), x, weight=ones(3, 4), bias=bias)
    return finish(builder, builder.add("lif", neuron, y, threshold=THRESHOLD), steps=steps)


def convolution(inputs: int, outputs: int, size: int, steps: int = 2) -> QuantGraph:
    """3x3 with padding 1 on spikes, neurons without leak, no biases."""
    builder = GraphBuilder("convolution")
    x = builder.add("x", Input((inputs, size, size), "spike", static=False))
    op = Conv((1, 1), (1, 1), (1, 1))
    y = builder.add("conv", op, x, weight=ones(outputs, inputs, 3, 3))
    return finish(builder, builder.add("lif", PERFECT, y, threshold=THRESHOLD), steps=steps)


def counted(graph: QuantGraph, *steps: dict[str, Array]) -> Activity:
    """The activity of one sample, of values without a batch axis."""
    counter = ActivityCounter(graph)
    for t, values in enumerate(steps):
        counter.add(t, {name: value[None] for name, value in values.items()})
    counter.add_samples(1)
    return counter.activity()


def evaluated(graph: QuantGraph) -> Activity:
    """The activity of a network of `tests.networks` on the input that suits it."""
    counter, x = ActivityCounter(graph), stimulus(graph)
    for t, values in enumerate(evaluate(graph, x)):
        counter.add(t, values)
    counter.add_samples(x.shape[0 if graph.static else 1])
    return counter.activity()


def marks(shape: tuple[int, ...], *places: tuple[int, ...]) -> Array:
    values = np.zeros(shape, np.int8)
    for place in places:
        values[place] = 1
    return values
