"""The layers of a `.net` file as an integer graph of one step.

Weights and biases in the file are 64 times the real ones, and a neuron multiplies what arrives by
64 again: exactly what `IntegerLif` and the sigma-delta neurons do. So all numbers go into the graph
as they stand; 2^-6 is the real value of a current's unit where spikes arrive.
"""

from dataclasses import dataclass

import numpy as np

from snn_deploy.errors import ModelError
from snn_deploy.ir.builder import GraphBuilder
from snn_deploy.ir.graph import Array
from snn_deploy.ir.ops import (
    Delay,
    Delta,
    Flatten,
    Input,
    IntegerLif,
    Kind,
    Linear,
    Op,
    Sigma,
    SigmaDelta,
)
from snn_deploy.quantization.graph import QuantGraph

from .layers import AverageLayer, ConvLayer, DenseLayer, FlattenLayer, InputLayer
from .network import NetxNetwork, check, reads_out
from .neurons import Cuba, Neuron
from .neurons import SigmaDelta as SigmaDeltaNeuron

_POTENTIAL = 6
"""log2 of the units of a membrane in one of the file."""
_STATE = 12
"""The same of a sigma-delta neuron's state: 2^6 in a message, 2^6 more in the state."""
_MESSAGE_UNIT = 2.0**-12
"""Real value of one unit of a sigma-delta neuron's message."""


@dataclass(frozen=True, slots=True)
class Entering:
    """What is put into a network.

    Attributes:
        shape: of a sample at one step.
        steps: T.
        static: the same at every step.
        kind: spike, graded (counts), or current (signed).
        limit: the largest magnitude of an integer.
    """

    shape: tuple[int, ...]
    steps: int
    static: bool = True
    kind: Kind = "spike"
    limit: int = 1


def integer_graph(network: NetxNetwork, name: str, entering: Entering) -> QuantGraph:
    """Return the graph in which all layers of a step run in that step, each with its bias.

    Args:
        network: the file's layers.
        name: of the graph.
        entering: what will be put in; its shape is the network's own where that is known.

    Raises:
        ModelError: the layers do not fit this shape.
    """
    complaints = check(network.layers, entering.shape)
    if complaints:
        remedy = f"give samples of another shape than {list(entering.shape)}"
        raise ModelError(network.source, "; ".join(complaints), remedy)
    return _Building(network, name, entering).run()


class _Building:
    """The graph as it grows: `at` is the node added last, `unit` the real value of its integers."""

    def __init__(self, network: NetxNetwork, name: str, entering: Entering) -> None:
        self.network = network
        self.entering = entering
        self.builder = GraphBuilder(name)
        self.scales: dict[str, Array] = {}
        self.bits = 2
        self.at = ""

    def run(self) -> QuantGraph:
        first = self.network.layers[0]
        self._input(first if isinstance(first, InputLayer) else None)
        for layer in self.network.layers:
            if isinstance(layer, ConvLayer | DenseLayer):
                self._weighted(layer, read_out=reads_out(layer, layer is self.network.layers[-1]))
            elif isinstance(layer, FlattenLayer):
                self._flatten(layer.place)
            elif isinstance(layer, AverageLayer):
                self._average(layer)
        estimates = isinstance(self.builder.nodes[self.at].op, Sigma)
        graph = self.builder.finish(
            self.at, steps=self.entering.steps, readout="mean" if estimates else "sum"
        )
        return QuantGraph(
            graph.name,
            graph.nodes,
            graph.outputs,
            graph.params,
            graph.steps,
            graph.readout,
            scales=self.scales,
            weight_bits=self.bits,
            input_limit=self.entering.limit,
        )

    @property
    def unit(self) -> float:
        return float(self.scales[self.at][0])

    def _add(self, name: str, op: Op, unit: float, **arrays: Array | None) -> None:
        self.at = self.builder.add(name, op, *([self.at] if self.at else []), **arrays)
        self.scales[name] = np.array([unit])

    def _input(self, layer: InputLayer | None) -> None:
        """Append what enters. An offset is a bias: both are there at every step."""
        given = self.entering
        gain = 1 if layer is None or layer.gain is None else layer.gain
        self._add("input", Input(given.shape, given.kind, given.static), 1 / gain)
        if layer is None or layer.neuron is None:
            return
        offset = np.array([layer.offset]) if layer.offset else None
        self._neuron(0, layer.neuron, offset, of_input=True)

    def _weighted(self, layer: ConvLayer | DenseLayer, *, read_out: bool) -> None:
        name, op = f"conv{layer.place}", Linear() if isinstance(layer, DenseLayer) else layer.op
        if isinstance(layer, DenseLayer):
            name = f"dense{layer.place}"
            self._flatten(layer.place)
            self._delay(f"delay{layer.place}_in", layer.delay_before)
        weight, shift = self._stored(layer.weight)
        bias = _of_sums(layer) if read_out else None
        self._add(name, op, self.unit / 64, weight=weight, shift=shift, bias=bias)
        if not read_out:
            assert layer.neuron is not None, "check() lets only the last layer be without"
            self._neuron(layer.place, layer.neuron, layer.bias)
        if isinstance(layer, DenseLayer):
            self._delay(f"delay{layer.place}", layer.delay)

    def _neuron(
        self, place: int, neuron: Neuron, bias: Array | None, *, of_input: bool = False
    ) -> None:
        if isinstance(neuron, Cuba):
            self._lif(place, neuron, bias)
        elif isinstance(neuron, SigmaDeltaNeuron):
            name = f"delta{place}" if of_input else f"sigma_delta{place}"
            op = Delta() if of_input else SigmaDelta()
            threshold = np.array([neuron.threshold << _STATE], np.int32)
            bias = _scaled(bias, _STATE)
            self._add(name, op, _MESSAGE_UNIT, threshold=threshold, bias=bias)
        else:
            self._add(f"sigma{place}", Sigma(), self.unit)

    def _lif(self, place: int, neuron: Cuba, bias: Array | None) -> None:
        equal = self.network.at_equality
        threshold = np.array([(neuron.threshold << _POTENTIAL) - equal], np.int32)
        op = IntegerLif(neuron.current_decay, neuron.voltage_decay, at_equality=equal)
        bias = _scaled(bias, _POTENTIAL)
        self._add(f"lif{place}", op, 1.0, threshold=threshold, bias=bias)

    def _flatten(self, place: int) -> None:
        """Make a vector of a map; one stays what it is."""
        if len(self.builder.type(self.at).shape) > 1:
            self._add(f"flatten{place}", Flatten(), self.unit)

    def _delay(self, name: str, steps: Array | None) -> None:
        if steps is not None:
            self._add(name, Delay(), self.unit, steps=steps)

    def _average(self, layer: AverageLayer) -> None:
        """Append sums of neighbors; that they are means is in their unit."""
        self._flatten(layer.place)
        members = self.builder.type(self.at).size // layer.groups
        weight = np.repeat(np.eye(layer.groups, dtype=np.int8), members, axis=1)
        self._add(f"average{layer.place}", Linear(), self.unit / members, weight=weight)

    def _stored(self, weight: Array) -> tuple[Array, Array | None]:
        """Return weights as bytes with a shift where a power of two divides all of them.

        Those of 9 bits always are even: Loihi stores 8.
        """
        shift = 0
        while _bits(weight >> shift) > 8 and not (weight & ((2 << shift) - 1)).any():
            shift += 1
        if _bits(weight >> shift) > 8:
            self.bits = max(self.bits, _bits(weight))
            return weight.astype(np.int16), None
        narrow = (weight >> shift).astype(np.int8)
        self.bits = max(self.bits, _bits(narrow))
        return narrow, np.array([shift], np.int8) if shift else None


def _bits(weight: Array) -> int:
    """Return how many bits the widest weight takes, sign included."""
    widest = max(int(weight.max()), -1 - int(weight.min()))
    return 1 + widest.bit_length()


def _of_sums(layer: ConvLayer | DenseLayer) -> Array | None:
    """Return the bias of a layer whose sums are read out, a number for each output."""
    return None if layer.bias is None else np.resize(layer.bias, len(layer.weight)).astype(np.int32)


def _scaled(values: Array | None, exponent: int) -> Array | None:
    return None if values is None else (values << exponent).astype(np.int32)
