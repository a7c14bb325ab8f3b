"""`snn-deploy train`: what it refuses before it begins."""

from pathlib import Path

import numpy as np
import pytest

from tests.journeys.command import deploy, tree

REFUSED = [
    (("vgg16",), 2, "there is no architecture 'vgg16'; known: ms_resnet20, "),
    (("ms_resnet20", "--shortcut", "none"), 2, "--shortcut cannot be 'none'; give projection, "),
    (("ms_resnet20", "--batch", "99"), 2, "--batch 99 is more than the 4 training images; give a"),
    (("ms_resnet20", "--batch", "1"), 2, "--batch cannot be '1'; give a whole number of 2 or more"),
    (("ms_resnet20", "--epochs", "0"), 2, "--epochs cannot be '0'; give a whole number of 1 or"),
    (("ms_resnet20", "--learning-rate", "-1"), 2, "--learning-rate cannot be '-1'; give a number"),
    (("ms_resnet20", "--weight-decay", "inf"), 2, "--weight-decay cannot be 'inf'; give a number"),
    (
        ("ms_resnet20", "--label-smoothing", "0.7"),
        2,
        "cannot be '0.7'; give a number from 0 to 0.5",
    ),
    (("ms_resnet20", "--seed", "x"), 2, "--seed cannot be 'x'; give a whole number of 0 or more"),
]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    path = tmp_path / "images.npz"
    np.savez(path, images=np.zeros((4, 3, 8, 8), np.uint8), labels=np.arange(4))
    return path


@pytest.mark.parametrize(("options", "code", "problem"), REFUSED)
def test_options(options: tuple[str, ...], code: int, problem: str, images: Path) -> None:
    batch = () if "--batch" in options else ("--batch", "2")
    data = ("--data", images, "--test", images, "-o", images.parent / "run")
    ended = deploy("train", *options, *batch, *data)
    assert (ended.code, problem in ended.complaint) == (code, True), ended.complaint
    assert tree(images.parent) == {"images.npz"}


def test_images(images: Path, tmp_path: Path) -> None:
    for name, arrays, problem in [
        ("bare", {"images": np.zeros((4, 3, 8, 8), np.uint8)}, "has no labelled images or events"),
        ("floats", {"images": np.zeros((4, 3, 8, 8)), "labels": np.arange(4)}, "has no labelled"),
        (
            "gray",
            {"images": np.zeros((4, 1, 8, 8), np.uint8), "labels": np.arange(4)},
            "has images of shape [1, 8, 8]; give [3, H, W], training and test alike",
        ),
        (
            "large",
            {"images": np.zeros((4, 3, 9, 9), np.uint8), "labels": np.arange(4)},
            "has images of shape [3, 9, 9]; give [3, H, W], training and test alike",
        ),
    ]:
        np.savez(tmp_path / f"{name}.npz", **arrays)
        data = ("--data", images, "--test", tmp_path / f"{name}.npz", "-o", tmp_path / "run")
        ended = deploy("train", "ms_resnet20", "--batch", "2", *data)
        assert (ended.code, problem in ended.complaint) == (3, True), ended.complaint
    assert not (tmp_path / "run").exists()


def test_a_run_folder_that_is_a_file(images: Path) -> None:
    data = ("--data", images, "--test", images, "-o", images)
    ended = deploy("train", "ms_resnet20", "--batch", "2", *data)
    assert (ended.code, ended.complaint) == (
        2,
        f"{images}: File exists; choose another folder with -o",
    )
