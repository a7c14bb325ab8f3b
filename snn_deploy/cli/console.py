"""What a person sees while something runs: a bar on a terminal, plain lines elsewhere."""

import re
import shutil
import sys
import textwrap
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import TaskID

    from snn_deploy.pipeline import Observer

_INDENT = 11
"""Where the text of a summary line begins, after its subject."""

_SILENCE_S = 60
"""Plain lines come at every tenth of a stage, and after so long without any."""

_PHRASE = 30
"""What stands between two commas is not broken at the end of a line if it is this short."""


@contextmanager
def progress(*, quiet: bool, plain: bool = True) -> Iterator["Observer"]:
    """Give an observer that shows on standard error how far the work is.

    What follows a comma in a stage's name is a remark that may change: it stays the same stage.

    Args:
        quiet: show nothing at all.
        plain: write lines where standard error is no terminal, otherwise nothing there.
    """
    if sys.stderr.isatty() and not quiet:
        with _bars() as observer:
            yield observer
    elif plain and not quiet:
        yield _lines()
    else:
        yield lambda *_: None


@dataclass(frozen=True, slots=True)
class _Start:
    """Where a stage was when it was first heard of: an interrupted run does not begin at 0."""

    done: int
    time_s: float

    def count(self, done: int, total: int) -> str:
        """Return e.g. `40/100, 0:01:30 left`; nothing for a stage in one piece."""
        if total <= 1:
            return ""
        if not self.done < done < total:
            return f"{done}/{total}"
        left_s = (time.monotonic() - self.time_s) * (total - done) / (done - self.done)
        return f"{done}/{total}, {timedelta(seconds=round(left_s))} left"


@contextmanager
def _bars() -> Iterator["Observer"]:
    """Show a bar a stage, and nothing any more at the end: the summary says what was done."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description:<16}"),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), expand=True, transient=True) as bars:
        tasks: dict[str, TaskID] = {}
        starts: dict[str, _Start] = {}

        def observe(stage: str, done: int, total: int) -> None:
            key = stage.partition(",")[0]
            if key not in tasks:
                tasks[key] = bars.add_task(stage, total=None, count="")
                starts[key] = _Start(done, time.monotonic())
            known = total if total > 1 or done >= total else None
            count = starts[key].count(done, total)
            bars.update(tasks[key], description=stage, completed=done, total=known, count=count)

        yield observe


def _lines() -> "Observer":
    starts: dict[str, _Start] = {}
    tenths: dict[str, int] = {}
    said = time.monotonic()

    def observe(stage: str, done: int, total: int) -> None:
        nonlocal said
        now, key, tenth = time.monotonic(), stage.partition(",")[0], 10 * done // max(total, 1)
        if key in tenths and (total <= 1 or (tenth == tenths[key] and now - said < _SILENCE_S)):
            return
        start = starts.setdefault(key, _Start(done, now))
        tenths[key], said = tenth, now
        say(f"{stage} {start.count(done, total)}".rstrip())

    return observe


def say(text: str) -> None:
    """Write a line to standard error."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def complain(text: str) -> None:
    """Write what is wrong to standard error: one line, which a terminal gets wrapped."""
    line = f"error: {' '.join(text.split())}"
    say(_wrapped(line, len("error: ")) if sys.stderr.isatty() else line)


def show(lines: Iterable[str]) -> None:
    """Write lines to standard output; a terminal gets them wrapped, below their subject."""
    for line in lines:
        print(_wrapped(line, _INDENT) if sys.stdout.isatty() else line)


def _wrapped(line: str, indent: int) -> str:
    """Break a line between words, or between phrases where these are short."""
    phrases = re.split(r"(?<=[,;:]) ", line[indent:])
    held = [p.replace(" ", "\N{NO-BREAK SPACE}") if len(p) <= _PHRASE else p for p in phrases]
    wrapped = textwrap.fill(
        " ".join(held),
        shutil.get_terminal_size().columns,
        initial_indent=line[:indent],
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return wrapped.replace("\N{NO-BREAK SPACE}", " ")
