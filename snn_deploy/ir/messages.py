"""Sigma-delta neurons and delays of the reference evaluator: their states and one step of each."""

import numpy as np

from .graph import Array
from .kernels import add, magnitude, narrow
from .ops import Delta, SigmaDelta
from .states import LIMIT, per_channel


class DeltaState:
    """State of a `Delta` layer: int32, exact."""

    def __init__(self, op: Delta, threshold: Array, bias: Array | None) -> None:
        self.saturated = 0
        self._bias = bias
        self._shift = op.spike_exponent + op.state_exponent
        self._sender = _Sender(op.state_exponent, threshold)

    def step(self, x: Array) -> Array:
        """Send what has changed. x: int32 [B, ...] -> int32.

        Raises:
            OverflowError: the input needs more than 32 bits once it is shifted.
        """
        level = _biased(narrow(x.astype(np.int64) << self._shift), self._bias)
        self.saturated += _outside(level)
        return self._sender.send(level)


class SigmaDeltaState:
    """State of a `SigmaDelta` layer: int32, exact."""

    def __init__(self, op: SigmaDelta, threshold: Array, bias: Array | None) -> None:
        self.saturated = 0
        self._bias = bias
        self._sum = SigmaState()
        self._sender = _Sender(op.state_exponent, threshold)

    def step(self, x: Array) -> Array:
        """Add up, rectify, send what has changed. x: int32 [B, ...] -> int32.

        Raises:
            OverflowError: a sum leaves 32 bits.
        """
        sigma = self._sum.step(x)
        biased = _biased(sigma, self._bias)
        self.saturated += _outside(sigma, biased)
        return self._sender.send(np.maximum(biased, 0))


class SigmaState:
    """State of a `Sigma` layer: int32, exact."""

    def __init__(self) -> None:
        self.saturated = 0
        self._sigma: Array | None = None

    def step(self, x: Array) -> Array:
        """Add up. x: int32 [B, ...] -> int32.

        Raises:
            OverflowError: the sum leaves 32 bits.
        """
        self._sigma = x.astype(np.int32) if self._sigma is None else add([self._sigma, x])
        self.saturated += _outside(self._sigma)
        return self._sigma


class DelayState:
    """State of a `Delay`: a ring of the last inputs, of their own type."""

    saturated = 0

    def __init__(self, steps: Array) -> None:
        self._steps = steps.astype(np.int64)
        self._ring: Array | None = None
        self._place = 0

    def step(self, x: Array) -> Array:
        """Remember x and give what is due. x: [B, N] -> the same type."""
        if self._ring is None:
            self._ring = np.zeros((int(self._steps.max()) + 1, *x.shape), x.dtype)
        self._ring[self._place] = x
        due = (self._place - self._steps) % len(self._ring)
        self._place = (self._place + 1) % len(self._ring)
        return self._ring[due, :, np.arange(x.shape[1])].T


class _Sender:
    """What has been sent so far, and the decision to send again."""

    def __init__(self, state_exponent: int, threshold: Array) -> None:
        self._exponent = state_exponent
        self._threshold = threshold
        self._sent: Array | None = None

    def send(self, level: Array) -> Array:
        sent = np.zeros_like(level) if self._sent is None else self._sent
        distance = add([level, -sent])
        changed = np.abs(distance) >= per_channel(self._threshold, level)
        self._sent = np.where(changed, level, sent)
        return np.where(changed, distance >> self._exponent, 0)


def _biased(level: Array, bias: Array | None) -> Array:
    return level if bias is None else add([level, per_channel(bias, level)])


def _outside(*values: Array) -> int:
    """Return how many places have a value outside the 24-bit register."""
    if max(map(magnitude, values)) <= LIMIT:
        return 0
    return int(np.count_nonzero(np.any([np.abs(v) > LIMIT for v in values], axis=0)))
