"""Every addend of a current gets a weight of its own, so that quantisation can set its scale."""

from dataclasses import dataclass
from typing import ClassVar

from snn_deploy.ir.builder import GraphBuilder
from snn_deploy.ir.graph import Graph, Node
from snn_deploy.ir.ops import Add, Conv, Linear
from snn_deploy.ir.spec import FOLDED, Spec

from .unit_weight import add_unit_weight


@dataclass(frozen=True, slots=True)
class AdaptAddends:
    """Given Add(current, x) with x from no weight layer -> x through a depthwise weight of 1.

    An addition needs one scale. What comes from a convolution, a linear layer or another such
    addition takes the stream's scale by its weights; a spike or a pooled value cannot, so it gets
    a weight that can. Sums of spikes alone are integers already and stay as they are.
    """

    name: ClassVar[str] = "adapt-addends"
    takes: ClassVar[Spec] = FOLDED
    gives: ClassVar[Spec] = FOLDED

    def __call__(self, graph: Graph, /) -> Graph:
        """Return the graph with unit weights inserted, or the same graph."""
        if not any(_unweighted(graph, node) for node in graph.nodes):
            return graph
        builder = GraphBuilder(graph.name)
        renamed: dict[str, str] = {}
        for node in graph.nodes:
            reading = dict(renamed)
            for position in _unweighted(graph, node):
                source = node.inputs[position]
                name = f"{node.name}.unit{position}"
                reading[source] = add_unit_weight(builder, name, renamed[source])
            renamed[node.name] = builder.copy(graph, node, reading)
        outputs = (renamed[name] for name in graph.outputs)
        return builder.finish(*outputs, steps=graph.steps, readout=graph.readout)


def _unweighted(graph: Graph, node: Node) -> tuple[int, ...]:
    if not isinstance(node.op, Add) or node.type.kind != "current":
        return ()
    return tuple(
        node.inputs.index(source)
        for source in dict.fromkeys(node.inputs)
        if not _takes_scale(graph[source])
    )


def _takes_scale(node: Node) -> bool:
    if isinstance(node.op, Add):
        return node.type.kind == "current"
    return isinstance(node.op, Conv | Linear)
