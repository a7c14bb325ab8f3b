"""Draws the numbers of random networks: shapes, weights, thresholds, with a taste for the edges."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from snn_deploy.ir.graph import Array

T = TypeVar("T")
Window = tuple[int, int, int, int]
"""Kernel, stride, padding, dilation along one axis."""


class Chances:
    """A source of random numbers."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def of(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def between(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def one_of(self, *choices: T) -> T:
        return choices[self.between(0, len(choices) - 1)]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        return [items[k] for k in self.rng.permutation(len(items))]

    def channels(self) -> int:
        """Return how many: few, those around a vector's and a panel's end, or any."""
        few, any_number, many = self.between(1, 9), self.between(1, 70), self.between(65, 140)
        edge = self.one_of(15, 16, 17, 31, 32, 33, 48, 63, 64, 65)
        return self.one_of(few, few, few, few, edge, edge, any_number, any_number, any_number, many)

    def groups(self, channels: int) -> int:
        divisors = [g for g in range(1, channels + 1) if channels % g == 0]
        return self.one_of(1, 1, 1, channels, self.one_of(*divisors))

    def window(self, length: int) -> Window:
        """Return one that fits into so many positions."""
        padding, dilation = self.one_of(0, 0, 1, 1, 2), self.one_of(1, 1, 1, 2)
        kernel = self.one_of(1, 2, 3, 3, 4, 5)
        while dilation * (kernel - 1) + 1 > length + 2 * padding:
            kernel -= 1
        return kernel, self.one_of(1, 1, 1, 2, 3), padding, dilation

    def matching(self, length: int, wanted: int) -> Window | None:
        """Return one that makes so many positions of others."""
        found = [
            (kernel, stride, padding, dilation)
            for kernel in range(1, 6)
            for stride in range(1, 4)
            for padding in range(3)
            for dilation in (1, 2)
            if (room := length + 2 * padding - dilation * (kernel - 1) - 1) >= 0
            and room // stride + 1 == wanted
        ]
        return self.one_of(*found) if found else None

    def weight(self, shape: tuple[int, ...]) -> Array:
        most = self.one_of(127, 127, 127, 3)
        weight = self.rng.integers(-most, most + 1, shape)
        style = self.between(0, 9)
        if style == 0:
            weight = self.rng.choice([-128, -127, 127], shape)
        elif style == 1:
            weight = np.full(shape, self.one_of(-128, 127, 0))
        elif style <= 3:
            weight = np.where(self.rng.random(shape) < 0.1, weight, 0)
        return weight.astype(np.int8)

    def shift(self, sums: Array, most: int) -> Array | None:
        """Return one that keeps sums of these magnitudes below `most`: [1], [O], or None."""
        style = self.between(0, 2)
        if style == 2:
            wanted = self.rng.integers(-8, 9, len(sums))
        else:
            wanted = self.rng.integers(-8, 9, 1) * style
            sums = sums.max(keepdims=True)
        possible = np.floor(np.log2(most / np.maximum(sums, 1)))
        shift = np.minimum(wanted, possible)
        return shift.astype(np.int8) if shift.any() or style else None

    def bias(self, outputs: int, most: int) -> Array | None:
        if self.of(0.4):
            return None
        reach = self.one_of(200, 200, 1, most)
        return self.rng.integers(-reach, reach + 1, outputs).astype(np.int32)

    def decay(self) -> int:
        any_number = self.between(0, 4096)
        return self.one_of(0, 4096, 2048, 3072, 3840, 1, 77, 4095, any_number, any_number)

    def threshold(self, usual: Array) -> Array:
        """Return the usual one, or one that is always or never reached."""
        style = self.between(0, 11)
        if style > 1:
            return usual
        return np.full_like(usual, np.iinfo(np.int32).max if style else 0)

    def neuron_bias(self, shape: tuple[int, ...]) -> Array | None:
        """Return one for all, one a channel, one a neuron, or None."""
        size = self.one_of(None, None, (1,), shape[:1], shape)
        reach = self.one_of(1 << 12, 1 << 12, 1 << 22)
        if size is None:
            return None
        return self.rng.integers(-reach, reach + 1, size).astype(np.int32)
