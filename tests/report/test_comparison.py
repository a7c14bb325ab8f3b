"""Two reports compared: what is better, what cannot be judged, what is said first."""

import json
from typing import Any

import pytest

from snn_deploy.report.comparison import Comparison, Row, compare, to_json
from snn_deploy.report.comparison_text import closing, opening, table
from snn_deploy.report.conditions import decide
from snn_deploy.report.facts import FACTS, GROUPS, is_known, is_known_section
from snn_deploy.report.grammar import parse

from .trees import LAYERS, layers, written


def compared(
    tolerance: float = 1e-9, before: dict[str, Any] | None = None, **after: Any
) -> Comparison:
    return compare(written(**before or {}), written("b.json", **after), tolerance)


def row(comparison: Comparison, path: str) -> Row:
    (found,) = (row for row in comparison.rows if row.path == path)
    return found


JUDGED = [
    ("accuracy__integer", 0.9, "better"),
    ("accuracy__integer", 0.7, "worse"),
    ("spikes__per_neuron_per_inference", 0.8, "better"),
    ("spikes__per_neuron_per_inference", 1.0, "worse"),
    ("spikes__total", 1201, "worse"),
    ("energy__paper__snn_j", 2e-5, "better"),
    ("energy__paper__ratio", 5.0, "worse"),
    ("energy__paper__ann_j", 1.0, "changed"),
    ("energy__chip__total_j", 8e-5, "better"),
    ("energy__chip__dynamic_j", 8e-5, "worse"),
    ("latency__inference_s", 2e-3, "worse"),
    ("latency__offset_steps", 20, "better"),
    ("placement__cores_used", 60, "worse"),
    ("quantization__weight_bits", 4, "changed"),
    ("quantization__saturated", 1, "worse"),
    ("timing__trace", 9.0, "changed"),
    ("claim__verdict", "more than one", "changed"),
    ("simulation__hops", 5, "new"),
    ("placement__cores_used", None, "gone"),
]


@pytest.mark.parametrize(("key", "value", "verdict"), JUDGED)
def test_which_way_is_better(key: str, value: object, verdict: str) -> None:
    comparison = compared(**{key: value})
    path = key.replace("__", ".")
    assert row(comparison, path).verdict == verdict
    others = {row.path: row.verdict for row in comparison.rows if row.path != path}
    assert set(others.values()) == {"same"}


def test_reports_that_say_the_same() -> None:
    comparison = compared()
    assert {row.verdict for row in comparison.rows} == {"same"}
    assert (comparison.warnings, comparison.appeared, comparison.vanished) == ((), (), ())
    assert list(closing(comparison, ())) == ["in all     nothing differs"]
    assert not list(table(comparison, everything=False))


def test_real_numbers_have_a_tolerance_and_integers_none() -> None:
    close = {"energy__paper__snn_j": 3e-5 * (1 + 1e-12), "spikes__total": 1201}
    comparison = compared(**close)
    assert row(comparison, "energy.paper.snn_j").verdict == "same"
    assert row(comparison, "spikes.total").verdict == "worse"
    comparison = compared(0.01, energy__paper__snn_j=3.02e-5, spikes__total=1201)
    assert row(comparison, "energy.paper.snn_j").verdict == "same"
    assert row(comparison, "spikes.total").verdict == "worse"
    comparison = compared(0.0, energy__paper__snn_j=3e-5 * (1 + 1e-12))
    assert row(comparison, "energy.paper.snn_j").verdict == "worse"


def test_changes_absolute_and_relative() -> None:
    comparison = compared(spikes__total=1500, accuracy__integer=0.42, quantization__saturated=7)
    assert (row(comparison, "spikes.total").change, row(comparison, "spikes.total").relative) == (
        300,
        0.25,
    )
    assert row(comparison, "accuracy.integer").relative == pytest.approx(-0.5)
    assert row(comparison, "quantization.saturated").relative is None


@pytest.mark.parametrize(("before", "after"), [(1e308, -1e308), (5e-324, 1e308)])
def test_changes_beyond_every_number(before: float, after: float) -> None:
    timing = {"a": abs(after), "b": 1e308}
    comparison = compared(before={"novel": {"x_s": before}}, novel={"x_s": after}, timing=timing)
    json.loads(to_json(comparison, ()), parse_constant=pytest.fail)
    for everything in (False, True):
        assert max(map(len, table(comparison, everything=everything))) < 200


def test_unknown_figures_are_neutral_and_have_their_unit() -> None:
    comparison = compared(
        before={"novel": {"a_j": 1.0, "b_s": 2.0, "c": 3, "d": [1, 2]}},
        novel={"a_j": 2.0, "b_s": 3.0, "c": 4, "d": [1, 3]},
    )
    found = {
        r.path: (r.verdict, r.fact.unit) for r in comparison.rows if r.path.startswith("novel")
    }
    assert found == {
        "novel.a_j": ("changed", "joules"),
        "novel.b_s": ("changed", "seconds"),
        "novel.c": ("changed", "count"),
        "novel.d[0]": ("same", "count"),
        "novel.d[1]": ("changed", "count"),
    }
    text = "\n".join(table(comparison, everything=False))
    assert "other      novel.a_j" in text
    assert "+1.00 J" in text


@pytest.mark.parametrize(
    ("changes", "unjudged"),
    [
        ({"target__constants_sha256": "ef" * 32}, "constants differ"),
        ({"target__name": "loihi"}, "constants differ"),
        ({"latency__tier": "contention"}, "tiers differ"),
    ],
)
def test_models_of_other_constants_are_not_judged(changes: dict[str, str], unjudged: str) -> None:
    figures = {"energy__chip__total_j": 1e-5, "latency__inference_s": 2e-3}
    comparison = compared(**changes, **figures, energy__paper__snn_j=1e-5)
    for path in ("energy.chip.total_j", "latency.inference_s"):
        assert (row(comparison, path).verdict, row(comparison, path).note) == ("changed", unjudged)
    assert row(comparison, "energy.paper.snn_j").verdict == "better"
    assert any("not judged" in warning for warning in comparison.warnings)


def test_sums_over_other_samples_are_not_judged() -> None:
    comparison = compared(spikes__samples=10, accuracy__samples=10, spikes__total=12)
    total = row(comparison, "spikes.total")
    assert (total.verdict, total.note) == ("changed", "numbers of samples differ")
    assert comparison.warnings == (
        "Measured on different numbers of samples: accuracy 1,000 and 10, spikes 1,000 and 10.",
    )


@pytest.mark.parametrize(
    ("samples", "integer", "note"),
    [(1000, 0.83, "may be chance"), (1000, 0.8, ""), (10, 1.0, "may be chance"), (None, 0.83, "")],
)
def test_accuracy_that_may_be_chance(samples: int | None, integer: float, note: str) -> None:
    comparison = compared(accuracy__samples=samples, accuracy__integer=integer)
    assert row(comparison, "accuracy.integer").note == note


def test_what_is_said_first() -> None:
    comparison = compared(
        model__parameters=5,
        model__input_shape=[2, 34, 34],
        model__steps=6,
        target__name="onnx",
        tool__version="0.2.0",
        spikes__samples=10,
    )
    assert comparison.warnings == (
        "These are two networks: parameters 272,474 and 5, input 3x32x32 and 2x34x34.",
        "T is 4 and 6: spikes, energy and time are of inferences of different length.",
        "The targets differ (loihi2 and onnx): energy and time of a chip are not judged.",
        "Measured on different numbers of samples: spikes 1,000 and 10.",
        "Written by two versions of snn-deploy: 0.1.0 and 0.2.0.",
    )
    assert next(iter(opening(comparison))) == f"warning    {comparison.warnings[0]}"


def test_other_weights() -> None:
    assert compared(model__source_sha256="12" * 32).warnings == (
        "The model files differ (SHA-256 abababab… and 12121212…): the weights may be others.",
    )


def test_warnings_of_the_reports() -> None:
    comparison = compared(warnings=["Integers cost 2.00 points."])
    lines = list(closing(comparison, ()))
    assert "new        warning of the report: Integers cost 2.00 points." in lines
    assert "gone       warning of the report: No neuron ever fires in lif9." in lines


def test_the_table_shows_what_changed_most() -> None:
    names = tuple(f"lif{i}" for i in range(20))
    before = {"spikes__layers": layers(*[1.0] * 20, names=names)}
    comparison = compared(
        before=before, spikes__layers=layers(*[1 + i / 100 for i in range(20)], names=names)
    )
    lines = list(table(comparison, everything=False))
    assert [line[11:].split()[:2] for line in lines[1:-1]] == [
        ["layer", f"lif{i}"] for i in (19, 18, 17, 16, 15)
    ]
    assert lines[-1] == "           … and 14 more, see --all"
    everything = list(table(comparison, everything=True))
    assert sum("layer lif7 " in line for line in everything) == 1
    assert len(everything) == 1 + len(comparison.rows)


def test_the_table_is_aligned_and_readable() -> None:
    comparison = compared(
        accuracy__integer=0.9,
        latency__inference_s=3e-3,
        placement__cores_used=58,
        placement__strategy={"conv2_x": "unroll"},
        spikes__layers=layers(0.8, 0.9, 0.5),
    )
    assert list(table(comparison, everything=False)) == [
        "                                  before    after        change",
        "accuracy   integer               84.00 %  90.00 %  +6.00 points           better",
        "spikes     layer lif                1.00    0.500        -0.500  -50.0 %  better",
        "time       inference             1.00 ms  3.00 ms      +2.00 ms   +200 %  worse",
        "placement  cores                      57       58            +1  +1.75 %  worse",
        "           shortcuts of conv2_x    relay   unroll",
    ]


def test_time_of_the_tool_is_shown_and_not_judged() -> None:
    lines = list(table(compared(timing__trace=2.5), everything=False))
    told = "the tool its own work 2.00 s 4.00 s +2.00 s +100 % not judged"
    assert lines[-1].split() == told.split()
    counted = compared(timing__trace=2.5).counts(entries=False)
    assert set(counted) == {"same"}


def test_json_holds_every_key() -> None:
    comparison = compared(accuracy__integer=0.9, simulation__hops=3)
    outcomes = decide([parse("accuracy.integer > 0.8")], comparison.before, comparison.after)
    made = json.loads(to_json(comparison, outcomes))
    assert made["schema"] == "snn-deploy-comparison/1"
    assert made["before"] == {
        "path": "a.json",
        "model": "net",
        "model_sha256": "ab" * 32,
        "target": "loihi2",
        "constants_sha256": "cd" * 32,
        "tool_version": "0.1.0",
    }
    figures = {figure["path"]: figure for figure in made["figures"]}
    assert figures.keys() == {leaf.path for leaf in comparison.after.leaves.values()}
    assert figures["accuracy.integer"] == {
        "path": "accuracy.integer",
        "group": "accuracy",
        "label": "integer",
        "unit": "fraction",
        "better": "higher",
        "detail": False,
        "before": 0.84,
        "after": 0.9,
        "change": pytest.approx(0.06),
        "relative": pytest.approx(0.06 / 0.84),
        "verdict": "better",
    }
    assert "before" not in figures["simulation.hops"]
    assert made["counts"]["figures"] == {"better": 1, "new": 1, "same": 17}
    assert made["conditions"] == [
        {
            "expression": "accuracy.integer > 0.8",
            "holds": True,
            "values": {"accuracy.integer": 0.9},
        }
    ]


def test_every_fact_has_its_group() -> None:
    assert {fact.group for fact in FACTS.values()} <= set(GROUPS)


SIMULATION = {
    "samples": 4,
    "asked": 8,
    "partial": True,
    "hops": 120.5,
    "synaptic_events": {"conv": 800.0, "dense": 10.0},
    "layers": [{"name": "lif1", "neurons": 100, "energy_j": 2e-6}],
    "cores": [{"core": 17, "neurons": 100, "energy_j": 2e-6, "layers": ["lif1"]}],
    "links": {"used": 3, "between_chips": 4.0, "busiest": [{"row": 0, "flits": 9.0}]},
    "steps": [{"mean_s": 1e-6, "waited_for": {"host": True, "steps": 3}}],
}


def test_a_simulated_chip() -> None:
    """Judged is what people choose between; cores, links and steps are details."""
    chip = {"total_j": 8e-5, "charges": [{"name": "spike", "count": 5.0, "energy_j": 1e-6}]}
    comparison = compared(
        before={"simulation": SIMULATION, "energy__chip": chip},
        simulation={
            **SIMULATION,
            "samples": 8,
            "partial": False,
            "hops": 99.5,
            "synaptic_events": {"conv": 900.0, "dense": 10.0},
            "layers": [{"name": "lif1", "neurons": 100, "energy_j": 1e-6}],
            "cores": [{"core": 17, "neurons": 90, "energy_j": 1e-6, "layers": ["lif1"]}],
        },
        energy__chip={**chip, "charges": [{"name": "spike", "count": 6.0, "energy_j": 2e-6}]},
    )
    told = [
        (row.label, row.verdict)
        for row in comparison.rows
        if row.verdict != "same" and not row.fact.detail
    ]
    assert told == [
        ("for spike", "worse"),
        ("hops an inference", "better"),
        ("conv synaptic events", "worse"),
        ("layer lif1", "better"),
    ]
    assert row(comparison, "simulation.cores[17].neurons").verdict == "changed"
    assert comparison.warnings == (
        "a.json is of a run that was stopped before all samples were done.",
        "Measured on different numbers of samples: simulation 4 and 8.",
    )


def test_what_is_known() -> None:
    assert is_known(("spikes", "layers", "any.name", "rate"))
    assert is_known(("energy", "chip", "total_j"))
    assert not is_known(("energy", "chip", "totl_j"))
    assert not is_known(("spikes", "layers", "any.name", "rate", "more"))
    assert not is_known(("nothing",))
    assert is_known_section(("energy", "chip"))
    assert is_known_section(("spikes", "layers", LAYERS[0]))
    assert not is_known_section(("energy", "chips"))
    assert not is_known_section(("spikes", "total", "x"))
