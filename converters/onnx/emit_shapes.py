"""What enters, additions and flattening."""

from dataclasses import replace

import numpy as np
from onnx import TensorProto, helper

from snn_deploy.ir.graph import Node
from snn_deploy.ir.ops import Input
from snn_deploy.quantization.graph import QuantGraph

from .bounds import Bounds, bounds, total
from .scope import Scope, Value

INPUT = "input"
BYTE = 255


def emit_input(scope: Scope, node: Node) -> Value:
    """Declare the model's input, channels first: [B, *shape], or [T, B, *shape] of a sequence."""
    op = node.op
    assert isinstance(op, Input), "called through EMIT"
    dtype = input_dtype(scope)
    folds = scope.form == "sequence" and not op.static
    axes = ("T", "B") if folds else ("B",)
    scope.inputs.append(helper.make_tensor_value_info(INPUT, dtype, [*axes, *op.shape]))
    x = Value(INPUT, dtype, op.shape, bounds=_input_bounds(scope, op))
    if folds:
        x = scope.folded(INPUT, x)
    if op.kind != "current" and scope.integer and x.magnitudes.within(0, BYTE):
        return scope.cast(x, TensorProto.UINT8)
    # 16-bit integers lack kernels in ONNX Runtime.
    return scope.cast(x, TensorProto.INT32) if dtype == TensorProto.INT16 else x


def input_dtype(scope: Scope) -> int:
    """Return what type the model's input has: that of `QuantGraph.quantize_input`, or float."""
    if not isinstance(scope.graph, QuantGraph):
        return TensorProto.FLOAT
    return TensorProto.INT8 if scope.graph.input_limit <= 127 else TensorProto.INT16


def _input_bounds(scope: Scope, op: Input) -> Bounds | None:
    if not isinstance(scope.graph, QuantGraph):
        return None
    return bounds(*input_range(scope.graph, op))


def input_range(graph: QuantGraph, op: Input) -> tuple[int, int]:
    """Return the smallest and largest integer that may enter."""
    limit = graph.input_limit
    return -limit if op.kind == "current" else 0, 1 if op.kind == "spike" else limit


def emit_add(scope: Scope, node: Node) -> Value:
    """Add in one type and layout; counts of spikes stay bytes while they fit."""
    parts = [scope.value(node, i) for i in range(len(node.inputs))]
    like = replace(parts[0], last=scope.integer, timed=any(p.timed for p in parts))
    if scope.integer:
        reach = total([p.magnitudes for p in parts])
        dtype = sum_dtype(parts, reach)
        like = replace(like, bounds=reach, dtype=dtype)
        parts = [scope.cast(p, dtype) for p in parts]
    parts = [scope.laid_out(p, like.last) for p in parts]
    mixed = like.timed and not all(p.timed for p in parts)
    names = [_with_steps(scope, p) if mixed else p.name for p in parts]
    name = names[0]
    for other in names[1:]:
        name = scope.add("Add", [name, other], "sum")
    return scope.folded(name, like) if mixed else replace(like, name=name)


def _with_steps(scope: Scope, x: Value) -> str:
    """Return [T, B, ...], or [B, ...] of what is the same at every step, which broadcasts."""
    return scope.unfolded(x) if x.timed else x.name


def sum_dtype(parts: list[Value], reach: Bounds) -> int:
    """Return uint8 for sums of bytes that stay bytes, else int32."""
    bytes_only = all(p.dtype == TensorProto.UINT8 for p in parts) and reach.within(0, BYTE)
    return TensorProto.UINT8 if bytes_only else TensorProto.INT32


def emit_flatten(scope: Scope, node: Node) -> Value:
    """Flatten row by row, the channel outermost, whatever the layout inside."""
    x = scope.value(node)
    channels, positions = x.shape[0], int(np.prod(x.shape[1:], dtype=np.int64))
    x = scope.laid_out(x, last=False) if positions > 1 else x
    shape = scope.constant(np.array([-1, *node.type.shape], np.int64), "shape")
    name = scope.add("Reshape", [x.name, shape], "flat")
    reach = None if x.bounds is None else x.bounds.repeated(positions, channels)
    return replace(x, name=name, shape=node.type.shape, last=scope.integer, bounds=reach)
