"""What is wrong is said in one line, with its remedy and its exit code; nothing is written."""

import copy
import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.journeys.command import SMALL, deploy, export, tree
from tests.journeys.nets import SHAPE, residual

Write = Callable[[Path], None]


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the present one and must stay empty."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def arrays(**values: Any) -> Write:
    return lambda path: np.savez(path, **values)


def content(data: bytes) -> Write:
    return lambda path: path.write_bytes(data) and None


def cut_off(path: Path) -> None:
    np.savez(path, images=np.zeros((4, *SHAPE), np.uint8))
    path.write_bytes(path.read_bytes()[:500])


def no_arrays(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images", b"these are no numbers")


FINE = np.zeros((4, *SHAPE), np.float32)
BROKEN = FINE.copy()
BROKEN[2, 0, 0, 0] = math.nan
FORM = "write it with np.savez(file, images=bytes [N, C, H, W] or floats [N, …], labels=[N])"
DATA: dict[str, tuple[Write, str]] = {
    "empty file": (content(b""), "is empty, damaged or no .npz or .npy file; write it with"),
    "text": (content(b"label,pixel\n3,4\n" * 99), "damaged or no .npz or .npy file; write it"),
    "cut off": (cut_off, "is empty, damaged or no .npz or .npy file; " + FORM),
    "no arrays": (no_arrays, "is an archive of other files than arrays; " + FORM),
    "objects": (arrays(images=np.array([{}], object)), "damaged or no .npz or .npy file"),
    "no images": (arrays(x=FINE, y=FINE), "has no 'images', it holds x, y; " + FORM),
    "many others": (arrays(a=FINE, b=FINE, c=FINE, d=FINE), "it holds a, b, c, …; "),
    "nothing": (arrays(), "has no 'images', it holds nothing; "),
    "no samples": (arrays(images=FINE[:0]), "'images' is empty, of shape [0, 3, 8, 8]; "),
    "whole numbers": (arrays(images=FINE.astype(int)), "'images' is int64 [4, 3, 8, 8]; " + FORM),
    "one axis": (arrays(images=FINE[0, 0, 0]), "'images' is float32 [8]; " + FORM),
    "NaN": (
        arrays(images=BROKEN),
        "1 of 4 samples hold NaN, infinity or what float32 cannot hold; leave these out",
    ),
    "too large": (arrays(images=np.full((2, *SHAPE), 1e300)), "2 of 2 samples hold NaN, infinity"),
    "few labels": (
        arrays(images=FINE, labels=np.zeros(3, int)),
        "has 4 samples, and 'labels' is int64 [3]; give one whole number a sample",
    ),
    "real labels": (
        arrays(images=FINE, labels=np.zeros(4)),
        "has 4 samples, and 'labels' is float64 [4]; give one whole number a sample",
    ),
    "negative labels": (
        arrays(images=FINE, labels=np.array([0, 1, -1, 2])),
        "has a label -1; number the classes from 0, or give no 'labels'",
    ),
    "labels above": (
        arrays(images=FINE, labels=np.array([0, 9, 1, 2])),
        "has a label 9, the network has 5 classes; number the classes from 0 to 4",
    ),
}


@pytest.mark.parametrize("case", DATA)
def test_data(case: str, elsewhere: Path, tmp_path: Path) -> None:
    write, problem = DATA[case]
    path = tmp_path / "given.npz"
    write(path)
    ended = export(*SMALL, "--data", path, "-o", "net")
    assert ended.code == 3
    assert ended.complaint.startswith(f"{path}: ")
    assert problem in ended.complaint
    assert not tree(elsewhere)


def test_data_of_another_shape(checkpoint: Path, elsewhere: Path, tmp_path: Path) -> None:
    shapes = {
        (3, 4, 4): "has samples of shape [3, 4, 4], the network takes [3, 8, 8]; give samples of",
        (
            8,
            8,
            3,
        ): "the network takes [3, 8, 8]; put the channels first: np.moveaxis(images, -1, 1)",
    }
    for shape, problem in shapes.items():
        np.savez(tmp_path / "given.npz", images=np.zeros((2, *shape), np.uint8))
        ended = export(checkpoint, "--data", tmp_path / "given.npz")
        assert (ended.code, problem in ended.complaint) == (3, True), ended.complaint
    assert not tree(elsewhere)


def test_calibration_samples_of_another_shape(
    floats: Path, elsewhere: Path, tmp_path: Path
) -> None:
    np.savez(tmp_path / "given.npz", images=np.zeros((2, 3, 4, 4), np.float32))
    ended = export(*SMALL, "--data", floats, "--calibration", tmp_path / "given.npz")
    assert ended.code == 3
    assert ended.complaint.startswith(f"{tmp_path / 'given.npz'}: has samples of shape [3, 4, 4]")
    assert not tree(elsewhere)


def test_files_that_are_not_there(floats: Path, checkpoint: Path, elsewhere: Path) -> None:
    for data, problem in {
        "none.npz": "there is no file 'none.npz'; give the path of a sample file",
        ".": "'.' is no file; give the path of a sample file",
    }.items():
        ended = export(checkpoint, "--data", data)
        assert (ended.code, ended.complaint) == (2, problem)
    for model, problem in {
        "none.pt": "there is no file 'none.pt'; give the path of a model file",
        ".": "'.' is no file; give the path of a model file",
    }.items():
        ended = export(model, "--data", floats)
        assert (ended.code, ended.complaint) == (2, problem)
    assert not tree(elsewhere)


def weights(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = torch.load(path, weights_only=True)
    return loaded


def with_nan(saved: dict[str, Any]) -> Any:
    saved["state_dict"]["conv1.0.weight"][0, 0, 0, 0] = math.nan
    return saved


def without_and_beside(saved: dict[str, Any]) -> Any:
    del saved["state_dict"]["fc.bias"]
    saved["state_dict"]["head.bias"] = torch.zeros(5)
    return saved["state_dict"]


MODELS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "another version": (
        lambda saved: saved | {"format": "snn-deploy-checkpoint/9"},
        "is of format 'snn-deploy-checkpoint/9', this version reads 'snn-deploy-checkpoint/1'; "
        "update snn-deploy",
    ),
    "another architecture": (
        lambda saved: saved | {"architecture": "vgg16"},
        "names an unknown architecture 'vgg16'; known: ms_resnet20, ",
    ),
    "no state dict": (lambda saved: {"epoch": 3}, "holds no state dict (its entries: epoch); "),
    "of nothing known": (
        lambda saved: {"a.weight": torch.zeros(2)},
        "1 left over (a.weight); choose the right --arch, or give your own code with --model ",
    ),
    "keys that differ": (
        without_and_beside,
        "its state dict does not fit ms_resnet20: 1 missing (fc.bias); 1 left over (head.bias); ",
    ),
    "NaN": (
        with_nan,
        "'conv1.0.weight' has 1 of 432 values that are NaN or infinite; take a checkpoint from ",
    ),
    "a module": (
        lambda saved: nn.Linear(2, 2),
        "is a pickle of Python objects (torch.nn.modules.linear.Linear), and reading it runs code; "
        "save module.state_dict() instead, or pass --trust-pickle if you trust its origin",
    ),
}


@pytest.mark.parametrize("case", MODELS)
def test_models(case: str, checkpoint: Path, images: Path, elsewhere: Path, tmp_path: Path) -> None:
    change, problem = MODELS[case]
    path = tmp_path / "given.pt"
    torch.save(change(copy.deepcopy(weights(checkpoint))), path)
    which = ("--arch", "ms_resnet20") if case in ("of nothing known", "keys that differ") else ()
    ended = export(path, "--data", images, *which)
    assert ended.code == 3
    assert ended.complaint.startswith(f"{path}: ")
    assert problem in ended.complaint
    assert not tree(elsewhere)


@pytest.mark.parametrize(("size", "problem"), [(0, "is empty; "), (5000, "is damaged, cut off or")])
def test_a_model_that_is_cut_off(
    size: int, problem: str, checkpoint: Path, images: Path, elsewhere: Path, tmp_path: Path
) -> None:
    path = tmp_path / "given.pt"
    path.write_bytes(checkpoint.read_bytes()[:size])
    ended = export(path, "--data", images)
    assert (ended.code, problem in ended.complaint) == (3, True), ended.complaint
    assert not tree(elsewhere)


FACTORIES = {
    "branching": (3, "also takes a decision by a tensor's values at "),
    "explodes": (3, "(RuntimeError: these weights are nowhere); mend that code; it is "),
    "quits": (3, "(SystemExit: ); mend that code; it is called without arguments and returns a "),
    "infinite": (3, "nets:infinite: 'fc.weight' has 1 of 30 values that are NaN or infinite; "),
    "no_module": (3, "no_module: gives a int; return a torch.nn.Module"),
    "CLASSES": (2, "is a int, no function; write it as package.module:function"),
    "nowhere": (2, "has no attribute 'nowhere'); write it as package.module:function"),
}


@pytest.mark.parametrize("name", FACTORIES)
def test_networks_of_the_users_own(name: str, floats: Path, elsewhere: Path) -> None:
    code, problem = FACTORIES[name]
    ended = export("--model", f"tests.journeys.nets:{name}", "--data", floats, "--steps", "2")
    assert (ended.code, problem in ended.complaint) == (code, True), ended.complaint
    assert not tree(elsewhere)


@pytest.mark.parametrize(
    ("text", "code", "problem"),
    [
        ("def make(:\n", 3, "users_own: its import fails (SyntaxError: "),
        ("1 / 0\n", 3, "users_own.py:1 (ZeroDivisionError: division by zero); mend that code"),
        ("import a_package_that_is_not_there\n", 2, "cannot be imported (No module named"),
        (
            "def make(size):\n    pass\n",
            3,
            "make: fails (TypeError: make() missing 1 required positional",
        ),
    ],
)
def test_modules_of_the_users_own(
    text: str,
    code: int,
    problem: str,
    floats: Path,
    elsewhere: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "users_own.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "users_own", raising=False)
    ended = export("--model", "users_own:make", "--data", floats)
    assert (ended.code, problem in ended.complaint) == (code, True), ended.complaint
    assert not tree(elsewhere)


def test_weights_of_another_network(
    state_dict: Path, floats: Path, elsewhere: Path, tmp_path: Path
) -> None:
    ended = export(state_dict, *SMALL, "--data", floats)
    assert ended.code == 3
    assert "its state dict does not fit Residual: 7 missing (stem.weight, " in ended.complaint
    partly = residual().state_dict()
    partly["fc.weight"] = torch.zeros(2, 6)
    torch.save(partly, tmp_path / "given.pt")
    ended = export(tmp_path / "given.pt", *SMALL, "--data", floats)
    assert "1 of another shape (fc.weight [2, 6] instead of [5, 6]); load" in ended.complaint
    assert not tree(elsewhere)


def test_bytes_without_a_meaning(state_dict: Path, images: Path, elsewhere: Path) -> None:
    ended = export(state_dict, "--data", images, "--arch", "ms_resnet20")
    assert (ended.code, ended.complaint) == (
        2,
        "weights does not say how bytes become its input; give --mean and --std, or samples in "
        "floating point that are normalised already",
    )
    assert not tree(elsewhere)


SCALINGS = [
    (("--mean", "0.5,0.5,0.5"), "--std is missing; give --mean and --std together"),
    (("--std", "0.5,0.5,0.5"), "--mean is missing; give --mean and --std together"),
    (
        ("--mean", "0.5", "--std", "0.2"),
        "--mean has 1 numbers, the samples have 3 channels; give one number a channel",
    ),
    (
        ("--mean", "0.5,0.5,0.5", "--std", "0.2"),
        "--mean has 3 numbers, --std 1; give one a channel in both",
    ),
    (("--mean", "a,b", "--std", "1"), "--mean cannot be 'a,b'; give numbers with commas between"),
    (("--mean", "nan", "--std", "1"), "--mean cannot be 'nan'; give numbers with commas between"),
    (("--mean", "0.5,,", "--std", "1"), "--mean cannot be '0.5,,'; give numbers with commas"),
    (
        ("--mean", "125,123,114", "--std", "63,62,66"),
        "--mean 125,123,114 is not between 0 and 1; bytes are divided by 255 first",
    ),
    (
        ("--mean", "0.5,0.5,0.5", "--std", "0.2,0,0.2"),
        "--std 0.2,0,0.2 is not above zero; give positive numbers",
    ),
]


@pytest.mark.parametrize(("options", "problem"), SCALINGS)
def test_means_that_are_none(
    options: tuple[str, ...], problem: str, images: Path, elsewhere: Path
) -> None:
    ended = export(*SMALL, "--data", images, *options)
    assert (ended.code, problem in ended.complaint) == (2, True), ended.complaint
    assert not tree(elsewhere)


def test_floats_have_no_mean(floats: Path, elsewhere: Path) -> None:
    ended = export(*SMALL, "--data", floats, "--mean", "0,0,0", "--std", "1,1,1")
    assert ended.code == 2
    assert "--mean and --std are for bytes, " in ended.complaint
    assert ended.complaint.endswith("; leave them out and give samples that are normalised already")
    assert not tree(elsewhere)


OPTIONS = [
    (("--target", "loihi9"), "there is no target 'loihi9'; known: lava, loihi, loihi2, onnx"),
    (("--target", "../x"), "there is no target '../x'; known: lava, loihi, loihi2, onnx"),
    (("--to", "verilog"), "no converter 'verilog'; known converters: lava, net, onnx"),
    (("--form", "both"), "--form cannot be 'both'; give step or sequence"),
    (("--weight-bits", "12"), "--weight-bits cannot be '12'; give a whole number from 2 to 8, or"),
    (("--weight-bits", "-3"), "--weight-bits cannot be '-3'; give a whole number from 2 to 8, or"),
    (("--weight-bits", "17"), "--weight-bits cannot be '17'; give a whole number from 2 to 8, or"),
    (("--weight-bits", "8.5"), "--weight-bits cannot be '8.5'; give a whole number from 2 to 8"),
    (("--weight-bits", "many"), "--weight-bits cannot be 'many'; give a whole number from 2 to 8"),
    (("--input-bits", "9"), "--input-bits cannot be '9'; give a whole number from 2 to 8"),
    (("--current-bits", "7"), "--current-bits cannot be '7'; give a whole number from 8 to 18"),
    (("--steps", "0"), "--steps cannot be '0'; give a whole number from 1 to 10000"),
    (("--steps", "-4"), "--steps cannot be '-4'; give a whole number from 1 to 10000"),
    (("--samples", "0"), "--samples cannot be '0'; give a whole number of 1 or more"),
    (("--calibration-samples=-1",), "--calibration-samples cannot be '-1'; give a whole number of"),
    (("--arch", "vgg16"), "no architecture 'vgg16'; known: ms_resnet20, "),
    (("--weight-bit", "8"), "no such option: --weight-bit (Possible options: "),
    (("--samples",), "option '--samples' requires an argument; see `snn-export --help`"),
    (("other.pt",), "got unexpected extra argument(s) (other.pt); see `snn-export --help`"),
]


@pytest.mark.parametrize(("options", "problem"), OPTIONS)
def test_options(
    options: tuple[str, ...], problem: str, state_dict: Path, floats: Path, elsewhere: Path
) -> None:
    ended = export(state_dict, "--data", floats, *options)
    assert (ended.code, problem in ended.complaint) == (2, True), ended.complaint
    assert not tree(elsewhere)


def test_what_must_be_given(checkpoint: Path, floats: Path, elsewhere: Path) -> None:
    no_data, no_model = export(checkpoint), export("--data", floats)
    assert no_data.complaint == "missing option '--data'; see `snn-export --help`"
    assert no_model.complaint == (
        "no MODEL was given; name a checkpoint, or a function with --model"
    )
    assert (no_data.code, no_model.code) == (2, 2)
    assert not tree(elsewhere)


def test_validate_complains_alike(checkpoint: Path, elsewhere: Path) -> None:
    ended = deploy("validate", checkpoint, "--data", "none.npz")
    assert (ended.code, ended.complaint) == (
        2,
        "there is no file 'none.npz'; give the path of a sample file",
    )
    ended = deploy("validate", checkpoint)
    assert ended.complaint == "missing option '--data'; see `snn-deploy validate --help`"
    assert not tree(elsewhere)
