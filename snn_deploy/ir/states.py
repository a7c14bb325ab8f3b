"""Neurons of the reference evaluator: their state and one step of their recurrence."""

import numpy as np

from .graph import Array
from .kernels import magnitude
from .ops import IntegerLif, Lif

LIMIT = 2**23 - 1
"""What Loihi's 24-bit membrane register saturates at."""


class FloatState:
    """State of a `Lif` layer; computes in the type of its input."""

    def __init__(self, op: Lif) -> None:
        self.op = op
        self.current: Array | None = None
        self.potential: Array | None = None
        self.spikes: Array | None = None

    def step(self, x: Array) -> Array:
        """Charge, fire, reset. x: [B, ...] -> spikes 0 or 1 of x's type."""
        op = self.op
        charged = self._charge(x)
        fired = charged > op.threshold if op.strict else charged >= op.threshold
        spikes = fired.astype(x.dtype)
        self.potential = charged if op.delayed_reset else self._reset(charged, spikes)
        self.spikes = spikes if op.delayed_reset else None  # nothing else asks for them again
        return spikes

    def _charge(self, x: Array) -> Array:
        op, kind = self.op, x.dtype.type
        j = x if op.synapse_gain == 1 else kind(op.synapse_gain) * x
        if op.synapse_keep:
            j = j if self.current is None else kind(op.synapse_keep) * self.current + j
            self.current = j
        gained = j if op.membrane_gain == 1 else kind(op.membrane_gain) * j
        v = np.full_like(x, op.v_initial) if self.potential is None else self.potential
        late = op.delayed_reset and self.spikes is not None
        if late and op.reset == "hard":
            v = self._reset(v, self.spikes)
        charged = kind(op.membrane_keep) * v + gained
        if op.bias:
            charged += kind(op.bias)
        if late and op.reset == "soft":
            charged -= kind(op.threshold) * self.spikes
        return charged

    def _reset(self, v: Array, spikes: Array | None) -> Array:
        kind = v.dtype.type
        if spikes is None or self.op.reset == "none":
            return v
        if self.op.reset == "soft":
            return v - kind(self.op.threshold) * spikes
        return v - spikes * (v - kind(self.op.v_reset))


class IntegerState:
    """State of an `IntegerLif` layer: int32, exact."""

    def __init__(self, op: IntegerLif, threshold: Array, bias: Array | None) -> None:
        self.op = op
        self.threshold = threshold
        self.bias = bias
        self.current: Array | None = None
        self.potential: Array | None = None
        self.saturated = 0
        self._rest = LIMIT + (0 if bias is None else magnitude(bias))

    def step(self, x: Array) -> Array:
        """Charge, fire, reset. x: int32 [B, ...] -> spikes uint8.

        Raises:
            OverflowError: a current leaves 32 bits, where it would wrap around uncounted.
        """
        u = self._charge(x)
        v = u if self.potential is None else decay(self.potential, self.op.voltage_decay) + u
        if self.bias is not None:
            v = v + per_channel(self.bias, v)
        if magnitude(v) > LIMIT or magnitude(u) > LIMIT:
            outside = (np.abs(v) > LIMIT) | (np.abs(u) > LIMIT)
            self.saturated += int(np.count_nonzero(outside))
            v = np.clip(v, -LIMIT, LIMIT)
        threshold = per_channel(self.threshold, v)
        fired = v > threshold
        self.potential = self._reset(v, fired, threshold)
        return fired.view(np.uint8)

    def _charge(self, x: Array) -> Array:
        """Return u, with which v fits into 32 bits before it is clipped."""
        reach = magnitude(x) << 6
        kept = None
        if self.current is not None:
            kept = decay(self.current, self.op.current_decay, np.float64)
            reach += magnitude(kept)
        if reach + self._rest >= 2**31:
            raise OverflowError(f"a synaptic current of {reach} needs more than 32 bits")
        u = x.astype(np.int32) << 6
        u = u if kept is None else kept + u
        self.current = u if self.op.current_decay < 4096 else None
        return u

    def _reset(self, v: Array, fired: Array, threshold: Array) -> Array:
        if self.op.reset == "none":
            return v
        if self.op.reset == "soft":
            return v - fired * (threshold + int(self.op.at_equality))
        return v * ~fired


def decay(state: Array, amount: int, dtype: type[np.floating] | None = None) -> Array:
    """Return rz(state * (4096 - amount) / 4096), int32, rounding towards zero.

    Exact: the product is below 2^31 * 2^12 = 2^43 in magnitude, and division by 2^12 moves only
    the exponent, so float64 holds the quotient exactly and truncation is the only rounding. Where
    the kept share is a power of two and |state| < 2^24, as a clipped potential is, float32 does
    the same; it is used unless a type is given.
    """
    kept = 4096 - amount
    if kept == 4096:
        return state
    if dtype is None:
        dtype = np.float64 if kept & (kept - 1) else np.float32
    return (state.astype(dtype) * dtype(kept / 4096)).astype(np.int32)


def per_channel(array: Array, like: Array) -> Array:
    """Return [C], [1] or [C, *L] so that it meets the channels of [B, C, *L]."""
    full = array.ndim == like.ndim - 1 > 1
    return array if array.size == 1 or full else array.reshape(-1, *(1,) * (like.ndim - 2))
