"""What a network is trained on: images, and event recordings that are binned batch by batch."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from snn_deploy import models
from snn_deploy.checkpoints import Checkpoint, EventBinning, InputSpec
from snn_deploy.datasets import Samples, load
from snn_deploy.errors import UsageError
from snn_deploy.models.conv_snn import ConvSNN
from snn_deploy.training import Progress, TrainingConfig, train
from snn_deploy.training.augmentation import shift
from snn_deploy.training.batches import EVENT_SHIFT, batches_of, input_of
from snn_deploy.training.distributed import Workers
from snn_deploy.training.run import Run
from tests.recordings import CLASSES, SENSOR, SPEC, STEP_US, STEPS, counted, moving_bars, write

CPU = torch.device("cpu")
COUNT = 40
CONFIG = TrainingConfig(
    "small_events",
    classes=CLASSES,
    steps=STEPS,
    epochs=6,
    batch=8,
    learning_rate=0.1,
    bfloat16=False,
    seed=3,
    events=EventBinning(STEP_US),
    mean=(),
    std=(),
)


def small(classes: int = CLASSES, steps: int = STEPS) -> nn.Module:
    return ConvSNN((2, *SENSOR), (4,), 8, classes, steps)


@pytest.fixture(autouse=True)
def architecture(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line does not know it."""
    monkeypatch.setattr(models, "ARCHITECTURES", {**models.ARCHITECTURES, "small_events": small})


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    path = tmp_path_factory.mktemp("events") / "bars.npz"
    return load(write(path, moving_bars(COUNT)))


def test_every_place_of_a_recording_occurs_and_nothing_else() -> None:
    """Each of the 5 x 5 shifts, zeros coming in; all steps and channels move alike."""
    x = 1 + torch.arange(300 * 3 * 4 * 5, dtype=torch.float32).reshape(300, 3, 4, 5)
    moved = shift(x, torch.Generator().manual_seed(1), 2).numpy()
    ways = set()
    for before, after in zip(x.numpy(), moved, strict=True):
        padded = np.pad(before, ((0, 0), (2, 2), (2, 2)))
        fitting = [
            (top, left)
            for top in range(5)
            for left in range(5)
            if np.array_equal(padded[:, top : top + 4, left : left + 5], after)
        ]
        assert len(fitting) == 1
        ways.update(fitting)
    assert len(ways) == 25


def test_batches_of_events(samples: Samples) -> None:
    batches = batches_of(samples, CONFIG)
    chosen = torch.tensor([7, 0, 12])
    whole = counted(moving_bars(COUNT), SPEC)
    plain = batches.plain(chosen, CPU)
    np.testing.assert_array_equal(plain.numpy(), whole[:, chosen])
    assert batches.labels.tolist() == [k % CLASSES for k in range(COUNT)]


def test_events_are_shifted_but_never_mirrored(samples: Samples) -> None:
    batches = batches_of(samples, CONFIG)
    chosen = torch.arange(COUNT)
    moved = batches.augmented(chosen, CPU, torch.Generator().manual_seed(1)).numpy()
    ways = set()
    margin = ((0, 0), (0, 0), (EVENT_SHIFT,) * 2, (EVENT_SHIFT,) * 2)
    height, width = SENSOR
    for before, after in zip(
        batches.plain(chosen, CPU).numpy().swapaxes(0, 1), moved.swapaxes(0, 1), strict=True
    ):
        padded = np.pad(before, margin)
        places = [
            (top, left)
            for top in range(2 * EVENT_SHIFT + 1)
            for left in range(2 * EVENT_SHIFT + 1)
            if np.array_equal(padded[..., top : top + height, left : left + width], after)
        ]
        assert len(places) == 1
        ways.update(places)
    assert len(ways) > 10


def test_what_the_network_will_expect(samples: Samples) -> None:
    assert input_of(samples, CONFIG) == SPEC
    images = Samples("here", np.zeros((2, 3, 8, 9), np.uint8), np.arange(2))
    config = TrainingConfig("ms_resnet20", steps=4)
    assert input_of(images, config) == InputSpec((3, 8, 9), config.mean, config.std, 4)


def run(
    folder: Path, samples: Samples, observe: Callable[[Progress], None] = lambda _: None
) -> Checkpoint:
    folder.mkdir(exist_ok=True)
    made = train(CONFIG, samples, samples, folder, observe)
    assert made is not None
    return made.checkpoint


def test_a_run_on_events_learns_and_resumes_bit_for_bit(tmp_path: Path, samples: Samples) -> None:
    whole = run(tmp_path / "whole", samples)
    log = (tmp_path / "whole/log.jsonl").read_text(encoding="utf-8")
    first, *_, last = (json.loads(line) for line in log.splitlines())
    assert last["loss"] < 0.7 * first["loss"]
    assert last["train_accuracy"] > 0.8, "a guess is right in 0.5"
    assert whole.input == SPEC
    assert whole.metrics["training"]["events"] == {"step_us": STEP_US, "limit": 1}

    def stop(progress: Progress) -> None:
        if progress.epoch == 1 and progress.images > 16:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parts", samples, stop)
    resumed = run(tmp_path / "parts", samples)
    for key, tensor in whole.state_dict.items():
        assert torch.equal(tensor, resumed.state_dict[key]), key


def test_other_steps_are_another_run(tmp_path: Path, samples: Samples) -> None:
    """A folder that was begun with other bins does not go on."""
    run(tmp_path, samples)
    other = replace(CONFIG, events=EventBinning(STEP_US, 2))
    begun = Run(small(), other, batches_of(samples, other), Workers(0, 1, CPU))
    with pytest.raises(UsageError) as caught:
        begun.resume(tmp_path / "last.pt")
    assert "events" in caught.value.problem
