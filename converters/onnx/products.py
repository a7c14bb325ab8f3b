"""Convolutions and matrix products of integers: exact, on the fastest way that the bounds prove.

- bytes: spikes and small counts as uint8, windows gathered in memory, MatMulInteger. Only up to
  127: processors without VNNI add pairs of products into 16 bits, and 2 * 127 * 128 < 2^15.
- float32: while sum |w| * max |x| < 2^24 every partial sum is an integer that float32 holds.
- float64: the same with 2^53, which int32 times int16 never reaches. It has no Conv kernel, so
  windows are gathered as for bytes.

The weight is one tensor [K * I/groups, O], the kernel's positions outermost, channels innermost;
what a way needs of it is made by operators, which ONNX Runtime computes once, when it loads a file.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

import numpy as np
from onnx import TensorProto

from snn_deploy.errors import UnsupportedError
from snn_deploy.ir.graph import Array, Node
from snn_deploy.ir.ops import Conv

from .bounds import (
    EXACT_FLOAT32,
    EXACT_FLOAT64,
    INT32,
    Bounds,
    bounds,
    of_products,
    rescaled,
    total,
)
from .scope import Scope, Value

LARGEST_BYTE = 127
MOST_AXES = 2
"""Along which the kernel of a fused operator slides."""
WORD = 32
FEW_CHANNELS = 8
"""Below it, gathering windows in such short runs costs more than it saves."""


class Operands(NamedTuple):
    """Names of tensors: weight [K * I/groups, O], shift [O] or [1], bias [O] or [1]."""

    weight: str
    shift: str
    bias: str


@dataclass(frozen=True, slots=True)
class Product:
    """A convolution, or a matrix product, which is one without an axis to slide along.

    Attributes:
        node: of the graph.
        weight: [O, I/groups, *K].
        shift: [O] or [1]; None where it is 0 everywhere.
        bias: [O] or [1]; None where it is 0 everywhere.
    """

    node: Node
    weight: Array
    shift: Array | None
    bias: Array | None

    @property
    def op(self) -> Conv:
        """How the kernel slides."""
        op = self.node.op
        return op if isinstance(op, Conv) else Conv((), (), ())

    @property
    def groups(self) -> int:
        """Of channels that do not mix."""
        return self.op.groups

    @property
    def kernel(self) -> tuple[int, ...]:
        """Its lengths."""
        return self.weight.shape[2:]

    @property
    def is_point(self) -> bool:
        """Whether an output depends on one position only."""
        return self.groups == 1 and max(self.kernel, default=1) == 1

    @property
    def matrix(self) -> Array:
        """The weight as operators take it, [K * I/groups, O]."""
        return np.moveaxis(self.weight, 1, -1).reshape(len(self.weight), -1).T


def product_of(scope: Scope, node: Node) -> Product:
    """Return a node's product, with operands that do nothing left out."""
    shift, bias = (scope.graph.param(node, role) for role in ("shift", "bias"))
    return Product(
        node,
        scope.graph.weight(node),
        shift if shift is not None and shift.any() else None,
        bias if bias is not None and bias.any() else None,
    )


def emit_product(scope: Scope, p: Product, x: Value, operands: Operands) -> Value:
    """Write the product with its shift and bias: [B, *L, I] or [B, I, *L] -> int32 [B, *L', O]."""
    sums, reach = of_products(x.magnitudes, p.weight, p.groups)
    way = _way(p, x, reach)
    if way == TensorProto.FLOAT and not p.is_point:
        y = scope.cast(scope.laid_out(x, last=False), way)
        y = replace(y, name=_convolution(scope, p, y, operands), shape=p.node.type.shape)
    else:
        y = scope.cast(scope.laid_out(x, last=True), way)
        y = replace(y, name=_gathered(scope, p, y, operands), shape=p.node.type.shape)
    dtype = TensorProto.INT32 if way == TensorProto.UINT8 else way
    y = scope.laid_out(replace(y, dtype=dtype, bounds=sums), last=True)
    return _finished(scope, p, scope.cast(y, TensorProto.INT32), operands)


def fits_an_operator(p: Product) -> bool:
    """Say whether the fused operators take it: weights are bytes, kernels have two axes at most."""
    shifts = 0 if p.shift is None else int(np.abs(p.shift.astype(np.int64)).max())
    bytes_fit = -129 < p.weight.min() <= p.weight.max() < 128
    return bytes_fit and len(p.kernel) <= MOST_AXES and shifts < WORD


def _shifts_in_32_bits(p: Product, sums: Bounds) -> bool:
    """Say whether no intermediate of the shift leaves an int32."""
    assert p.shift is not None, "called where there is one"
    left = np.int64(1) << np.maximum(p.shift, 0).astype(np.int64)
    half = (np.int64(1) << np.maximum(-p.shift.astype(np.int64), 0)) // 2
    return int((sums.magnitude * left + half).max()) <= INT32


def _way(p: Product, x: Value, reach: int) -> int:
    """Return the type in which to multiply sums of this reach: uint8, float32 or float64."""
    weight = p.weight
    bytes_fit = x.magnitudes.within(0, LARGEST_BYTE) and -129 < weight.min() <= weight.max() < 128
    short_runs = weight.shape[1] < FEW_CHANNELS and max(p.kernel, default=1) > 1
    if bytes_fit and p.groups == 1 and not short_runs:
        return TensorProto.UINT8
    if reach < EXACT_FLOAT32:
        return TensorProto.FLOAT
    if reach < EXACT_FLOAT64:
        return TensorProto.DOUBLE
    raise UnsupportedError(
        p.node.name,
        f"sums of magnitude {reach:,}",
        "onnx",
        "no type holds them exactly; use narrower weights",
    )


def _convolution(scope: Scope, p: Product, x: Value, operands: Operands) -> str:
    """Append a float32 Conv, channels first."""
    outputs, fan_in = p.weight.shape[:2]
    rank = len(p.kernel)
    rows = scope.add("Transpose", [_as(scope, operands.weight, x.dtype)], "rows", perm=(1, 0))
    shape = np.array([outputs, *p.kernel, fan_in], np.int64)
    kernel = scope.add("Reshape", [rows, scope.constant(shape, "shape")], "kernel")
    order = (0, rank + 1, *range(1, rank + 1))
    kernel = scope.add("Transpose", [kernel], "kernel", perm=order)
    return scope.add(
        "Conv",
        [x.name, kernel],
        "product",
        kernel_shape=p.kernel,
        strides=p.op.stride,
        pads=(*p.op.padding, *p.op.padding),
        dilations=p.op.dilation,
        group=p.groups,
    )


def _as(scope: Scope, name: str, dtype: int) -> str:
    label = TensorProto.DataType.Name(dtype).lower()
    return scope.add("Cast", [name], label, to=dtype)


def _gathered(scope: Scope, p: Product, x: Value, operands: Operands) -> str:
    """Convolve by gathering windows and multiplying.  [B, *L, I] -> [B, *L', O]."""
    name = _padded(scope, x.name, p.op)
    outputs, fan_in = len(p.weight) // p.groups, p.weight.shape[1]
    parts = []
    for g in range(p.groups):
        channels, weight = name, operands.weight
        if p.groups > 1:
            axis = len(x.shape)
            channels = _cut(scope, name, [g * fan_in], [(g + 1) * fan_in], [1], [axis])
            weight = _cut(scope, weight, [g * outputs], [(g + 1) * outputs], [1], [1])
        windows = _windows(scope, channels, x.shape[1:], p.kernel, p.op)
        parts.append(_multiplied(scope, windows, weight, x.dtype))
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
    whole = reached == padded and set(op.stride) <= {1}
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


def _multiplied(scope: Scope, name: str, weight: str, way: int) -> str:
    """[..., I] x [I, O] -> [..., O], int32 of bytes, otherwise of the same type."""
    if way == TensorProto.UINT8:
        return scope.add("MatMulInteger", [name, weight], "sum")
    return scope.add("MatMul", [name, _as(scope, weight, way)], "sum")


def _finished(scope: Scope, p: Product, y: Value, operands: Operands) -> Value:
    """Shift exact sums and add the bias."""
    if p.shift is not None:
        y = _rescaled(scope, p, y, operands.shift)
    if p.bias is None:
        return y
    name = scope.add("Add", [y.name, operands.bias], "biased")
    return replace(y, name=name, bounds=total([y.magnitudes, bounds(p.bias, p.bias)]))


def _rescaled(scope: Scope, p: Product, y: Value, shift: str) -> Value:
    """Multiply by 2^shift, halves away from zero: integer Div rounds towards zero."""
    narrow = _shifts_in_32_bits(p, y.magnitudes)
    assert p.shift is not None, "so says _shifts_in_32_bits"
    dtype = TensorProto.INT32 if narrow else TensorProto.INT64
    kind = np.int32 if narrow else np.int64
    zero, two = (scope.constant(np.array(n, kind), "number") for n in (0, 2))
    name, shift = scope.cast(y, dtype).name, _as(scope, shift, dtype)
    if p.shift.max() > 0:
        up = scope.add("Max", [shift, zero], "up")
        left = scope.add("Pow", [two, up], "left")
        name = scope.add("Mul", [name, left], "shifted")
    if p.shift.min() < 0:
        down = scope.add("Max", [scope.add("Neg", [shift], "negative"), zero], "down")
        right = scope.add("Pow", [two, down], "right")
        half = scope.add("Div", [right, two], "half")
        sign = scope.add("Sign", [name], "sign")
        away = scope.add("Mul", [sign, half], "away")
        name = scope.add("Add", [name, away], "nudged")
        name = scope.add("Div", [name, right], "shifted")
    y = replace(y, name=name, dtype=dtype, bounds=rescaled(y.magnitudes, p.shift))
    return scope.cast(y, TensorProto.INT32)


def operand(array: Array | None, outputs: int) -> Array:
    """Return a shift or a bias as operators take it: int32 [O], or one zero where there is none."""
    if array is None:
        return np.zeros(1, np.int32)
    return np.broadcast_to(array, outputs).astype(np.int32)
