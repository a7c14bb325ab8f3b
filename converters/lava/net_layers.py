"""An integer graph as the layers of a `.net` file: what the file will say, as plain numbers."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from snn_deploy.ir.graph import Array, Node
from snn_deploy.ir.ops import Conv, Flatten, Input, IntegerLif, Linear
from snn_deploy.quantization.graph import QuantGraph

UNIT = 64
"""Units of the membrane in one unit of current, of threshold and of bias: Lava shifts all by 6."""

THRESHOLD_LIMIT = 2**17 - 1
"""Largest threshold, in units of 64."""

BYTE_LIMIT = 127
"""Lava keeps strides, paddings, dilations, groups and kernel sizes in a signed byte."""


@dataclass(frozen=True, slots=True)
class NetNeuron:
    """What stands in a layer's group `neuron`.

    Attributes:
        current_decay, voltage_decay: of 4096.
        threshold: [1] or [C], units of 64 of the membrane; a neuron fires above it.
    """

    current_decay: int
    voltage_decay: int
    threshold: Array


@dataclass(frozen=True, slots=True)
class Geometry:
    """Of a convolution, each pair along (H, W)."""

    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int


@dataclass(frozen=True, slots=True)
class Readout:
    """How a last layer without neurons is read: of every step, y = a * 2^exponent + offset.

    a is what the layer adds to v / 64 in that step. A `.net` has no exponent for a layer and no
    bias finer than a; what does not fit into it is kept here.

    Attributes:
        exponent: [1] or [O].
        offset: [O], from 0 to 2^exponent - 1.
    """

    exponent: Array
    offset: Array


@dataclass(frozen=True, slots=True)
class NetLayer:
    """A convolution or a dense layer and its neurons.

    Attributes:
        name: of the graph's neurons, or of its last layer where that has none.
        weight: [O, I / groups, KH, KW] or [O, I].
        bias: [O], or for each neuron [C, H, W]; units of current.
        geometry: of a convolution, else None.
        shape: of what it gives, [C, H, W] or [N].
        flatten: whether it reads a volume as a vector, C outermost.
        neuron: its neurons; those of a readout never fire.
        readout: of a last layer without neurons.
    """

    name: str
    weight: Array
    bias: Array | None
    geometry: Geometry | None
    shape: tuple[int, ...]
    flatten: bool
    neuron: NetNeuron
    readout: Readout | None = None


@dataclass(frozen=True, slots=True)
class Net:
    """A whole file.

    Attributes:
        shape: of the input, [C, H, W] or [N].
        message_bits: of an input integer, its sign included; 0 for binary spikes.
        static: whether every step sees the same input.
        steps: of an inference.
        layers: in order.
    """

    shape: tuple[int, ...]
    message_bits: int
    static: bool
    steps: int
    layers: tuple[NetLayer, ...]


def net_of(graph: QuantGraph) -> Net:
    """Return the layers of a graph that `net_rules` has no complaint about."""
    op = graph.input.op
    assert isinstance(op, Input), "a graph's input is an Input"
    shape = _volume(op.shape)
    layers = tuple(_layers(graph))
    if any(is_dense(layer) and layer.weight.max() <= 0 for layer in layers):
        shape, layers = _convolutions(shape, layers)
    return Net(shape, message_bits(graph), op.static, graph.steps, layers)


def message_bits(graph: QuantGraph) -> int:
    """Return how many bits an input integer takes; 0 for binary spikes."""
    kind = graph.input.type.kind
    return 0 if kind == "spike" else graph.input_limit.bit_length() + int(kind == "current")


def is_dense(layer: NetLayer) -> bool:
    """Say whether a layer is written as `dense`."""
    return layer.geometry is None


def _layers(graph: QuantGraph) -> Iterator[NetLayer]:
    """Yield a layer for each node with weights."""
    for node, after in pairwise((*graph.nodes, None)):
        assert node is not None, "only the last of a pair is"
        if isinstance(node.op, Conv | Linear):
            yield _layer(graph, node, after)


def _layer(graph: QuantGraph, node: Node, neurons: Node | None) -> NetLayer:
    if neurons is None:
        weight, readout, bias = read_out_parts(graph, node)
        neuron = _silent(graph, node, weight, bias)
    else:
        weight, readout, bias = shifted_weight(graph, node), None, total_bias(graph, node, neurons)
        neuron = _neuron(graph, neurons)
    geometry = _geometry(node.op) if isinstance(node.op, Conv) else None
    if geometry is not None:
        weight = weight.reshape(*weight.shape[:2], *_pair(weight.shape[2:], 1))
        weight, geometry = _with_few_groups(weight, geometry)
    below = graph[node.inputs[0]]
    return NetLayer(
        name=(neurons or node).name,
        weight=weight,
        bias=bias if bias.any() else None,
        geometry=geometry,
        shape=_volume(node.type.shape),
        flatten=isinstance(below.op, Flatten) and len(graph[below.inputs[0]].type.shape) > 1,
        neuron=neuron,
        readout=readout,
    )


def shifted_weight(graph: QuantGraph, node: Node) -> Array:
    """Return a layer's weight times 2^shift, int64; a right shift is exact or is not here.

    rescale(sum of w * x, -n) is the sum of (w / 2^n) * x if 2^n divides every w.

    Raises:
        ValueError: a right shift rounds.
    """
    weight = graph.weight(node).astype(np.int64)
    shift = graph.param(node, "shift")
    if shift is None:
        return weight
    shift = shift.astype(np.int64).reshape(-1, *(1,) * (weight.ndim - 1))
    left, right = np.maximum(shift, 0), np.maximum(-shift, 0)
    if (weight & ((1 << right) - 1)).any():
        raise ValueError(f"its sums are rounded (shift {int(shift.min())})")
    return (weight << left) >> right


def read_out_parts(graph: QuantGraph, node: Node) -> tuple[Array, Readout, Array]:
    """Return the weight of a last layer, how it is read, and the part of its bias that fits."""
    shift, bias = graph.param(node, "shift"), graph.param(node, "bias")
    outputs = node.type.shape[0]
    exponent = np.zeros(1, np.int64) if shift is None else shift.astype(np.int64)
    bias = np.zeros(outputs, np.int64) if bias is None else bias.astype(np.int64)
    if (exponent < 0).any():
        return shifted_weight(graph, node), Readout(np.zeros(1, np.int64), bias * 0), bias
    whole = bias >> exponent
    return graph.weight(node).astype(np.int64), Readout(exponent, bias - (whole << exponent)), whole


def total_bias(graph: QuantGraph, node: Node, neurons: Node) -> Array:
    """Return the bias of a layer and of its neurons in units of current, [O] or [C, H, W].

    The layer's joins the current and the neurons' the potential; it is all the same where a
    current is forgotten after each step, which `net_rules` sees to.
    """
    shape = node.type.shape
    of_layer, of_neurons = graph.param(node, "bias"), graph.param(neurons, "bias")
    total = np.zeros(shape[0], np.int64) if of_layer is None else of_layer.astype(np.int64)
    if of_neurons is None:
        return total
    of_neurons = of_neurons.astype(np.int64) // UNIT
    if of_neurons.ndim == 1:
        return total + of_neurons
    return (total.reshape(-1, *(1,) * (len(shape) - 1)) + of_neurons).reshape(_volume(shape))


def reach(graph: QuantGraph, node: Node, weight: Array, bias: Array | int = 0) -> int:
    """Return the largest magnitude of what a layer can give in one step.

    bias: of each channel, or of each neuron.
    """
    taps = weight.reshape(len(weight), -1)
    positive, negative = np.maximum(taps, 0).sum(axis=1), -np.minimum(taps, 0).sum(axis=1)
    kind = graph[node.inputs[0]].type.kind
    if kind == "current":
        positive = negative = positive + negative
    largest = 1 if kind == "spike" else graph.input_limit
    return int(np.maximum(positive, negative).max()) * largest + int(np.abs(bias).max())


def _silent(graph: QuantGraph, node: Node, weight: Array, bias: Array) -> NetNeuron:
    """Return neurons that never fire, and keep the sum over the steps if the register holds it."""
    holds_all = graph.steps * reach(graph, node, weight, bias) <= THRESHOLD_LIMIT
    return NetNeuron(4096, 0 if holds_all else 4096, np.array([THRESHOLD_LIMIT]))


def _neuron(graph: QuantGraph, node: Node) -> NetNeuron:
    assert isinstance(node.op, IntegerLif), "the rules know no other neurons"
    threshold = graph.params[f"{node.name}.threshold"].astype(np.int64) // UNIT
    same = (threshold == threshold[0]).all()
    return NetNeuron(
        node.op.current_decay, node.op.voltage_decay, threshold[:1] if same else threshold
    )


def _geometry(op: Conv) -> Geometry:
    return Geometry(_pair(op.stride, 1), _pair(op.padding, 0), _pair(op.dilation, 1), op.groups)


def _pair(values: tuple[int, ...], above: int) -> tuple[int, int]:
    """Return numbers along (H, W); a convolution over one axis is one over (1, L)."""
    height, width = (above, *values) if len(values) == 1 else values
    return height, width


def _volume(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return [C, H, W] for [C, L]; other shapes as they are."""
    return (shape[0], 1, shape[1]) if len(shape) == 2 else shape


def _with_few_groups(weight: Array, geometry: Geometry) -> tuple[Array, Geometry]:
    """Join groups, with zeros between them, until a signed byte holds their number."""
    groups = geometry.groups
    fewer = max(n for n in range(1, min(groups, BYTE_LIMIT) + 1) if groups % n == 0)
    if fewer == groups:
        return weight, geometry
    joined = groups // fewer
    outputs, inputs, *kernel = weight.shape
    per_group = outputs // groups
    wide = np.zeros((fewer, joined, per_group, joined, inputs, *kernel), weight.dtype)
    parts = weight.reshape(fewer, joined, per_group, inputs, *kernel)
    for i in range(joined):
        wide[:, i, :, i] = parts[:, i]
    return wide.reshape(outputs, joined * inputs, *kernel), replace(geometry, groups=fewer)


def _convolutions(
    shape: tuple[int, ...], layers: tuple[NetLayer, ...]
) -> tuple[tuple[int, ...], tuple[NetLayer, ...]]:
    """Write every dense layer as a convolution whose kernel covers all that it reads.

    netx rescales the weights of dense layers to make use of all bits, and gets it wrong where none
    is above zero. It leaves those of convolutions alone.
    """
    volume = _column(shape)
    read, made = volume, []
    for layer in layers:
        if is_dense(layer):
            layer = replace(
                layer,
                weight=layer.weight.reshape(-1, *read),
                geometry=Geometry((1, 1), (0, 0), (1, 1), 1),
                shape=_column(layer.shape),
                flatten=False,
            )
        made.append(layer)
        read = layer.shape
    return volume, tuple(made)


def _column(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return [N, 1, 1] for [N]; volumes as they are."""
    return (*shape, 1, 1) if len(shape) == 1 else shape
