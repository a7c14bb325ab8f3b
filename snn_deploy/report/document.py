"""The report as data, and its JSON form, whose keys are stable."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from snn_deploy.validation import Agreement

from .chip import chip_lines, chip_tree
from .claim import ABOUT, Claim, PerNeuron, SpikesSection, SpikingPart
from .criticism import Check
from .energy import Estimate
from .neurobench import NeuroBench
from .notices import notices
from .published import PUBLISHED, RATIO_HIGH, RATIO_LOW, PublishedNetwork, ratio_verdict
from .sections import (
    AccuracySection,
    ChipSection,
    ModelSection,
    QuantizationSection,
    QuantizedLayer,
    TargetSection,
)
from .simulated import Simulation
from .simulated_tree import energy_tree, latency_tree, simulation_lines, simulation_tree
from .wording import count, energy, percent, saving, seconds

SCHEMA = "snn-deploy-report/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything an export says about itself; None where it was not computed.

    Attributes:
        tool_version: of this program.
        model: the network.
        target: what it was exported for.
        quantization: how it became integers.
        accuracy: where labels were given.
        spikes: what it fired.
        claim: the one-spike-per-neuron check.
        agreement: one for each executor that was compared.
        chip: populations, cores and latency, where the target passes messages.
        simulated: what samples did on the chip.
        paper: energy by the paper's arithmetic.
        charged: energy with what that hides.
        lemaire: energy with every access to a memory.
        criticism: what critics of such estimates ask, answered.
        neurobench: metrics by NeuroBench's definitions.
        timing_s: of the tool itself, by stage.
        warnings: of the stages before; `all_warnings` adds what the numbers say.
        command: what was typed, for who wants to do it again.
        partial: whether somebody stopped it before all samples were run.
    """

    tool_version: str
    model: ModelSection
    target: TargetSection | None = None
    quantization: QuantizationSection | None = None
    accuracy: AccuracySection | None = None
    spikes: SpikesSection | None = None
    claim: Claim | None = None
    agreement: tuple[Agreement, ...] = ()
    chip: ChipSection | None = None
    simulated: Simulation | None = None
    paper: Estimate | None = None
    charged: Estimate | None = None
    lemaire: Estimate | None = None
    criticism: tuple[Check, ...] = ()
    neurobench: NeuroBench | None = None
    timing_s: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    command: str | None = None
    partial: bool = False

    @property
    def all_warnings(self) -> tuple[str, ...]:
        """The given warnings, then what the numbers themselves warn of."""
        found = notices(
            self.quantization,
            self.accuracy,
            self.spikes,
            self.claim,
            self.agreement,
            self.simulated,
        )
        return (*self.warnings, *found)

    def to_json(self) -> str:
        """Return report.json: what was not computed is absent, never zero."""
        return json.dumps(_tree(self), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def summary(self) -> str:
        """Return a few lines of plain text for a terminal, one a subject, without warnings."""
        lines = [_model_line(self.model), *(_agreement_line(a) for a in self.agreement)]
        if self.chip is not None:
            lines += chip_lines(self.chip, self.model.steps)
        if self.simulated is not None:
            lines += simulation_lines(self.simulated)
        if self.accuracy is not None:
            lines.append(_accuracy_line(self.accuracy))
        if self.claim is not None and self.spikes is not None:
            lines.append(_claim_line(self.claim, self.spikes.samples))
        if self.paper is not None:
            lines.append(_energy_line(self.paper, self.charged, self.lemaire))
        if self.timing_s:
            lines.append(f"time       {seconds(sum(self.timing_s.values()))}")
        return "\n".join(lines)


def _model_line(model: ModelSection) -> str:
    return (
        f"model      {model.name}: {count(model.parameters)} parameters, "
        f"{count(model.neurons)} neurons in {model.spiking_layers} layers, T = {model.steps}"
    )


def _agreement_line(agreement: Agreement) -> str:
    who = f"{agreement.backend}, {agreement.form}"
    if agreement.equal:
        return (
            f"agreement  {who}: all {count(agreement.values_compared)} values equal, "
            f"{agreement.layers} layers, {agreement.steps} steps, {agreement.samples} samples"
        )
    found = f"{count(agreement.mismatches)} of {count(agreement.values_compared)} values differ"
    return f"agreement  {who}: {found}, first at {agreement.first_mismatch}"


def _accuracy_line(accuracy: AccuracySection) -> str:
    measured = [("float", accuracy.floating), ("integer", accuracy.integer)]
    figures = [f"{name} {percent(value)}" for name, value in measured if value is not None]
    return f"accuracy   {', '.join(figures)} on {count(accuracy.samples)} samples"


def _claim_line(claim: Claim, samples: int) -> str:
    return (
        f"spikes     {claim.measured.mean:.2f} per neuron and inference "
        f"(+- {claim.measured.deviation:.2f} over {count(samples)} samples): {claim.verdict}"
    )


def _energy_line(*accounts: Estimate | None) -> str:
    names = ("by the paper account", "by the charged account", "with memory accesses")
    figures = [
        f"{energy(e.snn_j)} {name}"
        + ("" if e.ratio is None else f", {saving(e.ratio)} than the ANN")
        for name, e in zip(names, accounts, strict=True)
        if e is not None
    ]
    return f"energy     {'; '.join(figures)}"


def _tree(report: Report) -> dict[str, Any]:
    prices = {
        "paper": _estimate(report.paper),
        "charged": _estimate(report.charged),
        "lemaire": _estimate(report.lemaire),
        **(energy_tree(report.simulated.energy) if report.simulated else {}),
    }
    tree = {
        "schema": SCHEMA,
        "tool": {"version": report.tool_version},
        "partial": report.partial or None,
        "warnings": list(report.all_warnings),
        "model": _fields(report.model),
        "target": _fields(report.target),
        "quantization": _quantization(report.quantization),
        "accuracy": _accuracy(report.accuracy),
        "spikes": _spikes(report.spikes),
        "claim": _claim(report.claim, report.paper),
        "agreement": [_agreement(a) for a in report.agreement] or None,
        **_chip(report),
        "energy": _without_none(prices) or None,
        "criticism": [_check(check) for check in report.criticism] or None,
        "neurobench": _neurobench(report.neurobench),
        "timing": dict(report.timing_s) or None,
    }
    return _without_none(tree)


def _chip(report: Report) -> dict[str, Any]:
    """Return the sections of a chip; a simulation adds to its latency."""
    tree = chip_tree(report.chip, report.model.steps)
    if report.simulated is not None:
        tree["latency"] = tree.get("latency", {}) | latency_tree(report.simulated)
        tree["simulation"] = simulation_tree(report.simulated)
    return tree


def _without_none(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in tree.items() if value is not None}


def _fields(section: ModelSection | TargetSection | QuantizedLayer | None) -> dict[str, Any] | None:
    if section is None:
        return None
    values = {name: getattr(section, name) for name in section.__slots__}
    return _without_none({k: list(v) if isinstance(v, tuple) else v for k, v in values.items()})


def _quantization(section: QuantizationSection | None) -> dict[str, Any] | None:
    if section is None:
        return None
    return {
        "weight_bits": section.weight_bits,
        "saturated": section.saturated,
        "layers": [_fields(layer) for layer in section.layers],
    }


def _accuracy(section: AccuracySection | None) -> dict[str, Any] | None:
    if section is None:
        return None
    measured = {"float": section.floating, "integer": section.integer}
    return {"samples": section.samples, **_without_none(measured)}


def _spikes(section: SpikesSection | None) -> dict[str, Any] | None:
    if section is None:
        return None
    return {
        "total": section.total,
        "per_neuron_per_inference": section.per_neuron.mean,
        "samples": section.samples,
        "stages": [_part(stage) | _per_neuron(stage.per_neuron) for stage in section.stages],
        "layers": [_part(layer) | _per_neuron(layer.per_neuron) for layer in section.layers],
    }


def _part(part: SpikingPart) -> dict[str, Any]:
    return {"name": part.name, "neurons": part.neurons, "spikes": part.spikes, "rate": part.rate}


def _per_neuron(figure: PerNeuron) -> dict[str, float]:
    return {
        "per_neuron_per_inference": figure.mean,
        "deviation": figure.deviation,
        "min": figure.smallest,
        "max": figure.largest,
    }


def _claim(claim: Claim | None, paper: Estimate | None) -> dict[str, Any] | None:
    if claim is None:
        return None
    where = [
        {"layer": layer.name, "per_neuron_per_inference": layer.per_neuron.mean}
        for layer in claim.where
    ]
    return {
        "expected": {"per_neuron_per_inference": ABOUT, "low": claim.low, "high": claim.high},
        "measured": _per_neuron(claim.measured),
        "verdict": claim.verdict,
        "where": where,
        "published": [_published(network) for network in PUBLISHED],
        **_without_none({"energy_ratio": _energy_ratio(paper)}),
    }


def _published(network: PublishedNetwork) -> dict[str, Any]:
    low, high = network.per_neuron
    return {
        "network": network.name,
        "steps": network.steps,
        "per_neuron_per_inference": {"low": low, "high": high},
        "energy_ratio": network.energy_ratio,
    }


def _energy_ratio(paper: Estimate | None) -> dict[str, Any] | None:
    if paper is None or paper.ratio is None:
        return None
    return {
        "expected": {"low": RATIO_LOW, "high": RATIO_HIGH},
        "measured": paper.ratio,
        "verdict": ratio_verdict(paper.ratio),
    }


def _agreement(agreement: Agreement) -> dict[str, Any]:
    counted = ("backend", "form", "layers", "steps", "samples", "values_compared", "mismatches")
    tree: dict[str, Any] = {name: getattr(agreement, name) for name in counted}
    first = agreement.first_mismatch
    if first is not None:
        tree["first_mismatch"] = {
            "layer": first.layer,
            "step": first.step,
            "index": list(first.index),
            "expected": first.expected,
            "observed": first.observed,
        }
    return tree


def _estimate(estimate: Estimate | None) -> dict[str, Any] | None:
    if estimate is None:
        return None
    values = {"snn_j": estimate.snn_j, "ann_j": estimate.ann_j, "ratio": estimate.ratio}
    return _without_none(values)


def _check(check: Check) -> dict[str, Any]:
    """A figure that was not published or not measured is absent."""
    values = {
        "name": check.name,
        "source": check.source,
        "threshold": list(check.threshold) or None,
        "measured": check.measured,
        "unit": check.unit,
        "verdict": check.verdict,
        "says": check.says,
    }
    return _without_none(values)


def _neurobench(metrics: NeuroBench | None) -> dict[str, Any] | None:
    if metrics is None:
        return None
    return {
        "Footprint": metrics.footprint_bytes,
        "ConnectionSparsity": metrics.connection_sparsity,
        "ActivationSparsity": metrics.activation_sparsity,
        "SynapticOperations": {
            "Effective_MACs": metrics.effective_macs,
            "Effective_ACs": metrics.effective_acs,
            "Dense": metrics.dense,
        },
    }
