"""Pooling. Integers: exact in their own type, channels last, one axis of the window at a time.

The integer poolings of ONNX Runtime are few (MaxPool of bytes) and would need two transpositions;
sums and maxima of shifted slices need neither, and are exact in whatever type.
"""

from dataclasses import replace

import numpy as np
from onnx import TensorProto, helper

from snn_deploy.ir.graph import Node
from snn_deploy.ir.ops import AvgPool, MaxPool, SumPool

from .emit_shapes import sum_dtype
from .scope import Scope, Value


def emit_sum_pool(scope: Scope, node: Node) -> Value:
    """Sum over windows; counts of spikes stay bytes while they fit."""
    op, x = node.op, scope.value(node)
    assert isinstance(op, SumPool), "called through EMIT"
    x = scope.laid_out(x, last=scope.integer)
    if scope.integer:
        reach = x.magnitudes.times(int(np.prod(op.kernel)))
        x = replace(scope.cast(x, sum_dtype([x], reach)), bounds=reach)
    if op.kernel == x.shape[1:] and not any(op.padding):
        return _whole_sum(scope, x, node)
    return _slid(scope, x, node, op, "Add", 0)


def _whole_sum(scope: Scope, x: Value, node: Node) -> Value:
    """Sum over the whole map."""
    wide = scope.cast(x, TensorProto.INT32) if scope.integer else x
    first = 1 if x.last else 2
    axes = np.arange(first, first + len(x.shape) - 1, dtype=np.int64)
    name = scope.add("ReduceSum", [wide.name, scope.constant(axes, "axes")], "sum", keepdims=1)
    return replace(wide, name=name, shape=node.type.shape)


def emit_max_pool(scope: Scope, node: Node) -> Value:
    """Take the maximum over windows; what is padded never wins."""
    op, x = node.op, scope.value(node)
    assert isinstance(op, MaxPool), "called through EMIT"
    x = scope.laid_out(x, last=scope.integer)
    if scope.integer:
        kind = helper.tensor_dtype_to_np_dtype(x.dtype)
        return _slid(scope, x, node, op, "Max", int(np.iinfo(kind).min))
    return _slid(scope, x, node, op, "Max", -np.inf)


def emit_avg_pool(scope: Scope, node: Node) -> Value:
    """Take the mean over windows of real numbers; padding counts."""
    op, x = node.op, scope.laid_out(scope.value(node), last=False)
    assert isinstance(op, AvgPool), "called through EMIT"
    name = scope.add(
        "AveragePool",
        [x.name],
        "mean",
        kernel_shape=op.kernel,
        strides=op.stride,
        pads=(*op.padding, *op.padding),
        count_include_pad=1,
    )
    return replace(x, name=name, shape=node.type.shape)


def _slid(
    scope: Scope, x: Value, node: Node, op: SumPool | MaxPool, join: str, border: float
) -> Value:
    """Join the slices of each spatial axis in turn by a binary operator."""
    name = _bordered(scope, x, op, border)
    first = 1 if x.last else 2
    windows = zip(op.kernel, op.stride, node.type.shape[1:], strict=True)
    for axis, (kernel, stride, length) in enumerate(windows, start=first):
        parts = [_slice(scope, name, axis, k, stride, length) for k in range(kernel)]
        name = parts[0]
        for other in parts[1:]:
            name = scope.add(join, [name, other], "window")
    return replace(x, name=name, shape=node.type.shape)


def _slice(scope: Scope, name: str, axis: int, start: int, stride: int, length: int) -> str:
    """Take every stride-th element from `start`, `length` of them."""
    bounds = (start, start + (length - 1) * stride + 1, axis, stride)
    inputs = [scope.constant(np.array([n], np.int64), "slice") for n in bounds]
    return scope.add("Slice", [name, *inputs], "slice")


def _bordered(scope: Scope, x: Value, op: SumPool | MaxPool, value: float) -> str:
    if not any(op.padding):
        return x.name
    widths = (0, *op.padding, 0) if x.last else (0, 0, *op.padding)
    pads = scope.constant(np.array(widths * 2, np.int64), "pads")
    filler = np.array(value, helper.tensor_dtype_to_np_dtype(x.dtype))
    return scope.add("Pad", [x.name, pads, scope.constant(filler, "border")], "padded")
