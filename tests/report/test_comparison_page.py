"""comparison.html: well-formed, alone, safe, the gravest first, quick."""

import json
import re
import time
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from snn_deploy.report.comparison import Comparison, compare, to_json
from snn_deploy.report.comparison_page import is_page, render
from snn_deploy.report.comparison_text import closing, opening, table
from snn_deploy.report.conditions import decide
from snn_deploy.report.grammar import parse
from snn_deploy.report.reading import read

from .test_html import HOSTILE, parsed, words
from .trees import layers, written


def page(*conditions: str, before: dict[str, Any] | None = None, **after: Any) -> str:
    comparison = compare(written(**before or {}), written("b.json", **after))
    return rendered(comparison, *conditions)


def rendered(comparison: Comparison, *conditions: str) -> str:
    found = decide([parse(c) for c in conditions], comparison.before, comparison.after)
    return render(comparison, found)


CHANGED: dict[str, Any] = {
    "accuracy__integer": 0.7,
    "energy__paper__snn_j": 2e-5,
    "placement__strategy": {"conv2_x": "unroll"},
    "simulation__hops": 12,
    "spikes__layers": layers(0.5, 0.9, 1.5),
    "target__constants_sha256": "12" * 32,
    "warnings": ["Integers cost 15 points."],
}


def test_page_is_well_formed_and_alone() -> None:
    for made in (page(), page("accuracy.integer < 0.8", **CHANGED)):
        assert made.startswith("<!DOCTYPE html>")
        found = parsed(made)
        assert set(found.references) <= {"data:,"}
        assert "script" not in found.tags
        assert not re.search(r"https?:|//[a-z]|@import|url\(", made)
        assert found.tags.count("h1") == 1
        assert found.tags.count("table") == found.tags.count("caption")
        assert is_page(made.encode()[:4096])
    assert not is_page(b"<!DOCTYPE html><title>snn-deploy comparison</title>")


def test_the_gravest_comes_first_and_needs_no_colour() -> None:
    text = words(page("accuracy.integer < 0.8", "accuracy.integer < 0.5", **CHANGED))
    order = [
        "The constants of loihi2 differ",
        "Worse \N{MULTIPLICATION X} 1",
        "Conditions \N{MULTIPLICATION X} 1 failed of 2",
        "accuracy.integer < 0.8 accuracy.integer = 0.7 \N{MULTIPLICATION X} holds",
        "accuracy.integer < 0.5 accuracy.integer = 0.7 \N{CHECK MARK} does not hold",
        "accuracy: integer 84.00 % 70.00 % -14.00 points",
        "energy: paper's account",
        "placement: shortcuts of conv2_x \N{NOT EQUAL TO} changed relay unroll",
        "simulation: hops an inference + only after",
        "Spikes per neuron and inference, by layer 1 better, 1 worse, 1 the same",
        "lif1 \N{CHECK MARK} better 0.800 \N{RIGHTWARDS ARROW} 0.500 -37.5 %",
        "lif \N{MULTIPLICATION X} worse 1.00 \N{RIGHTWARDS ARROW} 1.50 +50.0 %",
        "Constants \N{NOT EQUAL TO} cdcdcdcdcdcdcdcd",
        "+ only after: Integers cost 15 points.",
    ]
    places = [text.index(words) for words in order]
    assert places == sorted(places)


def test_bars_stay_within_the_page() -> None:
    made = page(spikes__layers=layers(-3.0, 0.0, 2.0))
    widths = [float(width) for width in re.findall(r"width:([-.\d]+)%", made)]
    assert max(widths) == 100
    assert min(widths) == 0


def test_names_cannot_break_the_page() -> None:
    hostile = {
        "model__name": HOSTILE,
        "model__architecture": HOSTILE,
        "spikes__layers": layers(1.0, 2.0, names=(HOSTILE, "b")),
        "placement__strategy": {HOSTILE: HOSTILE},
        "warnings": [HOSTILE],
        HOSTILE: 5,
    }
    comparison = compare(written(HOSTILE, warnings=[]), written(HOSTILE, **hostile))
    made = rendered(comparison, "has(model.steps) and 1 < 2")
    assert "<script" not in made
    assert "{{ 7 * 7 }}" in made
    assert "script" not in parsed(made).tags


def test_the_deepest_network_is_quick() -> None:
    names = tuple(f"conv{i}.lif" for i in range(481))
    before = {"spikes__layers": layers(*[1.0] * 481, names=names)}
    started = time.perf_counter()
    made = page(
        before=before, spikes__layers=layers(*[1 + i / 481 for i in range(481)], names=names)
    )
    assert time.perf_counter() - started < 2
    assert "these 10 changed most" in made
    assert "All 481, in order" in made
    assert len(made) < 1_000_000


def test_a_list_without_end_is_cut() -> None:
    many = list(range(20_000))
    made = page(before={"simulation": many}, simulation=[value + 1 for value in many])
    assert len(made) < 100_000


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.just(HOSTILE)
)
NAMES = st.sampled_from(
    [
        *("model", "name", "steps", "accuracy", "integer", "samples", "spikes", "layers"),
        *("timing", "energy", "chip", "total_j", "backend", "form", "*", "{}", "%s", ""),
    ]
)
TREES = st.recursive(
    SCALARS,
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(NAMES, parts, max_size=4),
    max_leaves=12,
)
REPORTS = st.dictionaries(NAMES, TREES, max_size=5).map(
    lambda tree: json.dumps({**tree, "schema": "snn-deploy-report/1"}).encode()
)


@given(REPORTS, REPORTS)
def test_anything_with_our_schema_is_compared(first: bytes, second: bytes) -> None:
    """What is not as our reports have it is shown; it never ends in a traceback."""
    comparison = compare(read(first, "a.json"), read(second, "b.json"))
    json.loads(to_json(comparison, ()))
    told = [*opening(comparison), *closing(comparison, ())]
    for everything in (False, True):
        told += table(comparison, everything=everything)
    assert all(line.isprintable() for line in told)
    assert "<script" not in render(comparison, ())
