"""What the interpreter knows about a tensor of the user's forward: which node of the step, when.

A torch tensor of a spiking network mixes time into its leading axes in many ways. Here it is a node
of the one-step graph, the steps it stands for, and how these lie in the leading axes.
"""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Literal

BATCH = 251
"""A prime that no layer size of a real network is, so that no axis is taken for the batch."""


class Axes(Enum):
    """How time and batch lead a tensor's shape; what follows is the shape of one sample."""

    BATCH = "[B, ...]"
    LIFTED = "[1, B, ...]"
    LIFTED_AFTER = "[B, 1, ...]"
    STACKED = "[T, B, ...]"
    MERGED = "[T*B, ...]"
    BATCH_FIRST = "[B, T, ...]"
    BATCH_MERGED = "[B*T, ...]"


REGROUPED: dict[Axes, tuple[Axes, ...]] = {
    axes: family
    for family in (
        (Axes.BATCH, Axes.LIFTED, Axes.LIFTED_AFTER),
        (Axes.STACKED, Axes.MERGED),
        (Axes.BATCH_FIRST, Axes.BATCH_MERGED),
    )
    for axes in family
}
"""What a row-major reshape can make of what."""

TIME_AXIS: dict[Axes, int] = {
    Axes.LIFTED: 0,
    Axes.STACKED: 0,
    Axes.LIFTED_AFTER: 1,
    Axes.BATCH_FIRST: 1,
}

ALWAYS: Literal["always"] = "always"
"""The same at every step: made of a static input, before any neuron."""
EVERY: Literal["every"] = "every"
"""All T steps, in order."""


@dataclass(frozen=True, slots=True)
class Sum:
    """The sum over steps 0 .. steps - 1."""

    steps: int


When = int | Sum | Literal["always", "every"]


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor: factor * (node at those steps)."""

    node: str
    when: When
    axes: Axes = Axes.BATCH
    factor: float = 1.0

    def of(self, node: str) -> "Value":
        """Return the value of another node at the same steps, in the same axes."""
        return replace(self, node=node, factor=1.0)


@dataclass(frozen=True, slots=True)
class NeuronState:
    """What a neuron module hands on to itself: it has run `steps` steps. node: of the graph."""

    node: str
    steps: int


@dataclass(slots=True)
class Buffer:
    """A tensor that the forward makes and fills step by step. filled: step -> value."""

    fill: float
    shape: tuple[int, ...]
    filled: dict[int, Value]


@dataclass(frozen=True, slots=True)
class Clock:
    """The sizes of the axes: T steps, a batch of B."""

    steps: int
    batch: int

    def prefix(self, axes: Axes) -> tuple[int, ...]:
        """Return the leading axes' lengths."""
        t, b = self.steps, self.batch
        lengths = {
            Axes.BATCH: (b,),
            Axes.LIFTED: (1, b),
            Axes.LIFTED_AFTER: (b, 1),
            Axes.STACKED: (t, b),
            Axes.MERGED: (t * b,),
            Axes.BATCH_FIRST: (b, t),
            Axes.BATCH_MERGED: (b * t,),
        }
        return lengths[axes]

    def text(self, shape: tuple[int, ...]) -> str:
        """Return a shape with T and B by their letters."""
        t, b = self.steps, self.batch
        letters = {t * b: "T*B", b: "B"} | ({t: "T"} if t > 1 else {})
        leading = [letters.get(n, str(n)) for n in shape[:2]]
        return f"[{', '.join([*leading, *map(str, shape[2:])])}]"


class Refused(Exception):  # noqa: N818 - not an error yet: the tracer collects them
    """An operation that has no meaning here. `what` completes "<operation> ..."."""

    def __init__(self, what: str, remedy: str) -> None:
        self.what = what
        self.remedy = remedy
        super().__init__(what)
