"""What a current is a sum of: all messages that reach it, and the weight layers they pass."""

from collections.abc import Mapping
from dataclasses import dataclass

from snn_deploy.ir.graph import Array, Graph, Node
from snn_deploy.ir.ops import Add, Conv, Flatten, Input, IntegerLif, Linear, Relay, SumPool

SENDERS = (Input, IntegerLif, Relay)
"""What gives its value as messages."""
WEIGHTED = (Conv, Linear, SumPool)
"""What a synapse can compute."""


@dataclass(frozen=True, slots=True)
class Term:
    """One addend of a current.

    Attributes:
        source: the node whose messages it reads.
        layers: weight layers on the way, from the source on; a synapse has one, or none.
    """

    source: str
    layers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sum:
    """A current: its terms, and the layers whose biases it holds."""

    terms: tuple[Term, ...]
    biased: tuple[str, ...] = ()

    @property
    def weighted(self) -> bool:
        """Whether any term has passed a weight layer."""
        return any(term.layers for term in self.terms)


def sums(graph: Graph) -> Mapping[str, Sum]:
    """Return the sum that each node's value is; a sender's is itself.

    A weight layer that reads a sum reads each of its terms: addition is linear. That is what
    unrolls a residual stream wherever no relay cuts it.
    """
    found: dict[str, Sum] = {}
    for node in graph.nodes:
        found[node.name] = _sum(graph, node, [found[i] for i in node.inputs])
    return found


def _sum(graph: Graph, node: Node, inputs: list[Sum]) -> Sum:
    if isinstance(node.op, SENDERS):
        return Sum((Term(node.name),))
    terms = tuple(term for each in inputs for term in each.terms)
    biased = tuple(name for each in inputs for name in each.biased)
    if isinstance(node.op, Add | Flatten):
        return Sum(terms, biased)
    assert isinstance(node.op, WEIGHTED), "a mapped graph holds nothing else"
    through = tuple(Term(term.source, (*term.layers, node.name)) for term in terms)
    own: Array | None = graph.param(node, "bias")
    return Sum(through, biased if own is None else (*biased, node.name))


def below_flatten(graph: Graph, name: str) -> str:
    """Return the node whose value a node's is but for its shape."""
    while isinstance(graph[name].op, Flatten):
        name = graph[name].inputs[0]
    return name
