"""Recordings of an event camera: events in order of time, one recording after another."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.integer[Any]]
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Recordings:
    """Some recordings of a file; the events themselves are the file's, shared and never copied.

    Attributes:
        x: column of each event, [E].
        y: row, [E].
        p: polarity, 0 or 1, [E].
        t: microseconds since the beginning of its recording, [E]; never falls within one.
        begin: index of each recording's first event, [N].
        end: index behind its last event, [N].
        number: of each recording in the file, from 0, [N].
        extent: the smallest sensor that holds all events of the file, (H, W).
        sensor: (H, W) as the file says it, None where it does not.
    """

    x: Integers
    y: Integers
    p: NDArray[np.uint8]
    t: Indices
    begin: Indices
    end: Indices
    number: Indices
    extent: tuple[int, int]
    sensor: tuple[int, int] | None = None

    def __len__(self) -> int:
        """Return N."""
        return len(self.begin)

    def __getitem__(self, chosen: slice | Indices) -> "Recordings":
        """Return some of the recordings."""
        return replace(
            self, begin=self.begin[chosen], end=self.end[chosen], number=self.number[chosen]
        )

    def packed(self) -> dict[str, NDArray[Any]]:
        """Return these recordings alone as arrays of the plain layout: x, y, p, t and offset."""
        lengths = self.end - self.begin
        kept = np.concatenate([np.arange(a, b) for a, b in zip(self.begin, self.end, strict=True)])
        arrays = {name: getattr(self, name)[kept] for name in ("x", "y", "p", "t")}
        return arrays | {"offset": np.concatenate([[0], np.cumsum(lengths)])}
