"""The networks that ship, on real images and on events, as an application runs them."""

from pathlib import Path

import numpy as np
import pytest

from snn_deploy import datasets
from snn_deploy.checkpoints import InputSpec
from snn_deploy.converters.onnx.lower import Form
from snn_deploy.datasets import Samples
from snn_deploy.frontends.float_reference import trace_as
from snn_deploy.frontends.loading import load
from snn_deploy.ir.evaluate import evaluate, read_out
from snn_deploy.ir.graph import Array
from snn_deploy.passes import FOLD, run_passes
from snn_deploy.quantization import QuantGraph, calibrate, quantize
from snn_deploy.runtime import Session
from tests.conftest import ROOT
from tests.recordings import moving_bars
from tests.recordings import write as write_recordings
from tests.runtime.networks import OPERATORS, write

SHIPPED = ROOT / "models"
COUNT = 3
FORMS: tuple[Form, ...] = ("step", "sequence")


def integers(name: str, samples: Samples) -> tuple[QuantGraph, InputSpec]:
    """Return a trained network with the ranges that these samples set."""
    loaded = load(SHIPPED / "checkpoints" / f"{name}.pt")
    assert loaded.input is not None
    folded = run_passes(trace_as(loaded.module, loaded.input, loaded.name), FOLD)
    return quantize(folded, calibrate(folded, samples.normalised(loaded.input))).graph, loaded.input


@pytest.fixture(scope="module")
def classifier() -> tuple[QuantGraph, Array]:
    """The network for CIFAR-10, and images as real numbers."""
    samples = datasets.load(SHIPPED / "samples" / "cifar10_100.npz")
    graph, spec = integers("ms_resnet20_cifar10", samples.first(16))
    return graph, samples.first(COUNT).normalised(spec)


@pytest.fixture(scope="module")
def of_events(tmp_path_factory: pytest.TempPathFactory) -> tuple[QuantGraph, Array]:
    """The network for N-MNIST, and bars that move over its sensor for 300 ms."""
    bars = moving_bars(COUNT, (34, 34))
    bars["t"] = bars["t"] * 30
    path = write_recordings(tmp_path_factory.mktemp("events") / "bars.npz", bars)
    samples = datasets.load(path)
    graph, spec = integers("conv_snn_nmnist", samples)
    return graph, samples.normalised(spec)


@pytest.mark.parametrize("native", OPERATORS)
@pytest.mark.parametrize("form", FORMS)
def test_images(
    form: Form, native: bool, classifier: tuple[QuantGraph, Array], tmp_path: Path
) -> None:
    graph, images = classifier
    session = Session(write(graph, tmp_path, form), threads=2, native=native)
    x = session.quantize(images)
    np.testing.assert_array_equal(x, graph.quantize_input(images))
    expected = read_out(graph, evaluate(graph, x))["fc"]
    np.testing.assert_array_equal(session.run(x), expected)
    assert (session.steps, session.static, session.shape) == (4, True, (3, 32, 32))


@pytest.mark.parametrize("native", OPERATORS)
def test_an_image_step_by_step(
    native: bool, classifier: tuple[QuantGraph, Array], tmp_path: Path
) -> None:
    graph, images = classifier
    path = write(graph, tmp_path)
    session = Session(path, native=native)
    x = session.quantize(images)
    expected = read_out(graph, evaluate(graph, x))["fc"]
    for k in range(COUNT):
        session.reset()
        total = np.zeros((1, 10), np.int64)
        for t in range(session.steps):
            if t == 2:  # the device is switched off, and on again
                state, session = session.state, Session(path, native=native)
                session.restore(state)
            total += session.step(x[k : k + 1])
        np.testing.assert_array_equal(total, expected[k : k + 1])
        real = total * session.output_scale
        np.testing.assert_array_equal(real, expected[k : k + 1] * graph.output_scale("fc"))


@pytest.mark.parametrize("native", OPERATORS)
@pytest.mark.parametrize("form", FORMS)
def test_events(
    form: Form, native: bool, of_events: tuple[QuantGraph, Array], tmp_path: Path
) -> None:
    graph, counts = of_events
    session = Session(write(graph, tmp_path, form), threads=2, native=native)
    x = session.quantize(counts)
    np.testing.assert_array_equal(x, counts)
    expected = read_out(graph, evaluate(graph, x))["fc"]
    np.testing.assert_array_equal(session.run(x), expected)
    assert (session.steps, session.static, session.shape) == (12, False, (2, 34, 34))
    assert np.unique(expected).size > 1


@pytest.mark.parametrize("native", OPERATORS)
def test_events_as_they_come(
    native: bool, of_events: tuple[QuantGraph, Array], tmp_path: Path
) -> None:
    """A stream has no end: nothing but the state says how long it has been going on."""
    graph, counts = of_events
    frames = np.concatenate([counts, counts[::-1]]).astype(np.uint8)
    path = write(graph, tmp_path)
    together = Session(path, batch=COUNT, native=native)
    alone = [Session(path, native=native) for _ in range(COUNT)]
    expected = [values["fc"] for values in evaluate(graph, frames.astype(np.int8), len(frames))]
    for frame, output in zip(frames, expected, strict=True):
        np.testing.assert_array_equal(together.step(frame), output)
        for k, session in enumerate(alone):
            np.testing.assert_array_equal(session.step(frame[k : k + 1]), output[k : k + 1])
