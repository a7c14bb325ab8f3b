"""Fair timing: contenders take turns, and each turn is alone on the machine as far as it can be.

One contender after the other, again and again, so that a slow minute of the machine hurts all of
them alike. A turn opens the contender, warms it up, and takes the median of its calls; the
contender's time is the median over its turns. A turn waits until other processes rest, and one
that they disturbed is taken again, until patience ends; disturbed turns that remain are left out
where enough quiet ones are left.
"""

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import machine
from .tables import QUIET

Logits = NDArray[np.floating]
Run = Callable[[], Logits]
"""One inference of a batch: images in memory -> logits [B, classes]."""

WARM_UP_CALLS = 2
FEWEST_CALLS = 3


@dataclass(frozen=True, slots=True)
class Contender:
    """What is measured.

    Attributes:
        name: in the table.
        ours: an exported model; the others are PyTorch.
        open: gives what runs, and lets go of it afterwards, threads included.
    """

    name: str
    ours: bool
    open: Callable[[], AbstractContextManager[Run]]


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a contender: the median call in seconds, and who else worked meanwhile."""

    call_s: float
    calls: int
    others: float
    stolen: float


@dataclass(frozen=True, slots=True)
class Timing:
    """All turns of a contender."""

    turns: Sequence[Turn]

    @property
    def counted(self) -> Sequence[Turn]:
        """The turns without other processes if these are at least half, else all."""
        quiet = [turn for turn in self.turns if turn.others <= QUIET]
        return quiet if 2 * len(quiet) >= len(self.turns) else self.turns

    @property
    def call_s(self) -> float:
        """Median of the turns that count."""
        return statistics.median(turn.call_s for turn in self.counted)

    @property
    def spread_s(self) -> tuple[float, float]:
        """The fastest and the slowest turn that counts."""
        times = [turn.call_s for turn in self.counted]
        return min(times), max(times)

    @property
    def others(self) -> float:
        """Processors that others used during the turns that count, on average."""
        return statistics.fmean(turn.others for turn in self.counted)

    @property
    def stolen(self) -> float:
        """Processors that the hypervisor took meanwhile, on average."""
        return statistics.fmean(turn.stolen for turn in self.counted)


def take_turns(
    contenders: Sequence[Contender],
    repeats: int,
    turn_s: float,
    patience_s: float,
    observe: Callable[[int, Contender], None],
) -> Mapping[str, Timing]:
    """Time contenders by turns; returns their timings by name.

    Args:
        contenders: any number.
        repeats: turns of each.
        turn_s: how long a turn calls; three times in any case, unless three times as long.
        patience_s: how long to wait for others in all, disturbed turns included.
        observe: told of every turn before it begins.
    """
    turns: dict[str, list[Turn]] = {contender.name: [] for contender in contenders}
    for repeat in range(repeats):
        # Every other round goes backwards: nobody always comes after the same one.
        order = contenders if repeat % 2 == 0 else contenders[::-1]
        for contender in order:
            observe(repeat, contender)
            turn, waited_s = _quiet_turn(contender, turn_s, patience_s)
            turns[contender.name].append(turn)
            patience_s -= waited_s
    return {name: Timing(found) for name, found in turns.items()}


def _quiet_turn(contender: Contender, turn_s: float, patience_s: float) -> tuple[Turn, float]:
    """Return a turn that nobody disturbed, or one that somebody did; and what waiting cost."""
    started = time.perf_counter()
    while True:
        wait_for_quiet(started + patience_s)
        began = time.perf_counter()
        with contender.open() as run:
            turn = _turn(run, turn_s)
        del run  # and with it a session, whose threads would go on spinning
        if turn.others <= QUIET or time.perf_counter() > started + patience_s:
            return turn, began - started


def wait_for_quiet(deadline: float) -> None:
    """Sleep until other processes rest, or until a time of `perf_counter`."""
    while time.perf_counter() < deadline:
        before = machine.now()
        time.sleep(0.25)
        if machine.now().others_since(before) <= QUIET:
            return


def _turn(run: Run, turn_s: float) -> Turn:
    _warm_up(run, turn_s)
    calls: list[float] = []
    with _no_collection():
        before = machine.now()
        while _goes_on(len(calls), time.perf_counter() - before.wall, turn_s):
            started = time.perf_counter()
            run()
            calls.append(time.perf_counter() - started)
        after = machine.now()
    return Turn(
        statistics.median(calls),
        len(calls),
        after.others_since(before),
        after.stolen_since(before),
    )


def _warm_up(run: Run, turn_s: float) -> None:
    """Call it a few times; a call that lasts longer than a turn is warm after one."""
    started = time.perf_counter()
    for _ in range(WARM_UP_CALLS):
        run()
        if time.perf_counter() - started > turn_s:
            return


def _goes_on(calls: int, passed_s: float, turn_s: float) -> bool:
    """Say whether a turn has another call: until it is over, and a few where they are short."""
    return passed_s < turn_s or calls < (FEWEST_CALLS if passed_s < FEWEST_CALLS * turn_s else 1)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep Python's garbage collector out of the measured calls."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()
