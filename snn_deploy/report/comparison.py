"""Two reports beside each other: what differs, and where one way is better, which it went."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from .conditions import Outcome
from .differences import differences, unjudged_models
from .facts import ACCURACY, GROUPS, Fact, meaning
from .reading import Key, Leaf, Scalar, Written, is_number

TOLERANCE = 1e-9
"""Real numbers are the same within this, relatively: a sum of joules depends on its order."""

SCHEMA = "snn-deploy-comparison/1"

Verdict = Literal["better", "worse", "changed", "new", "gone", "same"]
"""`changed`: neither way is better, or it cannot be judged; `new`, `gone`: one report lacks it."""

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One key of two reports.

    Attributes:
        path: as it is written in a condition.
        fact: what it means.
        label: what people read.
        entry: the layer, the stage and the like; None of what is there once.
        series: the same for all rows that differ in the entry alone.
        before, after: None where a report lacks it.
        verdict: on the change.
        note: why it was not judged, or what the verdict leaves open.
    """

    path: str
    fact: Fact
    label: str
    entry: str | None
    series: str
    before: Scalar | None
    after: Scalar | None
    verdict: Verdict
    note: str = ""

    @property
    def change(self) -> float | None:
        """After less before; None where these are no numbers."""
        if not is_number(self.before) or not is_number(self.after):
            return None
        return _finite(self.after - self.before)

    @property
    def relative(self) -> float | None:
        """The change as a fraction of what was before; None where that was nothing."""
        if self.change is None or not is_number(self.before) or not self.before:
            return None
        return _finite(self.change / abs(self.before))


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two reports, compared.

    Attributes:
        before, after: as they were read.
        rows: every key that one of them has, by group.
        warnings: why the two may not be one network before and after a change.
        tolerance: within which real numbers are the same.
    """

    before: Written
    after: Written
    rows: tuple[Row, ...]
    warnings: tuple[str, ...]
    tolerance: float

    @property
    def appeared(self) -> tuple[str, ...]:
        """Warnings that the later report alone has."""
        return tuple(w for w in self.after.warnings if w not in self.before.warnings)

    @property
    def vanished(self) -> tuple[str, ...]:
        """Warnings that the earlier report alone has."""
        return tuple(w for w in self.before.warnings if w not in self.after.warnings)

    def counts(self, *, entries: bool) -> Mapping[Verdict, int]:
        """Count rows by verdict, details left out: those of layers and the like, or the others."""
        rows = (row for row in self.rows if not row.fact.detail)
        verdicts = [row.verdict for row in rows if (row.entry is not None) == entries]
        return {verdict: verdicts.count(verdict) for verdict in VERDICTS if verdict in verdicts}


def compare(before: Written, after: Written, tolerance: float = TOLERANCE) -> Comparison:
    """Compare two reports.

    Args:
        before: the earlier.
        after: the later.
        tolerance: real numbers are the same within it, relatively; integers only if equal.
    """
    judge = _Judge(
        tolerance,
        (before.number("accuracy.samples"), after.number("accuracy.samples")),
        before.number("spikes.samples") == after.number("spikes.samples"),
        unjudged_models(before, after),
    )
    keys = dict.fromkeys([*before.leaves, *after.leaves])
    rows = [judge.row(key, before.leaves.get(key), after.leaves.get(key)) for key in keys]
    rows.sort(key=lambda row: GROUPS.index(row.fact.group))
    return Comparison(before, after, tuple(rows), differences(before, after), tolerance)


@dataclass(frozen=True, slots=True)
class _Judge:
    """Says of one key after the other whether it got better.

    Attributes:
        tolerance: of real numbers.
        tested: samples that accuracy was measured on, before and after.
        alike: whether spikes were counted over equally many samples.
        unjudged: why chip energy and time are not judged; nothing where they are.
    """

    tolerance: float
    tested: tuple[float | None, float | None]
    alike: bool
    unjudged: str

    def row(self, key: Key, first: Leaf | None, second: Leaf | None) -> Row:
        """Compare what one or both reports hold at a key."""
        leaf = second or first
        assert leaf is not None, "one of two reports has each key"
        what = meaning(key, leaf)
        before = None if first is None else first.value
        after = None if second is None else second.value
        verdict, note = self._verdict(what.fact, before, after)
        return Row(
            path=leaf.path,
            fact=what.fact,
            label=what.label,
            entry=what.entry,
            series=what.series,
            before=before,
            after=after,
            verdict=verdict,
            note=note,
        )

    def _verdict(
        self, fact: Fact, before: Scalar | None, after: Scalar | None
    ) -> tuple[Verdict, str]:
        """Return a verdict, and what is to be said beside it."""
        if before is None or after is None:
            return ("new", "") if before is None else ("gone", "")
        if self._same(before, after):
            return "same", ""
        if fact.better is None or not (is_number(before) and is_number(after)):
            return "changed", ""
        if reason := self._unjudged(fact):
            return "changed", reason
        verdict: Verdict = "better" if (after > before) == (fact.better == "higher") else "worse"
        return verdict, self._doubt(fact, before, after)

    def _same(self, before: Scalar, after: Scalar) -> bool:
        if not (is_number(before) and is_number(after)):
            return type(before) is type(after) and before == after
        if isinstance(before, int) and isinstance(after, int):
            return before == after
        return math.isclose(before, after, rel_tol=self.tolerance)

    def _unjudged(self, fact: Fact) -> str:
        if fact.sums and not self.alike:
            return "numbers of samples differ"
        return self.unjudged if fact.modelled else ""

    def _doubt(self, fact: Fact, before: float, after: float) -> str:
        """Say whether accuracies of so few samples differ as much by chance.

        Two standard errors of two proportions that are one; cautious where both were measured on
        the same samples.
        """
        first, second = self.tested
        if first is None or second is None or min(first, second) <= 0:
            return ""
        if fact.unit != "fraction" or fact.group != ACCURACY:
            return ""
        pooled = (before * first + after * second) / (first + second)
        variance = pooled * (1 - pooled) * (1 / first + 1 / second)
        within = abs(after - before) <= 2 * math.sqrt(max(0.0, variance))
        return "may be chance" if within else ""


def to_json(comparison: Comparison, outcomes: Sequence[Outcome]) -> str:
    """Return a comparison as JSON; like in a report, what there is not is absent."""
    tree = {
        "schema": SCHEMA,
        "before": _source(comparison.before),
        "after": _source(comparison.after),
        "warnings": list(comparison.warnings),
        "report_warnings": {
            "new": list(comparison.appeared),
            "gone": list(comparison.vanished),
        },
        "tolerance": comparison.tolerance,
        "counts": {
            "figures": dict(comparison.counts(entries=False)),
            "entries": dict(comparison.counts(entries=True)),
        },
        "figures": [_figure(row) for row in comparison.rows],
        "conditions": [asdict(outcome) for outcome in outcomes],
    }
    return json.dumps(tree, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _source(report: Written) -> dict[str, Any]:
    named = {
        "model": "model.name",
        "model_sha256": "model.source_sha256",
        "target": "target.name",
        "constants_sha256": "target.constants_sha256",
        "tool_version": "tool.version",
    }
    found = {name: report.value(path) for name, path in named.items()}
    return {"path": report.where} | _there(found)


def _figure(row: Row) -> dict[str, Any]:
    """Return a row; `detail` says that it says again, or in small, what others say."""
    fact = row.fact
    values = {
        "path": row.path,
        "group": fact.group,
        "label": row.label,
        "unit": fact.unit,
        "better": fact.better,
        "detail": fact.detail,
        "before": row.before,
        "after": row.after,
        "change": row.change,
        "relative": row.relative,
        "verdict": row.verdict,
        "note": row.note or None,
    }
    return _there(values)


def _there(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
