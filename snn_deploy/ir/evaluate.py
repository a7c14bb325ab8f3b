"""The reference meaning of a graph, in NumPy: one step at a time, float or integer.

Everything else (ONNX, Lava, C, the chip) is tested against this file. A batch is the leading axis.
What depends on neither state nor a changing input is computed once per sample.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import numpy as np

from .graph import Array, Graph, Node
from .kernels import add, avg_pool, convolve, linear, max_pool, rescale, sum_pool
from .messages import DelayState, DeltaState, SigmaDeltaState, SigmaState
from .ops import (
    STATEFUL,
    Add,
    AvgPool,
    BatchNorm,
    Conv,
    Delay,
    Delta,
    Flatten,
    Identity,
    Input,
    IntegerLif,
    Lif,
    Linear,
    MaxPool,
    Relay,
    Sigma,
    SigmaDelta,
    SumPool,
)
from .states import FloatState, IntegerState

State = FloatState | IntegerState | DeltaState | SigmaDeltaState | SigmaState | DelayState

Values = Mapping[str, Array]
"""Node name -> [B, ...], of one step."""


def evaluate(
    graph: Graph,
    x: Array,
    steps: int | None = None,
    saturated: Counter[str] | None = None,
    keep: Collection[str] | None = None,
    states: dict[str, State] | None = None,
) -> Iterator[Values]:
    """Yield the value of every node, step by step.

    Args:
        graph: float (computes in x's type, float32 or float64) or integer (x holds integers).
        x: [B, *shape] for a static input, [T, B, *shape] for a sequence.
        steps: how many; the graph's own number unless given, a sequence's length at most.
        saturated: gains, by layer with state, the number of neuron-steps whose current or sum left
            the 24-bit register or whose membrane was clipped by it.
        keep: yield these nodes only; the value of another is let go of once its last reader has it.
        states: gains the state of every node that has one, which the next step changes.

    Raises:
        ValueError: x has another shape or too few steps, is real where the graph is of integers,
            or of integers where it is real.
        OverflowError: an integer leaves 32 bits, or a sum can; the text names the node.
    """
    run = _Run(graph, x, steps, states)
    for t in range(run.steps):
        yield {name: value for name, value in run.step(t) if keep is None or name in keep}
        if saturated is not None:
            saturated.update(run.take_saturated())


def walk(graph: Graph, x: Array, steps: int | None = None) -> Iterator[tuple[str, Array]]:
    """Yield each node's name and value as soon as it is known, in graph order, step after step.

    A caller that lets go of it before it asks for the next holds no more than what is still to be
    read: on a deep network a small part of a step. Arguments and errors as `evaluate`.
    """
    run = _Run(graph, x, steps)
    for t in range(run.steps):
        yield from run.step(t)


def read_out(graph: Graph, outputs: Iterator[Values]) -> dict[str, Array]:
    """Sum every output over the steps; a float graph with readout "mean" is divided by T.

    An integer graph's sums are integers; `QuantGraph.output_scale` makes them real.
    """
    sums: dict[str, Array] = {}
    steps = 0
    for values in outputs:
        steps += 1
        accumulate(sums, graph.outputs, values)
    if graph.readout == "mean":
        return {n: a / steps if a.dtype.kind == "f" else a for n, a in sums.items()}
    return sums


def accumulate(sums: dict[str, Array], outputs: Sequence[str], values: Values) -> None:
    """Add a step's outputs to their sums; integers, spikes too, are summed in 64 bits."""
    for name in outputs:
        value = values[name]
        wide = value.astype(np.int64 if value.dtype.kind in "iu" else value.dtype)
        sums[name] = sums[name] + wide if name in sums else wide


def _check_shape(graph: Graph, x: Array, sequence: bool, steps: int) -> None:
    shape = graph.input.type.shape
    axes = ("T", "B") if sequence else ("B",)
    if x.shape[len(axes) :] != shape or x.ndim != len(axes) + len(shape):
        raise ValueError(f"input of shape {x.shape}, the graph takes [{', '.join(axes)}, *{shape}]")
    if sequence and len(x) < steps:
        raise ValueError(f"input of {len(x)} steps, {steps} are asked for")


def _check_kind(graph: Graph, integer: bool) -> None:
    """Refuse what would be cut to integers in silence."""
    other, kind = ((Lif, BatchNorm, AvgPool), "f") if integer else (_INTEGER_ONLY, "iu")
    wrong = [node.name for node in graph.nodes if isinstance(node.op, other)]
    wrong += [key for key, array in graph.params.items() if array.dtype.kind in kind]
    if wrong:
        given, taken = ("integers", "real numbers") if integer else ("real numbers", "integers")
        raise ValueError(f"input of {given}, '{wrong[0]}' of graph '{graph.name}' takes {taken}")


_INTEGER_ONLY = (IntegerLif, Delta, SigmaDelta, Sigma, Delay)


class _Run:
    """One sample batch on its way through the steps."""

    def __init__(
        self,
        graph: Graph,
        x: Array,
        steps: int | None,
        states: dict[str, State] | None = None,
    ) -> None:
        self.sequence = not graph.static
        self.steps = graph.steps if steps is None else steps
        _check_shape(graph, x, self.sequence, self.steps)
        self.integer = x.dtype.kind in "iu"
        _check_kind(graph, self.integer)
        self.graph = graph
        self.x = x
        self.states: dict[str, State] = {} if states is None else states
        self.constant = _constant_nodes(graph)
        self.kept: dict[str, Array] = {}
        self.read_last = _read_last(graph)

    def step(self, t: int) -> Iterator[tuple[str, Array]]:
        """Yield every node's name and value in graph order, and forget what is read no more."""
        x = self.x[t] if self.sequence else self.x
        values: dict[str, Array] = {}
        for node in self.graph.nodes:
            values[node.name] = self._known(node, x, values)
            yield node.name, values[node.name]
            for name in self.read_last[node.name]:
                del values[name]

    def _known(self, node: Node, x: Array, values: Values) -> Array:
        """Return a node's value: of an earlier step where it is the same at every step."""
        if node.name in self.kept:
            return self.kept[node.name]
        value = self._value(node, x, [values[i] for i in node.inputs])
        if node.name in self.constant:
            self.kept[node.name] = value
        return value

    def take_saturated(self) -> dict[str, int]:
        """Return and forget the neuron-steps that left the register since the last call."""
        found: dict[str, int] = {}
        for name, state in self.states.items():
            if not isinstance(state, FloatState) and state.saturated:
                found[name], state.saturated = state.saturated, 0
        return found

    def _value(self, node: Node, x: Array, inputs: list[Array]) -> Array:
        if isinstance(node.op, Input):
            return _input(x, self.integer)
        try:
            if isinstance(node.op, STATEFUL):
                return self._state(node).step(inputs[0])
            return _STATELESS[type(node.op)](self.graph, node, inputs)
        except OverflowError as error:
            raise OverflowError(f"{node.name}: {error}") from error

    def _state(self, node: Node) -> State:
        if node.name not in self.states:
            self.states[node.name] = _state(self.graph, node)
        return self.states[node.name]


def _input(x: Array, integer: bool) -> Array:
    return x.astype(np.int32) if integer else x


def _state(graph: Graph, node: Node) -> State:
    op = node.op
    if isinstance(op, Lif):
        return FloatState(op)
    if isinstance(op, Sigma):
        return SigmaState()
    if isinstance(op, Delay):
        return DelayState(graph.params[f"{node.name}.steps"])
    threshold = graph.params[f"{node.name}.threshold"]
    bias = graph.param(node, "bias")
    if isinstance(op, Delta):
        return DeltaState(op, threshold, bias)
    if isinstance(op, SigmaDelta):
        return SigmaDeltaState(op, threshold, bias)
    assert isinstance(op, IntegerLif), "STATEFUL and this function list the same ops"
    return IntegerState(op, threshold, bias)


def _constant_nodes(graph: Graph) -> frozenset[str]:
    """Return the nodes that give the same value at every step of a static sample."""
    constant: set[str] = set()
    for node in graph.nodes:
        if isinstance(node.op, Input):
            same = node.op.static
        else:
            same = not isinstance(node.op, STATEFUL) and all(i in constant for i in node.inputs)
        if same:
            constant.add(node.name)
    return frozenset(constant)


def _read_last(graph: Graph) -> Mapping[str, Sequence[str]]:
    """Return, by node, those whose values nobody reads after it, itself where nobody does."""
    last = {node.name: node.name for node in graph.nodes}
    last |= {source: node.name for node in graph.nodes for source in node.inputs}
    found: dict[str, list[str]] = {node.name: [] for node in graph.nodes}
    for name, reader in last.items():
        found[reader].append(name)
    return found


def _conv(graph: Graph, node: Node, inputs: list[Array]) -> Array:
    assert isinstance(node.op, Conv), "called through the table below"
    return _scaled(graph, node, convolve(inputs[0], graph.weight(node), node.op))


def _linear(graph: Graph, node: Node, inputs: list[Array]) -> Array:
    return _scaled(graph, node, linear(inputs[0], graph.weight(node)))


def _scaled(graph: Graph, node: Node, y: Array) -> Array:
    shift, bias = graph.param(node, "shift"), graph.param(node, "bias")
    if shift is not None:
        y = rescale(y, _along_channels(shift, y))
    if bias is None:
        return y
    return add([y, _along_channels(bias, y).astype(y.dtype, copy=False)])


def _along_channels(array: Array, like: Array) -> Array:
    return array.reshape(-1, *(1,) * (like.ndim - 2))


def _relay(graph: Graph, node: Node, inputs: list[Array]) -> Array:
    return _scaled(graph, node, inputs[0])


def _batch_norm(graph: Graph, node: Node, inputs: list[Array]) -> Array:
    assert isinstance(node.op, BatchNorm), "called through the table below"
    (x,) = inputs
    weight, bias, mean, variance = (
        graph.params[f"{node.name}.{role}"].astype(x.dtype) for role in node.op.required
    )
    factor = weight / np.sqrt(variance + x.dtype.type(node.op.eps))
    return (x - _along_channels(mean, x)) * _along_channels(factor, x) + _along_channels(bias, x)


def _add(_: Graph, __: Node, inputs: list[Array]) -> Array:
    return add(inputs)


def _avg_pool(_: Graph, node: Node, inputs: list[Array]) -> Array:
    assert isinstance(node.op, AvgPool), "called through the table below"
    return avg_pool(inputs[0], node.op)


def _sum_pool(_: Graph, node: Node, inputs: list[Array]) -> Array:
    assert isinstance(node.op, SumPool), "called through the table below"
    return sum_pool(inputs[0], node.op)


def _max_pool(_: Graph, node: Node, inputs: list[Array]) -> Array:
    assert isinstance(node.op, MaxPool), "called through the table below"
    return max_pool(inputs[0], node.op)


def _flatten(_: Graph, __: Node, inputs: list[Array]) -> Array:
    return inputs[0].reshape(len(inputs[0]), -1)


def _identity(_: Graph, __: Node, inputs: list[Array]) -> Array:
    return inputs[0]


_STATELESS: Mapping[type, Callable[[Graph, Node, list[Array]], Array]] = {
    Conv: _conv,
    Linear: _linear,
    BatchNorm: _batch_norm,
    Add: _add,
    AvgPool: _avg_pool,
    SumPool: _sum_pool,
    MaxPool: _max_pool,
    Flatten: _flatten,
    Identity: _identity,
    Relay: _relay,
}
