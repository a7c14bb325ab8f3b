"""Real weights to integers: pure functions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from snn_deploy.ir.graph import Array

Reals = NDArray[np.float64]

_CLIPPINGS = np.linspace(1.0, 0.6, 17)
"""Shares of the largest weight that a scale search tries as the end of the range."""


@dataclass(frozen=True, slots=True)
class Rounded:
    """weight ~ integers * scale, with one scale for all or one for each output channel."""

    integers: NDArray[np.int64]
    scale: Reals

    def values(self) -> Reals:
        """Return the real weights that the integers stand for."""
        return np.asarray(self.integers * over_outputs(self.scale, self.integers), np.float64)


def over_outputs(per_output: Array, weight: Array) -> Array:
    """Shape [1] or [O] so that it multiplies a weight [O, ...]."""
    return per_output.reshape(-1, *(1,) * (weight.ndim - 1))


def round_to(weight: Reals, scale: Reals, limit: int) -> Rounded:
    """Round to nearest at a given scale and clip to +-limit."""
    integers = np.rint(weight / over_outputs(scale, weight))
    return Rounded(np.clip(integers, -limit, limit).astype(np.int64), scale)


def squared_error(weight: Reals, scale: Reals, limit: int) -> Reals:
    """Return the sum of squared errors of `round_to`, [1] or [O] as the scale has it.

    In place: a search asks for millions of weights and dozens of scales.
    """
    unit = over_outputs(scale, weight)
    error = weight / unit
    np.rint(error, out=error)
    np.clip(error, -limit, limit, out=error)
    error *= unit
    np.subtract(weight, error, out=error)
    np.square(error, out=error)
    if scale.size == 1:
        return np.array([error.sum()])
    return np.asarray(error.reshape(len(weight), -1).sum(axis=1))


def largest(weight: Reals, per_channel: bool) -> Reals:
    """Return the largest magnitude, [1] or [O].

    A channel of zeros counts as the largest of all, so that its scale is like the others'; a tensor
    of zeros counts as 1.
    """
    flat = np.abs(weight).reshape(len(weight) if per_channel else 1, -1)
    found = flat.max(axis=1)
    return np.where(found > 0, found, found.max() or 1.0)


def best_scale(weight: Reals, limit: int, *, floor: float, per_channel: bool) -> Rounded:
    """Return the rounding of least squared error over clipping points; no scale below the floor."""
    top = largest(weight, per_channel)
    scales = (np.maximum(top * share / limit, floor) for share in _CLIPPINGS)
    return _least(weight, list(scales), limit)


def best_power(
    weight: Reals, unit: float, limit: int, *, lowest: int, per_channel: bool
) -> Rounded:
    """Return the best rounding whose scales are unit * 2^n, n >= lowest."""
    top = largest(weight, per_channel)
    ceiling = np.ceil(np.log2(top / (limit * unit)))
    exponents = (np.maximum(ceiling - less, lowest) for less in range(4))
    return _least(weight, [unit * 2.0**n for n in exponents], limit)


def _least(weight: Reals, scales: list[Reals], limit: int) -> Rounded:
    """Return the rounding at the scale of least error, the first of equals, channel by channel."""
    best = scales[0]
    error = squared_error(weight, best, limit)
    for scale in scales[1:]:
        found = squared_error(weight, scale, limit)
        better = found < error
        error = np.where(better, found, error)
        best = np.where(better, scale, best)
    return round_to(weight, best, limit)
