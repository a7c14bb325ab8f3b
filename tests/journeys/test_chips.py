"""`snn-export --target loihi2`, `loihi` and `lava` from the command line to the folder."""

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from snn_deploy.converters.lava import environment
from snn_deploy.converters.lava.environment import LavaEnvironment
from tests.journeys.command import ROOT, SMALL, Ended, deploy, export

SPIKING = ROOT / "models/checkpoints/ms_resnet20_spiking_cifar10.pt"
CIFAR = ROOT / "models/samples/cifar10_100.npz"

LAVA_FILES = {
    "lava_network/__init__.py",
    "lava_network/compat.py",
    "lava_network/network.py",
    "lava_network/weights.npz",
    "run_lava.py",
}


@pytest.fixture(scope="session")
def on_loihi2(floats: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    """An export folder for Loihi 2, and how the program ended that made it."""
    folder = tmp_path_factory.mktemp("exports") / "chip"
    asked = ("--target", "loihi2", "--data", floats, "-o", folder, "--keep-stages")
    return folder, export(*SMALL, *asked)


@pytest.fixture(scope="session")
def lava() -> LavaEnvironment:
    found = environment.find()
    if found is None:
        pytest.skip("needs Lava; `make lava` brings it")
    return found


def test_the_folder(on_loihi2: tuple[Path, Ended]) -> None:
    folder, ended = on_loihi2
    assert ended.code == 0, ended.err
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    names = {entry["name"] for entry in manifest["files"]}
    assert names > LAVA_FILES
    assert "stages/4_mapped.txt" in names
    assert manifest["target"] == "loihi2"
    assert manifest["options"]["residual"] == "auto"
    latency = manifest["latency"]
    assert latency["steps"] == 3
    assert latency["offset_steps"] == max(latency["layer_offset_steps"].values())
    assert latency["layer_offset_steps"]["lif2"] > latency["layer_offset_steps"]["lif1"]


def test_the_report(on_loihi2: tuple[Path, Ended]) -> None:
    folder, ended = on_loihi2
    tree = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    proofs = {row["backend"]: row for row in tree["agreement"]}
    assert {"chip schedule", "onnxruntime"} < proofs.keys()
    constants = (ROOT / "targets/loihi2.toml").read_bytes()
    assert tree["target"]["constants_sha256"] == hashlib.sha256(constants).hexdigest()
    assert all(row["mismatches"] == 0 < row["values_compared"] for row in tree["agreement"])
    placement = tree["placement"]
    assert 1 <= placement["cores_used"] <= placement["cores"] == 120
    for use in placement["utilization"].values():
        assert 0 <= use["used"] <= use["limit"]
    assert tree["latency"]["offset_steps"] == 5
    lines = {line.split()[0] for line in ended.out.splitlines()}
    assert {"cores", "latency"} < lines
    assert "Fits loihi2?" in (folder / "report.html").read_text(encoding="utf-8")


def test_lava_agrees(on_loihi2: tuple[Path, Ended], lava: LavaEnvironment) -> None:
    assert lava.python.exists()
    tree = json.loads((on_loihi2[0] / "report.json").read_text(encoding="utf-8"))
    (proof,) = (row for row in tree["agreement"] if row["backend"] == "lava")
    assert (proof["samples"], proof["mismatches"], proof["steps"]) == (2, 0, 3)
    assert not any("not proved" in warning for warning in tree["warnings"])


def test_the_folder_runs_without_this_project(
    on_loihi2: tuple[Path, Ended], lava: LavaEnvironment, tmp_path: Path
) -> None:
    folder = on_loihi2[0]
    command = [str(lava.python), "-Es", str(folder / "run_lava.py"), "--samples", "1"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "equal" in ended.stdout


def test_where_lava_is_missing(
    floats: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "find", lambda: None)
    ended = export(*SMALL, "--target", "lava", "--data", floats, "-o", tmp_path / "net")
    assert ended.code == 0
    warning = ended.out.splitlines()[0]
    assert "is not proved. Lava is not here" in warning
    assert (tmp_path / "net/run_lava.py").exists()
    tree = json.loads((tmp_path / "net/report.json").read_text(encoding="utf-8"))
    assert "cores" not in tree["placement"]
    assert "lava" not in {row["backend"] for row in tree["agreement"]}


@pytest.mark.parametrize("how", ["relay", "unroll"])
def test_the_shortcut_can_be_chosen(checkpoint: Path, images: Path, how: str) -> None:
    asked = ("--target", "loihi2", "--to", "onnx", "--residual", how, "--samples", "2", "--json")
    ended = deploy("validate", checkpoint, "--data", images, *asked)
    assert ended.code == 0, ended.err
    tree = ended.json()
    assert tree["placement"]["strategy"] == {f"conv{n}_x": how for n in (2, 3, 4)}
    assert how in {row["form"] for row in tree["agreement"]}


def test_a_chip_has_registers_of_its_own(floats: Path) -> None:
    """The widths that quantisation aims at are those of the chip, unless they are given."""
    asked = ("--to", "onnx", "--data", floats, "--json")
    units = {}
    for target in ("onnx", "loihi2", "loihi"):
        ended = deploy("validate", *SMALL, "--target", target, *asked)
        layers = {layer["name"]: layer for layer in ended.json()["quantization"]["layers"]}
        units[target] = layers["stem"]["scale"]
    assert units["onnx"] < units["loihi2"] < units["loihi"]


def test_what_a_chip_cannot_say_is_said_at_once(tmp_path: Path) -> None:
    plain = ROOT / "models/checkpoints/ms_resnet20_cifar10.pt"
    asked = ("--target", "loihi", "--samples", "1", "--calibration-samples", "4")
    ended = export(plain, "--data", CIFAR, "-o", tmp_path / "net", *asked)
    assert ended.code == 3
    for name in ("conv3_x.0.shortcut.0.sum", "conv4_x.0.shortcut.0.sum"):
        assert f"{name}: rounds a sum that is no constant" in ended.complaint
    assert "take loihi2" in ended.complaint
    assert not (tmp_path / "net").exists()


def test_what_does_not_fit_is_said_at_once(floats: Path, tmp_path: Path) -> None:
    asked = ("--target", "loihi2", "--weight-bits", "16", "--data", floats)
    ended = export(*SMALL, *asked, "-o", tmp_path / "net")
    assert ended.code == 4
    for name in ("stem", "conv", "fc"):
        assert f"{name}" in ended.complaint
    assert "bits of a weight, loihi2 has 8" in ended.complaint
    assert "--weight-bits" in ended.complaint
    assert not (tmp_path / "net").exists()


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        (["--target", "loihi2", "--residual", "both"], "--residual cannot be 'both'; give auto"),
        (["--target", "loihi", "--residual", "relay"], "loihi has spikes only"),
        (["--target", "loihi2", "--form", "step"], "the lava converter has no --form"),
        (["--target", "onnx", "--lava-samples", "3"], "the onnx converter has no --lava-samples"),
        (["--target", "loihi2", "--float"], "the lava format holds integers only"),
    ],
)
def test_wrong_options(asked: list[str], complaint: str, floats: Path, tmp_path: Path) -> None:
    ended = export(*SMALL, *asked, "--data", floats, "-o", tmp_path / "net")
    assert ended.code == 2
    assert complaint in ended.complaint
    assert not (tmp_path / "net").exists()


def test_spikes_alone_carry_a_residual_network() -> None:
    """The shipped network with spiking shortcuts on the first Loihi; Lava is left out here."""
    asked = ("--target", "loihi", "--to", "onnx", "--samples", "4", "--json")
    ended = deploy("validate", SPIKING, "--data", CIFAR, *asked, "--calibration-samples", "16")
    assert ended.code == 0, ended.err
    tree = ended.json()
    assert set(tree["placement"]["strategy"].values()) == {"unroll"}
    assert tree["placement"]["chips"] == 2
    assert all(row["mismatches"] == 0 for row in tree["agreement"])
    assert tree["latency"]["offset_steps"] == 21
