"""Simulates samples on a placed network: marks, then counts and times, step by step of the chip."""

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from snn_deploy.errors import PlacementError
from snn_deploy.ir.graph import Array

from .contention import Contention
from .cycle import Cycle
from .emission import Emissions, StepCounts, Stepper
from .machine import UPDATED, Machine
from .marks import Marks
from .result import ChipCounts, ChipTimes, Tier
from .routes import PER_SECOND
from .timing import StepTime, Timing

Begin = Literal["stream", "cold"]
"""When steps are counted: while samples stream through the chip, each beside its own like, so that
every population works on some step of it; or from the first step on, when those farther from the
input have nothing to do yet."""


class Simulator:
    """Simulates samples on a machine.

    A window of T chip steps is counted. In a stream a population at depth d works in chip step c
    on step (c - d) mod T of its sample, so that the window holds each of its steps once, and the
    counts are those of an inference.
    """

    def __init__(self, machine: Machine, tier: Tier = "contention") -> None:
        self.machine = machine
        self.tier: Tier = tier
        self._stepper = Stepper(machine)
        self._timing = _timing(machine, tier)

    def simulate(self, marks: Marks, begin: Begin = "stream") -> tuple[ChipCounts, ChipTimes]:
        """Count and time a sample.

        Raises:
            PlacementError: the marks are of another network.
        """
        check_marks(self.machine, marks)
        counted: list[StepCounts] = []
        did: list[Array] = []
        timed: list[StepTime] = []
        for flat in self._steps(marks, begin):
            emissions = self._stepper.emit(flat)
            counts = self._stepper.tally(emissions)
            counted.append(counts)
            timed.append(self._time(emissions, counts))
            # All else of the emissions is as large as their number; it is let go of.
            did.append(np.stack([emissions.spikes, emissions.graded, emissions.updates]))
        return self._counts(counted, did), self._times(counted, timed)

    def _steps(self, marks: Marks, begin: Begin) -> Iterator[Array]:
        """Yield the marks of all neurons at each chip step."""
        steps = len(marks[0])
        flat = np.empty(self.machine.first_mark[-1], np.uint8)
        ends = self.machine.first_mark
        for c in range(steps):
            for place, (array, depth) in enumerate(zip(marks, self.machine.depths, strict=True)):
                t = c - int(depth)
                part = flat[ends[place] : ends[place + 1]]
                if begin == "cold" and t < 0:
                    part[:] = 0
                else:
                    part[:] = array[t % steps].ravel()
            yield flat

    def _time(self, made: Emissions, counts: StepCounts) -> StepTime:
        if self._timing is not None:
            return self._timing.time(made)
        nothing = np.zeros_like(counts.sending_ps)
        return StepTime(counts.sending_ps, np.append(counts.receiving_ps, 0), nothing, nothing)

    def _counts(self, counted: Sequence[StepCounts], did: Sequence[Array]) -> ChipCounts:
        on_cores = self.machine.on_cores
        spikes, graded, updates = np.stack(did, axis=1)[:, :, on_cores]
        sent = np.stack([c.sent for c in counted])
        return ChipCounts(
            samples=1,
            spikes=spikes,
            graded=graded,
            updates=updates,
            sent=sent[:, on_cores],
            events=np.stack([c.events for c in counted])[:, on_cores],
            received=np.stack([c.received for c in counted]),
            hosted=sent[:, ~on_cores].sum(axis=1),
            links=np.stack([c.links for c in counted]),
        )

    def _times(self, counted: Sequence[StepCounts], timed: Sequence[StepTime]) -> ChipTimes:
        sent, received, blocked, queued = (
            np.stack([getattr(time, name) for time in timed]) for name in StepTime.__slots__
        )
        barrier_s = self.machine.chip.latency.barrier(self.machine.routers)
        end = np.maximum(sent, received)
        slowest = end.argmax(axis=1)
        steps = np.arange(len(end))
        places = np.append(self.machine.cores, -1)
        busy = [
            np.stack([c.sending_ps[:-1] for c in counted]),
            np.stack([c.receiving_ps for c in counted]),
        ]
        return ChipTimes(
            tier=self.tier,
            step_s=(end[steps, slowest] / PER_SECOND + barrier_s)[None],
            barrier_s=barrier_s,
            slowest=places[slowest].astype(np.int32)[None],
            receives=(received > sent)[steps, slowest][None],
            busy_s=np.stack(busy) / PER_SECOND,
            blocked_s=blocked[:, :-1] / PER_SECOND,
            queued_s=queued[:, :-1] / PER_SECOND,
        )


def _timing(machine: Machine, tier: Tier) -> Timing | None:
    """Return what times steps; None where the busy times say all."""
    if tier == "ideal":
        return None
    return Contention(machine) if tier == "contention" else Cycle(machine)


def check_marks(machine: Machine, marks: Marks) -> None:
    """Raise PlacementError where marks are not those of a machine's network."""
    known = [UPDATED] * len(machine.boxes)
    for sender in machine.senders:
        known[sender.population] |= sender.bit
    found = [array.shape[1:] for array in marks]
    if (
        found != [tuple(box) for box in machine.boxes]
        or len({len(a) for a in marks}) > 1
        or any(np.any(a & ~np.uint8(bits)) for a, bits in zip(marks, known, strict=True))
    ):
        raise PlacementError(machine.name, "the trace is of another network", "a trace of its own")
