"""Ctrl-C while samples are run: what is under way is finished, and what is done is reported."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stoppable() -> Iterator[Callable[[], bool]]:
    """Give a function that says whether Ctrl-C was pressed; the second time it interrupts."""
    asked = threading.Event()

    def on_interrupt(_: int, __: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        # Not through sys.stderr, which this may have interrupted in the middle of a line.
        os.write(2, b"stopping after the samples under way; Ctrl-C again gives up at once\n")

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)
