"""A maximum of spikes becomes neurons that fire when any of their inputs did."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snn_deploy.ir.graph import Graph, Node
from snn_deploy.ir.ops import IntegerLif, MaxPool, SumPool
from snn_deploy.ir.spec import QUANTIZED, Spec

from .rewriting import Rewriter, rewrite, unit_scale


@dataclass(frozen=True, slots=True)
class MaxPoolsAsNeurons:
    """Given MaxPool(spikes) -> IntegerLif(SumPool(spikes)) with threshold 0.

    The maximum of spikes is 1 where their sum is above 0. Such a neuron remembers nothing: above 0
    it fires and is reset, so no leak is needed. The neurons take the pool's name.
    """

    name: ClassVar[str] = "max-pools-as-neurons"
    takes: ClassVar[Spec] = QUANTIZED
    gives: ClassVar[Spec] = QUANTIZED

    def __call__(self, graph: Graph, /) -> Graph:
        """Return the graph without maxima of spikes, or the same graph."""
        return rewrite(graph, lambda node: _rewrite if _of_spikes(graph, node) else None)


def _of_spikes(graph: Graph, node: Node) -> bool:
    return isinstance(node.op, MaxPool) and graph[node.inputs[0]].type.kind == "spike"


def _rewrite(work: Rewriter, node: Node) -> None:
    op = node.op
    assert isinstance(op, MaxPool), "the caller looked"
    pool = SumPool(op.kernel, op.stride, op.padding)
    source = work.became[node.inputs[0]]
    total = work.put(work.free(f"{node.name}.sum"), pool, source, scale=unit_scale())
    work.became[node.name] = work.put(
        node.name,
        IntegerLif(current_decay=4096, voltage_decay=0),
        total,
        scale=unit_scale(),
        threshold=np.zeros(1, np.int32),
    )
