"""What the page shows, as text and percentages: the template only repeats it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from snn_deploy.validation import Agreement

from .claim import Claim
from .criticism import Check
from .document import Report
from .energy import ANALOG, Estimate
from .memory import ADDRESSING, ARITHMETIC, BIASES, NUMBERS, POTENTIALS, WEIGHTS
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
    ANALOG: "c1",
    "spiking layers": "c2",
    "shortcuts on the real-valued stream": "c3",
    "layers that read pooled spikes": "c4",
    "neuron updates": "c5",
    "residual additions": "c6",
    WEIGHTS: "c7",
    POTENTIALS: "c8",
    NUMBERS: "c9",
    BIASES: "c10",
    ARITHMETIC: "c11",
    ADDRESSING: "c12",
}
"""Accesses to memory are hatched, so that neither eyes nor print need so many hues."""


def cards(
    report: Report, ratios: Sequence[float] = (), said: Sequence[str] = ()
) -> tuple[Card, ...]:
    """Return the four verdicts.

    Args:
        report: that is judged.
        ratios: of the ANN's energy over the spiking network's, which no account here gives.
        said: of them.
    """
    return (
        _same_spikes(report.agreement),
        _accuracy(report.accuracy),
        _one_spike(report.claim, report.spikes.samples if report.spikes else 0),
        _energy(report.paper, report.charged, report.lemaire, ratios=ratios, said=said),
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


def _energy(*accounts: Estimate | None, ratios: Sequence[float], said: Sequence[str]) -> Card:
    question = "Energy against the ANN"
    names = ("by the paper's account", "by the charged account", "with memory accesses")
    known = zip(names, accounts, strict=True)
    present = [(name, e, e.ratio) for name, e in known if e is not None and e.ratio is not None]
    if not present:
        return card(question, "Not estimated", "none", "No data was run through the network.")
    by_twin: dict[float, list[str]] = {}
    for name, e, _ in present:
        by_twin.setdefault(e.ann_j, []).append(f"{energy(e.snn_j)} {name}")
    lines = [f"{', '.join(own)}; the ANN {energy(ann_j)}." for ann_j, own in by_twin.items()]
    found = [*(ratio for *_, ratio in present), *ratios]
    worst, best = min(found), max(found)
    tone = "good" if worst >= 1 else "fair"
    lines.append("Estimates for 45 nm, not measurements.")
    return card(question, _factors(worst, best), tone, *lines, *said)


def _factors(worst: float, best: float) -> str:
    """Return how much less or more, as a range where the accounts differ in two digits."""
    ends = [_factor(ratio) for ratio in (worst, best)]
    if worst < 1 <= best:
        return " to ".join(f"{value}\N{MULTIPLICATION SIGN} {word}" for value, word in ends)
    values = "\N{EN DASH}".join(sorted({value for value, _ in ends}, key=float))
    return f"{values}\N{MULTIPLICATION SIGN} {ends[0][1]}"


def _factor(ratio: float) -> tuple[str, str]:
    return (f"{ratio:.1f}", "less") if ratio >= 1 else (f"{1 / ratio:.1f}", "more")


def factor(ratio: float | None) -> str:
    """Return e.g. `6.7 times less than the ANN`."""
    if ratio is None:
        return ""
    return f"{ratio:.1f} times less than the ANN" if ratio >= 1 else f"{1 / ratio:.1f} times more"


def energy_rows(*accounts: tuple[str, Estimate | None]) -> tuple[Row, ...]:
    """Return the bars of the twin that accounts share and of each of them, on one scale."""
    present = [(name, estimate) for name, estimate in accounts if estimate is not None]
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


@dataclass(frozen=True, slots=True)
class Answer:
    """What a network answers a critic. tone and mark: as of a `Card`."""

    check: Check
    tone: str
    mark: str


_TONES = {
    "for the spiking network": "good",
    "yes": "good",
    "depends on the ANN": "fair",
    "not stated": "none",
    "for the ANN": "bad",
    "no": "bad",
}


def answers(checks: Sequence[Check]) -> tuple[Answer, ...]:
    """Return the checks with marks."""
    tones = [(check, _TONES[check.verdict]) for check in checks]
    return tuple(Answer(check, tone, _MARKS[tone]) for check, tone in tones)


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
