"""Builds an integer graph from another, node by node."""

from collections.abc import Callable, Mapping

import numpy as np

from snn_deploy.ir.builder import GraphBuilder
from snn_deploy.ir.graph import Array, Graph, Node
from snn_deploy.ir.ops import Op
from snn_deploy.quantization.graph import QuantGraph, Scale

Change = Callable[["Rewriter", Node], None]


class Rewriter(GraphBuilder):
    """A builder that knows the graph it rewrites.

    Attributes:
        source: the graph that is read.
        scales: of the nodes added so far.
        became: by node of the source, the node whose value stands for its own.
    """

    def __init__(self, source: QuantGraph) -> None:
        super().__init__(source.name)
        self.source = source
        self.scales: dict[str, Scale] = {}
        self.became: dict[str, str] = {}

    def keep(self, node: Node, reading: Mapping[str, str] | None = None) -> str:
        """Append a node of the source as it is; `reading` overrides what its inputs became."""
        name = self.copy(self.source, node, self.became | dict(reading or {}))
        self.scales[name] = self.source.scales[node.name]
        self.became[node.name] = name
        return name

    def put(self, name: str, op: Op, *inputs: str, scale: Scale, **arrays: Array | None) -> str:
        """Append a node of its own; `inputs` are nodes of the new graph."""
        self.scales[name] = scale
        return self.add(name, op, *inputs, **arrays)

    def free(self, name: str) -> str:
        """Return the name, with underscores after it until neither graph has it."""
        while name in self.source or name in self.nodes:
            name += "_"
        return name

    def done(self) -> QuantGraph:
        """Return the new graph, without the nodes that nothing leads from to a neuron or output."""
        source = self.source
        outputs = tuple(self.became[name] for name in source.outputs)
        needed = self._needed(outputs)
        nodes = tuple(node for node in self.nodes.values() if node.name in needed)
        params = {k: a for k, a in self.params.items() if k.rpartition(".")[0] in needed}
        return QuantGraph(
            self.name,
            nodes,
            outputs,
            params,
            source.steps,
            source.readout,
            scales={name: self.scales[name] for name in needed},
            weight_bits=source.weight_bits,
            input_limit=source.input_limit,
        )

    def _needed(self, outputs: tuple[str, ...]) -> set[str]:
        """Return what the outputs and the source's neurons need, themselves included."""
        kept = {self.became[node.name] for node in self.source.spiking}
        needed = {*outputs, *kept}
        for node in reversed(self.nodes.values()):
            if node.name in needed:
                needed.update(node.inputs)
        return needed


def rewrite(graph: Graph, changes: Callable[[Node], Change | None]) -> Graph:
    """Return the graph with some nodes changed, all others kept; the same graph where none is.

    changes: says how a node changes, None where it stays. The change appends what stands for the
    node, and enters it in `became`.
    """
    assert isinstance(graph, QuantGraph), "a mapping pass reads integers"
    found = {node.name: changes(node) for node in graph.nodes}
    if not any(found.values()):
        return graph
    work = Rewriter(graph)
    for node in graph.nodes:
        change = found[node.name]
        if change is None:
            work.keep(node)
        else:
            change(work, node)
    return work.done()


def unit_scale() -> Scale:
    """Return the scale of spikes."""
    return np.ones(1)
