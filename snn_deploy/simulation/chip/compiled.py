"""Compiled loops: how they are compiled, and a heap for them.

A loop is one `whole` of many `part`s. To the compiler it is a single function, and it allocates
nothing: so Numba need not count who holds which array (`_nrt`), which it would do for every array
of every tuple, and which would take longer than the loop. It keeps a `whole` as long as the file of
that is the same: after a change to a part of another file, touch it.
"""

from collections.abc import Callable
from typing import Any

from numba import njit

_UNCOUNTED: dict[str, Any] = {"_nrt": False}


def kept(**options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that compiles a function at its first call and keeps that on the disk."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        try:
            compiled: Callable[..., Any] = njit(cache=True, **options)(function)
        except RuntimeError:  # neither beside the file nor in a home can anything be written
            compiled = njit(**options)(function)
        return compiled

    return decorate


whole = kept(**_UNCOUNTED)
part = njit(forceinline=True, **_UNCOUNTED)


@part
def push(times, items, size, time, item):  # type: ignore[no-untyped-def]
    """Add an entry to a heap, and return how many there are."""
    place = size
    while place and times[(place - 1) // 2] > time:
        above = (place - 1) // 2
        times[place], items[place] = times[above], items[above]
        place = above
    times[place], items[place] = time, item
    return size + 1


@part
def sift(times, items, size):  # type: ignore[no-untyped-def]
    """Bring the first entry of a heap to its place: the earliest is first."""
    time, item = times[0], items[0]
    place = 0
    while True:
        below = 2 * place + 1
        if below >= size:
            break
        if below + 1 < size and times[below + 1] < times[below]:
            below += 1
        if times[below] >= time:
            break
        times[place], items[place] = times[below], items[below]
        place = below
    times[place], items[place] = time, item
