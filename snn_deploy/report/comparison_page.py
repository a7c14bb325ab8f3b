"""comparison.html: two reports side by side, one page without network, other files or a script."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

from .comparison import Comparison, Row, Verdict
from .comparison_text import (
    Words,
    by_series,
    figures_of,
    most_changed,
    shown,
    source,
    tally,
    whole_time,
    words,
)
from .conditions import Outcome
from .reading import Scalar, is_number
from .wording import unbroken

GENERATOR = "snn-deploy comparison"
"""What a page says it was made by; nothing else is replaced by one."""

MOST_BARS = 10
"""A longer series shows what changed most; all of it is a click away."""

_LONGEST_SERIES = 1000
"""More layers than this no network has; of series that nobody gave a title, the first are all."""

_CHECKSUM_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Mark:
    """A verdict for the eye. tone: a class of the page; sign and word say it without colour."""

    tone: str
    sign: str
    word: str


_MARKS: dict[Verdict, Mark] = {
    "better": Mark("good", "\N{CHECK MARK}", "better"),
    "worse": Mark("bad", "\N{MULTIPLICATION X}", "worse"),
    "changed": Mark("none", "\N{NOT EQUAL TO}", "changed"),
    "new": Mark("none", "+", "only after"),
    "gone": Mark("none", "\N{MINUS SIGN}", "only before"),
    "same": Mark("none", "=", "the same"),
}

_HOLDS = Mark("bad", "\N{MULTIPLICATION X}", "holds")
_HOLDS_NOT = Mark("good", "\N{CHECK MARK}", "does not hold")


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a table."""

    mark: Mark
    group: str
    path: str
    words: Words
    note: str


@dataclass(frozen=True, slots=True)
class Block:
    """A table under a heading. mark: of all its lines, or of most."""

    mark: Mark
    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """An entry of a series. before, after: percent of the longest bar."""

    name: str
    line: Line
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars of one series.

    Attributes:
        title: of the figure.
        entries: how many there are.
        tally: how many got better, and so on.
        first: those that changed most, or all in order.
        whole: all in order, where the first are not and people may want them.
    """

    title: str
    entries: int
    tally: str
    first: tuple[Bar, ...]
    whole: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """How many figures there are of one kind."""

    mark: Mark
    title: str
    answer: str
    line: str


_SETTINGS = {
    "Model": "model.name",
    "Architecture": "model.architecture",
    "Parameters": "model.parameters",
    "Steps (T)": "model.steps",
    "Bits of a weight": "quantization.weight_bits",
    "Target": "target.name",
    "Samples": "spikes.samples",
    "Tool": "tool.version",
    "Model file": "model.source_sha256",
    "Constants": "target.constants_sha256",
}

_TITLES = {
    "spikes.stages.*.per_neuron_per_inference": "Spikes per neuron and inference, by stage",
    "spikes.layers.*.per_neuron_per_inference": "Spikes per neuron and inference, by layer",
    "energy.chip.charges.*.energy_j": "Energy on the chip, by what it is spent on",
    "energy.evidence.*": "What the energy on the chip rests on: kinds of constants",
    "simulation.synaptic_events.*": "Synaptic events of an inference, by kind",
    "simulation.layers.*.energy_j": "Energy on the chip, by layer",
    "quantization.layers.*.weight_error": "Rounding error of the weights, by layer",
}
"""Of charts; others are called by their keys."""


def is_page(beginning: bytes) -> bool:
    """Say whether a file that begins so is such a page."""
    return f'<meta name="generator" content="{GENERATOR}">'.encode() in beginning


def render(comparison: Comparison, outcomes: Sequence[Outcome]) -> str:
    """Return the page. Everything that came from a report is escaped."""
    template = _environment().get_template("comparison.html")
    drawn, listed = _drawn(comparison)
    return template.render(
        generator=GENERATOR,
        comparison=comparison,
        title=_title(comparison),
        sources=[("Before", source(comparison.before)), ("After", source(comparison.after))],
        cards=list(_cards(comparison, outcomes)),
        settings=list(_settings(comparison)),
        outcomes=[
            (_HOLDS if o.holds else _HOLDS_NOT, o.expression, figures_of(o)) for o in outcomes
        ],
        blocks=_blocks(listed),
        charts=[_chart(series) for series in drawn],
        time=_time(comparison),
        figures=[_line(row) for row in comparison.rows if row.entry is None],
    )


def _decided(holds: bool) -> Mark:
    return _HOLDS if holds else _HOLDS_NOT


def _title(comparison: Comparison) -> str:
    """Return the network's name, or both."""
    sides = (comparison.before, comparison.after)
    return " and ".join(
        dict.fromkeys(str(side.value("model.name") or side.where) for side in sides)
    )


def _cards(comparison: Comparison, outcomes: Sequence[Outcome]) -> Iterator[Card]:
    single, entries = comparison.counts(entries=False), comparison.counts(entries=True)
    kinds: tuple[tuple[str, tuple[Verdict, ...]], ...] = (
        ("Worse", ("worse",)),
        ("Better", ("better",)),
        ("Changed", ("changed", "new", "gone")),
        ("The same", ("same",)),
    )
    for title, verdicts in kinds:
        number, more = (sum(counts.get(v, 0) for v in verdicts) for counts in (single, entries))
        mark = _MARKS[verdicts[0]] if number + more else _MARKS["same"]
        line = f"and {more:,} of layers, stages and the like" if more else ""
        yield Card(mark, title, f"{number:,}", line)
    if outcomes:
        held = sum(outcome.holds for outcome in outcomes)
        answer = f"{held:,} failed" if held else "None failed"
        yield Card(_decided(bool(held)), "Conditions", answer, f"of {len(outcomes):,}")


def _settings(comparison: Comparison) -> Iterator[tuple[str, str, str]]:
    """Yield what both reports are of: a name, and the value of each."""
    for name, path in _SETTINGS.items():
        values = [side.value(path) for side in (comparison.before, comparison.after)]
        if values != [None, None]:
            before, after = (_setting(value, path) for value in values)
            yield name, before, after


def _setting(value: Scalar | None, path: str) -> str:
    if path.endswith("_sha256") and isinstance(value, str):
        return f"{value[:_CHECKSUM_DIGITS]}…"
    return "\N{EN DASH}" if value is None else shown(value, "count")


def _drawn(comparison: Comparison) -> tuple[list[list[Row]], list[Row]]:
    """Return the series that become bars, and the rows that become lines of tables."""
    drawn, listed = [], []
    rows = [row for row in comparison.rows if not row.fact.detail]
    for series in by_series(rows):
        if series[0].entry is not None and any(row.change for row in series):
            drawn.append(series)
        else:
            listed += most_changed([row for row in series if row.verdict != "same"], len(series))
    return drawn, listed


def _blocks(rows: Sequence[Row]) -> list[Block]:
    """Return what got worse, what got better, and what merely changed."""
    kinds: tuple[tuple[str, tuple[Verdict, ...]], ...] = (
        ("Worse", ("worse",)),
        ("Better", ("better",)),
        ("Changed, neither better nor worse", ("changed", "new", "gone")),
    )
    blocks = [
        Block(_MARKS[verdicts[0]], title, tuple(_line(r) for r in rows if r.verdict in verdicts))
        for title, verdicts in kinds
    ]
    return [block for block in blocks if block.lines]


def _line(row: Row) -> Line:
    return Line(_MARKS[row.verdict], row.fact.group, row.path, words(row), row.note)


def _chart(series: Sequence[Row]) -> Chart:
    numbers = [abs(v) for row in series for v in (row.before, row.after) if is_number(v)]
    longest = max(numbers, default=0) or 1.0
    counts = {verdict: sum(row.verdict == verdict for row in series) for verdict in _MARKS}
    first = most_changed(series, MOST_BARS)
    title = _TITLES.get(series[0].series)
    whole = title is not None and len(first) < len(series) <= _LONGEST_SERIES
    return Chart(
        title or series[0].series,
        len(series),
        tally({verdict: n for verdict, n in counts.items() if n}),
        tuple(_bar(row, longest) for row in first),
        tuple(_bar(row, longest) for row in series) if whole else (),
    )


def _bar(row: Row, longest: float) -> Bar:
    before, after = (
        round(100 * abs(value) / longest, 2) if is_number(value) else 0.0
        for value in (row.before, row.after)
    )
    return Bar(row.entry or row.label, _line(row), before, after)


def _time(comparison: Comparison) -> Line | None:
    row = whole_time(comparison)
    return None if row is None else _line(row)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("snn_deploy.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["unbroken"] = unbroken
    return environment
