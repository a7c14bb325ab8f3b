"""Remove what does nothing at inference."""

from dataclasses import dataclass
from typing import ClassVar

from snn_deploy.ir.builder import GraphBuilder
from snn_deploy.ir.graph import Graph
from snn_deploy.ir.ops import Identity
from snn_deploy.ir.spec import TRACED, Spec


@dataclass(frozen=True, slots=True)
class DropIdentity:
    """Given nodes that hand on their input -> their readers read that input.

    Outputs that become one node are one output.
    """

    name: ClassVar[str] = "drop-identity"
    takes: ClassVar[Spec] = TRACED
    gives: ClassVar[Spec] = TRACED

    def __call__(self, graph: Graph, /) -> Graph:
        """Return the graph without `Identity` nodes."""
        if not any(isinstance(node.op, Identity) for node in graph.nodes):
            return graph
        builder = GraphBuilder(graph.name)
        renamed: dict[str, str] = {}
        for node in graph.nodes:
            if isinstance(node.op, Identity):
                renamed[node.name] = renamed[node.inputs[0]]
            else:
                renamed[node.name] = builder.copy(graph, node, renamed)
        outputs = dict.fromkeys(renamed[name] for name in graph.outputs)
        return builder.finish(*outputs, steps=graph.steps, readout=graph.readout)
