"""Where an input goes and what a layer reads, from shapes alone: no synapse list is ever built."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from snn_deploy.ir.graph import Array, Graph, Node
from snn_deploy.ir.ops import (
    MESSAGING,
    NEURONS,
    STATEFUL,
    Add,
    AvgPool,
    BatchNorm,
    Conv,
    Delay,
    Input,
    Linear,
    Sigma,
    SumPool,
)

from .activity import Reads


@dataclass(frozen=True, slots=True)
class Origin:
    """What the value of a node is made of."""

    reads: Reads
    constant: bool
    sources: tuple[str, ...] = ()


def origins(graph: Graph) -> Mapping[str, Origin]:
    """Return for every weight layer what it reads."""
    values = _values(graph)
    heard = _feeding_neurons(graph, values)
    found = {}
    for node in weight_layers(graph):
        origin = values[node.inputs[0]]
        if origin.reads == "analog" and node.name not in heard:
            origin = Origin("stream", origin.constant)
        found[node.name] = origin
    return found


def weight_layers(graph: Graph) -> list[Node]:
    """Return the convolutions and linear layers, in graph order."""
    return [node for node in graph.nodes if isinstance(node.op, Conv | Linear)]


def additions(graph: Graph) -> int:
    """Return how many numbers the graph adds to others at a step, constants left out."""
    return sum((len(node.inputs) - 1) * node.type.size for node in varying_additions(graph))


def varying_additions(graph: Graph) -> list[Node]:
    """Return the additions whose sums change from step to step, in graph order."""
    values = _values(graph)
    return [n for n in graph.nodes if isinstance(n.op, Add) and not values[n.name].constant]


def _values(graph: Graph) -> Mapping[str, Origin]:
    values: dict[str, Origin] = {}
    for node in graph.nodes:
        values[node.name] = _origin(node, [values[source] for source in node.inputs])
    return values


def _origin(node: Node, inputs: list[Origin]) -> Origin:
    if isinstance(node.op, Input):
        reads: Reads = "analog" if node.op.kind == "current" else node.op.kind
        return Origin(reads, node.op.static)
    if isinstance(node.op, NEURONS):
        return Origin("message" if isinstance(node.op, MESSAGING) else "spike", False, (node.name,))
    constant = all(origin.constant for origin in inputs)
    kinds = {origin.reads for origin in inputs}
    if isinstance(node.op, Conv | Linear | BatchNorm):
        return Origin("analog" if kinds == {"analog"} else "stream", constant)
    if isinstance(node.op, Add):
        return _sum(inputs, kinds, constant)
    (origin,) = inputs
    if isinstance(node.op, Sigma):
        return Origin("stream", False)
    if isinstance(node.op, Delay):
        return replace(origin, constant=False)
    pooled = isinstance(node.op, AvgPool | SumPool) and origin.reads == "spike"
    return Origin("graded", constant, origin.sources) if pooled else origin


def _sum(inputs: list[Origin], kinds: set[Reads], constant: bool) -> Origin:
    sources = tuple(source for origin in inputs for source in origin.sources)
    if kinds <= {"spike", "graded"}:
        return Origin("graded", constant, sources)
    if kinds <= {"spike", "graded", "message"}:
        return Origin("message", constant, sources)
    return Origin("analog" if kinds == {"analog"} else "stream", constant)


def _feeding_neurons(graph: Graph, values: Mapping[str, Origin]) -> set[str]:
    """Return the nodes that neurons or outputs hear through analog values alone."""
    heard = set(graph.outputs)
    for node in reversed(graph.nodes):
        analog = values[node.name].reads == "analog" and node.name in heard
        if analog or isinstance(node.op, STATEFUL):
            heard.update(node.inputs)
    return heard


def fan_out(graph: Graph, node: Node) -> Array:
    """Return to how many outputs each position of a weight layer's input goes.

    int64 [1, *L] for a convolution, the same for all channels; [1] for a linear layer.
    """
    weight = graph.weight(node)
    if isinstance(node.op, Conv):
        kernel = np.full((1, *weight.shape[2:]), len(weight) // node.op.groups, np.int64)
        return _spread_kernel(graph, node, kernel)
    return np.array([len(weight)], np.int64)


def effective_fan_out(graph: Graph, node: Node) -> Array:
    """Return `fan_out` over weights that are not zero: int64 [C, *L], or [N]."""
    present = graph.weight(node) != 0
    if not isinstance(node.op, Conv):
        return np.asarray(present.sum(axis=0, dtype=np.int64))
    outputs, fan_in, *kernel = present.shape
    groups = node.op.groups
    grouped = present.reshape(groups, outputs // groups, fan_in, *kernel)
    counts = grouped.sum(axis=1, dtype=np.int64).reshape(groups * fan_in, *kernel)
    return _spread_kernel(graph, node, counts)


def _spread_kernel(graph: Graph, node: Node, kernel: Array) -> Array:
    """Return what every input position meets of a kernel.  [C, *K] -> [C, *L].

    An axis at a time: position y meets tap k where an output q has q * stride + k * dilation
    - padding = y, whatever the other axes do.
    """
    op = node.op
    assert isinstance(op, Conv), "linear layers have no kernel"
    before, after = graph[node.inputs[0]].type.shape[1:], node.type.shape[1:]
    met = kernel
    for axis, (size, outputs) in enumerate(zip(before, after, strict=True)):
        taps = np.arange(kernel.shape[1 + axis]) * op.dilation[axis] - op.padding[axis]
        start = np.arange(size)[:, None] - taps
        output = start // op.stride[axis]
        meets = (start % op.stride[axis] == 0) & (output >= 0) & (output < outputs)
        # The axis that is summed away is always the first after C; its [L] goes to the end.
        met = np.tensordot(met, meets.astype(np.int64), axes=([1], [1]))
    return met


def macs(graph: Graph, node: Node) -> int:
    """Return outputs * fan-in of a weight layer: what is usually published as MACs or FLOPs."""
    return node.type.size * int(np.prod(graph.weight(node).shape[1:], dtype=np.int64))
