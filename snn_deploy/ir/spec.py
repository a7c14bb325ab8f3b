"""What is legal at each stage, as data, and one `verify` that names every offence."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from snn_deploy.errors import GraphError

from .graph import Graph, Node
from .ops import (
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
    Op,
    Relay,
    Sigma,
    SigmaDelta,
    SumPool,
)
from .shapes import ShapeError, infer

Rule = Callable[[Graph, Node], str | None]


@dataclass(frozen=True, slots=True)
class Spec:
    """A stage's name, the ops it may hold, and rules that return a complaint or None."""

    name: str
    ops: frozenset[type[Op]]
    rules: tuple[Rule, ...] = ()


def types_hold(graph: Graph, node: Node) -> str | None:
    """A node's type is what its op makes of its inputs."""
    roles = node.op.required + node.op.optional
    arrays = ((role, graph.param(node, role)) for role in roles)
    shapes = {role: array.shape for role, array in arrays if array is not None}
    try:
        expected = infer(node.op, [graph[i].type for i in node.inputs], shapes)
    except ShapeError as error:
        return str(error)
    return None if expected == node.type else f"is {node.type}, its inputs make it {expected}"


def no_shift(graph: Graph, node: Node) -> str | None:
    """Only integers are shifted."""
    return None if graph.param(node, "shift") is None else "has a shift in a float graph"


def no_negative_delay(graph: Graph, node: Node) -> str | None:
    """Nothing is known of the future."""
    if not isinstance(node.op, Delay) or graph.params[f"{node.name}.steps"].min() >= 0:
        return None
    return "has a delay below zero"


_LINEAR = frozenset({Input, Conv, Linear, Add, SumPool, MaxPool, Flatten})

TRACED = Spec("traced", _LINEAR | {Lif, BatchNorm, AvgPool, Identity}, (types_hold, no_shift))
FOLDED = Spec("folded", _LINEAR | {Lif, AvgPool}, (types_hold, no_shift))
QUANTIZED = Spec(
    "quantized",
    _LINEAR | {IntegerLif, Delta, SigmaDelta, Sigma, Delay},
    (types_hold, no_negative_delay),
)


def shifts_left(graph: Graph, node: Node) -> str | None:
    """Synapses multiply by powers of two; only a relay rounds."""
    shift = graph.param(node, "shift")
    if shift is None or isinstance(node.op, Relay) or int(shift.min()) >= 0:
        return None
    return "shifts right, which only a relay can"


MAPPED = Spec(
    "mapped",
    frozenset({Input, Conv, Linear, Add, SumPool, Flatten, IntegerLif, Relay}),
    (types_hold, shifts_left),
)


def complaints(graph: Graph, spec: Spec) -> Iterator[tuple[str, str]]:
    """Yield (node, complaint) for everything that the spec does not allow."""
    for node in graph.nodes:
        if type(node.op) not in spec.ops:
            yield node.name, f"{type(node.op).__name__} is not legal in a {spec.name} graph"
            continue
        for rule in spec.rules:
            complaint = rule(graph, node)
            if complaint:
                yield node.name, complaint


def verify(graph: Graph, spec: Spec) -> None:
    """Check a graph against a spec.

    Raises:
        GraphError: names the first offending node and lists all complaints.
    """
    found = list(complaints(graph, spec))
    if found:
        listed = "; ".join(f"{name}: {text}" for name, text in found)
        raise GraphError(graph.name, found[0][0], f"not a {spec.name} graph: {listed}")
