"""report.json: its keys, and what is absent; the summary; the warnings."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from snn_deploy.report import (
    AccuracySection,
    Estimate,
    ModelSection,
    QuantizationSection,
    Report,
    Share,
    describe,
    judge,
)
from snn_deploy.validation import Agreement, Difference

from .activities import CHIP, firing, report
from .runs import full

SMALL = Report(tool_version="0.1.0", model=ModelSection("m", None, "m", 1, 1, 1, 1, (1,)))


def outline(tree: Any, path: str = "") -> list[str]:
    """Every key once, lists by their first element."""
    if isinstance(tree, dict):
        return [line for key, value in tree.items() for line in outline(value, f"{path}.{key}")]
    if isinstance(tree, list) and tree and isinstance(tree[0], dict | list):
        return outline(tree[0], f"{path}[]")
    return [f"{path[1:]}  {type(tree).__name__}"]


def test_keys_are_stable(golden: Callable[[str, str], None]) -> None:
    wrong = Agreement("c", "host", 1, 1, 1, 5, 2, Difference("lif", 0, (1, 2), 1.0, 0.0))
    made = replace(
        report(), agreement=(wrong,), chip=CHIP, simulated=replace(full(), asked=8), partial=True
    )
    tree = json.loads(made.to_json())
    golden("report_keys.txt", "\n".join(outline(tree)) + "\n")


def test_design_keys() -> None:
    tree = json.loads(report().to_json())
    assert tree["schema"] == "snn-deploy-report/1"
    counted = ["name", "neurons", "spikes", "rate"]
    spread = ["per_neuron_per_inference", "deviation", "min", "max"]
    assert list(tree["spikes"]["layers"][0]) == counted + spread
    assert list(tree["energy"]) == ["paper", "charged", "lemaire"]
    for account in tree["energy"].values():
        assert list(account) == ["snn_j", "ann_j", "ratio"]
    assert tree["model"]["input_shape"] == [3, 32, 32]
    assert tree["accuracy"] == {"samples": 200, "float": 0.8, "integer": 0.795}
    assert tree["timing"] == {"trace": 0.4, "quantize": 5.8}


def test_published_figures_stand_beside_the_measured() -> None:
    claim = json.loads(report().to_json())["claim"]
    published = {row["network"]: row["energy_ratio"] for row in claim["published"]}
    assert published == {"MS-ResNet-18": 3.3, "MS-ResNet-34": 3.8, "MS-ResNet-104": 5.3}
    ratio = claim["energy_ratio"]
    assert ratio["expected"] == {"low": 3.3, "high": 5.3}
    assert ratio["measured"] == json.loads(report().to_json())["energy"]["paper"]["ratio"]
    without = json.loads(replace(report(), paper=None).to_json())["claim"]
    assert "energy_ratio" not in without


def test_what_was_not_computed_is_absent() -> None:
    tree = json.loads(SMALL.to_json())
    assert list(tree) == ["schema", "tool", "warnings", "model"]
    assert "source_sha256" not in tree["model"]
    half = replace(SMALL, accuracy=AccuracySection(10, None, 0.5))
    assert json.loads(half.to_json())["accuracy"] == {"samples": 10, "integer": 0.5}


def test_critics_are_answered_in_numbers() -> None:
    """A threshold that nobody published, and a figure that nobody measured, are absent."""
    checks = {check["name"]: check for check in json.loads(report().to_json())["criticism"]}
    assert checks["spikes-per-synapse"]["threshold"] == [0.15, 1.38]
    assert checks["spike-rate"]["verdict"] == "not stated"
    assert checks["spike-rate"]["measured"] == pytest.approx(0.2, abs=1e-4)
    assert "threshold" not in checks["spike-rate"]
    assert "measured" not in checks["pre-silicon"]


def test_values_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        replace(SMALL, timing_s={"trace": float("nan")}).to_json()


def test_neurobench_by_hand() -> None:
    tree = json.loads(report().to_json())["neurobench"]
    assert tree["ConnectionSparsity"] == 0
    assert tree["ActivationSparsity"] == pytest.approx(0.8, abs=1e-4)
    operations = tree["SynapticOperations"]
    # The 3x3 stem on 32 x 32: 30 * 30 * 9 + 4 * 30 * 6 + 4 * 4 connections a channel pair, all of
    # value 1 in this made-up activity; three projections and the classifier read ones as well.
    assert operations["Effective_MACs"] == 0
    assert 0 < operations["Effective_ACs"] < operations["Dense"]
    dense_stem = 3 * 16 * (900 * 9 + 120 * 6 + 16)
    assert operations["Dense"] > dense_stem


def test_summary_is_plain_text() -> None:
    text = report().summary()
    assert "all 96,412,000 values equal" in text
    assert "float 80.00 %, integer 79.50 % on 200 samples" in text
    assert "0.80 per neuron and inference" in text
    assert text.isprintable() or "\n" in text
    assert SMALL.summary().startswith("model      m: 1 parameters")


def test_summary_says_what_costs_more() -> None:
    """By an account in which the spiking network is dearer than its twin."""
    assert report().lemaire is not None
    dear = Estimate((Share("weights", 3.0, 1e-3),), 2e-3, (), ())
    line = replace(report(), lemaire=dear).summary().splitlines()[-2]
    assert line.startswith("energy ")
    assert line.endswith("; 3.00 mJ with memory accesses, 1.5 x more than the ANN")
    assert " x less than the ANN; " in line
    assert "memory" not in replace(report(), lemaire=None).summary()
    alone = replace(report(), lemaire=replace(dear, ann_j=0.0)).summary()
    assert "; 3.00 mJ with memory accesses\n" in alone


def test_warnings_come_from_the_numbers() -> None:
    assert SMALL.all_warnings == (
        "No executor was compared with the reference: equal spikes are not proved.",
    )
    assert report().all_warnings == ()
    bad = replace(
        report(),
        warnings=("given",),
        agreement=(
            Agreement("c", "host", 1, 1, 1, 5, 2, Difference("lif", 0, (1, 2), 1.0, 0.0)),
            Agreement("lava", "cpu"),
        ),
        quantization=QuantizationSection(4, 3, ()),
        accuracy=AccuracySection(1000, 0.9, 0.8),
        claim=judge(firing(("hot", "dense", 10, [40]))),
    )
    given, wrong, nothing, saturated, lost, more = bad.all_warnings
    assert given == "given"
    assert "2 of 5, first in layer 'lif', step 0, index (1, 2)" in wrong
    assert "no values" in nothing
    assert "3 times" in saturated
    assert "10.00 points" in lost
    assert "4.00 spikes per neuron" in more
    assert "hot 4.00" in more


def test_a_loss_within_chance_is_no_warning() -> None:
    few = replace(report(), accuracy=AccuracySection(100, 0.90, 0.88))
    many = replace(report(), accuracy=AccuracySection(10_000, 0.90, 0.88))
    assert few.all_warnings == ()
    assert len(many.all_warnings) == 1


def test_silent_and_constant_layers_are_named() -> None:
    activity = firing(("dead", "dense", 10, [0]), ("full", "dense", 10, [40]))
    warnings = replace(report(), spikes=describe(activity)).all_warnings
    assert warnings == (
        "No neuron ever fires in dead.",
        "Every neuron fires at every step in full.",
    )
