"""Recordings become counts: how many events of a pixel, polarity and step. Integers, exact.

    count[s, p, y, x] = min(limit, events of pixel (x, y) and polarity p with t // step_us = s)

Time begins where the recording begins; what comes after the last step is left out.
"""

import numpy as np
from numpy.typing import NDArray

from snn_deploy.checkpoints import EventBinning, InputSpec
from snn_deploy.errors import ModelError

from .recordings import Recordings


def bin_events(recordings: Recordings, spec: InputSpec, source: str) -> NDArray[np.float32]:
    """Return counts as the network reads them: float32 [T, N, P, H, W], whole numbers.

    P is 2, or 1 where the network does not tell polarities apart.

    Raises:
        ModelError: as `check_recordings`.
    """
    binning = check_recordings(recordings, spec, source)
    counts = np.empty((spec.steps, len(recordings), *spec.shape), np.float32)
    for place, first in enumerate(recordings.begin):
        t = recordings.t[first : recordings.end[place]]
        last = first + np.searchsorted(t, spec.steps * binning.step_us)
        counts[:, place] = _count(recordings, slice(first, last), spec, binning)
    return counts


def _count(
    recordings: Recordings, events: slice, spec: InputSpec, binning: EventBinning
) -> NDArray[np.int64]:
    """Return the counts of one recording, [T, P, H, W]."""
    polarities, height, width = spec.shape
    cell = recordings.t[events] // binning.step_us
    if polarities == 2:
        cell = 2 * cell + recordings.p[events]
    cell = (cell * height + recordings.y[events]) * width + recordings.x[events]
    shape = (spec.steps, *spec.shape)
    found = np.bincount(cell, minlength=int(np.prod(shape)))
    return np.minimum(found, binning.limit).reshape(shape)


def check_recordings(recordings: Recordings, spec: InputSpec, source: str) -> EventBinning:
    """Refuse recordings that are not what the network reads; return how it reads them.

    Raises:
        ModelError: the network takes no events, its sensor is another one, or a recording has no
            event within its steps.
    """
    binning = spec.events
    if binning is None:
        raise ModelError(
            source,
            "holds event recordings, the network takes samples that are ready",
            "give --event-step-us if it is a network for events, else samples of another kind",
        )
    if len(spec.shape) != 3 or spec.shape[0] not in (1, 2):
        raise ModelError(
            source,
            f"holds event recordings, the network takes {list(spec.shape)}",
            "events are for networks of shape [2, H, W], or [1, H, W] without polarity",
        )
    _check_sensor(recordings, spec, source)
    _check_duration(recordings, spec.steps * binning.step_us, source)
    return binning


def _check_sensor(recordings: Recordings, spec: InputSpec, source: str) -> None:
    height, width = spec.shape[1:]
    if recordings.sensor not in (None, (height, width)):
        raise ModelError(
            source,
            f"is of a sensor of {list(recordings.sensor or ())}, the network's has "
            f"{[height, width]} rows and columns",
            "give recordings of that sensor",
        )
    rows, columns = recordings.extent
    if rows > height or columns > width:
        raise ModelError(
            source,
            f"has an event at row {rows - 1} or column {columns - 1}, the network's sensor has "
            f"{height} rows and {width} columns",
            "give recordings of that sensor; x is the column, y the row",
        )


def _check_duration(recordings: Recordings, duration_us: int, source: str) -> None:
    late = np.flatnonzero(recordings.t[recordings.begin] >= duration_us)
    if len(late):
        number = recordings.number[late[0]]
        first_us = recordings.t[recordings.begin[late[0]]]
        raise ModelError(
            source,
            f"recording {number} has its first event at {first_us:,} microseconds, the network's "
            f"steps end at {duration_us:,} microseconds",
            "let t count microseconds from the beginning of each recording",
        )
