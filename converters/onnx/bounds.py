"""How large integers can become, channel by channel: the proof behind every floating-point detour.

A detour through float32 or float64 is exact while every partial sum is an integer that the type
holds: below 2^24 or 2^53 in magnitude, whatever the order of the additions.
"""

from dataclasses import dataclass

import numpy as np

from snn_deploy.ir.graph import Array

INT32 = 2**31 - 1
EXACT_FLOAT32 = 2**24
EXACT_FLOAT64 = 2**53


@dataclass(frozen=True, slots=True)
class Bounds:
    """low <= 0 <= high, int64 [C] or [1]; zero is always inside, because padding brings it in."""

    low: Array
    high: Array

    @property
    def magnitude(self) -> Array:
        """The largest absolute value, int64 [C] or [1]."""
        return np.maximum(-self.low, self.high)

    def within(self, low: int, high: int) -> bool:
        """Say whether all values lie in [low, high]."""
        return bool(self.low.min() >= low and self.high.max() <= high)

    def times(self, count: int) -> "Bounds":
        """Return the bounds of a sum of `count` such values."""
        return bounds(self.low * count, self.high * count)

    def repeated(self, count: int, channels: int) -> "Bounds":
        """Return the bounds after a flattening of `channels` with `count` positions each."""
        low, high = (np.broadcast_to(a, channels) for a in (self.low, self.high))
        return Bounds(np.repeat(low, count), np.repeat(high, count))


def bounds(low: Array | int, high: Array | int) -> Bounds:
    """Return bounds that hold zero and fit into an int32, as the values themselves do."""
    lows = np.clip(np.atleast_1d(np.asarray(low, np.int64)), -INT32 - 1, 0)
    highs = np.clip(np.atleast_1d(np.asarray(high, np.int64)), 0, INT32)
    return Bounds(lows, highs)


def total(parts: list[Bounds]) -> Bounds:
    """Return the bounds of an element-wise sum."""
    zero = np.zeros(1, np.int64)
    return bounds(sum((p.low for p in parts), zero), sum((p.high for p in parts), zero))


def of_products(x: Bounds, weight: Array, groups: int) -> tuple[Bounds, int]:
    """Return the bounds of a convolution or matrix product, and the reach of its partial sums.

    weight: [O, I/groups, *K]. The reach is max over outputs of sum |w| * max |x|.
    """
    outputs, fan_in = weight.shape[:2]
    taps = weight.reshape(groups, outputs // groups, fan_in, -1)
    positive, negative = (
        part(taps, 0).sum(axis=-1, dtype=np.int64) for part in (np.maximum, np.minimum)
    )
    shape = (groups, fan_in)
    low, high = (np.broadcast_to(a, groups * fan_in).reshape(shape) for a in (x.low, x.high))
    most = _dot(positive, high) + _dot(negative, low)
    least = _dot(positive, low) + _dot(negative, high)
    reach = _dot(positive - negative, np.maximum(-low, high))
    return bounds(least, most), int(reach.max())


def _dot(weight: Array, x: Array) -> Array:
    """[G, O, I] x [G, I] -> [G * O]."""
    sums: Array = np.einsum("goi,gi->go", weight, x)
    return sums.reshape(-1)


def rescaled(x: Bounds, shift: Array) -> Bounds:
    """Return the bounds after `rescale`; shift: [O] or [1]."""
    left = np.maximum(shift, 0).astype(np.int64)
    right = np.maximum(-shift.astype(np.int64), 0)
    half = (np.int64(1) << right) >> 1
    low, high = (((a << left) + half) >> right for a in (-x.low, x.high))
    return bounds(-low, high)
