"""A sum over windows that a weight layer reads becomes part of its weights."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from snn_deploy.ir.graph import Array, Graph, Node
from snn_deploy.ir.ops import Conv, Flatten, Linear, SumPool
from snn_deploy.ir.spec import QUANTIZED, Spec

from .rewriting import Change, Rewriter, rewrite


@dataclass(frozen=True, slots=True)
class FoldPools:
    """Given Conv(SumPool) or Linear(Flatten(SumPool)) -> one layer with repeated weights.

    Exact where the windows tile (stride = kernel, no padding): a weight of a window becomes one
    of each of its places. It saves neurons that only add, and the messages between; a dense layer
    pays for it with a weight for each place, so it is folded only where asked for.

    Attributes:
        dense: fold into linear layers too, as chips without graded messages need it.
    """

    dense: bool = False
    name: ClassVar[str] = "fold-pools"
    takes: ClassVar[Spec] = QUANTIZED
    gives: ClassVar[Spec] = QUANTIZED

    def __call__(self, graph: Graph, /) -> Graph:
        """Return the graph with pools folded, or the same graph."""
        return rewrite(graph, lambda node: self._fold(graph, node))

    def _fold(self, graph: Graph, node: Node) -> Change | None:
        """Return how a node takes in the pool that it reads, if it can."""
        pool = self._pool(graph, node)
        if pool is None:
            return None
        fold = _fold_conv if isinstance(node.op, Conv) else _fold_linear
        return lambda work, node: fold(work, node, pool)

    def _pool(self, graph: Graph, node: Node) -> Node | None:
        """Return the pool that can be folded into a node."""
        if not isinstance(node.op, Conv | Linear):
            return None
        below = graph[node.inputs[0]]
        if isinstance(node.op, Linear):
            if not self.dense or not isinstance(below.op, Flatten):
                return None
            below = graph[below.inputs[0]]
        elif any(node.op.padding) or any(d > 1 for d in node.op.dilation):
            return None
        return below if isinstance(below.op, SumPool) and _tiles(below.op) else None


def _tiles(op: SumPool) -> bool:
    return op.stride == op.kernel and not any(op.padding)


def _fold_conv(work: Rewriter, node: Node, pool: Node) -> None:
    op = node.op
    assert isinstance(op, Conv), "the caller looked"
    assert isinstance(pool.op, SumPool), "the caller looked"
    stride = tuple(s * p for s, p in zip(op.stride, pool.op.stride, strict=True))
    weight = work.source.weight(node)
    for axis, size in enumerate(pool.op.kernel, start=2):
        weight = np.repeat(weight, size, axis=axis)
    _put(work, node, replace(op, stride=stride), work.became[pool.inputs[0]], weight)


def _fold_linear(work: Rewriter, node: Node, pool: Node) -> None:
    assert isinstance(pool.op, SumPool), "the caller looked"
    graph = work.source
    before = graph[pool.inputs[0]].type.shape
    weight = graph.weight(node)
    spread = weight.reshape(len(weight), *pool.type.shape)
    for axis, size in enumerate(pool.op.kernel, start=2):
        spread = np.repeat(spread, size, axis=axis)
    # What the last, incomplete windows would have covered counts in no sum.
    missing = [(0, b - s) for b, s in zip(before, spread.shape[1:], strict=True)]
    spread = np.pad(spread, [(0, 0), *missing]).reshape(len(weight), -1)
    source = work.became[pool.inputs[0]]
    flat = work.free(f"{node.name}.flat")
    work.put(flat, Flatten(), source, scale=graph.scales[node.inputs[0]])
    _put(work, node, Linear(), flat, spread)


def _put(work: Rewriter, node: Node, op: Conv | Linear, source: str, weight: Array) -> None:
    graph = work.source
    work.became[node.name] = work.put(
        node.name,
        op,
        source,
        scale=graph.scales[node.name],
        weight=weight,
        shift=graph.param(node, "shift"),
        bias=graph.param(node, "bias"),
    )
