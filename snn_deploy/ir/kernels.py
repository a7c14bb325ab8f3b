"""Stateless arithmetic of the reference evaluator.

Values are [B, C, *L] arrays that lie channels-last in memory: windows are then gathered in runs of
C elements and the matrix product needs no transposition.

Integer products go through floating-point BLAS and are nevertheless exact: every weight and every
activation is an integer, so every partial sum is one too, and its magnitude is at most
max |x| * sum |w|. While that is below 2^24 in float32 (in float64: 2^53, but the sum must fit 32
bits anyway) each partial sum is representable, in whatever order and with whatever fused
multiply-adds it is formed, so no rounding ever happens. uint8 is spikes alone, so max |x| = 1.

Nothing wraps around: whatever could leave 32 bits is formed in 64 and checked.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .graph import Array
from .ops import AvgPool, Conv, MaxPool, SumPool

EXACT_FLOAT32 = 2**24


def convolve(x: Array, weight: Array, op: Conv) -> Array:
    """Cross-correlate. x: [B, I, *L], weight: [O, I/groups, *K] -> [B, O, *L'], without bias.

    Integers give int32.
    """
    outputs, fan_in = len(weight) // op.groups, weight.shape[1]
    parts = []
    for g in range(op.groups):
        windows = _windows(x[:, g * fan_in : (g + 1) * fan_in], weight.shape[2:], op)
        kernel = np.moveaxis(weight[g * outputs : (g + 1) * outputs], 1, -1)
        rows = windows.reshape(-1, kernel[0].size)
        y = product(rows, kernel.reshape(outputs, -1))
        parts.append(y.reshape(*windows.shape[: x.ndim - 1], outputs))
    return np.moveaxis(np.concatenate(parts, axis=-1) if len(parts) > 1 else parts[0], -1, 1)


def _windows(x: Array, kernel: tuple[int, ...], op: Conv) -> Array:
    """Gather what each output position sees.  [B, C, *L] -> [B, *L', *K, C], a view if possible."""
    padded = _padded(np.moveaxis(x, 1, -1), op.padding, 0)
    spans = [d * (k - 1) + 1 for d, k in zip(op.dilation, kernel, strict=True)]
    axes = tuple(range(1, 1 + len(kernel)))
    views = sliding_window_view(padded, spans, axis=axes)
    steps = (slice(None), *(slice(None, None, s) for s in op.stride), slice(None))
    views = views[(*steps, *(slice(None, None, d) for d in op.dilation))]
    return np.moveaxis(views, 1 + len(kernel), -1)


def _padded(x: Array, padding: tuple[int, ...], value: float) -> Array:
    """x: [B, *L, C] -> the same with borders along L."""
    if not any(padding):
        return x
    widths = [(0, 0), *((p, p) for p in padding), (0, 0)]
    return np.pad(x, widths, constant_values=value)


def linear(x: Array, weight: Array) -> Array:
    """x: [B, I], weight: [O, I] -> [B, O]; integers give int32."""
    return product(x, weight)


def product(rows: Array, weight: Array) -> Array:
    """Return rows @ weight.T, exactly for integers.  [M, K] x [O, K] -> [M, O]."""
    if weight.dtype.kind == "f":
        return rows @ weight.T.astype(rows.dtype, copy=False)
    largest = 1 if rows.dtype == np.uint8 else magnitude(rows)
    reach = _most(weight) * largest
    if reach >= 2**31:
        raise OverflowError(f"sums of up to {reach} need more than 32 bits")
    dtype = np.float32 if reach < EXACT_FLOAT32 else np.float64
    matrix: Array = weight.astype(dtype)  # before it is transposed: runs of memory cast faster
    return (rows.astype(dtype) @ matrix.T).astype(np.int32)


def _most(weight: Array) -> int:
    """Return the largest sum of magnitudes of an output. Integers [O, K]."""
    # 16 bits hold every magnitude of a byte, in a quarter of the time of 64.
    wide = weight.astype(np.int16 if weight.dtype == np.int8 else np.int64)
    sums = np.abs(wide, out=wide).sum(axis=1, dtype=np.int64)
    return int(sums.max(initial=0))


def rescale(x: Array, shift: Array) -> Array:
    """Multiply by 2^shift; a right shift rounds to nearest, halves away from zero.  int32."""
    left = np.maximum(shift, 0).astype(np.int32)
    right = np.maximum(-shift.astype(np.int64), 0)
    if not right.any() and magnitude(x) << int(left.max()) < 2**31:
        return x << left
    wide = np.abs(x.astype(np.int64)) << left
    half = (np.int64(1) << right) >> 1
    return narrow(np.sign(x) * ((wide + half) >> right))


def add(terms: Sequence[Array]) -> Array:
    """Sum element by element; terms broadcast. Integers give int32."""
    if terms[0].dtype.kind == "f":
        return sum(terms[1:], terms[0])
    wide = sum(magnitude(x) for x in terms) >= 2**31
    dtype = np.int64 if wide else np.int32
    total = sum((x.astype(dtype, copy=False) for x in terms[1:]), terms[0].astype(dtype))
    return narrow(total) if wide else total


def magnitude(x: Array) -> int:
    """Return the largest absolute value of integers, 0 if there are none."""
    return max(int(x.max(initial=0)), -int(x.min(initial=0)))


def narrow(wide: Array) -> Array:
    """int64 -> int32. Raises OverflowError where a value does not fit."""
    reach = magnitude(wide)
    if reach >= 2**31:
        raise OverflowError(f"a value of {reach} needs more than 32 bits")
    return wide.astype(np.int32)


def sum_pool(x: Array, op: SumPool | AvgPool) -> Array:
    """[B, C, *L] -> [B, C, *L']; integers give int32."""
    windows = _pooled(x, op, 0)
    if x.dtype.kind == "f":
        return np.asarray(windows.sum(axis=_window_axes(op)))
    wide = magnitude(x) * math.prod(op.kernel) >= 2**31
    total = windows.sum(axis=_window_axes(op), dtype=np.int64 if wide else np.int32)
    return narrow(total) if wide else np.asarray(total)


def avg_pool(x: Array, op: AvgPool) -> Array:
    """[B, C, *L] -> [B, C, *L']; padding counts."""
    return sum_pool(x, op) / x.dtype.type(np.prod(op.kernel))


def max_pool(x: Array, op: MaxPool) -> Array:
    """[B, C, *L] -> [B, C, *L']."""
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    return _pooled(x, op, lowest).max(axis=_window_axes(op))


def _pooled(x: Array, op: SumPool | AvgPool | MaxPool, value: float) -> Array:
    """[B, C, *L] -> [B, C, *L', *K], a view."""
    padded = np.moveaxis(_padded(np.moveaxis(x, 1, -1), op.padding, value), -1, 1)
    axes = tuple(range(2, 2 + len(op.kernel)))
    views = sliding_window_view(padded, op.kernel, axis=axes)
    return views[(slice(None), slice(None), *(slice(None, None, s) for s in op.stride))]


def _window_axes(op: SumPool | AvgPool | MaxPool) -> tuple[int, ...]:
    return tuple(range(-len(op.kernel), 0))
