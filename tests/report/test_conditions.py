"""Conditions: what they compute, and that they compute nothing else."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snn_deploy.errors import UsageError
from snn_deploy.report.conditions import decide
from snn_deploy.report.grammar import parse

from .trees import layers, written

BEFORE = written()
AFTER = written(
    "b.json",
    accuracy__integer=0.83,
    energy__chip={"total_j": 1.2e-4},
    spikes__layers=layers(0.5, 0.6, 0.7),
    latency=None,
)


def holds(expression: str) -> bool:
    (outcome,) = decide([parse(expression)], BEFORE, AFTER)
    assert outcome.expression == expression
    return outcome.holds


def refused(*expressions: str) -> str:
    with pytest.raises(UsageError) as caught:
        decide([parse(expression) for expression in expressions], BEFORE, AFTER)
    message = str(caught.value)
    assert message.startswith("--fail-if")
    assert message.isprintable()
    assert len(message) < 700
    return message


TRUE = [
    "accuracy.integer < 0.84",
    "accuracy.integer == 0.83",
    "after.accuracy.integer == 0.83",
    "before.accuracy.integer == .84",
    "delta.accuracy.integer < -0.005",
    "delta.accuracy.integer == accuracy.integer - before.accuracy.integer",
    "spikes.total == 1200",
    "spikes.total != 12e2 + 1",
    "energy.chip.total_j > 1.1 * before.energy.chip.total_j",
    "spikes.layers[conv3_x.0.lif].per_neuron_per_inference <= 0.6",
    'spikes.layers["conv3_x.0.lif"].neurons == 100',
    "placement.layers[conv3_x.0.lif] == 3 and placement.layers.lif1 == 1",
    "agreement[onnxruntime, step].mismatches == 0",
    "timing[prove the trace] == 1.5",
    "before.timing[prove the trace] >= 1.5",
    "1 + 2 * 3 == 7",
    "(1 + 2) * 3 == 9",
    "8 / 2 / 2 == 2",
    "7 - 2 - 1 == 4",
    "- 2 * 3 == -6",
    "-(-2) == +2",
    "1 < 2 < 3",
    "not 1 < 2 > 3",
    "not not 1 < 2",
    "not 1 > 2 and 2 > 1",
    "1 > 2 and 1 > 2 or 2 > 1",
    "2 > 1 or 1 / 0 > 1",
    "not (1 > 2 and 1 / 0 > 1)",
    "has(accuracy.integer)",
    "has(claim.verdict) and has(spikes.layers) and has(spikes.layers[lif])",
    "not has(latency.inference_s) and has(before.latency.inference_s)",
    "not has(delta.latency.inference_s) and has(delta.accuracy.integer)",
    "not has(energy.lemaire.snn_j) or energy.lemaire.snn_j > 1",
    "not has(energy.lemaire) or energy.lemaire.snn_j > 1",
    "not has(spikes.layers[nowhere].rate)",
    "9007199254740993 == 9007199254740993",
    "9007199254740993 != 9007199254740992",
    "\tspikes.total\n>\n1 ",
]


@pytest.mark.parametrize("expression", TRUE)
def test_true(expression: str) -> None:
    assert holds(expression)
    assert not holds(f"not ({expression})")


def test_values_of_an_outcome() -> None:
    expression = "delta.accuracy.integer < 0 and before.spikes.total > 1"
    (outcome,) = decide([parse(expression)], BEFORE, AFTER)
    assert outcome.values == {
        "delta.accuracy.integer": pytest.approx(-0.01),
        "before.spikes.total": 1200,
    }


MALFORMED = {
    "": "needs a figure or a number at its end; ",
    "   ": "needs a figure or a number at its end; ",
    "accuracy.integer": "gives a number where true or false is needed; ",
    "1": "gives a number where true or false is needed; ",
    "not 1": "gives a number where true or false is needed; ",
    "1 and 1 > 2": "gives a number where true or false is needed; ",
    "1 > 2 or 3": "gives a number where true or false is needed; ",
    "(1 < 2) + 3 > 1": "computes with true or false; ",
    "has(spikes.total) > 1": "computes with true or false; ",
    "1 < (2 > 1)": "computes with true or false; ",
    "-has(spikes.total)": "computes with true or false; ",
    "1 >": "needs a figure or a number at its end; ",
    "> 1": "needs a figure or a number at '> 1'; ",
    "1 = 2": "cannot be read from here on: = 2; ",
    "1 && 2": "cannot be read from here on: && 2; ",
    "1 > 2 1": "needs an operator, or the end at '1'; ",
    "(1 > 2": "needs ')' at its end; ",
    "1 > 2)": "needs an operator, or the end at ')'; ",
    "has spikes.total": "needs '(' and a figure at 'spikes.total'; ",
    "has()": "needs a figure or a number at ')'; ",
    "has(1)": "needs a figure or a number at '1)'; ",
    "has(spikes.total > 1)": "needs ')' at '> 1)'; ",
    "and > 1": "needs a figure or a number at 'and > 1'; ",
    "before > 1": "names no figure with 'before'; ",
    "delta < 1": "names no figure with 'delta'; ",
    "1e999 > 1": "holds 1e999, which is too large; ",
    "12abc > 1": "cannot be read from here on: 12abc > 1; ",
    "1.2.3 > 1": "cannot be read from here on: 1.2.3 > 1; ",
    "spikes.layers.conv3_x.0.lif.rate > 1": "; put names with dots or spaces in brackets, e.g. ",
    "spikes..total > 1": "cannot be read from here on: spikes..total > 1; ",
    "spikes.layers[] > 1": "cannot be read from here on: ",
    "spikes.layers[lif > 1": "cannot be read from here on: ",
    'spikes.layers["\\x"] > 1': "has a name that is none, ",
}


@pytest.mark.parametrize("expression", MALFORMED)
def test_malformed(expression: str) -> None:
    assert f"--fail-if '{expression}' " in refused(expression)
    assert MALFORMED[expression] in refused(expression)


MALICIOUS = {
    "__import__('os').system('true') == 0": "cannot be read from here on: 'os')",
    "open(1) == 0": "needs an operator, or the end at '(1) == 0'",
    "accuracy.__class__ == 0": "'accuracy.__class__' is in neither report",
    "accuracy.integer.real == 0": "'accuracy.integer.real' is in neither report",
    "().__class__.__bases__[0] == 0": "cannot be read from here on: .__class__",
    "spikes.total.bit_length() == 0": "needs an operator, or the end at '() == 0'",
    "2 ** 9 ** 9 ** 9 > 1": "needs a figure or a number at '* 9 ** 9",
    "9 << 999999999 > 1": "needs a figure or a number at '< 999999999 > 1'",
    "lambda: 1": "cannot be read from here on: : 1",
    "[x for x in (1,)]": "cannot be read from here on: [x for",
    "f'{1}' == 1": "cannot be read from here on: '{1}'",
    "has(has)": "needs a figure or a number at 'has)'",
    "1 > 2; 3": "cannot be read from here on: ; 3",
    "1 if 1 > 2 else 3": "needs an operator, or the end at 'if 1 > 2",
    "\N{GREEK SMALL LETTER MU} > 1": "cannot be read from here on: \N{GREEK SMALL LETTER MU} > 1",
    "\x1b[2J > 1": "cannot be read from here on:  [2J > 1",
    "\0 > 1": "cannot be read from here on:   > 1",
    "x" * 1_000_000 + " > 1": "has more than 2,000 characters",
    "(" * 1_000_000: "has more than 2,000 characters",
    "(" * 1000 + "1 > 2" + ")" * 900: "is nested more than 40 deep",
    "not " * 400 + "1 > 2": "is nested more than 40 deep",
    "-" * 1900 + "1 > 2": "is nested more than 40 deep",
    "9" * 1900 + " > 1": "which is too large",
    "spikes" + ".total" * 300 + " > 1": "is in neither report",
    "a" * 1990 + " > 1": "is in neither report",
    "spikes.layers[" + "[" * 1900: "cannot be read from here on: ",
    "a" + "_" * 1900 + "! > 1": "cannot be read from here on: ",
    '"' * 1900: "cannot be read from here on: ",
}


@pytest.mark.parametrize("expression", MALICIOUS, ids=lambda text: repr(text[:20]))
def test_malicious(expression: str) -> None:
    started = time.perf_counter()
    assert MALICIOUS[expression] in refused(expression)
    assert time.perf_counter() - started < 1


def test_numbers_stay_small() -> None:
    for expression in (
        "*".join(["9999999999"] * 150) + " > 1",
        "*".join(["1e9"] * 300) + " > 1",
        "*".join(["999999999"] * 30) + " * " + "*".join(["1e9"] * 30) + " > 1",
        "-1e308 - 1e308 < 1",
    ):
        assert "has no value: it is too large; " in refused(expression)
    assert "has no value: division by zero; " in refused("1 / 0 > 1")
    assert "has no value: division by zero; " in refused("0.0 / (spikes.total - 1200) > 1")


ABSENT = {
    "acuracy.integer < 1": "'acuracy.integer' is in neither report (perhaps accuracy.integer is",
    "spikes.per_neuron < 1": "(perhaps spikes.per_neuron_per_inference is meant)",
    "delta.x.total_j < 1": "'delta.x.total_j' is in neither report (perhaps energy.chip.total_j",
    "qqqq < 1": "'qqqq' is in neither report; take one of report.json",
    "energy.chip < 1": "'energy.chip' is no figure, it holds energy.chip.dynamic_j, energy.chip.",
    "spikes.layers[lf].neurons < 1": "(perhaps spikes.layers[lif].neurons or ",
    "energy.lemaire.snn_j < 1": "'energy.lemaire.snn_j' is in neither report",
    "claim.verdict == 1": "'claim.verdict' is no number but 'about one spike per neuron'",
    "has(acuracy.integer) and 1 > 2": "'acuracy.integer' is in neither report (perhaps accuracy.",
    "1 > 2 and acuracy.integer > 1": "'acuracy.integer' is in neither report",
    "latency.inference_s > 1": (
        "'latency.inference_s > 1' needs latency.inference_s, which b.json lacks; "
        "guard it: has(after.latency.inference_s) and …"
    ),
    "delta.latency.inference_s > 1": "needs latency.inference_s, which b.json lacks; guard it: ",
}


@pytest.mark.parametrize("expression", ABSENT)
def test_figures_that_are_not_there(expression: str) -> None:
    assert ABSENT[expression] in refused(expression)


def test_all_that_is_wrong_at_once() -> None:
    message = refused("acuracy.integer < 1 or spiks.total > 1", "lattency.steps > 1")
    for name in ("'acuracy.integer'", "'spiks.total'", "'lattency.steps'"):
        assert name in message


def test_every_path_names_its_figure() -> None:
    """What a comparison calls a figure is how a condition finds it."""
    odd = written(
        placement__layers={'a]["b\\': 1, " ": 2, "": 3, "é": 4, "a b": 5, "and": 6, "9": 7}
    )
    for leaf in odd.leaves.values():
        if isinstance(leaf.value, int | float):
            (outcome,) = decide([parse(f"{leaf.path} == before.{leaf.path}")], odd, odd)
            assert outcome.holds, leaf.path
            assert outcome.values[leaf.path] == leaf.value


Term = tuple[str, Any]

NUMBERS = st.one_of(
    st.integers(0, 10**6).map(lambda n: (str(n), n)),
    st.floats(0, 1e6, allow_subnormal=False).map(lambda x: (repr(x), x)),
    st.sampled_from(
        [
            ("spikes.total", 1200),
            ("before.accuracy.integer", 0.84),
            ("accuracy.integer", 0.83),
            ("spikes.layers[conv3_x.0.lif].per_neuron_per_inference", 0.6),
        ]
    ),
)


def calculated(terms: st.SearchStrategy[Term]) -> st.SearchStrategy[Term]:
    def combine(parts: tuple[Term, str, Term]) -> Term:
        (left, a), symbol, (right, b) = parts
        value = {"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b}[symbol]()
        return f"({left}) {symbol} ({right})", value

    pairs = st.tuples(terms, st.sampled_from("+-*"), terms).map(combine)
    return st.one_of(pairs, terms.map(lambda term: (f"-({term[0]})", -term[1])))


def decided(terms: st.SearchStrategy[Term]) -> st.SearchStrategy[Term]:
    both = st.tuples(terms, terms)
    return st.one_of(
        terms.map(lambda term: (f"not ({term[0]})", not term[1])),
        both.map(lambda ab: (f"({ab[0][0]}) and ({ab[1][0]})", ab[0][1] and ab[1][1])),
        both.map(lambda ab: (f"({ab[0][0]}) or ({ab[1][0]})", ab[0][1] or ab[1][1])),
    )


SUMS = st.recursive(NUMBERS, calculated, max_leaves=6)
COMPARISONS = st.tuples(SUMS, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), SUMS).map(
    lambda parts: (
        f"{parts[0][0]} {parts[1]} {parts[2][0]}",
        {
            "<": parts[0][1] < parts[2][1],
            "<=": parts[0][1] <= parts[2][1],
            ">": parts[0][1] > parts[2][1],
            ">=": parts[0][1] >= parts[2][1],
            "==": parts[0][1] == parts[2][1],
            "!=": parts[0][1] != parts[2][1],
        }[parts[1]],
    )
)


@given(st.recursive(COMPARISONS, decided, max_leaves=5))
def test_conditions_mean_what_they_say(term: Term) -> None:
    expression, value = term
    if len(expression) <= 2000:
        assert holds(expression) is value


PIECES = st.sampled_from(
    [
        *"()[]+-*/<>=.\"'\\ \n\0\N{LATIN SMALL LETTER E WITH ACUTE}",
        *("==", "<=", "and", "or", "not", "has", "has(", "before.", "delta.", "__"),
        *("spikes.total", "accuracy", ".integer", "[lif]", "1", "0.5", "1e9"),
    ]
)


@given(
    st.text(max_size=60)
    | st.lists(PIECES, max_size=25).map(" ".join)
    | st.lists(PIECES, max_size=25).map("".join)
)
def test_anything_is_decided_or_refused_in_a_line(expression: str) -> None:
    try:
        (outcome,) = decide([parse(expression)], BEFORE, AFTER)
    except UsageError as error:
        message = str(error)
    else:
        assert isinstance(outcome.holds, bool)
        return
    assert message.startswith("--fail-if")
    assert message.isprintable()
