"""What conditions on two reports are made of, and what each part computes."""

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from .reading import Key, Scalar, Written, is_number

Side = Literal["before", "after"]
Where = Literal["before", "after", "delta"]
Sides = Mapping[Side, Written]

Node: TypeAlias = (
    "Number | Figure | Has | Negative | Calculation | Comparison | Negation | Every | Either"
)
"""`truth` says whether a node gives true or false, or else a number."""


class MissingError(LookupError):
    """A report lacks a figure."""

    def __init__(self, figure: "Figure", side: Side) -> None:
        self.figure = figure
        self.side = side
        super().__init__(figure.text)


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it was typed."""

    truth: ClassVar = False
    number: float

    def value(self, sides: Sides) -> float:
        """Return it."""
        return self.number


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of one report, or the later one less the earlier. text: as it was typed."""

    truth: ClassVar = False
    where: Where
    key: Key
    text: str

    @property
    def sides(self) -> tuple[Side, ...]:
        """The reports that it is read from."""
        return ("after", "before") if self.where == "delta" else (self.where,)

    def value(self, sides: Sides) -> float:
        """Return it. Raises MissingError where a report lacks it."""
        later, *earlier = (self._read(sides, side) for side in self.sides)
        return later - earlier[0] if earlier else later

    def _read(self, sides: Sides, side: Side) -> float:
        found = self.held(sides[side])
        if not is_number(found):
            raise MissingError(self, side)
        return found

    def held(self, report: Written) -> Scalar | None:
        """Return what a report holds there."""
        leaf = report.leaves.get(self.key)
        return None if leaf is None else leaf.value


@dataclass(frozen=True, slots=True)
class Has:
    """Whether reports hold a figure, or a section."""

    truth: ClassVar = True
    figure: Figure

    def value(self, sides: Sides) -> bool:
        """Look it up."""
        key = self.figure.key
        reports = [sides[side] for side in self.figure.sides]
        return all(key in report.leaves or key in report.sections for report in reports)


@dataclass(frozen=True, slots=True)
class Negative:
    """A number with its sign changed."""

    truth: ClassVar = False
    operand: Node

    def value(self, sides: Sides) -> float:
        """Compute it."""
        return -self.operand.value(sides)


_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}

_ORDER: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}

COMPARING = frozenset(_ORDER)

Links: TypeAlias = tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Calculation:
    """Operators of one precedence, from the left."""

    truth: ClassVar = False
    first: Node
    rest: Links

    def value(self, sides: Sides) -> float:
        """Compute it. Raises ArithmeticError where it has no value."""
        result = self.first.value(sides)
        for symbol, node in self.rest:
            result = _ARITHMETIC[symbol](result, node.value(sides))
        if not math.isfinite(result):
            raise OverflowError
        return result


@dataclass(frozen=True, slots=True)
class Comparison:
    """Numbers compared with their neighbours: a < b < c."""

    truth: ClassVar = True
    first: Node
    rest: Links

    def value(self, sides: Sides) -> bool:
        """Compare as far as the first that is false."""
        left = self.first.value(sides)
        for symbol, node in self.rest:
            right = node.value(sides)
            if not _ORDER[symbol](left, right):
                return False
            left = right
        return True


@dataclass(frozen=True, slots=True)
class Negation:
    """What is true if its operand is not."""

    truth: ClassVar = True
    operand: Node

    def value(self, sides: Sides) -> bool:
        """Decide it."""
        return not self.operand.value(sides)


@dataclass(frozen=True, slots=True)
class Every:
    """Conditions that all hold; what follows a false one is not looked at."""

    truth: ClassVar = True
    parts: tuple[Node, ...]

    def value(self, sides: Sides) -> bool:
        """Decide it."""
        return all(part.value(sides) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Either:
    """Conditions of which one holds; what follows a true one is not looked at."""

    truth: ClassVar = True
    parts: tuple[Node, ...]

    def value(self, sides: Sides) -> bool:
        """Decide it."""
        return any(part.value(sides) for part in self.parts)
