"""`snn-export` and `snn-deploy validate` from the command line to the folder."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from tests.journeys.command import SMALL, Ended, deploy, export, tree
from tests.journeys.nets import CLASSES, MEAN, SHAPE, STD, residual

FILES = {
    "golden/golden.npz",
    "manifest.json",
    "model.sequence.onnx",
    "model.step.onnx",
    "report.html",
    "report.json",
}


def test_the_folder_holds_what_its_manifest_says(exported: tuple[Path, Ended]) -> None:
    folder, ended = exported
    assert ended.code == 0
    assert tree(folder.parent) == {"net", "net/golden"} | {f"net/{name}" for name in FILES}
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    listed = {entry["name"]: entry for entry in manifest["files"]}
    assert set(listed) == FILES - {"manifest.json"}
    for name, entry in listed.items():
        content = (folder / name).read_bytes()
        assert entry["bytes"] == len(content)
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()


def test_the_manifest(exported: tuple[Path, Ended]) -> None:
    manifest = json.loads((exported[0] / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["schema"] == "snn-deploy-manifest/1"
    assert manifest["tool"]["name"] == "snn-deploy"
    assert manifest["source"] == {"name": "residual", "sha256": None}
    assert (manifest["steps"], manifest["latency"]) == (3, {"steps": 3, "offset_steps": 0})
    assert manifest["input"]["shape"] == list(SHAPE)
    assert [output["shape"] for output in manifest["outputs"]] == [[CLASSES]]
    tensors = manifest["tensors"]
    assert tensors["lif1"] == {"kind": "spike", "shape": [6, 8, 8], "scale": [1.0]}
    assert all(set(tensor) == {"kind", "shape", "scale"} for tensor in tensors.values())


def test_the_report(exported: tuple[Path, Ended]) -> None:
    report = json.loads((exported[0] / "report.json").read_text(encoding="utf-8"))
    assert report["model"]["steps"] == 3
    assert report["accuracy"]["samples"] == 2
    proofs = {(row["backend"], row["form"]): row for row in report["agreement"]}
    assert {("onnxruntime", "step"), ("onnxruntime", "sequence")} < set(proofs)
    assert all(row["mismatches"] == 0 < row["values_compared"] for row in report["agreement"])
    page = (exported[0] / "report.html").read_text(encoding="utf-8")
    assert "residual" in page


def test_the_summary_ends_with_the_places(exported: tuple[Path, Ended]) -> None:
    folder, ended = exported
    lines = ended.out.splitlines()
    assert lines[0].startswith("model      residual: 539 parameters")
    assert lines[-2:] == [f"exported   {folder}", f"report     {folder / 'report.html'}"]
    assert ended.err.splitlines()[:2] == ["load", "trace"]


def test_warnings_come_first_and_steps_can_be_changed(checkpoint: Path, tmp_path: Path) -> None:
    raw = np.linspace(0, 255, 2 * 3 * 8 * 8, dtype=np.float32).reshape(2, *SHAPE)
    np.savez(tmp_path / "raw.npz", images=raw)
    ended = deploy("validate", checkpoint, "--data", tmp_path / "raw.npz", "--steps", "2")
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert lines[0].startswith("warning    Floating-point samples are taken as normalised; these ")
    assert "between 0 and 255" in lines[0]
    model = next(line for line in lines if not line.startswith("warning "))
    assert model.startswith("model      small: ")
    assert model.endswith("T = 2")


def test_outputs_that_are_no_classes(floats: Path) -> None:
    net = ("--model", "tests.journeys.nets:map_of_classes", "--steps", "2")
    report = deploy("validate", *net, "--data", floats, "--json").json()
    assert report["warnings"][0].startswith("Its output of shape [5, 6, 6] is no list of classes")
    assert "accuracy" not in report


def test_the_same_export_twice_is_the_same_files(
    exported: tuple[Path, Ended], floats: Path, tmp_path: Path
) -> None:
    assert deploy("export", *SMALL, "--data", floats, "-o", tmp_path / "net").code == 0
    for name in FILES - {"report.json", "report.html", "manifest.json"}:
        assert (tmp_path / "net" / name).read_bytes() == (exported[0] / name).read_bytes(), name


def test_json_is_all_that_is_printed(floats: Path, tmp_path: Path) -> None:
    ended = export(*SMALL, "--data", floats, "-o", tmp_path / "net", "--json")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == (tmp_path / "net" / "report.json").read_text(encoding="utf-8")
    keys = ["schema", "tool", "warnings", "model", "target", "quantization", "accuracy", "spikes"]
    keys += ["claim", "agreement", "energy", "criticism", "neurobench", "timing"]
    assert list(ended.json()) == keys


def test_quiet_prints_nothing(floats: Path, tmp_path: Path) -> None:
    ended = export(*SMALL, "--data", floats, "-o", tmp_path / "net", "--quiet")
    assert ended == Ended(0, "", "")
    assert (tmp_path / "net" / "model.step.onnx").is_file()


def test_stages_are_kept_as_text(floats: Path, tmp_path: Path) -> None:
    assert export(*SMALL, "--data", floats, "-o", tmp_path, "--keep-stages", "-q").code == 0
    stages = sorted(path.name for path in (tmp_path / "stages").iterdir())
    assert stages == ["1_traced.txt", "2_folded.txt", "3_quantized.txt"]
    folded = (tmp_path / "stages" / "2_folded.txt").read_text(encoding="utf-8")
    traced = (tmp_path / "stages" / "1_traced.txt").read_text(encoding="utf-8")
    assert "norm" in traced
    assert len(folded.splitlines()) < len(traced.splitlines())
    listed = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))["files"]
    assert {f"stages/{name}" for name in stages} < {entry["name"] for entry in listed}


@pytest.mark.parametrize("form", ["step", "sequence"])
def test_one_form_alone(form: str, floats: Path, tmp_path: Path) -> None:
    ended = export(*SMALL, "--data", floats, "-o", tmp_path, "--form", form, "--json")
    assert [path.name for path in tmp_path.glob("*.onnx")] == [f"model.{form}.onnx"]
    assert {row["form"] for row in ended.json()["agreement"][1:]} == {form}


def test_inline_models_have_no_functions(
    exported: tuple[Path, Ended], floats: Path, tmp_path: Path
) -> None:
    assert export(*SMALL, "--data", floats, "-o", tmp_path, "--inline", "-q").code == 0
    for name in ("model.step.onnx", "model.sequence.onnx"):
        assert onnx.load(exported[0] / name).functions
        inlined = onnx.load(tmp_path / name)
        assert not inlined.functions
        assert {node.domain for node in inlined.graph.node} == {""}


def test_float_files_lie_beside_the_integer_ones(floats: Path, tmp_path: Path) -> None:
    assert export(*SMALL, "--data", floats, "-o", tmp_path, "--float", "-q").code == 0
    assert sorted(path.name for path in (tmp_path / "float").iterdir()) == [
        "model.sequence.onnx",
        "model.step.onnx",
    ]


def test_bits_and_scales(floats: Path, tmp_path: Path) -> None:
    bits = ("--weight-bits", "6", "--per-channel", "--input-bits", "7", "--current-bits", "14")
    ended = export(*SMALL, "--data", floats, "-o", tmp_path, *bits, "--json")
    assert ended.code == 0
    assert ended.json()["quantization"]["weight_bits"] == 6
    manifest = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    chosen = manifest["options"]["quantization"]
    assert (chosen["weight_bits"], chosen["per_channel"]) == (6, True)
    assert (chosen["input_bits"], chosen["current_bits"]) == (7, 14)
    assert manifest["input"]["limit"] == 63


def test_steps_of_a_network_that_has_none(floats: Path) -> None:
    net = ("--model", "tests.journeys.nets:one_step")
    ended = deploy("validate", *net, "--data", floats, "--steps", "4", "--json")
    assert ended.json()["model"]["steps"] == 4


def test_other_samples_set_the_ranges(floats: Path, tmp_path: Path) -> None:
    wide = np.load(floats)["images"] * 4
    np.savez(tmp_path / "wide.npz", images=wide)
    limits = []
    for more in ((), ("--calibration", tmp_path / "wide.npz")):
        assert export(*SMALL, "--data", floats, "-o", tmp_path / "net", "-q", *more).code == 0
        manifest = (tmp_path / "net" / "manifest.json").read_text(encoding="utf-8")
        limits += json.loads(manifest)["input"]["scale"]
        (tmp_path / "net").rename(tmp_path / f"net{len(limits)}")
    assert limits[1] > 2 * limits[0]


def test_mean_and_std_say_how_bytes_become_input(images: Path, tmp_path: Path) -> None:
    spec = ("--mean", ",".join(map(str, MEAN)), "--std", ",".join(map(str, STD)))
    assert export(*SMALL, "--data", images, *spec, "-o", tmp_path / "bytes", "-q").code == 0
    axes = (-1, 1, 1)
    x = np.load(images)["images"].astype(np.float32) / np.float32(255)
    mean, std = np.float32(MEAN).reshape(axes), np.float32(STD).reshape(axes)
    np.savez(tmp_path / "floats.npz", images=(x - mean) / std)
    floats = ("--data", tmp_path / "floats.npz")
    assert export(*SMALL, *floats, "-o", tmp_path / "floats", "-q").code == 0
    of_bytes, of_floats = (np.load(tmp_path / n / "golden/golden.npz") for n in ("bytes", "floats"))
    assert sorted(of_bytes) == sorted(of_floats)
    for name in of_bytes:
        np.testing.assert_array_equal(of_bytes[name], of_floats[name])
    manifest = json.loads((tmp_path / "bytes/manifest.json").read_text(encoding="utf-8"))
    assert (manifest["input"]["mean"], manifest["input"]["std"]) == (list(MEAN), list(STD))


def test_weights_from_a_file_of_their_own(floats: Path, tmp_path: Path) -> None:
    weights = tmp_path / "weights.pt"
    torch.save(residual().state_dict(), weights)
    ended = export(weights, *SMALL, "--data", floats, "-o", tmp_path / "net")
    assert ended.code == 0
    manifest = json.loads((tmp_path / "net/manifest.json").read_text(encoding="utf-8"))
    sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
    assert manifest["source"] == {"name": "weights", "sha256": sha256}


def test_a_file_whose_name_is_no_text(floats: Path, tmp_path: Path) -> None:
    weights = tmp_path / os.fsdecode(b'"net\xff.pt')
    torch.save(residual().state_dict(), weights)
    ended = export(weights, *SMALL, "--data", floats, "-o", tmp_path / "net")
    assert (ended.code, ended.out.splitlines()[0].split()[:2]) == (0, ["model", '"net?:'])


def test_the_folder_has_a_name_of_its_own(
    floats: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = export(*SMALL, "--data", floats)
    assert ended.out.splitlines()[-1] == "report     build/residual-onnx/report.html"
    assert (tmp_path / "build/residual-onnx/manifest.json").is_file()


def test_validate_writes_nothing_unless_asked(
    floats: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = deploy("validate", *SMALL, "--data", floats)
    assert ended.code == 0
    assert ended.out.splitlines()[-1].startswith("time ")
    assert not tree(tmp_path)


def test_validate_writes_a_report(floats: Path, tmp_path: Path) -> None:
    folder = tmp_path / "checked"
    for force in ((), ("--force",)):
        ended = deploy("validate", *SMALL, "--data", floats, "-o", folder, *force)
        assert ended.out.splitlines()[-1] == f"report     {folder / 'report.html'}"
        assert tree(folder) == {"report.html", "report.json"}
    again = deploy("validate", *SMALL, "--data", floats, "-o", folder)
    assert (again.code, again.complaint) == (
        2,
        f"{folder} holds an earlier result; give --force to replace it, "
        "or choose another folder with -o",
    )


def test_force_replaces_the_whole_folder(floats: Path, tmp_path: Path) -> None:
    folder = tmp_path / "net"
    assert export(*SMALL, "--data", floats, "-o", folder, "--keep-stages", "-q").code == 0
    again = export(*SMALL, "--data", floats, "-o", folder)
    assert again.code == 2
    assert "give --force to replace it" in again.complaint
    assert (folder / "stages").is_dir()
    assert export(*SMALL, "--data", floats, "-o", folder, "--form", "step", "--force").code == 0
    assert tree(tmp_path) == {"net", "net/golden"} | {
        f"net/{name}" for name in FILES - {"model.sequence.onnx"}
    }


def test_a_mismatch_is_no_export(
    floats: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from snn_deploy.converters.onnx.executors import OnnxExecutor

    honest = OnnxExecutor.run

    def one_spike_off(self, x, steps):  # type: ignore[no-untyped-def]
        for step, values in enumerate(honest(self, x, steps)):
            changed = values["lif2"].copy()
            changed[1, 2, 3, 4] ^= step == 1
            yield {**values, "lif2": changed}

    monkeypatch.setattr(OnnxExecutor, "run", one_spike_off)
    ended = export(*SMALL, "--data", floats, "-o", tmp_path / "net")
    assert ended.code == 5
    assert "onnxruntime (step form) against the reference: 1 of " in ended.complaint
    assert "layer 'lif2', step 1, index (1, 2, 3, 4): expected" in ended.complaint
    assert not tree(tmp_path)


def test_a_file_that_answers_otherwise_is_no_export(
    floats: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from snn_deploy.converters.onnx.executors import OnnxExecutor

    honest = OnnxExecutor.infer
    monkeypatch.setattr(
        OnnxExecutor,
        "infer",
        lambda self, x, steps: {n: a + 1 for n, a in honest(self, x, steps).items()},
    )
    ended = export(*SMALL, "--data", floats, "-o", tmp_path / "net", "--json")
    assert ended.code == 5
    assert "the delivered step file in onnxruntime: output 'fc'" in ended.complaint
    assert not tree(tmp_path)


def test_without_a_runtime_nothing_is_claimed(
    floats: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from snn_deploy.converters.onnx import OnnxConverter

    monkeypatch.setattr(OnnxConverter, "executors", lambda *_: ())
    ended = deploy("validate", *SMALL, "--data", floats)
    assert ended.out.startswith("warning    Nothing here could run the files for onnx")


def test_the_float_accuracy_can_be_left_out(floats: Path, tmp_path: Path) -> None:
    ended = export(*SMALL, "--data", floats, "--no-float-accuracy", "-o", tmp_path / "out")
    assert ended.code == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert set(report["accuracy"]) == {"samples", "integer"}
    assert "float accuracy" not in report["timing"]
