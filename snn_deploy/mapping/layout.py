"""A mapped graph as populations and synapses."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from snn_deploy.errors import GraphError
from snn_deploy.ir.graph import Array, Graph, Node
from snn_deploy.ir.ops import Conv, Identity, Input, IntegerLif, Linear, Relay, SumPool
from snn_deploy.ir.spec import MAPPED, verify
from snn_deploy.quantization.graph import QuantGraph

from .network import ChipNetwork, Population, Synapse
from .terms import Sum, Term, below_flatten, sums


@dataclass(slots=True)
class _Group:
    """The nodes that read one current, on their way to be a population."""

    current: str
    neuron: str | None = None
    relay: str | None = None
    output: str | None = None
    source: str | None = None
    depth: int = 0
    terms: tuple[Term, ...] = ()
    biased: tuple[str, ...] = ()

    @property
    def first(self) -> str:
        return self.source or self.neuron or self.relay or self.output or self.current

    @property
    def sends(self) -> tuple[str, ...]:
        return tuple(n for n in (self.source, self.neuron, self.relay) if n is not None)


def lay_out(graph: QuantGraph) -> ChipNetwork:
    """Return the populations and synapses of a mapped graph, every path balanced by delays.

    Raises:
        GraphError: the graph is not a mapped one, or a message would pass two weight layers.
    """
    verify(graph, MAPPED)
    return _Layout(graph).network()


@dataclass(slots=True)
class _Layout:
    graph: QuantGraph
    groups: list[_Group] = field(default_factory=list)
    sums: Mapping[str, Sum] = field(default_factory=dict)

    def network(self) -> ChipNetwork:
        self.sums = sums(self.graph)
        self._group()
        self._measure_depths()
        names = self._names()
        hosted = self._hosted()
        populations = [
            Population(
                names[id(group)],
                self._shape(group),
                group.depth,
                group.neuron,
                group.relay,
                group.output,
                group.source,
                id(group) in hosted,
            )
            for group in self.groups
        ]
        targets = list(zip(self.groups, populations, strict=True))
        sender = {node: p for group, p in targets for node in group.sends}
        biases = {p.name: self._bias(group, p.shape) for group, p in targets}
        return ChipNetwork(
            graph=self.graph,
            populations=tuple(populations),
            synapses=tuple(self._synapses(targets, sender)),
            biases={name: bias for name, bias in biases.items() if bias is not None},
        )

    def _group(self) -> None:
        """Collect the nodes that read the same current, in the order of the currents."""
        for node in self.graph.nodes:
            if isinstance(node.op, Input):
                self.groups.append(_Group(node.name, source=node.name))
            elif isinstance(node.op, IntegerLif):
                self._join(node.inputs[0], "neuron", node.name)
            elif isinstance(node.op, Relay):
                self._join(node.inputs[0], "relay", node.name)
        for name in self.graph.outputs:
            self._join(name, "output", name)
        place = {node.name: index for index, node in enumerate(self.graph.nodes)}
        self.groups.sort(key=lambda group: (place[group.current], group.source is None))

    def _join(self, current: str, role: str, node: str) -> None:
        """Put a node to those that read its current, unless its role there is taken."""
        current = below_flatten(self.graph, current)
        for group in self.groups:
            free = getattr(group, role) is None and group.source is None
            if group.current == current and free and self._agree(group, node):
                setattr(group, role, node)
                return
        found = self.sums[current]
        made = _Group(current, terms=found.terms, biased=found.biased)
        setattr(made, role, node)
        self.groups.append(made)

    def _agree(self, group: _Group, node: str) -> bool:
        """A relay that rounds, or that the host computes, keeps its neurons to itself."""
        return not any(self._alone(name) for name in (group.relay, node) if name is not None)

    def _alone(self, name: str) -> bool:
        op = self.graph[name].op
        rounds = isinstance(op, Relay) and any(
            self.graph.param(name, role) is not None for role in Relay.optional
        )
        return rounds or (isinstance(op, Relay) and op.hosted)

    def _measure_depths(self) -> None:
        """A population is one step behind the last of those that it listens to."""
        depth: dict[str, int] = {}
        for group in self.groups:
            if group.source is None:
                group.depth = 1 + max(depth[term.source] for term in group.terms)
            depth |= dict.fromkeys(group.sends, group.depth)

    def _names(self) -> Mapping[int, str]:
        """Return a name for each group: its first node's, set apart where that one is taken."""
        taken: set[str] = set()
        names: dict[int, str] = {}
        for group in self.groups:
            name = group.first
            while name in taken:
                name += ".readout"
            taken.add(name)
            names[id(group)] = name
        return names

    def _hosted(self) -> set[int]:
        """Return the groups that the host computes: its relays, and an input they alone read."""
        relays = [g for g in self.groups if g.relay is not None and self._by_host(g.relay)]
        hosted = {id(group) for group in relays}
        for group in self.groups:
            if group.source is None:
                continue
            readers = [g for g in self.groups if any(t.source == group.source for t in g.terms)]
            if readers and all(id(reader) in hosted for reader in readers):
                hosted.add(id(group))
        return hosted

    def _by_host(self, name: str) -> bool:
        op = self.graph[name].op
        return isinstance(op, Relay) and op.hosted

    def _shape(self, group: _Group) -> tuple[int, ...]:
        shape = self.graph[group.current].type.shape
        if group.neuron is None:
            return shape
        sizes = [
            array.size
            for role in ("threshold", "bias")
            if (array := self.graph.param(group.neuron, role)) is not None
        ]
        if all(size in (1, shape[0]) for size in sizes):
            return shape
        return self.graph[group.neuron].type.shape

    def _bias(self, group: _Group, shape: Sequence[int]) -> Array | None:
        """Return the sum of the biases in a current, [C] or [N]."""
        if not group.biased:
            return None
        total = sum(self.graph.params[f"{n}.bias"].astype(np.int64) for n in group.biased)
        bias = np.asarray(total).astype(np.int32)
        if len(bias) != shape[0]:  # a flattened population of a convolution's channels
            bias = np.repeat(bias, shape[0] // len(bias))
        return bias if bias.any() else None

    def _synapses(
        self, targets: Sequence[tuple[_Group, Population]], sender: Mapping[str, Population]
    ) -> Iterator[Synapse]:
        uses = Counter(term.layers for group, _ in targets for term in group.terms)
        taken: set[str] = set()
        for group, population in targets:
            for term in group.terms:
                layer = self._layer(term)
                name = self._synapse_name(term, population, alone=uses[term.layers] == 1)
                while name in taken:  # a value added to itself
                    name += ".again"
                taken.add(name)
                yield Synapse(
                    name,
                    term.source,
                    population.name,
                    _computes(layer),
                    None if layer is None or isinstance(layer.op, SumPool) else layer.name,
                    population.depth - sender[term.source].depth - 1,
                    graded=_graded(self.graph, term.source),
                    source_shape=sender[term.source].shape,
                    target_shape=population.shape,
                )

    def _layer(self, term: Term) -> Node | None:
        if len(term.layers) > 1:
            path = " and ".join(f"'{name}'" for name in term.layers)
            raise GraphError(self.graph.name, term.source, f"its messages pass two layers, {path}")
        return self.graph[term.layers[0]] if term.layers else None

    def _synapse_name(self, term: Term, target: Population, *, alone: bool) -> str:
        if term.layers and alone:
            return term.layers[0]
        through = f"{term.layers[0]}.from." if term.layers else ""
        return f"{through}{term.source}.to.{target.name}"


def _computes(layer: Node | None) -> Conv | Linear | SumPool | Identity:
    if layer is None:
        return Identity()
    assert isinstance(layer.op, Conv | Linear | SumPool), "terms hold no other layers"
    return layer.op


def _graded(graph: Graph, source: str) -> bool:
    return graph[source].type.kind != "spike"
