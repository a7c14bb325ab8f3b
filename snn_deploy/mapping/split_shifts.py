"""A layer that rounds becomes a layer that does not, and a relay that does."""

from dataclasses import dataclass
from typing import ClassVar

from snn_deploy.ir.graph import Graph, Node
from snn_deploy.ir.ops import Relay
from snn_deploy.ir.spec import MAPPED, QUANTIZED, Spec

from .rewriting import Rewriter, rewrite


@dataclass(frozen=True, slots=True)
class SplitShifts:
    """Given Conv or Linear with a right shift -> Relay(shift, bias) of the bare sum.

    A synapse can only add; to round, a sum must have arrived whole. The relay takes the layer's
    name, the layer is called `<name>.sum`.
    """

    name: ClassVar[str] = "split-shifts"
    takes: ClassVar[Spec] = QUANTIZED
    gives: ClassVar[Spec] = MAPPED

    def __call__(self, graph: Graph, /) -> Graph:
        """Return the graph in which only relays shift right, or the same graph."""
        return rewrite(graph, lambda node: _rewrite if _shifts_right(graph, node) else None)


def _shifts_right(graph: Graph, node: Node) -> bool:
    """Say whether a node rounds."""
    shift = graph.param(node, "shift")
    return shift is not None and not isinstance(node.op, Relay) and int(shift.min()) < 0


def _rewrite(work: Rewriter, node: Node) -> None:
    graph = work.source
    shift, bias = graph.param(node, "shift"), graph.param(node, "bias")
    assert shift is not None, "the caller looked"
    scale = graph.scales[node.name]
    total = work.put(
        work.free(f"{node.name}.sum"),
        node.op,
        work.became[node.inputs[0]],
        scale=scale * 2.0**shift,
        weight=graph.weight(node),
    )
    work.became[node.name] = work.put(
        node.name, Relay(), total, scale=scale, shift=shift, bias=bias
    )
