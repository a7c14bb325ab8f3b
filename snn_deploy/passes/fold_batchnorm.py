"""Batch norm at inference scales and shifts each channel: a layer before it absorbs both."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snn_deploy.ir.builder import GraphBuilder
from snn_deploy.ir.graph import Array, Graph, Node
from snn_deploy.ir.ops import BatchNorm, Conv, Linear, Op
from snn_deploy.ir.spec import FOLDED, TRACED, Spec


@dataclass(frozen=True, slots=True)
class FoldBatchNorm:
    """Given BatchNorm -> the Conv or Linear before it takes its factor and its offset.

        weight' = factor * weight,  bias' = offset + factor * bias

    with factor = weight_bn / sqrt(variance + eps) and offset = bias_bn - factor * mean, computed in
    float64. Where nothing before it can take them (another reader, an addition), the batch norm
    becomes a depthwise 1x1 convolution of the same name, or a diagonal Linear where its value has
    no spatial axes. The folded layer keeps its own name.
    """

    name: ClassVar[str] = "fold-batchnorm"
    takes: ClassVar[Spec] = TRACED
    gives: ClassVar[Spec] = FOLDED

    def __call__(self, graph: Graph, /) -> Graph:
        """Return the graph without batch norms."""
        norms = _absorbed(graph)
        if not any(isinstance(node.op, BatchNorm) for node in graph.nodes):
            return graph
        builder = GraphBuilder(graph.name)
        renamed: dict[str, str] = {}
        for node in graph.nodes:
            if node.name in norms:
                renamed[node.name] = _fold(builder, graph, node, norms[node.name], renamed)
            elif node.name in renamed:
                continue
            elif isinstance(node.op, BatchNorm):
                renamed[node.name] = _as_layer(builder, graph, node, renamed)
            else:
                renamed[node.name] = builder.copy(graph, node, renamed)
            if node.name in norms:
                renamed[norms[node.name].name] = renamed[node.name]
        outputs = (renamed[name] for name in graph.outputs)
        return builder.finish(*outputs, steps=graph.steps, readout=graph.readout)


def _absorbed(graph: Graph) -> Mapping[str, Node]:
    """Return, by layer name, the batch norm that the layer takes in."""
    readers = graph.readers()
    found: dict[str, Node] = {}
    for node in graph.nodes:
        if not isinstance(node.op, BatchNorm):
            continue
        source = graph[node.inputs[0]]
        alone = readers[source.name] == (node,) and source.name not in graph.outputs
        if isinstance(source.op, Conv | Linear) and alone:
            found[source.name] = node
    return found


def _affine(graph: Graph, norm: Node) -> tuple[Array, Array]:
    assert isinstance(norm.op, BatchNorm), "only called on batch norms"
    weight, bias, mean, variance = (
        graph.params[f"{norm.name}.{role}"].astype(np.float64) for role in norm.op.required
    )
    factor = weight / np.sqrt(variance + norm.op.eps)
    return factor, bias - factor * mean


def _fold(
    builder: GraphBuilder, graph: Graph, layer: Node, norm: Node, renamed: Mapping[str, str]
) -> str:
    factor, offset = _affine(graph, norm)
    weight, bias = graph.weight(layer), graph.param(layer, "bias")
    scaled = weight * factor.reshape(-1, *(1,) * (weight.ndim - 1))
    shifted = offset if bias is None else offset + factor * bias
    return builder.add(
        layer.name,
        layer.op,
        *(renamed[i] for i in layer.inputs),
        weight=scaled.astype(weight.dtype),
        bias=shifted.astype(weight.dtype),
    )


def _as_layer(builder: GraphBuilder, graph: Graph, norm: Node, renamed: Mapping[str, str]) -> str:
    factor, offset = _affine(graph, norm)
    channels, *lengths = norm.type.shape
    ones = (1,) * len(lengths)
    op: Op = Conv(stride=ones, padding=(0,) * len(lengths), dilation=ones, groups=channels)
    weight = factor.reshape(channels, 1, *ones)
    if not lengths:
        op, weight = Linear(), np.diag(factor)
    dtype = graph.params[f"{norm.name}.weight"].dtype
    source = renamed[norm.inputs[0]]
    return builder.add(
        norm.name, op, source, weight=weight.astype(dtype), bias=offset.astype(dtype)
    )
