"""A comparison in words: each row as people read it, and all of them as a table for a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .comparison import Comparison, Row, Verdict
from .conditions import Outcome
from .facts import TOOL, Fact, Unit
from .reading import Scalar, Written, is_number
from .wording import count, energy, kilobytes, percent, seconds, short_count, three_digits

MOST_CHANGED = 5
"""So many layers, stages and the like are shown of each series."""

_SUBJECT = 11
"""Where the text of a line begins, after its group; as in a report's summary."""

_LONGEST_TEXT = 28

_LARGEST = 1e15
"""Larger numbers mean nothing; they must not make a column wide."""

_SMALLEST_PERCENT = 0.01
"""A change that is smaller is not told by its digits."""


@dataclass(frozen=True, slots=True)
class Words:
    """A row as people read it; empty where there is nothing to say."""

    label: str
    before: str
    after: str
    change: str
    relative: str
    verdict: str


def words(row: Row) -> Words:
    """Put a row into words. The change of a fraction is in points, and says all."""
    return Words(
        row.label,
        shown(row.before, row.fact.unit),
        shown(row.after, row.fact.unit),
        _change(row),
        "" if row.fact.unit == "fraction" else _relative(row.relative),
        _verdict(row.verdict, row.note),
    )


def _verdict(verdict: Verdict, note: str) -> str:
    plain = {"changed": "", "new": "only after", "gone": "only before"}.get(verdict, verdict)
    return ", ".join(filter(None, (plain, note)))


def shown(value: Scalar | None, unit: Unit) -> str:
    """Return a value with its unit."""
    if value is None:
        return ""
    if not is_number(value):
        text = str(value)
        return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"
    if isinstance(value, float) and not abs(value) < _LARGEST:
        return f"{value:.3g}"
    if value < 0:
        return f"-{shown(-value, unit)}"
    match unit:
        case "joules":
            return energy(value)
        case "seconds":
            return seconds(value)
        case "fraction":
            return percent(value)
        case "bytes":
            return kilobytes(round(value))
    return count(value) if isinstance(value, int) else short_count(value)


def _change(row: Row) -> str:
    if row.verdict == "same" or not row.change:
        return ""
    sign, size = "+" if row.change > 0 else "-", abs(row.change)
    if row.fact.unit != "fraction":
        return sign + shown(size, row.fact.unit)
    points = f"{100 * size:.2f}" if 100 * size >= _SMALLEST_PERCENT else f"<{_SMALLEST_PERCENT}"
    return f"{sign}{points} points"


def _relative(relative: float | None) -> str:
    if not relative:
        return ""
    size, sign = 100 * abs(relative), "+" if relative > 0 else "-"
    if size < _SMALLEST_PERCENT:
        return f"<{_SMALLEST_PERCENT} %"
    return f"{sign}{three_digits(size)} %"


def whole_time(comparison: Comparison) -> Row | None:
    """Return what the tool itself took, all stages together; it is never judged."""
    sides = []
    for report in (comparison.before, comparison.after):
        timing = [leaf.value for key, leaf in report.leaves.items() if key[0] == "timing"]
        sides.append(sum(filter(is_number, timing)) if timing else None)
    if None in sides or sides[0] == sides[1]:
        return None
    fact = Fact(TOOL, "its own work", "seconds")
    return Row(
        path="timing",
        fact=fact,
        label=fact.label,
        entry=None,
        series="timing",
        before=sides[0],
        after=sides[1],
        verdict="changed",
        note="not judged",
    )


def chosen(comparison: Comparison, *, everything: bool) -> Iterator[tuple[Row, int]]:
    """Yield rows to be shown, and how many more of its series follow each unseen.

    Args:
        comparison: of two reports.
        everything: also what did not change, and details; otherwise of each series the entries that
            changed most.
    """
    wanted = [
        row
        for row in comparison.rows
        if everything or not (row.fact.detail or row.verdict == "same")
    ]
    if not everything and (time := whole_time(comparison)) is not None:
        wanted.append(time)
    for series in by_series(wanted):
        if everything or series[0].entry is None:
            yield from ((row, 0) for row in series)
            continue
        most = most_changed(series, MOST_CHANGED)
        yield from ((row, 0) for row in most[:-1])
        yield most[-1], len(series) - len(most)


def by_series(rows: Sequence[Row]) -> list[list[Row]]:
    """Return rows group by group, first what is there once, then series by series."""
    groups: dict[tuple[str, str], list[Row]] = {}
    single = [row for row in rows if row.entry is None]
    for row in [*single, *(row for row in rows if row.entry is not None)]:
        series = "" if row.entry is None else row.series
        groups.setdefault((row.fact.group, series), []).append(row)
    order = list(dict.fromkeys(row.fact.group for row in rows))
    return [groups[key] for key in sorted(groups, key=lambda key: order.index(key[0]))]


def most_changed(series: Sequence[Row], most: int) -> list[Row]:
    """Return so many rows of a series: all of them in order, or those first that changed most."""
    if len(series) <= most:
        return list(series)
    return sorted(series, key=lambda row: -abs(row.change or 0))[:most]


def opening(comparison: Comparison) -> Iterator[str]:
    """Yield lines for a terminal: warnings, and what is compared."""
    for warning in comparison.warnings:
        yield f"warning    {warning}"
    yield f"before     {source(comparison.before)}"
    yield f"after      {source(comparison.after)}"


def closing(comparison: Comparison, outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield lines for a terminal: what it comes to, and which conditions hold."""
    yield f"in all     {total(comparison)}"
    for word, warnings in (("new", comparison.appeared), ("gone", comparison.vanished)):
        yield from (f"{word:<10} warning of the report: {warning}" for warning in warnings)
    yield from (f"fail-if    {decision(outcome)}" for outcome in outcomes)


def source(report: Written) -> str:
    """Return where a report lies and what it is of."""
    bits, samples = report.number("quantization.weight_bits"), report.number("spikes.samples")
    facts = [
        str(report.value("model.name") or "a network"),
        f"for {report.value('target.name')}" if report.value("target.name") else "",
        f"{bits}-bit weights" if bits else "",
        f"{count(samples)} samples" if samples else "",
    ]
    return f"{report.where}: {', '.join(filter(None, facts))}"


def table(comparison: Comparison, *, everything: bool) -> Iterator[str]:
    """Yield a header and the rows: text to the left, numbers to the right, nothing cut."""
    rows = list(chosen(comparison, everything=everything))
    if not rows:
        return
    told = [words(row) for row, _ in rows]
    header = Words("", "before", "after", "change", "", "")
    widths = {
        name: max(len(getattr(line, name)) for line in [header, *told])
        for name in ("label", "before", "after", "change", "relative")
    }
    yield _aligned("", header, widths)
    group = ""
    for (row, more), line in zip(rows, told, strict=True):
        subject = "" if row.fact.group == group else row.fact.group
        group = row.fact.group
        yield _aligned(subject, line, widths)
        if more:
            yield f"{'':<{_SUBJECT}}… and {more:,} more, see --all"


def _aligned(subject: str, line: Words, widths: Mapping[str, int]) -> str:
    cells = [
        line.label.ljust(widths["label"]),
        *(getattr(line, name).rjust(widths[name]) for name in list(widths)[1:]),
        line.verdict,
    ]
    return f"{subject:<{_SUBJECT}}{'  '.join(cells)}".rstrip()


def total(comparison: Comparison) -> str:
    """Return how many figures got better, worse, and so on."""
    found = {
        "": comparison.counts(entries=False),
        "of layers and the like ": comparison.counts(entries=True),
    }
    told = {who: counts for who, counts in found.items() if counts}
    if not set().union(*told.values()) - {"same"}:
        details = sum(row.verdict != "same" for row in comparison.rows if row.fact.group != TOOL)
        noun = "detail" if details == 1 else "details"
        return (
            f"nothing differs but {details:,} {noun}, see --all" if details else "nothing differs"
        )
    return "; ".join(who + tally(counts) for who, counts in told.items())


def tally(counts: Mapping[Verdict, int]) -> str:
    """Return e.g. `3 better, 1 worse, 12 the same`."""
    nouns = {"same": "the same", "new": "only after", "gone": "only before"}
    return ", ".join(f"{n:,} {nouns.get(verdict, verdict)}" for verdict, n in counts.items())


def decision(outcome: Outcome) -> str:
    """Return whether a condition holds, and the figures that it rests on."""
    verdict = "holds" if outcome.holds else "does not hold"
    return f"{verdict}: {', '.join([outcome.expression, *figures_of(outcome)])}"


def figures_of(outcome: Outcome) -> list[str]:
    """Return the figures that a condition rests on, to six digits; integers whole."""
    return [
        f"{name} = {value if isinstance(value, int) else format(value, '.6g')}"
        for name, value in outcome.values.items()
    ]
