"""What the page shows, as text and percentages: the template only repeats it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from snn_deploy.validation import Agreement

from .claim import Claim
from .document import Report
from .energy import Estimate
from .neurobench import NeuroBench
from .notices import is_loss
from .published import PUBLISHED, ratio_verdict
from .sections import AccuracySection
from .wording import count, energy, kilobytes, percent, seconds, short_count

NORMAL_95 = 1.959964
"""Quantile of the normal distribution: 95 % lie within."""


@dataclass(frozen=True, slots=True)
class Card:
    """One verdict. tone: good, fair, bad or none; the mark says the same without colour."""

    question: str
    answer: str
    tone: str
    mark: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a horizontal bar. width: percent of the longest; colour: a class of the page."""

    name: str
    width: float
    colour: str
    value: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A horizontal bar with its words."""

    name: str
    value: str
    note: str
    segments: tuple[Segment, ...]


_MARKS = {
    "good": "\N{CHECK MARK}",
    "fair": "!",
    "bad": "\N{MULTIPLICATION X}",
    "none": "\N{EN DASH}",
}

_COLOURS = {
    "analog first layers": "c1",
    "spiking layers": "c2",
    "shortcuts on the real-valued stream": "c3",
    "layers that read pooled spikes": "c4",
    "neuron updates": "c5",
    "residual additions": "c6",
}


def cards(report: Report) -> tuple[Card, ...]:
    """Return the four verdicts."""
    return (
        _same_spikes(report.agreement),
        _accuracy(report.accuracy),
        _one_spike(report.claim, report.spikes.samples if report.spikes else 0),
        _energy(report.paper, report.charged),
    )


def card(question: str, answer: str, tone: str, *lines: str) -> Card:
    """Return a verdict with the mark of its tone."""
    return Card(question, answer, tone, _MARKS[tone], lines)


def _same_spikes(agreement: Sequence[Agreement]) -> Card:
    question = "Same spikes?"
    if not agreement:
        return card(question, "Not compared", "none", "No executor was run beside the reference.")
    compared = count(sum(a.values_compared for a in agreement))
    wrong = sum(a.mismatches for a in agreement)
    if all(a.equal for a in agreement):
        return card(
            question,
            "Yes, every bit",
            "good",
            f"{compared} values compared without tolerance, 0 differ.",
            f"{_plural(len(agreement), 'executor')} against the reference evaluator.",
        )
    return card(question, "No", "bad", f"{count(wrong)} of {compared} values differ.")


def _accuracy(accuracy: AccuracySection | None) -> Card:
    question = "Accuracy"
    if accuracy is None or (accuracy.integer is None and accuracy.floating is None):
        return card(question, "Not measured", "none", "The data had no labels.")
    value, name = accuracy.integer, "integer"
    if value is None:
        assert accuracy.floating is not None, "one of the two is there, see above"
        value, name = accuracy.floating, "float"
    low, high = wilson(value, accuracy.samples)
    lines = [
        f"{name}, on {count(accuracy.samples)} samples; "
        f"95 % interval {percent(low, 1)} to {percent(high, 1)}."
    ]
    lost = None
    if accuracy.integer is not None and accuracy.floating is not None:
        lost = accuracy.floating - accuracy.integer
        lines.append(f"Float: {percent(accuracy.floating)}, {_difference(lost)}.")
    tone = "good" if lost is None or not is_loss(accuracy) else "fair"
    return card(question, percent(value), tone, *lines)


def _difference(lost: float) -> str:
    points = f"{abs(100 * lost):.2f} points"
    if round(100 * lost, 2) == 0:
        return "the same"
    return f"integers lose {points}" if lost > 0 else f"integers gain {points}"


def wilson(share: float, samples: int) -> tuple[float, float]:
    """Return the 95 % interval of a share measured on so many samples (Wilson 1927)."""
    z2 = NORMAL_95**2
    centre = (share + z2 / (2 * samples)) / (1 + z2 / samples)
    root = math.sqrt(share * (1 - share) / samples + z2 / (4 * samples**2))
    half = NORMAL_95 * root / (1 + z2 / samples)
    return max(0.0, centre - half), min(1.0, centre + half)


def _one_spike(claim: Claim | None, samples: int) -> Card:
    question = "Spikes per neuron"
    if claim is None:
        return card(question, "Not counted", "none", "No data was run through the network.")
    measured = claim.measured
    tone = "fair" if claim.verdict == "more than one" else "good"
    return card(
        question,
        f"{measured.mean:.2f}",
        tone,
        f"per neuron and inference: {claim.verdict} (about one: {claim.low} to {claim.high}).",
        f"\N{PLUS-MINUS SIGN} {measured.deviation:.2f} over {count(samples)} samples, "
        f"{measured.smallest:.2f} to {measured.largest:.2f}.",
    )


@dataclass(frozen=True, slots=True)
class Beside:
    """A network's two figures of the claim, as text; `own` is the one that was measured here."""

    name: str
    steps: int
    per_neuron: str
    ratio: str
    own: bool = False


def beside_published(report: Report) -> tuple[Beside, ...]:
    """Return the published networks and, last, this one; nothing where none was measured."""
    if report.claim is None:
        return ()
    ratio = report.paper.ratio if report.paper is not None else None
    rows = [
        Beside(n.name, n.steps, _range(*n.per_neuron), f"{n.energy_ratio:.1f}") for n in PUBLISHED
    ]
    own = Beside(
        report.model.name,
        report.model.steps,
        f"{report.claim.measured.mean:.2f}",
        "\N{EN DASH}" if ratio is None else f"{ratio:.1f}",
        own=True,
    )
    return (*rows, own)


def _range(low: float, high: float) -> str:
    return f"{low:.2f}" if low == high else f"{low:.2f}\N{EN DASH}{high:.2f}"


def verdicts(report: Report) -> str:
    """Return the two verdicts of the claim in a sentence."""
    if report.claim is None:
        return ""
    found = [f"spikes per neuron, {report.claim.verdict.removesuffix(' spike per neuron')}"]
    if report.paper is not None and report.paper.ratio is not None:
        found.append(f"energy ratio, {ratio_verdict(report.paper.ratio)}")
    return f"This network: {'; '.join(found)}."


def _energy(paper: Estimate | None, charged: Estimate | None) -> Card:
    question = "Energy against the ANN"
    known = [(n, e) for n, e in (("paper's", paper), ("charged", charged)) if e is not None]
    ratios = [(n, e, e.ratio) for n, e in known if e.ratio is not None]
    if not ratios:
        return card(question, "Not estimated", "none", "No data was run through the network.")
    accounts = ", ".join(f"{energy(e.snn_j)} by the {n} account" for n, e, _ in ratios)
    lines = [
        f"{accounts}; the ANN {energy(ratios[0][1].ann_j)}.",
        "Arithmetic only, 45 nm; an estimate, not a measurement.",
    ]
    worst, best = min(r for *_, r in ratios), max(r for *_, r in ratios)
    tone = "good" if worst >= 1 else "fair"
    return card(question, _factors(worst, best), tone, *lines)


def _factors(worst: float, best: float) -> str:
    """Return how much less, as a range where the accounts differ in two digits."""
    if worst < 1:
        return f"{1 / worst:.1f}\N{MULTIPLICATION SIGN} more"
    low, high = f"{worst:.1f}", f"{best:.1f}"
    both = low if low == high else f"{low}\N{EN DASH}{high}"
    return f"{both}\N{MULTIPLICATION SIGN} less"


def factor(ratio: float | None) -> str:
    """Return e.g. `6.7 times less than the ANN`."""
    if ratio is None:
        return ""
    return f"{ratio:.1f} times less than the ANN" if ratio >= 1 else f"{1 / ratio:.1f} times more"


def energy_rows(paper: Estimate | None, charged: Estimate | None) -> tuple[Row, ...]:
    """Return the bars of the twin and of each account, on one scale."""
    known = [("Paper's account", paper), ("Charged account", charged)]
    present = [(name, estimate) for name, estimate in known if estimate is not None]
    if not present:
        return ()
    ann_j = present[0][1].ann_j
    longest = max([ann_j, *(estimate.snn_j for _, estimate in present)]) or 1.0
    title = f"ANN twin: {energy(ann_j)}, every multiply-accumulate of one pass"
    ann = Segment("ANN twin", 100 * ann_j / longest, "c0", energy(ann_j), title)
    rows = [Row("ANN twin", energy(ann_j), "the same layers without spikes", (ann,))]
    for name, estimate in present:
        segments = energy_shares(estimate, longest)
        rows.append(Row(name, energy(estimate.snn_j), factor(estimate.ratio), segments))
    return tuple(rows)


def energy_shares(estimate: Estimate, longest: float) -> tuple[Segment, ...]:
    """Return the kinds of operations of one account, in percent of `longest` joules."""
    return tuple(
        Segment(
            share.name,
            round(100 * share.energy_j / longest, 3) if longest else 0.0,
            _COLOURS.get(share.name, "c0"),
            energy(share.energy_j),
            f"{share.name}: {energy(share.energy_j)}, {short_count(share.operations)} operations "
            f"of {energy(share.operation_j)}",
        )
        for share in estimate.shares
    )


def time_rows(timing_s: Mapping[str, float]) -> tuple[Row, ...]:
    """Return a bar for every stage of the tool's own work."""
    longest = max(timing_s.values(), default=0.0) or 1.0
    return tuple(
        Row(
            stage,
            seconds(value),
            "",
            (Segment(stage, round(100 * value / longest, 2), "c2", "", f"{stage}: {value:.3f} s"),),
        )
        for stage, value in timing_s.items()
    )


def neurobench_rows(metrics: NeuroBench) -> tuple[tuple[str, str, str], ...]:
    """Return (name, value, meaning) of every metric."""
    return (
        ("Footprint", kilobytes(metrics.footprint_bytes), "all parameters as they are stored"),
        ("Connection sparsity", percent(metrics.connection_sparsity), "weights that are zero"),
        (
            "Activation sparsity",
            percent(metrics.activation_sparsity),
            "neurons that stay silent at a step",
        ),
        ("Effective ACs", short_count(metrics.effective_acs), "accumulates a sample, from spikes"),
        (
            "Effective MACs",
            short_count(metrics.effective_macs),
            "multiplications a sample, from values other than 0 and 1",
        ),
        ("Dense", short_count(metrics.dense), "operations a sample if nothing were zero"),
    )


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
