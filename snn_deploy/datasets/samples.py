"""Samples, whatever their kind, and how they become what a network reads."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from snn_deploy.checkpoints import InputSpec

from .binning import bin_events, check_recordings
from .checks import check_counts, check_shape, check_time
from .recordings import Recordings

Floats = NDArray[np.float32]
Kind = Literal["bytes", "floats", "events"]


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples as they lie in a file, and their classes if it has them.

    Attributes:
        source: the file, for messages.
        values: uint8 or floating point, [N, *shape] or, of sequences, [N, T, *shape]; or event
            recordings, which become steps only when a batch of them is asked for.
        labels: int64 [N].
        sequence: whether arrays have a time axis; recordings have time anyway.
    """

    source: str
    values: NDArray[np.uint8] | Floats | Recordings
    labels: NDArray[np.int64] | None
    sequence: bool = False

    def __len__(self) -> int:
        """Return N."""
        return len(self.values)

    @property
    def kind(self) -> Kind:
        """What the samples are made of."""
        if isinstance(self.values, Recordings):
            return "events"
        return "bytes" if self.values.dtype == np.uint8 else "floats"

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Of a sample at one step; None where a file of events does not say its sensor."""
        if isinstance(self.values, Recordings):
            return (2, *self.values.sensor) if self.values.sensor else None
        return self.values.shape[2 if self.sequence else 1 :]

    @property
    def length(self) -> int | None:
        """Steps of a sample; None of samples without a time axis, and of recordings."""
        if isinstance(self.values, Recordings) or not self.sequence:
            return None
        return self.values.shape[1]

    def first(self, count: int) -> "Samples":
        """Return the first samples, all of them where there are fewer."""
        return self.chosen(slice(0, count))

    def spread(self, count: int) -> "Samples":
        """Return samples at even distances, so that a sorted file still gives every class."""
        places = np.linspace(0, len(self) - 1, min(count, len(self)))
        return self.chosen(places.astype(np.int64))

    def batches(self, size: int) -> Iterator["Samples"]:
        """Yield consecutive parts of at most `size` samples."""
        for first in range(0, len(self), size):
            yield self.chosen(slice(first, first + size))

    def chosen(self, places: slice | NDArray[np.int64]) -> "Samples":
        """Return some samples, in the order of their places."""
        labels = None if self.labels is None else self.labels[places]
        return replace(self, values=self.values[places], labels=labels)

    def check(self, spec: InputSpec) -> None:
        """Refuse, before any work is done, samples that the network does not read.

        Raises:
            ModelError: another shape, another sensor, no time axis where one is needed.
        """
        if isinstance(self.values, Recordings):
            check_recordings(self.values, spec, self.source)
            return
        check_time(self.length, spec, self.source)
        check_shape(self.shape or (), spec, self.source)
        if spec.events is not None:
            check_counts(self.values, spec.events, self.source)

    def normalised(self, spec: InputSpec) -> Floats:
        """Return what the network reads: float32 [N, *shape], or [T, N, *shape] of what has time.

        Raises:
            ModelError: as `check`.
        """
        if isinstance(self.values, Recordings):
            return bin_events(self.values, spec, self.source)
        self.check(spec)
        values = self.values
        if self.sequence:
            values = np.moveaxis(values[:, : spec.steps], 1, 0)
        if values.dtype != np.uint8 or not spec.std:
            return values.astype(np.float32)
        axes = (-1, *(1,) * (len(spec.shape) - 1))
        mean = np.array(spec.mean, np.float32).reshape(axes)
        std = np.array(spec.std, np.float32).reshape(axes)
        return (values.astype(np.float32) / np.float32(255) - mean) / std
