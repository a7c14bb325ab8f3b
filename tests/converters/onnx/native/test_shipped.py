"""The networks that ship: reference, stock and native operators, all layers and steps equal."""

from pathlib import Path

import numpy as np
import pytest

from snn_deploy import datasets
from snn_deploy.converters.onnx.lower import Form, OnnxConverter
from snn_deploy.converters.onnx.native import library
from snn_deploy.datasets import Samples
from snn_deploy.frontends.float_reference import trace_as
from snn_deploy.frontends.loading import LoadedModel, load
from snn_deploy.passes import FOLD, run_passes
from snn_deploy.proof import prove
from snn_deploy.quantization import calibrate, quantize

MODELS = Path(__file__).parents[4] / "models"
SHIPPED = sorted((MODELS / "checkpoints").glob("*.pt"))
FORMS: tuple[Form, ...] = ("step", "sequence")


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(6)


def stimulus(loaded: LoadedModel, generator: np.random.Generator) -> Samples:
    """Real images for image networks, events at a realistic rate for the others."""
    spec = loaded.input
    assert spec is not None
    if spec.shape == (3, 32, 32):
        return datasets.load(MODELS / "samples" / "cifar10_100.npz").first(2)
    events = generator.random((2, spec.steps, *spec.shape)) < 0.05
    return Samples("events", events.astype(np.uint8), None, sequence=True)


@pytest.mark.skipif(library() is None, reason="no operator library: run `snn-deploy build-ops`")
@pytest.mark.parametrize("events", ["always", "never"])
@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_layer_and_step_of_what_ships_is_equal(
    path: Path, events: str, generator: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SNN_OPS_EVENTS", events)
    loaded = load(path)
    spec = loaded.input
    assert spec is not None
    samples = stimulus(loaded, generator)
    graph = run_passes(trace_as(loaded.module, spec, path.stem), FOLD)
    integers = quantize(graph, calibrate(graph, samples.normalised(spec))).graph
    converter = OnnxConverter()
    executors = converter.executors(integers, converter.lower(integers))
    proof = prove(integers, executors, samples, spec, lambda done: None)
    assert [(a.backend, a.form) for a in proof.agreement] == [
        (backend, form) for backend in ("onnxruntime", "onnxruntime native") for form in FORMS
    ]
    assert all(a.equal and a.layers == len(integers.nodes) for a in proof.agreement)
