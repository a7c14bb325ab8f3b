"""A run learns, says what it does, and goes on after an interruption as if there had been none."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from snn_deploy import models
from snn_deploy.checkpoints import Checkpoint, InputSpec
from snn_deploy.datasets import Samples
from snn_deploy.errors import ModelError, UsageError
from snn_deploy.models.ms_resnet import cifar
from snn_deploy.neurons import LIF
from snn_deploy.training import Progress, TrainingConfig, train
from snn_deploy.training.batches import batches_of
from snn_deploy.training.loop import evaluate

CLASSES = 4
COUNT = 200
CONFIG = TrainingConfig(
    "ms_resnet8",
    classes=CLASSES,
    steps=2,
    epochs=2,
    batch=40,
    learning_rate=0.05,
    warmup_epochs=0.5,
    short_epochs=1,
    seed=3,
)


@pytest.fixture(scope="module")
def images() -> Samples:
    """Return noise, reddish, greenish, bluish or greyish: that is the class."""
    rng = np.random.default_rng(20)
    labels = rng.integers(0, CLASSES, COUNT)
    values = rng.integers(0, 90, (COUNT, 3, 16, 16))
    for value, label in zip(values, labels, strict=True):
        value[slice(label, label + 1) if label < 3 else slice(None)] += 160
    return Samples("noise", values.astype(np.uint8), labels)


class WithDropout(nn.Module):
    """Dropout draws from torch's own random numbers, not from the loop's."""

    def __init__(self, classes: int, steps: int) -> None:
        super().__init__()
        self.steps = steps
        self.conv = nn.Conv2d(3, 4, 3, 2)
        self.norm = nn.BatchNorm2d(4)
        self.lif = LIF(steps=steps)
        self.dropout = nn.Dropout(0.3)
        self.fc = nn.Linear(4 * 7 * 7, classes)

    def forward(self, x: Tensor) -> Tensor:
        spikes = self.lif(self.norm(self.conv(x)).repeat(self.steps, 1, 1, 1))
        rates = self.dropout(spikes.flatten(1)).unflatten(0, (self.steps, -1)).mean(0)
        return self.fc(rates)  # type: ignore[no-any-return]


NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "ms_resnet8": partial(cifar, 8),
    "dropout": WithDropout,
}


@pytest.fixture(autouse=True)
def architectures(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line knows neither of them."""
    for name, builder in NETWORKS.items():
        monkeypatch.setitem(models.ARCHITECTURES, name, builder)  # type: ignore[arg-type]


def run(
    folder: Path,
    images: Samples,
    *,
    name: str = "ms_resnet8",
    config: TrainingConfig = CONFIG,
    observe: Callable[[Progress], None] = lambda _: None,
) -> Checkpoint:
    """Train a fresh network in a folder."""
    folder.mkdir(exist_ok=True)
    made = train(replace(config, architecture=name), images, images, folder, observe)
    assert made is not None
    return made.checkpoint


def log_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def assert_same_weights(a: Checkpoint, b: Checkpoint) -> None:
    assert a.state_dict.keys() == b.state_dict.keys()
    for key, tensor in a.state_dict.items():
        assert torch.equal(tensor, b.state_dict[key]), key


def test_a_run(tmp_path: Path, images: Samples) -> None:
    seen: list[Progress] = []
    made = run(tmp_path, images, observe=seen.append)
    lines = log_of(tmp_path)
    assert [line["epoch"] for line in lines] == [1, 2]
    assert [line["steps"] for line in lines] == [1, 2], "the first epoch is a short one"
    assert lines[1]["loss"] < lines[0]["loss"]
    assert lines[1]["train_accuracy"] > 0.4, "a guess is right in 0.25"
    assert set(lines[0]) == {
        "epoch",
        "steps",
        "loss",
        "train_accuracy",
        "test_accuracy",
        "seconds",
    }
    assert [(p.epoch, p.images) for p in seen] == [(e, 40 * n) for e in (0, 1) for n in range(1, 6)]
    assert all(p.images_in_epoch == COUNT and p.images_per_s > 0 for p in seen)
    assert made.architecture == "ms_resnet8"
    assert made.config == {"classes": CLASSES, "steps": 2}
    assert made.input == InputSpec((3, 16, 16), CONFIG.mean, CONFIG.std, 2)
    assert made.metrics["training"]["epochs"] == 2
    assert all(t.device.type == "cpu" and not t.requires_grad for t in made.state_dict.values())


def test_the_checkpoint_is_the_network_that_was_measured(tmp_path: Path, images: Samples) -> None:
    made = train(CONFIG, images, images, tmp_path, lambda _: None)
    assert made is not None
    rebuilt = models.build(CONFIG.architecture, **made.checkpoint.config)
    rebuilt.load_state_dict(dict(made.checkpoint.state_dict))
    tested = batches_of(images, CONFIG)
    for network in (made.network, rebuilt):
        accuracy = evaluate(network, tested, CONFIG, torch.device("cpu"), batch=70)
        assert accuracy == pytest.approx(log_of(tmp_path)[-1]["test_accuracy"], abs=0.01)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("batches_done", [0, 3, 5])
def test_an_interrupted_run_goes_on_as_if_it_had_not_been(
    tmp_path: Path, images: Samples, name: str, batches_done: int
) -> None:
    """Bit for bit, wherever in the second epoch it stops."""
    whole = run(tmp_path / "whole", images, name=name)

    def stop(progress: Progress) -> None:
        if progress.epoch == 1 and progress.images > 40 * batches_done:
            raise KeyboardInterrupt

    if batches_done < 5:
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "parts", images, name=name, observe=stop)
        assert len(log_of(tmp_path / "parts")) == 1
    resumed = run(tmp_path / "parts", images, name=name)
    assert_same_weights(whole, resumed)
    assert len(log_of(tmp_path / "parts")) == 2


def test_an_epoch_that_was_logged_but_not_saved(
    tmp_path: Path, images: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is done again, and stands in the log once."""
    with monkeypatch.context() as patch:
        patch.setattr("snn_deploy.training.run.write_atomically", _stop)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, images, name="dropout")
    assert len(log_of(tmp_path)) == 1
    run(tmp_path, images, name="dropout")
    assert [line["epoch"] for line in log_of(tmp_path)] == [1, 2]


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_finished_run_has_nothing_left_to_do(tmp_path: Path, images: Samples) -> None:
    first = run(tmp_path, images, name="dropout")
    seen: list[Progress] = []
    again = run(tmp_path, images, name="dropout", observe=seen.append)
    assert not seen
    assert_same_weights(first, again)
    assert len(log_of(tmp_path)) == 2


def test_the_seed_decides(tmp_path: Path, images: Samples) -> None:
    a, b, c = (
        run(tmp_path / name, images, name="dropout", config=replace(CONFIG, seed=seed))
        for name, seed in (("a", 5), ("b", 5), ("c", 6))
    )
    assert_same_weights(a, b)
    assert not torch.equal(a.state_dict["fc.weight"], c.state_dict["fc.weight"])


def test_evaluation_is_of_all_images(images: Samples) -> None:
    """Whatever the batches, the last one too."""

    class Pixel(nn.Module):
        """Guess class 1 where one pixel is brighter than the mean that is subtracted."""

        def forward(self, x: Tensor) -> Tensor:
            return torch.stack((x.mean((1, 2, 3)) * 0, x[:, 0, 5, 5]), dim=1)

    config = replace(CONFIG, bfloat16=False)
    guess = ((images.values[:, 0, 5, 5] / 255 - config.mean[0]) > 0).astype(np.int64)
    guess[:7] = 1 - guess[:7]
    guessed = batches_of(replace(images, labels=guess), config)
    found = evaluate(Pixel(), guessed, config, torch.device("cpu"), batch=64)
    assert found == (COUNT - 7) / COUNT


def test_configurations() -> None:
    config = replace(CONFIG, short_epochs=2, short_steps=1, steps=4, shortcut="spiking")
    assert [config.steps_at(epoch) for epoch in range(4)] == [1, 1, 4, 4]
    assert config.network_config() == {"classes": CLASSES, "steps": 4, "shortcut": "spiking"}


def test_averaged_weights_are_what_is_delivered(tmp_path: Path, images: Samples) -> None:
    """After two updates of one epoch each: decay * first + (1 - decay) * second."""
    config = replace(CONFIG, batch=COUNT, ema=0.75, short_epochs=0)
    saved: list[dict[str, Tensor]] = []

    def look(progress: Progress) -> None:
        if progress.epoch == 1:
            saved.append(torch.load(tmp_path / "last.pt", weights_only=True)["network"])

    made = run(tmp_path, images, config=config, observe=look)
    first, second = saved[0], torch.load(tmp_path / "last.pt", weights_only=True)["network"]
    for name, tensor in made.state_dict.items():
        if tensor.is_floating_point():
            expected = 0.75 * first[name] + 0.25 * second[name]
            torch.testing.assert_close(tensor, expected, rtol=1e-5, atol=1e-7)
    assert not torch.equal(made.state_dict["fc.weight"], second["fc.weight"])


def test_an_averaged_run_is_resumed_too(tmp_path: Path, images: Samples) -> None:
    config = replace(CONFIG, ema=0.9, checkpointing=True)

    def stop(progress: Progress) -> None:
        if progress.epoch == 1:
            raise KeyboardInterrupt

    whole = run(tmp_path / "whole", images, config=config)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parts", images, config=config, observe=stop)
    assert_same_weights(whole, run(tmp_path / "parts", images, config=config))


def test_checkpointing_changes_nothing_but_memory(tmp_path: Path, images: Samples) -> None:
    config = replace(CONFIG, checkpointing=True)
    plain = run(tmp_path / "plain", images)
    again = run(tmp_path / "again", images, config=config)
    assert_same_weights(plain, again)


def test_a_run_goes_on_with_its_own_recipe_only(tmp_path: Path, images: Samples) -> None:
    run(tmp_path, images, name="dropout")
    with pytest.raises(UsageError, match=r"begun with learning_rate = 0\.05, not 0\.1; go on with"):
        run(tmp_path, images, name="dropout", config=replace(CONFIG, learning_rate=0.1))


@pytest.mark.parametrize("kind", ["junk", "cut off", "of another program"])
def test_a_run_that_cannot_be_taken_up(tmp_path: Path, images: Samples, kind: str) -> None:
    path = tmp_path / "last.pt"
    torch.save({"network": {}, "epoch": 1}, path)
    if kind != "of another program":
        path.write_bytes(b"junk" if kind == "junk" else path.read_bytes()[:300])
    found = "is not what a run" if kind == "of another program" else "cannot be read"
    with pytest.raises(ModelError, match=rf"last\.pt: {found}.*; remove it to begin anew"):
        run(tmp_path, images, name="dropout")


def test_a_run_begins_with_a_donor(tmp_path: Path, images: Samples) -> None:
    """A learning rate of zero leaves what was inherited."""
    donor = dict(cifar(8, classes=CLASSES).state_dict())
    config = replace(CONFIG, learning_rate=0.0, begin_with="donor.pt")
    made = train(config, images, images, tmp_path, lambda _: None, donor=donor)
    assert made is not None
    weights = made.checkpoint.state_dict
    assert all(torch.equal(weights[name], t) for name, t in donor.items() if "bn" not in name)
    assert made.checkpoint.metrics["training"]["begin_with"] == "donor.pt"
