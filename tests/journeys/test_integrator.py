"""What somebody can do who has the folder alone, ONNX Runtime and numpy, and none of our code.

The functions are such a program; the fixtures only make the folder.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from tests.journeys.command import SMALL, Ended, export
from tests.journeys.nets import MEAN, STD

Arrays = Mapping[str, np.ndarray]


def open_file(path: Path) -> tuple[onnxruntime.InferenceSession, dict[str, Any]]:
    """Return a session and what the file says about itself."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    said = session.get_modelmeta().custom_metadata_map
    texts = ("ai.snn.form", "ai.snn.readout")
    return session, {key: said[key] if key in texts else json.loads(said[key]) for key in said}


def run_steps(path: Path, x: np.ndarray) -> Arrays:
    """Call the model of one step T times, hand the state on, add the outputs up by their nodes."""
    session, said = open_file(path)
    state = {
        pair["in"]: np.full((len(x), *pair["shape"][1:]), pair["init"], pair["dtype"])
        for pair in said["ai.snn.state"]
    }
    names = [output.name for output in session.get_outputs()]
    sums: dict[str, np.ndarray] = {}
    for _ in range(said["ai.snn.steps"]):
        values = dict(zip(names, session.run(None, {"input": x, **state}), strict=True))
        state = {pair["in"]: values[pair["out"]] for pair in said["ai.snn.state"]}
        for output in said["ai.snn.output"]:
            sums[output["node"]] = sums.get(output["node"], 0) + values[output["name"]]
    return sums


def run_sequence(path: Path, x: np.ndarray) -> Arrays:
    """Call the model of a whole inference."""
    session, said = open_file(path)
    names = [output.name for output in session.get_outputs()]
    values = dict(zip(names, session.run(None, {"input": x}), strict=True))
    return {output["node"]: values[output["name"]] for output in said["ai.snn.output"]}


def integers(folder: Path, images: np.ndarray) -> np.ndarray:
    """Turn bytes into the model's input as the manifest's rule says."""
    said = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["input"]
    axes = (-1, *(1,) * (len(said["shape"]) - 1))
    mean, std = (np.array(said[key], np.float32).reshape(axes) for key in ("mean", "std"))
    x = (images.astype(np.float32) / np.float32(255) - mean) / std
    scaled = np.rint(x.astype(np.float64) / np.array(said["scale"]))
    return np.clip(scaled, -said["limit"], said["limit"]).astype(said["dtype"])


@pytest.fixture(scope="module", params=[(), ("--inline",)], ids=["functions", "inline"])
def folder(
    request: pytest.FixtureRequest, images: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    made = tmp_path_factory.mktemp("delivered") / "net"
    spec = ("--mean", ",".join(map(str, MEAN)), "--std", ",".join(map(str, STD)))
    options = ("--data", images, *spec, *request.param, "-q")
    assert export(*SMALL, *options, "-o", made) == Ended(0, "", "")
    return made


@pytest.fixture
def golden(folder: Path) -> Arrays:
    with np.load(folder / "golden" / "golden.npz", allow_pickle=False) as content:
        return dict(content)


def outputs_of(golden: Arrays) -> Arrays:
    prefix = "output/"
    return {key.removeprefix(prefix): a for key, a in golden.items() if key.startswith(prefix)}


@pytest.mark.parametrize(
    ("run", "name"), [(run_steps, "model.step.onnx"), (run_sequence, "model.sequence.onnx")]
)
def test_the_golden_outputs(run: Any, name: str, folder: Path, golden: Arrays) -> None:
    expected = outputs_of(golden)
    found = run(folder / name, golden["input"])
    assert expected
    assert found.keys() == expected.keys()
    for node in expected:
        np.testing.assert_array_equal(found[node], expected[node])


def test_the_golden_spikes(folder: Path, golden: Arrays) -> None:
    """Somebody who also has the package onnx makes every neuron's spikes an output."""
    model = onnx.load(folder / "model.step.onnx")
    layers = [key.removeprefix("spikes/") for key in golden if key.startswith("spikes/")]
    neurons = {layer: f"{layer}/spikes" for layer in layers}
    for spikes in neurons.values():
        model.graph.output.append(onnx.ValueInfoProto(name=spikes))
    session = onnxruntime.InferenceSession(model.SerializeToString())
    _, said = open_file(folder / "model.step.onnx")
    x = golden["input"]
    state = {
        pair["in"]: np.full((len(x), *pair["shape"][1:]), pair["init"], pair["dtype"])
        for pair in said["ai.snn.state"]
    }
    totals = dict.fromkeys(neurons, np.zeros(len(x), np.int64))
    names = [output.name for output in session.get_outputs()]
    for _ in range(said["ai.snn.steps"]):
        values = dict(zip(names, session.run(None, {"input": x, **state}), strict=True))
        state = {pair["in"]: values[pair["out"]] for pair in said["ai.snn.state"]}
        for neuron, spikes in neurons.items():
            fired = values[spikes].reshape(len(x), -1).sum(axis=1, dtype=np.int64)
            totals[neuron] = totals[neuron] + fired
    for neuron, total in totals.items():
        np.testing.assert_array_equal(total, golden[f"spikes/{neuron}"])
    assert sum(int(total.sum()) for total in totals.values()) > 0


def test_bytes_become_the_golden_input(folder: Path, golden: Arrays, images: Path) -> None:
    with np.load(images) as content:
        x = integers(folder, content["images"][: len(golden["input"])])
    assert x.dtype == golden["input"].dtype
    np.testing.assert_array_equal(x, golden["input"])


def test_the_real_readout(folder: Path, golden: Arrays) -> None:
    """The manifest's factor turns the integers into what the file's own metadata says, too."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    _, said = open_file(folder / "model.sequence.onnx")
    tensors = {output["node"]: output["name"] for output in said["ai.snn.output"]}
    for output in manifest["outputs"]:
        factor = np.array(output["scale"])
        np.testing.assert_array_equal(factor, said["ai.snn.output_scale"][tensors[output["name"]]])
        real = outputs_of(golden)[output["name"]] * factor
        assert real.shape == (len(golden["input"]), *output["shape"])


def test_tensors_have_the_manifests_shapes(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    session, _ = open_file(folder / "model.sequence.onnx")
    assert session.get_inputs()[0].shape == ["B", *manifest["input"]["shape"]]
    assert session.get_inputs()[0].type == f"tensor({manifest['input']['dtype']})"
    assert session.get_outputs()[0].shape == ["B", *manifest["outputs"][0]["shape"]]
