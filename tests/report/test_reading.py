"""report.json read again: one value a key, or a refusal."""

import json

import pytest

from snn_deploy.errors import ModelError
from snn_deploy.report import reading
from snn_deploy.report.reading import read

from .activities import report
from .trees import tree, written

HEAD = b'{"schema": "snn-deploy-report/1", '


def test_every_value_has_its_key_and_its_path() -> None:
    found = written()
    assert found.leaves["accuracy", "integer"].value == 0.84
    layer = found.leaves["spikes", "layers", "conv3_x.0.lif", "neurons"]
    assert layer.path == "spikes.layers[conv3_x.0.lif].neurons"
    assert layer.series == ("spikes", "layers", "*", "neurons")
    agreement = found.leaves["agreement", "onnxruntime, step", "mismatches"]
    assert agreement.path == "agreement[onnxruntime, step].mismatches"
    assert found.leaves["placement", "layers", "conv3_x.0.lif"].path == (
        "placement.layers[conv3_x.0.lif]"
    )
    assert found.leaves["timing", "prove the trace"].path == "timing[prove the trace]"
    assert found.leaves["model", "input_shape", "1"].value == 32
    assert found.warnings == ("No neuron ever fires in lif9.",)
    assert not any(key[0] == "warnings" for key in found.leaves)
    assert ("spikes", "layers") in found.sections
    assert ("spikes", "total") not in found.sections


def test_entries_lose_nothing() -> None:
    entries = [{"name": "a", "x": 1}, {"name": "a", "x": 2}, {"x": 3}, 4, {"name": "", "x": 5}]
    found = written(simulation=entries)
    values = {key[1]: leaf.value for key, leaf in found.leaves.items() if key[0] == "simulation"}
    assert values == {"a": 1, "a #1": 2, "2": 3, "3": 4, "4": 5}


def test_names_that_need_quotes() -> None:
    found = written(placement__layers={'a]["b\\': 1, " ": 2, "": 3})
    paths = [leaf.path for key, leaf in found.leaves.items() if key[:2] == ("placement", "layers")]
    assert paths == [
        'placement.layers["a][\\"b\\\\"]',
        'placement.layers[" "]',
        'placement.layers[""]',
    ]


def test_names_cannot_move_a_cursor() -> None:
    found = written(model__name="\x1b[2Jnet\n", placement__layers={"a\0b": 1})
    assert str(found.value("model.name")).isprintable()
    assert ("placement", "layers", "a\N{REPLACEMENT CHARACTER}b") in found.leaves


def test_a_full_report_is_read() -> None:
    made = report()
    found = read(made.to_json().encode(), "report.json")
    assert found.value("schema") == "snn-deploy-report/1"
    assert found.number("model.parameters") == made.model.parameters
    assert found.number("model.name") is None
    assert made.paper is not None
    assert found.number("energy.paper.snn_j") == made.paper.snn_j


REFUSED = {
    "nothing": (b" \n", "is empty"),
    "no JSON": (b"{'a': 1}", "is no JSON (Expecting property name enclosed in double quotes, line"),
    "cut off": (json.dumps(tree()).encode()[:200], "is no JSON ("),
    "bytes": (b"\xff\xfe\xfd", "is no text in UTF-8"),
    "a list": (b"[1, 2]", "is no report of ours: it has no 'schema'"),
    "a number": (b"3", "is no report of ours: it has no 'schema'"),
    "no schema": (b'{"accuracy": {}}', "is no report of ours: it has no 'schema'"),
    "a manifest": (
        b'{"schema": "snn-deploy-manifest/1"}',
        "is no report of ours, its schema is 'snn-deploy-manifest/…'",
    ),
    "a later report": (
        b'{"schema": "snn-deploy-report/2"}',
        "is of schema 'snn-deploy-report/2', this version reads 'snn-deploy-report/1'",
    ),
    "NaN": (HEAD + b'"a": NaN}', "holds NaN, which no report of ours does"),
    "infinity": (HEAD + b'"a": -Infinity}', "holds -Infinity, which no report of ours does"),
    "overflow": (HEAD + b'"a": 1e999}', "holds 1e999, which no report of ours does"),
    "many digits": (HEAD + b'"a": ' + b"9" * 10_000 + b"}", "holds 99999999999999999999…, which"),
    "deep": (HEAD + b'"a": ' + b"[" * 30 + b"1" + b"]" * 30 + b"}", "is nested too deeply"),
    "very deep": (HEAD + b'"a": ' + b"[" * 200_000, "is nested too deeply"),
    "many": (HEAD + b'"a": [' + b"1," * 200_000 + b"1]}", "holds more than 200,000 values"),
    "large": (b" " * (reading.LARGEST_BYTES + 1), "is larger than 16 MB"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_report(case: str) -> None:
    content, problem = REFUSED[case]
    with pytest.raises(ModelError) as caught:
        read(content, "b.json")
    assert (caught.value.where, caught.value.exit_code) == ("b.json", 3)
    assert problem in caught.value.problem
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 300
