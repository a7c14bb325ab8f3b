"""What ships is what its README says: the accuracy, the log, the network."""

import json
from pathlib import Path

import pytest
import torch

from snn_deploy import datasets
from snn_deploy.frontends.loading import load

MODELS = Path(__file__).parents[2] / "models"
README = (MODELS / "checkpoints" / "README.md").read_text(encoding="utf-8")
SHIPPED = sorted((MODELS / "checkpoints").glob("*.pt"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_readme_tells_what_the_file_says(path: Path) -> None:
    loaded = load(path)
    section = README.partition(f"## {path.name}\n")[2].partition("\n## ")[0]
    assert f"{100 * loaded.metrics['test_accuracy']:.2f} %" in section
    recipe = loaded.metrics["training"]
    assert f"snn-deploy train {loaded.architecture}" in section
    assert f"--epochs {recipe['epochs']}" in section
    assert loaded.input is not None
    assert f"T = {loaded.input.steps}" in section


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_log_is_of_that_training(path: Path) -> None:
    metrics = load(path).metrics
    log = path.with_suffix(".log.jsonl").read_text(encoding="utf-8").splitlines()
    epochs = [json.loads(line) for line in log]
    assert [line["epoch"] for line in epochs] == list(range(1, metrics["training"]["epochs"] + 1))
    # The log's is in the precision of the training, in which some samples fall otherwise.
    assert epochs[-1]["test_accuracy"] == pytest.approx(metrics["test_accuracy"], abs=0.02)


@pytest.mark.parametrize("path", [p for p in SHIPPED if "cifar10" in p.stem], ids=lambda p: p.stem)
def test_it_classifies_real_images(path: Path) -> None:
    """100 images tell an accuracy to eleven points, three standard deviations."""
    loaded = load(path)
    assert loaded.input is not None
    samples = datasets.load(MODELS / "samples" / "cifar10_100.npz")
    with torch.no_grad():
        guess = loaded.module(torch.from_numpy(samples.normalised(loaded.input))).argmax(1)
    found = float((guess.numpy() == samples.labels).mean())
    assert found == pytest.approx(loaded.metrics["test_accuracy"], abs=0.11)
