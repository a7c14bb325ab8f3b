"""Convolutions and matrix products that stand alone, outside a fused operator.

Real numbers: one standard operator each, channels first. Integers: what no fused operator takes,
such as weights of 16 bits.
"""

import numpy as np

from snn_deploy.ir.graph import Node
from snn_deploy.ir.ops import Conv

from .products import Operands, emit_product, operand, product_of
from .scope import Scope, Value


def emit_conv(scope: Scope, node: Node) -> Value:
    """Write a convolution with its shift and bias."""
    if scope.integer:
        return _emit_integers(scope, node)
    op, x, weight = node.op, scope.laid_out(scope.value(node), last=False), scope.graph.weight(node)
    assert isinstance(op, Conv), "called through EMIT"
    name = scope.add(
        "Conv",
        [x.name, scope.constant(weight.astype(np.float32), "weight"), *_bias(scope, node)],
        "product",
        kernel_shape=weight.shape[2:],
        strides=op.stride,
        pads=(*op.padding, *op.padding),
        dilations=op.dilation,
        group=op.groups,
    )
    return Value(name, x.dtype, node.type.shape, timed=x.timed)


def emit_linear(scope: Scope, node: Node) -> Value:
    """Write a matrix product with its shift and bias."""
    if scope.integer:
        return _emit_integers(scope, node)
    x, weight = scope.value(node), scope.graph.weight(node)
    matrix = scope.constant(weight.astype(np.float32), "weight")
    name = scope.add("Gemm", [x.name, matrix, *_bias(scope, node)], "product", transB=1)
    return Value(name, x.dtype, node.type.shape, timed=x.timed)


def _bias(scope: Scope, node: Node) -> list[str]:
    bias = scope.graph.param(node, "bias")
    return [] if bias is None else [scope.constant(bias.astype(np.float32), "bias")]


def _emit_integers(scope: Scope, node: Node) -> Value:
    p = product_of(scope, node)
    outputs = len(p.weight)
    operands = Operands(
        scope.constant(p.matrix, "weight"),
        scope.constant(operand(p.shift, outputs), "shift"),
        scope.constant(operand(p.bias, outputs), "bias"),
    )
    return emit_product(scope, p, scope.value(node), operands)
