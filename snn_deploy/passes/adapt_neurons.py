"""Every neuron reads a current whose scale can be set, so that its threshold can be an integer."""

from dataclasses import dataclass
from typing import ClassVar

from snn_deploy.ir.builder import GraphBuilder
from snn_deploy.ir.graph import Graph, Node
from snn_deploy.ir.ops import POOLS, Add, Conv, Flatten, Lif, Linear
from snn_deploy.ir.spec import FOLDED, Spec

from .unit_weight import add_unit_weight


@dataclass(frozen=True, slots=True)
class AdaptNeurons:
    """Given Lif(x) with x from no weight layer -> x through a depthwise weight of 1.

    An integer threshold is a multiple of the unit of what the neuron reads. The unit of a weight
    layer, or of a sum of such, is a small fraction of the threshold. That of a spike is 1: a
    threshold of 0.6 would become 1, and other spikes with it.
    """

    name: ClassVar[str] = "adapt-neurons"
    takes: ClassVar[Spec] = FOLDED
    gives: ClassVar[Spec] = FOLDED

    def __call__(self, graph: Graph, /) -> Graph:
        """Return the graph with unit weights inserted, or the same graph."""
        coarse = {node.name for node in graph.nodes if _is_coarse(graph, node)}
        if not coarse:
            return graph
        builder = GraphBuilder(graph.name)
        same = {node.name: node.name for node in graph.nodes}
        for node in graph.nodes:
            reading = same
            if node.name in coarse:
                (source,) = node.inputs
                reading = {source: add_unit_weight(builder, f"{node.name}.unit", source)}
            builder.copy(graph, node, reading)
        return builder.finish(*graph.outputs, steps=graph.steps, readout=graph.readout)


def _is_coarse(graph: Graph, node: Node) -> bool:
    """Whether a neuron reads what has its unit from elsewhere than a weight layer."""
    if not isinstance(node.op, Lif):
        return False
    source = graph[node.inputs[0]]
    while isinstance(source.op, (Flatten, *POOLS)):
        source = graph[source.inputs[0]]
    current_sum = isinstance(source.op, Add) and source.type.kind == "current"
    return not (current_sum or isinstance(source.op, Conv | Linear))
