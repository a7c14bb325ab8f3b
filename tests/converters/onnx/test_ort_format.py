"""ONNX Runtime's own tool turns our files into its own format: the same integers, both ways.

Without our library the functions become standard operators; with it our operators stay.
"""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from snn_deploy.converters.onnx import lower_model
from snn_deploy.converters.onnx.lower import Form
from snn_deploy.converters.onnx.native import library
from snn_deploy.converters.onnx.run import infer, onnxruntime_errors
from snn_deploy.ir.evaluate import evaluate, read_out
from tests.networks import INTEGER, stimulus

NETWORKS = ("ms_identity", "dense_cuba", "sigma_delta", "two_outputs")
"""Of several operators with one name and different bodies; of float64; of messengers; of sums."""
FORMS: tuple[Form, ...] = ("step", "sequence")
STYLES = (".ort", ".with_runtime_opt.ort")
"""How the tool ends the names of what it optimises at once, and leaves to be optimised."""


@dataclass(frozen=True)
class Converted:
    """A folder of converted files, and whether they keep our operators."""

    folder: Path
    native: bool

    @property
    def operators(self) -> dict[str, set[str]]:
        """What all the files call, by domain, as the tool lists it for builds of that alone."""
        found: dict[str, set[str]] = {}
        for line in (self.folder / "required_operators.config").read_text().splitlines():
            if not line.startswith("#"):
                domain, _, names = line.split(";")
                found.setdefault(domain, set()).update(names.split(","))
        return found


@pytest.fixture(scope="module", params=["stock", "native"])
def converted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Converted:
    native = request.param == "native"
    found = library() if native else None
    if native and found is None:
        pytest.skip("needs the operator library: snn-deploy build-ops")
    folder = tmp_path_factory.mktemp("ort")
    for name in NETWORKS:
        for form in FORMS:
            model = lower_model(INTEGER[name](), form)
            (folder / f"{name}.{form}.onnx").write_bytes(model.SerializeToString())
    tool = [sys.executable, "-m", "onnxruntime.tools.convert_onnx_models_to_ort", str(folder)]
    options = ["--custom_op_library", str(found)] if found else []
    subprocess.run([*tool, *options], check=True, capture_output=True)
    return Converted(folder, native)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_integers(converted: Converted, name: str, form: str, style: str) -> None:
    graph = INTEGER[name]()
    x = stimulus(graph)
    path = converted.folder / f"{name}.{form}{style}"
    found = infer(path, x, graph.steps, threads=1, native=converted.native)
    expected = read_out(graph, evaluate(graph, x))
    assert found.keys() == expected.keys()
    for node in expected:
        np.testing.assert_array_equal(found[node], expected[node])


def test_our_operators_stay_or_go(converted: Converted) -> None:
    ours = converted.operators.get("ai.snn", set())
    assert converted.native == bool(ours)
    if converted.native:
        assert {"ConvLIFInt", "ConvLIFIntSeq", "LinearInt"} <= ours


@pytest.mark.parametrize("converted", ["native"], indirect=True)
def test_a_file_with_our_operators_needs_the_library(converted: Converted) -> None:
    graph = INTEGER["ms_identity"]()
    path = converted.folder / "ms_identity.step.ort"
    with pytest.raises(onnxruntime_errors(), match="not a registered"):
        infer(path, stimulus(graph), graph.steps, native=False)
