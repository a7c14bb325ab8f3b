"""The quantiser: chooses a unit for every stream, rounds every weight, turns neurons to integers.

Real value of an integer = integer * scale. A weight layer reads integers of scale s_in and gives

    y = rescale(sum of weight * x, shift) + bias          in units of its stream

so weight * s_in is rounded at the scale unit * 2^shift. A layer that reads spikes only shifts left,
which loses nothing; one that reads a stream (a projection shortcut) also shifts right, rounding.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from snn_deploy.errors import QuantizationError
from snn_deploy.ir.builder import GraphBuilder
from snn_deploy.ir.graph import Array, Graph, Node
from snn_deploy.ir.ops import Add, AvgPool, Conv, Flatten, Input, Lif, Linear, MaxPool, SumPool
from snn_deploy.ir.spec import QUANTIZED, verify
from snn_deploy.passes import JOIN_SCALES, run_passes

from .calibration import Calibration
from .graph import QuantGraph, Scale
from .neurons import effective_threshold, quantize_neuron
from .options import QuantizationOptions
from .rounding import Reals, Rounded, best_power, best_scale
from .streams import find_streams, stream_of

_TINY = float(np.finfo(np.float32).tiny)
_MOST = 2**15 - 1
"""Up to here inputs that are integers already stay what they are."""


@dataclass(frozen=True, slots=True)
class LayerError:
    """What rounding did to a layer.

    Attributes:
        name: of the layer.
        scale: real value of one unit of what it gives (the mean over channels where these differ).
        shift: from its weights' unit to that one (the largest where channels differ).
        weight_error: norm of the error over norm of the weight.
    """

    name: str
    scale: float
    shift: int
    weight_error: float


@dataclass(frozen=True, slots=True)
class Quantized:
    """An integer graph and how it was rounded."""

    graph: QuantGraph
    layers: tuple[LayerError, ...]


def quantize(
    graph: Graph, calibration: Calibration, options: QuantizationOptions | None = None
) -> Quantized:
    """Return the integer graph of a folded float graph.

    The calibration is of the same graph, or of one with fewer nodes (adapters are added here).

    Raises:
        QuantizationError: a node has no exact integer form.
    """
    adapted = run_passes(graph, JOIN_SCALES)
    work = _Quantizer(adapted, calibration, options or QuantizationOptions())
    return work.run()


class _Quantizer:
    """One graph on its way to integers: the scales found so far and the nodes built."""

    def __init__(
        self, graph: Graph, calibration: Calibration, options: QuantizationOptions
    ) -> None:
        self.graph = graph
        self.readers = graph.readers()
        self.calibration = calibration
        self.options = options
        self.builder = GraphBuilder(graph.name)
        self.scales: dict[str, Scale] = {}
        self.layers: list[LayerError] = []
        self.streams = find_streams(graph)
        self.stream = stream_of(self.streams)
        self.units: dict[int, Scale] = {}
        self.input_limit = options.input_limit

    def run(self) -> Quantized:
        for node in self.graph.nodes:
            self._add(node)
        builder = self.builder
        result = QuantGraph(
            builder.name,
            tuple(builder.nodes.values()),
            self.graph.outputs,
            builder.params,
            self.graph.steps,
            self.graph.readout,
            scales=self.scales,
            weight_bits=self.options.weight_bits,
            input_limit=self.input_limit,
        )
        verify(result, QUANTIZED)
        return Quantized(result, tuple(self.layers))

    def _add(self, node: Node) -> None:
        if isinstance(node.op, Input):
            self.builder.add(node.name, node.op)
            self.scales[node.name] = self._input_scale(node)
        elif isinstance(node.op, Lif):
            self._add_neuron(node, node.op)
        elif isinstance(node.op, Conv | Linear):
            self._add_layer(node)
        elif isinstance(node.op, AvgPool):
            op = SumPool(node.op.kernel, node.op.stride, node.op.padding)
            self.builder.add(node.name, op, *node.inputs)
            self.scales[node.name] = self.scales[node.inputs[0]] / float(np.prod(op.kernel))
        else:
            self.builder.add(node.name, node.op, *node.inputs)
            self.scales[node.name] = self._inherited(node)

    def _input_scale(self, node: Node) -> Scale:
        top = self.calibration.largest[node.name]
        if self.calibration.integer_input and top <= _MOST:
            most = max(self.options.input_limit, int(top))
            self.input_limit = 1 if node.type.kind == "spike" else most
            return np.ones(1)
        return np.array([max(top, _TINY) / self.options.input_limit])

    def _inherited(self, node: Node) -> Scale:
        if isinstance(node.op, Add) and node.type.kind == "current":
            return self._unit(node)
        sources = [self.scales[i] for i in node.inputs]
        if any(not np.array_equal(s, sources[0]) for s in sources[1:]):
            raise QuantizationError(
                node.name, "adds spikes of different scales", "pool after the addition, not before"
            )
        size = node.type.shape[0]
        source = sources[0]
        return source if source.size in (1, size) else np.repeat(source, size // source.size)

    def _add_neuron(self, node: Node, op: Lif) -> None:
        scale = self.scales[node.inputs[0]]
        integer = quantize_neuron(node.name, op, scale)
        self.builder.add(
            node.name, integer.op, *node.inputs, threshold=integer.threshold, bias=integer.bias
        )
        self.scales[node.name] = np.ones(1)

    def _add_layer(self, node: Node) -> None:
        real = self._real_weight(node)
        unit = self._unit(node)
        rounded = self._round(node, real, unit)
        shift = np.rint(np.log2(rounded.scale / unit)).astype(np.int64)
        dtype = np.int8 if self.options.weight_bits <= 8 else np.int16
        self.builder.add(
            node.name,
            node.op,
            *node.inputs,
            weight=rounded.integers.astype(dtype),
            shift=shift.astype(np.int8) if shift.any() else None,
            bias=self._bias(node, real, rounded, unit),
        )
        self.scales[node.name] = unit
        norm = float(np.linalg.norm(real)) or 1.0
        error = float(np.linalg.norm(real - rounded.values())) / norm
        self.layers.append(LayerError(node.name, float(unit.mean()), int(shift.max()), error))

    def _real_weight(self, node: Node) -> Reals:
        """Return the weight times the scale of what it reads: real output per integer input."""
        weight = self.graph.weight(node).astype(np.float64)
        scale = self._known_scale(node.inputs[0])
        assert scale is not None, "what a layer reads comes before it"
        if scale.size == 1:
            return np.asarray(weight * scale)
        groups = node.op.groups if isinstance(node.op, Conv) else 1
        shape = (1, -1, *(1,) * (weight.ndim - 2))
        parts = np.split(weight, groups), np.split(scale, groups)
        return np.concatenate([w * s.reshape(shape) for w, s in zip(*parts, strict=True)])

    def _known_scale(self, name: str) -> Scale | None:
        """Return the scale of a node that is quantised already, or that will be spikes anyway."""
        if name in self.scales:
            return self.scales[name]
        return np.ones(1) if isinstance(self.graph[name].op, Lif) else None

    def _bias(self, node: Node, real: Reals, rounded: Rounded, unit: Scale) -> Array | None:
        bias = self.graph.param(node, "bias")
        total = np.zeros(len(real)) if bias is None else bias.astype(np.float64)
        if self.options.bias_correction:
            total = total + self._mean_error(node, real - rounded.values())
        integers = np.rint(total / unit).astype(np.int32)
        return integers if integers.any() else None

    def _mean_error(self, node: Node, error: Reals) -> Reals:
        """Return what the rounding of the weights takes off the mean output, [O]."""
        source = node.inputs[0]
        means = self.calibration.means.get(source)
        if means is None:
            return np.zeros(len(error))
        integers = means / self.scales[source]
        groups = node.op.groups if isinstance(node.op, Conv) else 1
        taps = error.reshape(*error.shape[:2], -1).sum(axis=2)
        parts = zip(np.split(taps, groups), np.split(integers, groups), strict=True)
        return np.concatenate([tap @ mean for tap, mean in parts])

    def _round(self, node: Node, real: Reals, unit: Scale) -> Rounded:
        if unit.size > 1:
            return self._alone(node, real)[0]
        return best_power(
            real,
            float(unit[0]),
            self._weight_limit(node, real),
            lowest=0 if self._reads_spikes(node) else -30,
            per_channel=self._per_channel(node),
        )

    def _weight_limit(self, node: Node, real: Reals) -> int:
        """Return the largest weight: what the bits allow, and sums that fit, a factor of 2 left.

        Only weights on a wide stream are held back: a projection shortcut, at 16 bits of weight in
        sums of 32 bits, or at 8 in sums of 24.
        """
        if self._reads_spikes(node):
            return self.options.weight_limit
        source = node.inputs[0]
        reach = 2 * self.calibration.largest.get(source, 0.0) / float(self.scales[source].min())
        taps = np.abs(real).reshape(len(real), -1)
        spread = float((taps.sum(axis=1) / max(taps.max(), 1e-30)).max())
        fits = int((2 ** (self.options.sum_bits - 1) - 1) / max(reach * spread, 1.0))
        return max(1, min(self.options.weight_limit, fits))

    def _per_channel(self, node: Node) -> bool:
        """Outputs keep one scale, so that their integers can be compared with each other."""
        return self.options.per_channel and node.name not in self.graph.outputs

    def _reads_spikes(self, node: Node) -> bool:
        """Say whether a layer multiplies counts: spikes, their sums, or their means as sums."""
        source = node.inputs[0]
        known = self.builder.nodes.get(source, self.graph[source])
        return known.type.kind != "current"

    def _unit(self, node: Node) -> Scale:
        """Return the unit of a node's stream, chosen when its first layer is met."""
        index = self.stream[node.name]
        if index not in self.units:
            self.units[index] = self._choose_unit(self.streams[index], node)
        return self.units[index]

    def _choose_unit(self, stream: Sequence[Node], first: Node) -> Scale:
        """Return the unit: a layer's own, or the best of eight within a factor of two.

        One of the eight is a power of two, in which a weight of 1 is exact.
        """
        if len(stream) == 1:
            return self._alone(first, self._real_weight(first))[1]
        unit = self._finest_unit(stream)
        layers = [n for n in stream if n.inputs and self._known_scale(n.inputs[0]) is not None]
        weighted = [n for n in layers if isinstance(n.op, Conv | Linear)]
        candidates = 2.0 ** ((np.ceil(8 * np.log2(unit)) + np.arange(8)) / 8)
        return candidates[[np.argmin(self._stream_errors(weighted, candidates))]]

    def _finest_unit(self, stream: Sequence[Node]) -> float:
        """Return the unit at which the stream's range fills `current_bits`.

        The range is what calibration saw, and what the neurons that read the stream compare.
        """
        ranges = [self._largest(node) for node in stream]
        levels = [level for node in stream for level in self._levels(node, 1.0)]
        return max(*ranges, *levels, _TINY) / self.options.current_limit

    def _largest(self, node: Node) -> float:
        """Return a node's largest magnitude; a unit weight's is that of what it reads."""
        known = self.calibration.largest
        return known[node.name] if node.name in known else known[node.inputs[0]]

    def _levels(self, node: Node, share: float) -> Iterator[float]:
        """Yield what neurons read, and its threshold, in units that are a share of the node's.

        They read the node itself, or what is pooled from it: a sum over a window is larger, a mean
        has a smaller unit.
        """
        for reader in self.readers[node.name]:
            if isinstance(reader.op, Lif):
                yield max(self._largest(node), effective_threshold(reader.op)) / share
            elif isinstance(reader.op, AvgPool):
                yield from self._levels(reader, share / float(np.prod(reader.op.kernel)))
            elif isinstance(reader.op, Flatten | MaxPool | SumPool):
                yield from self._levels(reader, share)

    def _stream_errors(self, layers: Sequence[Node], units: Scale) -> Reals:
        """Return the summed relative error of layers at each unit."""
        totals = np.zeros(len(units))
        for node in layers:
            real = self._real_weight(node)
            most = max((real**2).sum(), 1e-30)
            for i, unit in enumerate(units):
                rounded = self._round(node, real, np.array([unit]))
                totals[i] += ((real - rounded.values()) ** 2).sum() / most
        return totals

    def _alone(self, node: Node, real: Reals) -> tuple[Rounded, Scale]:
        """Round a layer that is a stream of its own: its scale is free, its unit a part of it.

        What is read out, and by no neuron, is left in the unit of its weights: no register that
        it must fit into is narrower than the one it was summed in.
        """
        finest = self._finest_unit([node])
        if node.name in self.graph.outputs and not self.readers[node.name]:
            limit = self._weight_limit(node, real)
            rounded = best_scale(real, limit, floor=0.0, per_channel=False)
            return rounded, rounded.scale
        floor = finest if self._reads_spikes(node) else 0.0
        rounded = best_scale(
            real,
            self._weight_limit(node, real),
            floor=floor,
            per_channel=self._per_channel(node),
        )
        lowest = 0 if self._reads_spikes(node) else -30
        bits = np.maximum(np.floor(np.log2(rounded.scale / finest)), lowest)
        return rounded, np.asarray(rounded.scale * 2.0**-bits)
