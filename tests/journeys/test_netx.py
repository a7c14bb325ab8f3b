"""From a `.net` file, which holds integers already, to the folder."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from snn_deploy.converters.onnx.run import Session
from tests.frontends.netx.files import CUBA, SDNN, conv, dense, flatten, input_layer, write
from tests.journeys.command import SMALL, deploy, export, tree
from tests.recordings import SENSOR, STEP_US, moving_bars
from tests.recordings import write as write_recordings


def kernels(shape: tuple[int, ...], seed: int = 3) -> np.ndarray[Any, Any]:
    return 2 * np.random.default_rng(seed).integers(-60, 80, shape)


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A convolution, a dense layer with delays, a readout without neurons."""
    layers = [
        input_layer((2, 6, 5)),
        conv(kernels((4, 2, 3, 3)), (4, 2, 2), stride=[2, 2], bias=np.array([3, 0, -5, 1])),
        flatten(),
        dense(kernels((6, 16)), delay=np.array([0, 3, 1, 0, 2, 0], np.float32)),
        dense(kernels((3, 6)), neuron=None, bias=np.array([1, 2, 3])),
    ]
    return write(tmp_path_factory.mktemp("nets") / "small.net", layers)


@pytest.fixture(scope="module")
def spikes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(4)
    path = tmp_path_factory.mktemp("data") / "spikes.npz"
    np.savez(path, sequences=rng.random((5, 9, 2, 6, 5)) < 0.3, labels=rng.integers(0, 3, 5))
    return path


def test_every_spike_of_the_oxford_network(shared_data: Path, tmp_path: Path) -> None:
    """The export makes the spikes that were recorded when the network was trained."""
    given = np.load(shared_data / "nets" / "oxford_cuba.input.npy")
    truth = np.load(shared_data / "nets" / "oxford_cuba.ground_truth.npy")
    x = np.zeros((1, 2000, 200), np.uint8)
    x[0, np.rint(given[:, 2]).astype(np.int64), given[:, 0].astype(np.int64)] = 1
    np.savez(tmp_path / "x.npz", sequences=x)
    folder = tmp_path / "oxford"
    net = shared_data / "nets" / "oxford_cuba.net"
    options = ("--target", "onnx", "--data", tmp_path / "x.npz", "-o", folder, "--json")
    ended = export(net, *options, "--fires-at-equality")
    assert ended.code == 0, ended.err
    proofs = ended.json()["agreement"]
    assert {(row["form"], row["values_compared"], row["mismatches"]) for row in proofs} == {
        ("step", 2_224_000, 0),
        ("sequence", 2_224_000, 0),
    }
    golden = np.load(folder / "golden" / "golden.npz")
    assert golden["spikes/lif1"].tolist() == [len(truth)] == [10_178]
    session = Session((folder / "model.sequence.onnx").read_bytes())
    counts = session.infer(golden["input"], 2000)["lif1"]
    assert np.array_equal(counts, golden["output/lif1"])
    assert counts[0].tolist() == np.bincount(truth[:, 0].astype(np.int64), minlength=200).tolist()
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["options"] == {"at_equality": True}
    assert manifest["source"]["name"] == "oxford_cuba"


def test_a_small_network(net: Path, spikes: Path, tmp_path: Path) -> None:
    ended = export(net, "--data", spikes, "-o", tmp_path / "out", "--keep-stages")
    assert ended.code == 0, ended.err
    # Native operators are there where a compiler is.
    others = ("warning", "agreement  onnxruntime native")
    lines = [line for line in ended.out.splitlines() if not line.startswith(others)]
    assert lines[0] == "model      small: 193 parameters, 22 neurons in 2 layers, T = 9"
    assert lines[1].startswith("agreement  onnxruntime, step: all 5,805 values equal, 8 layers, 9")
    assert lines[2].startswith("agreement  onnxruntime, sequence: all 5,805 values equal")
    assert lines[3].startswith("accuracy   integer ")
    assert sorted(path.name for path in (tmp_path / "out" / "stages").iterdir()) == [
        "3_quantized.txt"
    ]
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["model"]["architecture"] == "Lava-DL network"
    assert report["quantization"] == {"weight_bits": 8, "saturated": 0, "layers": []}
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "8-bit weights as the file holds them" in page
    assert "From real numbers" not in page
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["options"] == {"at_equality": False}
    assert (manifest["input"]["scale"], manifest["input"]["limit"]) == ([1.0], 1)
    assert manifest["steps"] == 9


def test_a_file_without_delays_goes_onto_a_chip(spikes: Path, tmp_path: Path) -> None:
    layers = [
        input_layer((2, 6, 5)),
        conv(kernels((4, 2, 3, 3)), (4, 2, 2), stride=[2, 2], bias=np.array([3, 0, -5, 1])),
        flatten(),
        dense(kernels((6, 16))),
        dense(kernels((3, 6)), neuron=None, bias=np.array([1, 2, 3])),
    ]
    net = write(tmp_path / "chip.net", layers)
    given = ("--data", spikes, "--target", "loihi", "--to", "onnx", "-o", tmp_path / "out")
    ended = export(net, *given)
    assert ended.code == 0, ended.err
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    proofs = {row["backend"]: row["mismatches"] for row in report["agreement"]}
    assert {"chip schedule", "onnxruntime"} <= proofs.keys()
    assert not any(proofs.values())
    assert report["placement"]["cores_used"] == 1
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["options"] == {"at_equality": False, "residual": "auto"}


def test_delays_of_a_file_are_not_for_chips(net: Path, spikes: Path, tmp_path: Path) -> None:
    ended = export(net, "--data", spikes, "--target", "loihi2", "-o", tmp_path / "out")
    assert ended.code == 3
    assert "delay3: Delay has no neurons or synapses to express it" in ended.complaint
    assert "use --target onnx" in ended.complaint


def test_fewer_steps_than_there_are(net: Path, spikes: Path) -> None:
    report = deploy("validate", net, "--data", spikes, "--steps", "4", "--json").json()
    assert report["model"]["steps"] == 4


def test_messages_are_no_spikes_to_be_judged(tmp_path: Path) -> None:
    layers = [
        input_layer((4,), neuron=SDNN, weight=np.array([60.0])),
        dense(kernels((5, 4)), neuron=SDNN),
        dense(kernels((2, 5)), neuron=SDNN | {"sigma_output": True}),
    ]
    net = write(tmp_path / "told.net", layers)
    film = np.random.default_rng(5).random((3, 6, 4)).astype(np.float32)
    np.savez(tmp_path / "film.npz", sequences=film)
    ended = export(net, "--data", tmp_path / "film.npz", "-o", tmp_path / "out")
    assert ended.code == 0, ended.err
    assert (
        "warning    2 of 2 neuron layers are sigma-delta: what is counted as their spikes are "
        "messages, which carry numbers, so that the claim of one spike per neuron is not judged."
    ) in ended.out.splitlines()
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert "claim" not in report
    golden = np.load(tmp_path / "out" / "golden" / "golden.npz")
    assert golden["spikes/delta0"].max() <= 6 * 4, "messages are counted, not added up"
    first = np.rint(film[0, 0] * 60).astype(np.int8)
    assert np.array_equal(golden["input"][0, 0], first)


def test_images_are_normalised_and_then_transformed(tmp_path: Path) -> None:
    first = input_layer((12,), neuron=CUBA, weight=76, bias=64)
    net = write(tmp_path / "still.net", [first, dense(kernels((3, 12)), neuron=None)])
    rng = np.random.default_rng(6)
    np.savez(tmp_path / "bytes.npz", images=rng.integers(0, 256, (4, 12), np.uint8))
    given = ("validate", net, "--data", tmp_path / "bytes.npz", "--steps", "5")
    assert deploy(*given, "--mean", "0.5", "--std", "0.5").code == 0
    ended = deploy(*given)
    assert (ended.code, ended.complaint) == (
        2,
        "still does not say how bytes become its input; give --mean and --std, or samples in "
        "floating point that are normalised already",
    )


def test_recordings(tmp_path: Path) -> None:
    shape = (2, *SENSOR)
    layers = [input_layer(shape), conv(kernels((3, 2, 3, 3)), (3, SENSOR[0] - 2, SENSOR[1] - 2))]
    net = write(tmp_path / "events.net", layers)
    data = write_recordings(tmp_path / "events.npz", moving_bars(4))
    given = ("validate", net, "--data", data, "--steps", "5")
    report = deploy(*given, "--event-step-us", STEP_US, "--json").json()
    assert report["model"]["event_step_us"] == STEP_US
    ended = deploy(*given)
    assert ended.code == 2
    assert ended.complaint.startswith("events does not say how events become its input")


def asked(net: Path, spikes: Path, *options: object) -> str:
    ended = export(net, "--data", spikes, *options)
    assert ended.code == 2
    return ended.complaint


def test_what_has_no_meaning_for_integers(
    net: Path, spikes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    several = ("--weight-bits", "4", "--per-channel", "--calibration", spikes, "--float")
    assert asked(net, spikes, *several) == (
        f"{net} holds integers already, nothing is left for --calibration, --weight-bits, "
        "--per-channel, --float; leave that out"
    )
    assert asked(net, spikes, "--mean", "0.5,0.5", "--std", "1,1") == (
        "small reads integers as they are, there is nothing for --mean and --std; leave them out"
    )
    assert not tree(tmp_path)


def test_steps_are_asked_for(net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("still.npz", images=np.ones((2, 2, 6, 5), np.uint8))
    assert asked(net, Path("still.npz")) == (
        "small does not say how many steps it runs, nor do samples without time; give --steps"
    )
    assert tree(tmp_path) == {"still.npz"}


def test_what_is_wrong_with_the_file_is_said_in_one_line(
    net: Path, spikes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bad = write(tmp_path / "bad.net", [dense(kernels((3, 4)), type="dense_rec", bias=[1, 2])])
    cut = tmp_path / "cut.net"
    cut.write_bytes(net.read_bytes()[:900])
    other = tmp_path / "other.net"
    with h5py.File(other, "w") as file:
        file["images"] = np.zeros(3)
    problems = {
        bad: "layer, 0, type: 'dense_rec' cannot be read: its connections are recurrent",
        cut: "is damaged or cut off; fetch or write it again",
        other: "is an HDF5 file without a group 'layer', it holds images; give a .net file",
    }
    for path, problem in problems.items():
        for command in (("export", path, "--data", spikes), ("inspect", path)):
            ended = deploy(*command)
            assert (ended.code, problem in ended.complaint) == (3, True), ended.complaint
    assert not (tmp_path / "build").exists()


def test_samples_of_another_shape(net: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "flat.npz", sequences=np.zeros((2, 4, 60), np.uint8))
    ended = deploy("validate", net, "--data", tmp_path / "flat.npz")
    assert ended.code == 3
    assert "has samples of shape [60], the network takes [2, 6, 5]" in ended.complaint


def test_real_numbers_do_not_enter(net: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "real.npz", sequences=np.full((2, 4, 2, 6, 5), 0.5, np.float32))
    ended = deploy("validate", net, "--data", tmp_path / "real.npz")
    assert ended.code == 3
    assert "holds real numbers, small reads whole ones; give spikes, or" in ended.complaint


def test_equality_is_for_these_files(floats: Path) -> None:
    ended = deploy("validate", *SMALL, "--data", floats, "--fires-at-equality")
    assert (ended.code, ended.complaint) == (
        2,
        "--fires-at-equality is for .net files, whose neurons do not say it; leave it out",
    )
