"""Conditions on two reports: which of them hold, and on which figures that rests."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from snn_deploy.errors import UsageError

from .expressions import Figure, MissingError, Sides
from .facts import is_known, is_known_section
from .grammar import Condition, refusal, shortened
from .reading import Written, is_number

_NEAR = 3
"""So many figures are named instead of one that is not there."""

_ALIKE = 0.75
"""What difflib has to say of a name that may be meant."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A condition, decided. values: its figures, as far as they are there."""

    expression: str
    holds: bool
    values: Mapping[str, float]


def decide(conditions: Sequence[Condition], before: Written, after: Written) -> tuple[Outcome, ...]:
    """Say which conditions hold.

    Raises:
        UsageError: figures that there are not, all of them; or one that a report lacks and no `has`
            guards; or a calculation without a value.
    """
    found = (p for condition in conditions for p in _problems(condition, (before, after)))
    problems = "; ".join(dict.fromkeys(found))
    if problems:
        remedy = "take one of report.json; what may be absent is guarded: has(FIGURE) and …"
        raise UsageError(f"--fail-if: {problems}", remedy)
    sides: Sides = {"before": before, "after": after}
    return tuple(_outcome(condition, sides) for condition in conditions)


def _outcome(condition: Condition, sides: Sides) -> Outcome:
    try:
        holds = condition.root.value(sides)
    except MissingError as error:
        name, lacking = _name(error.figure), sides[error.side].where
        raise refusal(
            condition.expression,
            f"needs {name}, which {lacking} lacks",
            f"guard it: has({error.side}.{name}) and …",
        ) from error
    except ArithmeticError as error:
        why = "division by zero" if isinstance(error, ZeroDivisionError) else "it is too large"
        raise refusal(
            condition.expression, f"has no value: {why}", "guard it, or mend it"
        ) from error
    return Outcome(condition.expression, bool(holds), dict(_values(condition, sides)))


def _values(condition: Condition, sides: Sides) -> Iterator[tuple[str, float]]:
    for figure in condition.figures:
        if all(is_number(figure.held(sides[side])) for side in figure.sides):
            yield figure.text, figure.value(sides)


def _problems(condition: Condition, reports: Sequence[Written]) -> Iterator[str]:
    """Say which figures there cannot be, wherever in the condition they stand."""
    asked = [figure.key for figure in condition.asked]
    for figure in condition.figures:
        held = [figure.held(report) for report in reports]
        texts = [value for value in held if value is not None and not is_number(value)]
        guarded = any(figure.key[: len(key)] == key for key in asked)
        if texts:
            yield f"'{shortened(figure.text)}' is no number but '{shortened(str(texts[0]))}'"
        elif held == [None] * len(held) and not (guarded and is_known(figure.key)):
            yield _absent(figure, reports)
    for figure in condition.asked:
        there = any(figure.key in report.leaves.keys() | report.sections for report in reports)
        if not (there or is_known(figure.key) or is_known_section(figure.key)):
            yield _absent(figure, reports)


def _absent(figure: Figure, reports: Sequence[Written]) -> str:
    """Say that no report has a figure, and which were perhaps meant."""
    leaves = [leaf for report in reports for leaf in report.leaves.items()]
    paths = dict.fromkeys(leaf.path for _, leaf in leaves if is_number(leaf.value))
    inside = [leaf.path for key, leaf in leaves if key[: len(figure.key)] == figure.key]
    named = shortened(figure.text)
    if inside:
        some = list(dict.fromkeys(inside))
        return f"'{named}' is no figure, it holds {', '.join(some[:_NEAR])}" + (
            ", …" if len(some) > _NEAR else ""
        )
    name = _name(figure)
    near = (
        [path for path in paths if path.startswith(name)]
        or get_close_matches(name, paths, _NEAR, _ALIKE)
        or [path for path in paths if path.endswith(f".{figure.key[-1]}")]
    )
    meant = f" (perhaps {' or '.join(near[:_NEAR])} is meant)" if near else ""
    return f"'{named}' is in neither report{meant}"


def _name(figure: Figure) -> str:
    return figure.text.removeprefix(f"{figure.where}.")
