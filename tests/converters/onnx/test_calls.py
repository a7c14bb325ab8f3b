"""Which operators a file calls, against the package onnx."""

from pathlib import Path

import pytest

from snn_deploy.converters.onnx import lower_model
from snn_deploy.converters.onnx.calls import calls
from snn_deploy.converters.onnx.lower import Form
from tests.networks import FLOAT, INTEGER

ALL = {**INTEGER, **FLOAT}


@pytest.mark.parametrize("form", ["step", "sequence"])
@pytest.mark.parametrize("name", ALL)
def test_it_finds_what_the_package_onnx_finds(name: str, form: Form, tmp_path: Path) -> None:
    model = lower_model(ALL[name](), form)
    expected = {n.name: tuple(n.output) for n in model.graph.node if n.domain == "ai.snn"}
    content = model.SerializeToString()
    (tmp_path / "a.onnx").write_bytes(content)
    assert expected
    assert calls(content) == calls(tmp_path / "a.onnx") == expected


def test_standard_operators_are_none_of_ours() -> None:
    model = lower_model(INTEGER["ms_identity"](), "step", inline=True)
    assert calls(model.SerializeToString()) == {}
    assert calls(b"\x18\0\0\0ORTM" + bytes(99)) == {}
