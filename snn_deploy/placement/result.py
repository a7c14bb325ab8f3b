"""What placement gives: a core for every neuron, and what that costs."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from types import MappingProxyType

import numpy as np

from snn_deploy.ir.graph import Array

Span = tuple[int, int]
"""From and up to."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Neurons of a population that lie on one core: a tile of it.

    Attributes:
        population: its name.
        channels, rows, columns: from and up to, of the population seen as [C, H, W].
        core: that holds them, chip * cores of a chip + core of the chip.
    """

    population: str
    channels: Span
    rows: Span
    columns: Span
    core: int

    @property
    def spans(self) -> tuple[Span, Span, Span]:
        """From and up to, by axis."""
        return self.channels, self.rows, self.columns

    @property
    def neurons(self) -> int:
        """Number of neurons."""
        return prod(end - begin for begin, end in self.spans)


@dataclass(frozen=True, slots=True)
class Used:
    """Of one resource.

    Attributes:
        used: by the core that uses most.
        limit: of a core.
        worst_core: that core.
    """

    used: int
    limit: int
    worst_core: int


@dataclass(frozen=True, slots=True)
class Ways:
    """How far messages go.

    Attributes:
        cost: messages times distance in a step; a link between chips counts `chip_hops` times.
        mean_hops: links that a message between two cores passes on average.
        max_link_load: messages in a step over the busiest link.
    """

    cost: float
    mean_hops: float
    max_link_load: float


@dataclass(frozen=True, slots=True)
class Placement:
    """A network on the cores of a target.

    Attributes:
        target: its name.
        slots: every tile of every population that cores hold, in the network's order.
        cores_used: that hold neurons.
        cores: of all chips that are used.
        chips: that are used.
        utilization: by resource.
        ways: of the messages.
        ways_before: of the same cores along the best curve, before any were swapped.
        shapes: of the populations, by name.
    """

    target: str
    slots: tuple[Slot, ...]
    cores_used: int
    cores: int
    chips: int
    utilization: Mapping[str, Used]
    ways: Ways
    ways_before: Ways
    shapes: Mapping[str, tuple[int, ...]]

    def __post_init__(self) -> None:
        """Freeze the tables."""
        object.__setattr__(self, "utilization", MappingProxyType(dict(self.utilization)))
        object.__setattr__(self, "shapes", MappingProxyType(dict(self.shapes)))

    def of(self, population: str) -> tuple[Slot, ...]:
        """Return the slots of a population."""
        return tuple(slot for slot in self.slots if slot.population == population)

    def core_of(self, population: str) -> Array:
        """Return the core of every neuron of a population.  int32, of its shape."""
        slots = self.of(population)
        box = [
            max(span[1] for span in spans)
            for spans in zip(*(slot.spans for slot in slots), strict=True)
        ]
        found = np.empty(box, np.int32)
        for slot in slots:
            found[tuple(slice(*span) for span in slot.spans)] = slot.core
        return found.reshape(self.shapes[population])
