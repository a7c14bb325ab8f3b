"""The two ways in which event recordings lie in an `.npz`, and every way in which they are broken.

plain:   x, y, p, t [E], offset [N + 1]
compact: xy [2, E], dt [E], p bits [E / 8], offset [N + 1], as N-MNIST is often handed on

Events of recording k are those from offset[k] up to offset[k + 1]. p is 0 or 1. t is in
microseconds from the beginning of the recording; dt is what passed since the event before, or since
the beginning. Both may hold sensor [H, W].
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn_deploy.errors import ModelError

from .recordings import Indices, Integers, Recordings

Arrays = Mapping[str, NDArray[Any]]

PLAIN = ("x", "y", "p", "t", "offset")
COMPACT = ("xy", "p", "dt", "offset")
NAMES = ("sensor", *dict.fromkeys(PLAIN + COMPACT))

MOST = 2**15
"""No sensor has more rows or columns; 16-bit coordinates hold them."""
LATEST_US = 2**53
"""No recording is longer: 285 years."""
_FORM = (
    "write it with np.savez(file, x=[E], y=[E], p=[E], t=microseconds [E], offset=[N + 1], "
    "labels=[N])"
)


def is_recordings(names: Any) -> bool:
    """Say whether a file with arrays of these names is meant as event recordings."""
    return "offset" in names and ("t" in names or "dt" in names)


def read_recordings(arrays: Arrays, source: str) -> Recordings:
    """Return the recordings of a file.

    Raises:
        ModelError: an array is missing or not what it must be; the text names it.
    """
    return _Reader(arrays, source).recordings()


class _Reader:
    """The arrays of one file, asked for by name."""

    def __init__(self, arrays: Arrays, source: str) -> None:
        self.arrays = arrays
        self.source = source
        self.compact = "dt" in arrays

    def recordings(self) -> Recordings:
        for name in COMPACT if self.compact else PLAIN:
            if name not in self.arrays:
                raise self.wrong(f"holds event recordings without '{name}'")
        times = self.integers("dt" if self.compact else "t")
        begin, end = self.limits(len(times))
        x, y = self.coordinates(len(times))
        t = self.since_beginning(times, begin, end) if self.compact else times
        self.check_times(t, begin, end)
        extent = (int(y.max()) + 1, int(x.max()) + 1)
        number = np.arange(len(begin))
        p = self.polarity(len(times))
        return Recordings(x, y, p, t, begin, end, number, extent, self.sensor(extent))

    def wrong(self, problem: str, remedy: str = _FORM) -> ModelError:
        return ModelError(self.source, problem, remedy)

    def integers(self, name: str, rank: int = 1) -> Any:
        """Return an array of whole numbers; int64 where it is of one axis."""
        array = self.arrays[name]
        if array.dtype.kind not in "iu" or array.ndim != rank:
            raise self.wrong(f"'{name}' is {array.dtype} {list(array.shape)}, not whole numbers")
        if array.size == 0:
            raise self.wrong(f"'{name}' is empty")
        if array.dtype == np.uint64 and array.max() > np.iinfo(np.int64).max:
            raise self.wrong(f"'{name}' holds {array.max()}, which is too large")
        return array.astype(np.int64) if rank == 1 else array

    def limits(self, events: int) -> tuple[Indices, Indices]:
        """Return where each recording begins and ends."""
        offset: Indices = self.integers("offset")
        if len(offset) < 2 or offset[0] != 0 or offset[-1] != events:
            raise self.wrong(
                f"'offset' goes from {offset[0]} to {offset[-1]} in {len(offset)} numbers, there "
                f"are {events} events",
                "let it begin at 0 and end at the number of events, one more than recordings",
            )
        bad = np.flatnonzero(offset[1:] <= offset[:-1])
        if len(bad):
            k = bad[0]
            what = "is empty" if offset[k] == offset[k + 1] else "ends before it begins"
            raise self.wrong(
                f"recording {k} {what}: 'offset' goes from {offset[k]} to {offset[k + 1]}",
                "let 'offset' rise, and leave empty recordings out",
            )
        return offset[:-1], offset[1:]

    def coordinates(self, events: int) -> tuple[Integers, Integers]:
        """Return columns and rows, as 16-bit integers."""
        if self.compact:
            pair = self.integers("xy", rank=2)
            if len(pair) != 2:
                raise self.wrong(f"'xy' is {list(pair.shape)}, not [2, E]")
            found = {"xy[0]": pair[0], "xy[1]": pair[1]}
        else:
            found = {"x": self.integers("x"), "y": self.integers("y")}
        for name, values in found.items():
            self.check_length(name, values, events)
            low, high = int(values.min()), int(values.max())
            if low < 0 or high >= MOST:
                raise self.wrong(
                    f"'{name}' holds {low if low < 0 else high}, no place on a sensor",
                    f"give columns and rows from 0 to {MOST - 1}",
                )
        x, y = (values.astype(np.int16) for values in found.values())
        return x, y

    def check_length(self, name: str, values: NDArray[Any], events: int) -> None:
        if len(values) != events:
            raise self.wrong(f"'{name}' has {len(values)} entries for {events} events")

    def polarity(self, events: int) -> NDArray[np.uint8]:
        p = self.arrays["p"]
        if self.compact:
            if p.dtype != np.uint8 or p.shape != ((events + 7) // 8,):
                raise self.wrong(
                    f"'p' is {p.dtype} {list(p.shape)}, not the bits of {events} events",
                    "pack it with np.packbits(p)",
                )
            return np.unpackbits(p, count=events)
        if p.dtype.kind not in "iub" or p.ndim != 1:
            raise self.wrong(f"'p' is {p.dtype} {list(p.shape)}, not 0 or 1 an event")
        self.check_length("p", p, events)
        if p.min() < 0 or p.max() > 1:
            raise self.wrong(
                f"'p' holds {p.min() if p.min() < 0 else p.max()}",
                "give 0 for darker, 1 for brighter",
            )
        return p.astype(np.uint8)

    def since_beginning(self, dt: Indices, begin: Indices, end: Indices) -> Indices:
        """Return times since the beginning of each recording from those between events."""
        if dt.min() < 0 or float(dt.sum(dtype=np.float64)) > LATEST_US:
            raise self.wrong("'dt' has steps back in time, or too large ones", "sort by time")
        total = np.cumsum(dt)
        before = np.where(begin > 0, total[begin - 1], 0)
        return total - np.repeat(before, end - begin)

    def check_times(self, t: Indices, begin: Indices, end: Indices) -> None:
        self.check_length("t", t, int(end[-1]))
        if t.min() < 0 or t.max() > LATEST_US:
            raise self.wrong(
                f"'t' holds {t.min() if t.min() < 0 else t.max()}",
                "count microseconds from the beginning of each recording",
            )
        falls = t[1:] < t[:-1]
        falls[begin[1:] - 1] = False
        if falls.any():
            event = int(np.argmax(falls)) + 1
            k = int(np.searchsorted(begin, event, side="right")) - 1
            raise self.wrong(
                f"recording {k} goes back in time at event {event - begin[k]}: {t[event]} after "
                f"{t[event - 1]} microseconds",
                "sort the events of each recording by time",
            )

    def sensor(self, extent: tuple[int, int]) -> tuple[int, int] | None:
        """Return (H, W) where the file says it."""
        if "sensor" not in self.arrays:
            return None
        sensor = self.integers("sensor")
        if len(sensor) != 2 or sensor.min() < 1 or sensor.max() > MOST:
            raise self.wrong(f"'sensor' is {sensor[:4].tolist()}", "give [rows, columns]")
        height, width = int(sensor[0]), int(sensor[1])
        if extent[0] > height or extent[1] > width:
            raise self.wrong(
                f"has an event at row {extent[0] - 1} or column {extent[1] - 1}, its sensor has "
                f"{height} rows and {width} columns",
                "give 'sensor' as [rows, columns]; x is the column, y the row",
            )
        return height, width
