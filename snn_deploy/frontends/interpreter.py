"""Gives every recorded operation its meaning: nodes of one step, and when they are meant."""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from torch import Tensor, fx

from snn_deploy.ir.graph import Graph, Readout
from snn_deploy.ir.ops import Input

from . import functions, layers
from .adapters import adapter
from .call import Call, as_value
from .neurons import run_neuron
from .recording import Recording, user_path
from .step import Step, node_name
from .values import EVERY, Clock, NeuronState, Refused, Sum, Value

POISON: Any = object()
"""The value of what was refused; what reads it is passed over."""


@dataclass(frozen=True, slots=True)
class Offence:
    """One operation that has no meaning here."""

    path: str
    what: str
    remedy: str


@dataclass(slots=True)
class Interpreter:
    """One walk through a recording.

    Attributes:
        recording: what the forward did.
        clock: the lengths of the axes.
        name: of the graph.
        source: the input node.
        entry: what the forward's argument is.
        offences: what was refused.
    """

    recording: Recording
    clock: Clock
    name: str
    source: Input
    entry: Value
    offences: list[Offence] = field(default_factory=list)
    step: Step = field(init=False)
    values: dict[fx.Node, Any] = field(default_factory=dict)

    def run(self, steps: int) -> Graph | None:
        """Return the graph, or None where there are offences. steps: of an inference."""
        leaves = [n.target for n in self.recording.graph.nodes if n.op == "call_module"]
        self.step = Step(self.name, [user_path(str(target)) for target in leaves])
        self.step.emit(self.entry.node, self.source, (), owner="")
        result: Any = None
        for node in self.recording.graph.nodes:
            if node.op == "output":
                result = self._finish(node, steps)
            else:
                self.values[node] = self._attempt(node)
        stopped = self.recording.stopped
        if stopped is not None:
            self.offences.append(Offence(stopped.path, stopped.what, stopped.remedy))
        return None if self.offences else result

    def _attempt(self, node: fx.Node) -> Any:
        if node.op == "placeholder":
            return self.entry
        if node.op == "get_attr":
            return self.recording.constants[str(node.target)]
        args, kwargs = fx.node.map_arg((node.args, node.kwargs), self.values.__getitem__)
        try:
            handler = self._handler(node)
            if _has_poison((args, kwargs)) or "value" not in node.meta:
                return POISON
            return self._checked(node, handler(self._call(node), args, kwargs))
        except Refused as refused:
            self._offend(node, refused)
            return POISON

    def _handler(self, node: fx.Node) -> Callable[[Call, Any, Any], Any]:
        """Return what runs a node; Refused where nothing does."""
        if node.op != "call_module":
            table: Mapping[Any, Any] = (
                functions.METHODS if node.op == "call_method" else functions.FUNCTIONS
            )
            if node.target not in table:
                raise Refused("has no meaning in a step", functions.UNDERSTOOD)
            function = table[node.target]
            return lambda call, args, kwargs: _bound(function, call, args, kwargs)
        module = self.recording.modules[user_path(str(node.target))]
        neuron = adapter(module)
        if neuron is not None:
            lif = neuron.lif(module)
            return lambda call, args, kwargs: run_neuron(
                call, neuron.calling, module, lif, *args, **kwargs
            )
        layer = layers.layer(module)
        if layer is None:
            raise Refused("has no meaning in a step", functions.UNDERSTOOD)
        target, options = layer(module)
        function = functions.FUNCTIONS[target]
        return lambda call, args, kwargs: _bound(function, call, args, {**kwargs, **options})

    def _call(self, node: fx.Node) -> Call:
        value = node.meta["value"]
        shape = tuple(value.shape) if isinstance(value, Tensor) else ()
        path = module_path(node)
        if node.op == "call_module":
            name = node_name(path) if path else type(self.recording.modules[path]).__name__.lower()
            return Call(self.step, self.clock, name, path, shape, node, self.values)
        operation = operation_name(node)
        name = f"{node_name(path)}.{operation}" if path else operation
        return Call(self.step, self.clock, name, None, shape, node, self.values)

    def _checked(self, node: fx.Node, result: Any) -> Any:
        """Refuse where what we understood has another shape than what torch gives."""
        if isinstance(result, Value):
            shape = tuple(node.meta["value"].shape)
            ours = self.clock.prefix(result.axes) + self.step.type(result.node).shape
            if ours != shape:
                raise Refused(
                    f"gives {self.clock.text(shape)} where {self.clock.text(ours)} is understood",
                    "time and batch lead every shape, and a reshape keeps them apart from the rest",
                )
        return result

    def _offend(self, node: fx.Node, refused: Refused) -> None:
        line = node.meta.get("line")
        place = f" at {line}" if line else ""
        offence = Offence(
            module_path(node), f"{self._title(node)} {refused.what}{place}", refused.remedy
        )
        if offence not in self.offences:
            self.offences.append(offence)

    def _title(self, node: fx.Node) -> str:
        if node.op == "call_module":
            return type(self.recording.modules[module_path(node)]).__name__
        return "the forward's result" if node.op == "output" else operation_name(node)

    def _finish(self, node: fx.Node, steps: int) -> Graph | None:
        result = fx.node.map_arg(node.args[0], self.values.__getitem__)
        if self.offences or _has_poison(result):
            return None
        try:
            values = [self._output(v, steps) for v in _tensors(result)]
            readouts = {readout for _, readout in values}
            if len(readouts) != 1:
                raise Refused(
                    "mixes a sum and a mean over time"
                    if readouts
                    else "has no tensor of the network",
                    "return one tensor",
                )
        except Refused as refused:
            self._offend(node, refused)
            return None
        graph = self.step.builder.finish(
            *dict.fromkeys(name for name, _ in values), steps=steps, readout=readouts.pop()
        )
        return _reachable(graph)

    def _output(self, value: Any, steps: int) -> tuple[str, Readout]:
        """Return the node that is read out and how."""
        call = Call(self.step, self.clock, "output", None, (), None, self.values)
        value = as_value(value, self.clock, self.step)
        total = self.clock.steps
        if isinstance(value.when, Sum):
            if value.when.steps != total:
                raise Refused(f"sums {value.when.steps} of {total} steps", "sum all of them")
            if math.isclose(value.factor, 1.0):
                return value.node, "sum"
            if math.isclose(value.factor * total, 1.0):
                return value.node, "mean"
            scaled = Value(value.node, EVERY, factor=value.factor * total)
            return call.plain(scaled).node, "mean"
        if isinstance(value.when, int) and total > 1:
            raise Refused(
                f"is step {value.when} of {total} alone",
                "return the sum or the mean over the steps, or all of them",
            )
        return call.plain(value).node, "mean"


def _bound(function: Callable[..., Any], call: Call, args: Any, kwargs: Any) -> Any:
    try:
        bound = _signature(function).bind(call, *args, **kwargs)
    except TypeError as error:
        raise Refused(
            f"is called in a way that is not understood ({error})",
            "call it as torch's own layers do",
        ) from error
    return function(*bound.args, **bound.kwargs)


@cache
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(function)


def _has_poison(values: Any) -> bool:
    if isinstance(values, tuple | list):
        return any(_has_poison(v) for v in values)
    if isinstance(values, dict):
        return any(_has_poison(v) for v in values.values())
    return values is POISON


def _tensors(result: Any) -> list[Any]:
    """Return what a forward gives without the states that it hands on."""
    if isinstance(result, tuple | list):
        return [v for item in result for v in _tensors(item)]
    if isinstance(result, dict):
        raise Refused("is a dictionary", "return one tensor")
    return [] if result is None or isinstance(result, NeuronState) else [result]


def _reachable(graph: Graph) -> Graph:
    """Return the graph without what no output needs."""
    needed = set(graph.outputs) | {graph.input.name}
    for node in reversed(graph.nodes):
        if node.name in needed:
            needed |= set(node.inputs)
    if len(needed) == len(graph.nodes):
        return graph
    nodes = tuple(node for node in graph.nodes if node.name in needed)
    params = {key: a for key, a in graph.params.items() if key.rpartition(".")[0] in needed}
    return Graph(graph.name, nodes, graph.outputs, params, graph.steps, graph.readout)


def module_path(node: fx.Node) -> str:
    """Return the path of the module that a node belongs to."""
    if node.op == "call_module":
        return user_path(str(node.target))
    stack = node.meta.get("nn_module_stack")
    return user_path(next(reversed(stack.values()))[0]) if stack else ""


def operation_name(node: fx.Node) -> str:
    """Return how a node's operation is called."""
    if isinstance(node.target, str):
        return node.target
    name = functions.NAMES.get(node.target)
    return name or str(getattr(node.target, "__name__", node.target))
