"""What a network did on a chip: exact counts, and times that are modelled."""

from dataclasses import dataclass, fields, replace
from typing import Literal, Self, get_args

import numpy as np

from snn_deploy.ir.graph import Array
from snn_deploy.placement import Slot

Tier = Literal["ideal", "contention", "cycle"]
"""How steps are timed: by the slowest core alone, message by message, or flit by flit."""

TIERS: tuple[Tier, ...] = get_args(Tier)

TierChoice = Tier | Literal["auto"]
"""auto: flit by flit where a sample has few enough messages, message by message elsewhere."""

TIER_CHOICES: tuple[TierChoice, ...] = ("auto", *TIERS)

EventKind = Literal["conv", "dense", "sparse"]
"""How the synapses of an event are stored: a kernel that positions share, a list of all to all, or
single connections of weight 1."""

EVENT_KINDS: tuple[EventKind, ...] = get_args(EventKind)

DIRECTIONS = ("east", "west", "south", "north")
"""Of links: to the next column, the one before, the next row, the one before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipCounts:
    """Integers, summed over samples. Steps are those of the chip while samples stream through it.

    Attributes:
        samples: how many.
        spikes, graded: that each tile sends.  int64 [T, tiles]
        updates: neurons updated.  int64 [T, tiles]
        sent: messages that leave each tile, one to each core.  int64 [T, tiles]
        events: synaptic events at each tile, by EVENT_KINDS.  int64 [T, tiles, kinds]
        received: messages that reach each core.  int64 [T, cores]
        hosted: messages of the host.  int64 [T]
        links: flits over each link, by DIRECTIONS.  int64 [T, 4, rows, columns]
    """

    samples: int
    spikes: Array
    graded: Array
    updates: Array
    sent: Array
    events: Array
    received: Array
    hosted: Array
    links: Array

    def __add__(self, other: Self) -> Self:
        """Return the counts of both sets of samples."""
        names = [field.name for field in fields(self)]
        return replace(self, **{name: getattr(self, name) + getattr(other, name) for name in names})

    @property
    def hops(self) -> int:
        """Flits times links."""
        return int(self.links.sum())

    @property
    def messages(self) -> int:
        """That cores receive."""
        return int(self.received.sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipTimes:
    """Modelled times, sample by sample.

    Attributes:
        tier: how they were found.
        step_s: of every step, its barrier included.  float64 [samples, T]
        barrier_s: of a step.
        slowest: the core that every step waited for, as in `Placement`.  int32 [samples, T]
        receives: whether that core was busy with what reached it, not with its own neurons.
            bool [samples, T]
        busy_s: that each core works in a step, all samples together, by what for: neurons and what
            they send, what reaches it.  float64 [2, T, cores]
        blocked_s: that the network kept each core from sending.  float64 [T, cores]
        queued_s: that messages waited at each core.  float64 [T, cores]
    """

    tier: Tier
    step_s: Array
    barrier_s: float
    slowest: Array
    receives: Array
    busy_s: Array
    blocked_s: Array
    queued_s: Array

    def __add__(self, other: Self) -> Self:
        """Return the times of both sets of samples, in this order."""
        return replace(
            self,
            step_s=np.concatenate([self.step_s, other.step_s]),
            slowest=np.concatenate([self.slowest, other.slowest]),
            receives=np.concatenate([self.receives, other.receives]),
            busy_s=self.busy_s + other.busy_s,
            blocked_s=self.blocked_s + other.blocked_s,
            queued_s=self.queued_s + other.queued_s,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipRun:
    """A placed network, simulated.

    Attributes:
        slots: what each tile of the counts is.
        cores: in use, ascending, as in `Placement`: the axis of counts by core.  int64 [cores]
        latency: chip steps from a sample's input to its readout.
        chips: in use.
        counts: of all samples.
        times: of each.
        asked: samples that were to be simulated; more than were, if somebody stopped it.
    """

    slots: tuple[Slot, ...]
    cores: Array
    latency: int
    chips: int
    counts: ChipCounts
    times: ChipTimes
    asked: int

    @property
    def partial(self) -> bool:
        """Whether it was stopped before all samples were simulated."""
        return self.counts.samples < self.asked

    @property
    def steps(self) -> int:
        """T."""
        return len(self.counts.hosted)
