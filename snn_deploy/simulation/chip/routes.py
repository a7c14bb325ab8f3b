"""Where messages go and what they cause there, class by class: what compiled loops look up."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from snn_deploy.hardware import Latencies
from snn_deploy.ir.graph import Array

from .compiled import kept
from .fanout import FanOut

PER_SECOND = 1e12
"""Times are whole picoseconds: sums of them are exact, whatever their order."""


@dataclass(frozen=True, slots=True)
class Routes:
    """Where messages go, by class of neuron: two lists, each in compressed rows.

    Attributes:
        first: of each sender's classes.  int64 [senders]
        message_at: rows of `core` and `work`.  int64 [classes + 1]
        core: that a message goes to, ascending; a place in `Machine.cores`.  int32 [messages]
        work: picoseconds that it keeps that core busy.  int32, or int64 where those are too few
            [messages]
        event_at: rows of the others.  int64 [classes + 1]
        tile, kind, events: synaptic events that it causes.  int32, int8, int32 [entries]
    """

    first: Array
    message_at: Array
    core: Array
    work: Array
    event_at: Array
    tile: Array
    kind: Array
    events: Array

    @property
    def classes(self) -> int:
        """Number of classes of all senders."""
        return len(self.message_at) - 1

    @property
    def nbytes(self) -> int:
        """Memory of the lists."""
        return sum(getattr(self, name).nbytes for name in self.__slots__)


def routes(fans: Sequence[FanOut], core_of: Array, cores: int, latency: Latencies) -> Routes:
    """Return the lists of all classes, one sender after the other.

    Nothing of their length is held beside them: unstructured networks have a class a neuron.

    Args:
        fans: of the senders.
        core_of: core of each tile.  int64 [tiles]
        cores: how many.
        latency: of the chip.
    """
    first = np.cumsum([0, *(prod(fan.classes) for fan in fans)])
    tile, events = (_column(fans, name, np.int32) for name in ("slot", "events"))
    kind = _column(fans, "kind", np.int8)
    event_at = np.zeros(first[-1] + 1, np.int64)
    at = 0
    for fan, begin, end in zip(fans, first, first[1:], strict=False):
        classes = np.arange(end - begin + 1, dtype=fan.of.dtype)
        event_at[begin : end + 1] = at + np.searchsorted(fan.of, classes)
        at += len(fan.of)
    arrival, *by_kind = picoseconds(
        [latency.axon_in_s, latency.conv_event_s, latency.dense_event_s, latency.sparse_event_s]
    )
    message_at = np.zeros_like(event_at)
    most = _number(event_at, tile, events, core_of, cores, message_at)
    fits = arrival + most * max(by_kind) < 2**31
    core = np.empty(message_at[-1], np.int32)
    work = np.full(message_at[-1], arrival, np.int32 if fits else np.int64)
    _fill(event_at, tile, kind, events, core_of, cores, np.array(by_kind), message_at, core, work)
    return Routes(first[:-1], message_at, core, work, event_at, tile, kind, events)


def _column(fans: Sequence[FanOut], name: str, dtype: type[np.integer]) -> Array:
    """Return an array of all fans, one after the other; that of a single one is not copied."""
    columns: list[Array] = [getattr(fan, name) for fan in fans] or [np.zeros(0, dtype)]
    if len(columns) == 1:
        return columns[0].astype(dtype, copy=False)
    return np.concatenate(columns, dtype=dtype, casting="same_kind")


def picoseconds(times_s: Sequence[float]) -> Array:
    """Return times in whole picoseconds: int64."""
    return np.rint(np.array(times_s) * PER_SECOND).astype(np.int64)


@kept()
def _number(event_at, tile, events, core_of, cores, message_at):  # type: ignore[no-untyped-def]
    """Count the cores that each class reaches; return the most events that a class causes."""
    seen = np.full(cores, -1)
    most = 0
    for k in range(len(event_at) - 1):
        number = caused = 0
        for j in range(event_at[k], event_at[k + 1]):
            caused += events[j]
            core = core_of[tile[j]]
            if seen[core] != k:
                seen[core] = k
                number += 1
        message_at[k + 1] = message_at[k] + number
        most = max(most, caused)
    return most


@kept()
def _fill(  # type: ignore[no-untyped-def]
    event_at, tile, kind, events, core_of, cores, by_kind, message_at, to_core, work
):
    """List the cores that each class reaches, and add up what its events keep them busy."""
    seen = np.full(cores, -1)
    place = np.empty(cores, np.int64)
    for k in range(len(event_at) - 1):
        end = message_at[k]
        for j in range(event_at[k], event_at[k + 1]):
            core = core_of[tile[j]]
            if seen[core] != k:
                seen[core] = k
                _insert(to_core, message_at[k], end, core)
                end += 1
        for m in range(message_at[k], end):
            place[to_core[m]] = m
        for j in range(event_at[k], event_at[k + 1]):
            work[place[core_of[tile[j]]]] += events[j] * by_kind[kind[j]]


@kept()
def _insert(numbers, begin, end, number):  # type: ignore[no-untyped-def]
    """Put a number among those from begin to end, which ascend."""
    while end > begin and numbers[end - 1] > number:
        numbers[end] = numbers[end - 1]
        end -= 1
    numbers[end] = number
