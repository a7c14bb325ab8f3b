"""`snn-deploy train` on event recordings: a short run, and what it refuses before it begins."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.journeys.command import deploy, tree
from tests.recordings import STEP_US, STEPS, moving_bars, write

NAME = "conv_snn_nmnist"
STEP = ("--event-step-us", STEP_US)
SHORT = ("--batch", 4, "--epochs", 1, "--steps", STEPS, "--no-bfloat16", "-q")

REFUSED = [
    ((NAME,), "holds events, and nothing says how they become input; give --event-step-us"),
    (("ms_resnet20", *STEP), "ms_resnet20 reads images, the samples are events; train"),
    ((NAME, *STEP, "--short-epochs", 1), "--short-epochs shows a static image fewer times"),
    ((NAME, *STEP, "--batch", 99), "--batch 99 is more than the 8 training recordings; give a"),
    ((NAME, "--event-limit", 2), "--event-limit goes with --event-step-us; give both, or neither"),
    ((NAME, *STEP, "--shortcut", "spiking"), "--shortcut cannot be 'spiking'; conv_snn_nmnist"),
]


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    return write(tmp_path / "bars.npz", moving_bars(8, sensor=(34, 34)))


def test_a_run(bars: Path, tmp_path: Path) -> None:
    """The accuracy in the file is the one that `validate` finds."""
    folder = tmp_path / "run"
    data = ("--data", bars, "--test", bars, "-o", folder)
    ended = deploy("train", NAME, *data, *STEP, "--event-limit", 3, *SHORT)
    assert ended.code == 0, ended.err
    assert len((folder / "log.jsonl").read_text(encoding="utf-8").splitlines()) == 1
    report = deploy("validate", folder / "checkpoint.pt", "--data", bars, "--json").json()
    shown = deploy("inspect", folder / "checkpoint.pt").out
    assert "steps of 2,000 microseconds, up to 3 are counted" in shown
    import torch

    held = torch.load(folder / "checkpoint.pt", weights_only=True)
    assert held["metrics"]["test_accuracy"] == report["accuracy"]["float"]
    assert held["metrics"]["test_recordings"] == 8
    assert held["input"]["events"] == {"step_us": STEP_US, "limit": 3}
    assert json.dumps(held["metrics"]["training"]["mean"]) == "[]"


@pytest.mark.parametrize(("options", "problem"), REFUSED)
def test_options(options: tuple[object, ...], problem: str, bars: Path, tmp_path: Path) -> None:
    batch = () if "--batch" in options else ("--batch", 4)
    data = ("--data", bars, "--test", bars, "-o", tmp_path / "run")
    ended = deploy("train", *options, *batch, *data)
    assert (ended.code, problem in ended.complaint) == (2, True), ended.complaint
    assert tree(tmp_path) == {"bars.npz"}


def test_events_and_images_do_not_go_together(bars: Path, tmp_path: Path) -> None:
    images = tmp_path / "images.npz"
    np.savez(images, images=np.zeros((8, 3, 34, 34), np.uint8), labels=np.arange(8))
    run = ("-o", tmp_path / "run", "--batch", 4)
    ended = deploy("train", NAME, "--data", bars, "--test", images, *STEP, *run)
    assert (ended.code, "holds images; give events" in ended.complaint) == (3, True)
    ended = deploy("train", NAME, "--data", images, "--test", images, *STEP, *run)
    assert (ended.code, "--event-step-us is for event" in ended.complaint) == (2, True)
    ended = deploy("train", NAME, "--data", images, "--test", images, *run)
    assert (ended.code, "reads events, the samples are images" in ended.complaint) == (2, True)
    ended = deploy("train", "ms_resnet20", "--data", images, "--test", bars, *run)
    assert (ended.code, "holds events; give images" in ended.complaint) == (3, True)
    large = write(tmp_path / "large.npz", moving_bars(8, sensor=(40, 40)))
    ended = deploy("train", NAME, "--data", bars, "--test", large, *STEP, *run)
    assert (ended.code, "sensor has 34 rows and 34 columns" in ended.complaint) == (3, True)
