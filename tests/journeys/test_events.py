"""From event recordings to an artefact that makes the same spikes, and what an integrator does."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from snn_deploy import checkpoints
from snn_deploy.checkpoints import Checkpoint, EventBinning, InputSpec
from snn_deploy.models import build
from tests.journeys.command import ROOT, Ended, deploy, export
from tests.recordings import STEP_US, STEPS, moving_bars, write

COUNT = 6
NET = ("--model", "tests.journeys.nets:of_events")
STEP = ("--event-step-us", STEP_US)
SHAPE = ("--event-shape", "2x12x14")
TRAINED = ROOT / "models" / "checkpoints" / "conv_snn_nmnist.pt"


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("events") / "bars.npz", moving_bars(COUNT))


@pytest.fixture(scope="module", params=[1, 3])
def limit(request: pytest.FixtureRequest) -> int:
    """Binary spikes, and counts."""
    return int(request.param)


@pytest.fixture(scope="module")
def exported(
    bars: Path, limit: int, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Ended]:
    folder = tmp_path_factory.mktemp("exports") / "net"
    spec = (*STEP, *SHAPE, "--event-limit", limit)
    return folder, export(*NET, "--data", bars, *spec, "-o", folder, "--float", "--keep-stages")


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_every_spike_of_every_recording_is_the_same(
    exported: tuple[Path, Ended], limit: int
) -> None:
    folder, ended = exported
    assert ended.code == 0
    report = read_json(folder / "report.json")
    rows = {row["form"]: row for row in report["agreement"][1:]}
    assert set(rows) == {"step", "sequence"}
    for row in rows.values():
        assert (row["samples"], row["steps"], row["mismatches"]) == (COUNT, STEPS, 0)
        assert row["values_compared"] > 0
    assert report["spikes"]["total"] > 0
    assert (report["model"]["event_step_us"], report["model"]["event_limit"]) == (STEP_US, limit)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "events in steps of <b>2 ms</b>" in page
    assert report["accuracy"]["samples"] == COUNT


def test_the_first_layer_is_charged_as_accumulates(
    exported: tuple[Path, Ended], bars: Path, limit: int
) -> None:
    report = read_json(exported[0] / "report.json")
    counted = int(events_of(bars, limit).sum())
    conv, dense, last = 2 * 9 * 4 * 6 * 7, 4 * 6 * 7 * 8, 8 * 2
    spikes = {layer["name"]: layer["spikes"] for layer in report["spikes"]["layers"]}
    accumulates = (
        counted / (2 * 12 * 14) * conv
        + spikes["features.lif1"] / (4 * 6 * 7) * dense
        + spikes["features.lif"] / 8 * last
    ) / COUNT
    paper, charged = (report["energy"][name]["snn_j"] for name in ("paper", "charged"))
    assert paper == pytest.approx(accumulates * 0.9e-12)
    assert charged == pytest.approx((accumulates + STEPS * (4 * 6 * 7 + 8)) * 0.9e-12)


def test_the_manifest_says_how_events_become_input(
    exported: tuple[Path, Ended], limit: int
) -> None:
    folder, _ = exported
    said = read_json(folder / "manifest.json")
    assert said["input"]["events"] == {"step_us": STEP_US, "limit": limit}
    assert said["input"]["scale"] == [1.0]
    assert said["input"]["limit"] == (1 if limit == 1 else 127)
    assert (said["input"]["sequence"], said["input"]["shape"]) == (True, [2, 12, 14])
    assert "mean" not in said["input"]
    kind = "spike" if limit == 1 else "graded"
    assert said["tensors"]["input"]["kind"] == kind
    for stage in (folder / "stages").iterdir():
        assert f"kind='{kind}', static=False" in stage.read_text(encoding="utf-8")


def events_of(path: Path, limit: int, count: int = COUNT) -> np.ndarray:
    """Bin as the manifest's rule says, with nothing of ours: [T, N, P, H, W]."""
    z = np.load(path)
    names = {name: z[f"events/{name}"] if f"events/{name}" in z else z[name] for name in "xypt"}
    offset = z["events/offset"] if "events/offset" in z else z["offset"]
    found = np.zeros((STEPS, count, 2, 12, 14), np.int64)
    for k in range(count):
        part = {name: a[offset[k] : offset[k + 1]].astype(int) for name, a in names.items()}
        step = part["t"] // STEP_US
        within = step < STEPS
        places = tuple(a[within] for a in (step, part["p"], part["y"], part["x"]))
        np.add.at(found[:, k], places, 1)
    return np.minimum(found, limit)


def test_an_integrator_bins_the_golden_events_and_runs_the_files(
    exported: tuple[Path, Ended], limit: int
) -> None:
    """From raw events to the golden outputs and inputs, in both forms."""
    folder, _ = exported
    with np.load(folder / "golden" / "golden.npz", allow_pickle=False) as held:
        golden = dict(held)
    x = events_of(folder / "golden" / "golden.npz", limit, count=4).astype(np.int8)
    np.testing.assert_array_equal(golden["input"], x)
    sequence = onnxruntime.InferenceSession(folder / "model.sequence.onnx")
    (found,) = sequence.run(None, {"input": x})
    np.testing.assert_array_equal(found, golden["output/fc"])
    step = onnxruntime.InferenceSession(folder / "model.step.onnx")
    pairs = json.loads(step.get_modelmeta().custom_metadata_map["ai.snn.state"])
    state = {p["in"]: np.full((4, *p["shape"][1:]), p["init"], p["dtype"]) for p in pairs}
    names = [output.name for output in step.get_outputs()]
    total = np.zeros_like(golden["output/fc"])
    for frame in x:
        values = dict(zip(names, step.run(None, {"input": frame, **state}), strict=True))
        state = {p["in"]: values[p["out"]] for p in pairs}
        total += values["output"]
    np.testing.assert_array_equal(total, golden["output/fc"])
    assert {key for key in golden if key.startswith("spikes/")} == {
        "spikes/features.lif1",
        "spikes/features.lif",
    }
    assert all(golden[f"spikes/{name}"].shape == (4,) for name in ("features.lif1",))


def test_the_sensor_may_stand_in_the_file(bars: Path, tmp_path: Path) -> None:
    said = write(tmp_path / "said.npz", moving_bars(COUNT), sensor=np.array([12, 14]))
    ended = deploy("validate", *NET, "--data", said, *STEP, "--samples", "2", "--json")
    assert ended.json()["model"]["input_shape"] == [2, 12, 14]


REFUSED = [
    ((), 2, "does not say how events become its input; give --event-step-us"),
    (STEP, 2, "says how large the sensor is; give --event-shape, e.g. 2x34x34"),
    (("--event-limit", 2), 2, "--event-limit goes with --event-step-us; give both, or neither"),
    (SHAPE, 2, "--event-shape goes with --event-step-us; give both, or neither"),
    ((*STEP, "--event-shape", "3x12x14"), 2, "--event-shape cannot be '3x12x14'; give polarities"),
    ((*STEP, "--event-shape", "12x14"), 2, "--event-shape cannot be '12x14'; give polarities"),
    (("--event-step-us", 0), 2, "--event-step-us cannot be '0'; give a whole number from 1"),
    ((*STEP, *SHAPE, "--event-limit", 10**6), 2, "--event-limit cannot be '1000000'; give"),
    ((*STEP, "--event-shape", "2x12x13"), 3, "the network's sensor has 12 rows and 13 columns"),
    (("--event-step-us", 1, *SHAPE), 3, "the network's steps end at 5 microseconds; let t count"),
    (("--mean", "0.5,0.5", "--std", "1,1"), 2, "does not say how events become its input"),
]


@pytest.mark.parametrize(("options", "code", "text"), REFUSED)
def test_what_cannot_be(options: tuple[object, ...], code: int, text: str, bars: Path) -> None:
    ended = deploy("validate", *NET, "--data", bars, *options)
    assert ended.code == code
    assert text in ended.complaint


def test_images_for_a_network_of_events(images: Path, floats: Path) -> None:
    ended = deploy("validate", *NET, "--data", images, *STEP, *SHAPE)
    assert (ended.code, "--event-step-us is for event recordings" in ended.complaint) == (2, True)
    ended = deploy("validate", TRAINED, "--data", floats)
    assert (ended.code, "holds no events" in ended.complaint) == (3, True)


def test_events_for_a_network_of_images(bars: Path, checkpoint: Path) -> None:
    ended = deploy("validate", checkpoint, "--data", bars)
    assert (ended.code, "holds event recordings, the network" in ended.complaint) == (3, True)


def test_calibration_on_other_recordings(bars: Path, tmp_path: Path) -> None:
    """What they do not reach is still counted."""
    arrays = moving_bars(1)
    arrays["offset"] = np.array([0, 1])
    few = {name: arrays[name][:1] for name in "xypt"} | {"offset": arrays["offset"]}
    other = write(tmp_path / "few.npz", few)
    spec = (*STEP, *SHAPE, "--event-limit", "300")
    ended = export(
        *NET, "--data", bars, "--calibration", other, *spec, "-o", tmp_path / "net", "-q"
    )
    assert ended.code == 0
    said = read_json(tmp_path / "net" / "manifest.json")["input"]
    assert (said["limit"], said["dtype"], said["scale"]) == (300, "int16", [1.0])


def test_a_checkpoint_says_it_all(bars: Path, tmp_path: Path) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(20)
        network = build("conv_snn_nmnist", steps=STEPS)
    path = tmp_path / "net.pt"
    spec = InputSpec((2, 34, 34), (), (), STEPS, EventBinning(STEP_US, 2))
    config = {"classes": 10, "steps": STEPS}
    checkpoints.save(Checkpoint("conv_snn_nmnist", config, network.state_dict(), spec), path)
    ended = deploy("validate", path, "--data", bars, "--samples", "1", "--json")
    assert ended.json()["model"]["input_shape"] == [2, 34, 34]
    shown = deploy("inspect", path).out.splitlines()[-1]
    assert shown == (
        "reads events: steps of 2,000 microseconds, up to 2 are counted for each pixel, polarity "
        "and step"
    )


def test_sequences_of_real_numbers(tmp_path: Path) -> None:
    rng = np.random.default_rng(20)
    values = rng.normal(size=(5, 4, 6)).astype(np.float32)
    np.savez(tmp_path / "a.npz", sequences=values, labels=np.arange(5))
    net = ("--model", "tests.journeys.nets:of_sequences")
    ended = export(*net, "--data", tmp_path / "a.npz", "-o", tmp_path / "net", "--json")
    assert ended.code == 0
    mismatches = [row["mismatches"] for row in ended.json()["agreement"]]
    assert len(mismatches) >= 3
    assert not any(mismatches)
    said = read_json(tmp_path / "net" / "manifest.json")
    assert (said["input"]["sequence"], said["steps"]) == (True, 4)
    golden = np.load(tmp_path / "net/golden/golden.npz")
    assert golden["input"].shape == (4, 4, 6)
    np.savez(tmp_path / "b.npz", sequences=values[:, :3])
    ended = deploy("validate", *net, "--data", tmp_path / "b.npz")
    assert (ended.code, "of 3 steps, the network takes 4" in ended.complaint) == (3, True)


def test_the_trained_network_on_real_recordings(shared_data: Path, tmp_path: Path) -> None:
    """Some that it never saw: by the rule of its split every fifth of a digit is for testing."""
    path = shared_data / "events" / "nmnist-train1000.npz"
    if not path.exists():
        pytest.skip(f"needs {path.name}")
    with np.load(path) as held:
        order = np.lexsort((np.arange(1000), held["label"]))
        places = order[4::5][::8]
        arrays = {name: held[name] for name in ("xy", "p", "dt", "offset", "label")}
    bits, parts = np.unpackbits(arrays["p"]), []
    for k in places:
        a, b = arrays["offset"][k : k + 2]
        parts.append((arrays["xy"][:, a:b], bits[a:b], arrays["dt"][a:b]))
    xy, p, dt = (np.concatenate(column, axis=-1) for column in zip(*parts, strict=True))
    offset = np.cumsum([0, *(len(part[1]) for part in parts)])
    few = {"xy": xy, "p": np.packbits(p), "dt": dt, "offset": offset}
    data = write(tmp_path / "few.npz", few, label=arrays["label"][places])
    report = deploy("validate", TRAINED, "--data", data, "--json").json()
    assert report["accuracy"]["samples"] == 25
    assert report["accuracy"]["float"] >= 0.9
    assert all(row["mismatches"] == 0 for row in report["agreement"])
