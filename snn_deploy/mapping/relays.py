"""Where a current must become a message: the passes that insert relays."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import ClassVar

from snn_deploy.ir.graph import Graph, Node
from snn_deploy.ir.ops import STATEFUL, Add, Flatten, Input, IntegerLif, Relay
from snn_deploy.ir.spec import MAPPED, Spec
from snn_deploy.quantization.graph import QuantGraph

from .rewriting import Rewriter, rewrite
from .terms import SENDERS, WEIGHTED, Sum, below_flatten, sums

Reads = Callable[[Node], bool]


@dataclass(frozen=True, slots=True)
class RelayStreams:
    """Given a value of a residual stream that is read twice -> a relay for those who add it on.

    Neurons go on reading the value itself: they and the relay are the same neurons of a chip.

    Attributes:
        values: the nodes to relay; others are left, and so unrolled.
    """

    values: frozenset[str]
    name: ClassVar[str] = "relay-streams"
    takes: ClassVar[Spec] = MAPPED
    gives: ClassVar[Spec] = MAPPED

    def __call__(self, graph: Graph, /) -> Graph:
        """Return the graph with relays inserted, or the same graph."""
        return _relayed(graph, self.values, lambda node: not isinstance(node.op, IntegerLif))


@dataclass(frozen=True, slots=True)
class RelayProducts:
    """Given a weight layer that reads a weighted sum -> a relay between the two.

    A synapse multiplies what one message carries, so the sum must be a message first: the stream
    before a projection shortcut, a sum pool before a classifier.
    """

    name: ClassVar[str] = "relay-products"
    takes: ClassVar[Spec] = MAPPED
    gives: ClassVar[Spec] = MAPPED

    def __call__(self, graph: Graph, /) -> Graph:
        """Return the graph with relays inserted, or the same graph."""
        found = sums(graph)
        while chained := [n for n in graph.nodes if _multiplies_again(n, found)]:
            first = below_flatten(graph, chained[0].inputs[0])
            graph = _relayed(graph, {first}, lambda node: isinstance(node.op, (*WEIGHTED, Flatten)))
            found = sums(graph)
        return graph


@dataclass(frozen=True, slots=True)
class HostConstants:
    """Given values that are the same at every step of a sample -> relays of the host.

    A chip whose messages are binary cannot be sent an image; the host computes what an image
    gives before the first neurons, and writes it into their bias registers.
    """

    name: ClassVar[str] = "host-constants"
    takes: ClassVar[Spec] = MAPPED
    gives: ClassVar[Spec] = MAPPED

    def __call__(self, graph: Graph, /) -> Graph:
        """Return the graph with its constants hosted, or the same graph."""
        constant = constants(graph)
        readers = graph.readers()
        ends = {
            name
            for name in constant
            if not isinstance(graph[name].op, Relay)
            and (name in graph.outputs or any(r.name not in constant for r in readers[name]))
        }
        graph = _relayed(graph, ends, lambda node: node.name not in constant)
        constant = constants(graph)
        relayed = {n.name for n in graph.nodes if isinstance(n.op, Relay) and n.name in constant}
        return rewrite(graph, lambda node: _host if node.name in relayed else None)


def constants(graph: Graph) -> frozenset[str]:
    """Return the nodes whose values depend on a static input alone."""
    found: set[str] = set()
    for node in graph.nodes:
        static = node.op.static if isinstance(node.op, Input) else not isinstance(node.op, STATEFUL)
        if static and all(source in found for source in node.inputs):
            found.add(node.name)
    return frozenset(found)


def _multiplies_again(node: Node, found: Mapping[str, Sum]) -> bool:
    return isinstance(node.op, WEIGHTED) and found[node.inputs[0]].weighted


def _relayed(graph: Graph, values: Collection[str], reads: Reads) -> Graph:
    """Return the graph with a relay after each value, for the readers that `reads` names.

    A relay stands right behind its value, before all other readers; one that is there is kept.
    """
    assert isinstance(graph, QuantGraph), "a mapping pass reads integers"
    if not values:
        return graph
    work = Rewriter(graph)
    there = {node.inputs[0]: node.name for node in graph.nodes if _plain(graph, node)}
    relays: dict[str, str] = {}
    for node in graph.nodes:
        of = node.inputs[0] if _plain(graph, node) else ""
        reading = {i: relays[i] for i in node.inputs if i in relays and reads(node) and not of}
        name = work.keep(node, reading)
        if of in values:
            relays[of] = name
        elif name in values and name not in there:
            relay = work.free(f"{name}.relay")
            relays[name] = work.put(relay, Relay(), name, scale=graph.scales[name])
    return work.done()


def _plain(graph: Graph, node: Node) -> bool:
    """Say whether a node is a relay that sends what it reads."""
    return isinstance(node.op, Relay) and all(graph.param(node, r) is None for r in Relay.optional)


def _host(work: Rewriter, node: Node) -> None:
    graph = work.source
    work.became[node.name] = work.put(
        node.name,
        Relay(hosted=True),
        work.became[node.inputs[0]],
        scale=graph.scales[node.name],
        shift=graph.param(node, "shift"),
        bias=graph.param(node, "bias"),
    )


def relayable(graph: Graph, additions: Collection[str]) -> tuple[str, ...]:
    """Return the values that a stage can relay: what its additions give or take, read again.

    A value that only one addition reads is a part of that sum, and a sender's is a message already.
    """
    readers = graph.readers()
    taken = {i for name in additions for i in graph[name].inputs}
    return tuple(
        node.name
        for node in graph.nodes
        if (node.name in additions or node.name in taken)
        and not isinstance(node.op, SENDERS)
        and _read_on(node, readers[node.name])
    )


def _read_on(node: Node, readers: tuple[Node, ...]) -> bool:
    passed_on = any(isinstance(reader.op, (Add, *WEIGHTED)) for reader in readers)
    multiplied = any(isinstance(reader.op, WEIGHTED) for reader in readers)
    return passed_on and (len(readers) > 1 or (isinstance(node.op, Add) and multiplied))
