"""Convolutions and matrix products.

Real numbers: one standard operator each, channels first. Integers: exact, on the fastest way whose
exactness the bounds prove:

- bytes: spikes and small counts as uint8, windows gathered in memory, MatMulInteger. Only up to
  127: processors without VNNI add pairs of products into 16 bits, and 2 * 127 * 128 < 2^15.
- float32: while sum |w| * max |x| < 2^24 every partial sum is an integer that float32 holds.
- float64: the same with 2^53, which int32 times int16 never reaches. It has no Conv kernel, so
  windows are gathered as for bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
from onnx import TensorProto

from snn_deploy.errors import UnsupportedError
from snn_deploy.ir.graph import Array, Node
from snn_deploy.ir.ops import Conv

from .bounds import (
    EXACT_FLOAT32,
    EXACT_FLOAT64,
    INT32,
    bounds,
    of_products,
    rescaled,
    total,
)
from .scope import Scope, Value

LARGEST_BYTE = 127
FEW_CHANNELS = 8
"""Below it, gathering windows in such short runs costs more than it saves."""
_REAL: Mapping[int, type[np.floating]] = {
    TensorProto.FLOAT: np.float32,
    TensorProto.DOUBLE: np.float64,
}


def emit_conv(scope: Scope, node: Node) -> Value:
    """Write a convolution with its shift and bias."""
    op, x, weight = node.op, scope.value(node), scope.graph.weight(node)
    assert isinstance(op, Conv), "called through EMIT"
    if not scope.integer:
        name = _convolution(scope, scope.laid_out(x, last=False), weight, op, _bias(scope, node))
        return Value(name, x.dtype, node.type.shape, timed=x.timed)
    sums, reach = of_products(x.magnitudes, weight, op.groups)
    way = _way(node, x, weight, op.groups, reach)
    if way == TensorProto.FLOAT and not _is_point(weight, op.groups):
        y = scope.cast(scope.laid_out(x, last=False), way)
        y = replace(y, name=_convolution(scope, y, weight, op, []), shape=node.type.shape)
    else:
        y = scope.cast(scope.laid_out(x, last=True), way)
        y = replace(y, name=_gathered(scope, y, weight, op), shape=node.type.shape)
    return _finished(scope, node, replace(y, bounds=sums), way)


def emit_linear(scope: Scope, node: Node) -> Value:
    """Write a matrix product with its shift and bias."""
    x, weight = scope.value(node), scope.graph.weight(node)
    if not scope.integer:
        matrix = scope.constant(weight.astype(np.float32), "weight")
        inputs = [x.name, matrix, *_bias(scope, node)]
        name = scope.add("Gemm", inputs, "product", transB=1)
        return Value(name, x.dtype, node.type.shape, timed=x.timed)
    sums, reach = of_products(x.magnitudes, weight, 1)
    way = _way(node, x, weight, 1, reach)
    y = scope.cast(x, way)
    y = replace(y, name=_multiplied(scope, y.name, weight, way), shape=node.type.shape)
    return _finished(scope, node, replace(y, bounds=sums), way)


def _bias(scope: Scope, node: Node) -> list[str]:
    bias = scope.graph.param(node, "bias")
    return [] if bias is None else [scope.constant(bias.astype(np.float32), "bias")]


def _convolution(scope: Scope, x: Value, weight: Array, op: Conv, bias: list[str]) -> str:
    """Append a float32 Conv, channels first."""
    inputs = [x.name, scope.constant(weight.astype(np.float32), "weight"), *bias]
    return scope.add(
        "Conv",
        inputs,
        "product",
        kernel_shape=weight.shape[2:],
        strides=op.stride,
        pads=(*op.padding, *op.padding),
        dilations=op.dilation,
        group=op.groups,
    )


def _is_point(weight: Array, groups: int) -> bool:
    return groups == 1 and max(weight.shape[2:], default=1) == 1


def _way(node: Node, x: Value, weight: Array, groups: int, reach: int) -> int:
    """Return the type in which to multiply sums of this reach: uint8, float32 or float64."""
    bytes_fit = x.magnitudes.within(0, LARGEST_BYTE) and -129 < weight.min() <= weight.max() < 128
    short_runs = weight.shape[1] < FEW_CHANNELS and not _is_point(weight, 1)
    if bytes_fit and groups == 1 and not short_runs:
        return TensorProto.UINT8
    if reach < EXACT_FLOAT32:
        return TensorProto.FLOAT
    if reach < EXACT_FLOAT64:
        return TensorProto.DOUBLE
    raise UnsupportedError(
        node.name,
        f"sums of magnitude {reach:,}",
        "onnx",
        "no type holds them exactly; use narrower weights",
    )


def _gathered(scope: Scope, x: Value, weight: Array, op: Conv) -> str:
    """Convolve by gathering windows and multiplying.  [B, *L, I] -> [B, *L', O]."""
    name = _padded(scope, x.name, op)
    outputs, fan_in = len(weight) // op.groups, weight.shape[1]
    parts = []
    for g in range(op.groups):
        channels = name
        if op.groups > 1:
            axis = len(x.shape)
            channels = _cut(scope, name, [g * fan_in], [(g + 1) * fan_in], [1], [axis])
        windows = _windows(scope, channels, x.shape[1:], weight.shape[2:], op)
        # Windows hold the kernel's positions outermost, channels innermost.
        kernel = np.moveaxis(weight[g * outputs : (g + 1) * outputs], 1, -1)
        parts.append(_multiplied(scope, windows, kernel.reshape(outputs, -1), x.dtype))
    return parts[0] if len(parts) == 1 else scope.add("Concat", parts, "groups", axis=-1)


def _padded(scope: Scope, name: str, op: Conv) -> str:
    if not any(op.padding):
        return name
    pads = np.array([0, *op.padding, 0, 0, *op.padding, 0], np.int64)
    return scope.add("Pad", [name, scope.constant(pads, "pads")], "padded")


def _windows(
    scope: Scope, name: str, lengths: Sequence[int], kernel: Sequence[int], op: Conv
) -> str:
    """[B, *L, C] -> [B, *L', K * C], where L is padded already."""
    axes = list(range(1, 1 + len(kernel)))
    spans = [d * (k - 1) + 1 for d, k in zip(op.dilation, kernel, strict=True)]
    padded = [n + 2 * p for n, p in zip(lengths, op.padding, strict=True)]
    reached = [(n - w) // s * s + 1 for n, w, s in zip(padded, spans, op.stride, strict=True)]
    whole = reached == padded and set(op.stride) == {1}
    if whole:
        return name
    parts = []
    for offsets in product(*map(range, kernel)):
        starts = [o * d for o, d in zip(offsets, op.dilation, strict=True)]
        ends = [first + n for first, n in zip(starts, reached, strict=True)]
        parts.append(_cut(scope, name, starts, ends, list(op.stride), axes))
    return parts[0] if len(parts) == 1 else scope.add("Concat", parts, "windows", axis=-1)


def _cut(
    scope: Scope,
    name: str,
    starts: list[int],
    ends: list[int],
    steps: list[int],
    axes: list[int],
) -> str:
    operands = [np.array(a, np.int64) for a in (starts, ends, axes, steps)]
    inputs = [scope.constant(a, "slice") for a in operands]
    return scope.add("Slice", [name, *inputs], "slice")


def _multiplied(scope: Scope, name: str, weight: Array, way: int) -> str:
    """[..., I] x [O, I] -> [..., O], int32 of bytes, otherwise of the same type."""
    if way == TensorProto.UINT8:
        matrix = scope.constant(weight.T.astype(np.int8), "weight")
        return scope.add("MatMulInteger", [name, matrix], "sum")
    matrix = scope.constant(weight.T.astype(_REAL[way]), "weight")
    return scope.add("MatMul", [name, matrix], "sum")


def _finished(scope: Scope, node: Node, y: Value, way: int) -> Value:
    """Bring exact sums to int32, channels last; shift them and add the bias."""
    y = replace(y, dtype=TensorProto.INT32 if way == TensorProto.UINT8 else way)
    y = scope.cast(scope.laid_out(y, last=True), TensorProto.INT32)
    shift, bias = scope.graph.param(node, "shift"), scope.graph.param(node, "bias")
    if shift is not None and shift.any():
        y = _rescaled(scope, y, shift)
    if bias is None or not bias.any():
        return y
    name = scope.add("Add", [y.name, scope.constant(bias.astype(np.int32), "bias")], "biased")
    return replace(y, name=name, bounds=total([y.magnitudes, bounds(bias, bias)]))


def _rescaled(scope: Scope, y: Value, shift: Array) -> Value:
    """Multiply by 2^shift, halves away from zero: integer Div rounds towards zero."""
    left = np.int64(1) << np.maximum(shift, 0).astype(np.int64)
    right = np.int64(1) << np.maximum(-shift.astype(np.int64), 0)
    largest = int((y.magnitudes.magnitude * left + right // 2).max())
    dtype = TensorProto.INT32 if largest <= INT32 else TensorProto.INT64
    kind = np.int32 if dtype == TensorProto.INT32 else np.int64
    name = scope.cast(y, dtype).name
    if left.max() > 1:
        name = scope.add("Mul", [name, scope.constant(left.astype(kind), "left")], "shifted")
    if right.max() > 1:
        half, divisor = (right // 2).astype(kind), right.astype(kind)
        sign = scope.add("Sign", [name], "sign")
        away = scope.add("Mul", [sign, scope.constant(half, "half")], "away")
        name = scope.add("Add", [name, away], "nudged")
        name = scope.add("Div", [name, scope.constant(divisor, "right")], "shifted")
    y = replace(y, name=name, dtype=dtype, bounds=rescaled(y.magnitudes, shift))
    return scope.cast(y, TensorProto.INT32)
