"""The training loop: SGD with a cosine, mixed precision, resumable after every epoch.

A run lives in one folder: `log.jsonl` (one line an epoch) and `last.pt` (all that resuming needs).
Started under torchrun it uses every process it is given.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from snn_deploy.checkpoints import Checkpoint
from snn_deploy.datasets import Samples
from snn_deploy.models import build
from snn_deploy.neurons import set_steps

from .batches import Batches, batches_of, input_of
from .config import TrainingConfig
from .distributed import Workers
from .inheritance import inherit
from .run import Observer, Run


@dataclass(frozen=True, slots=True)
class Trained:
    """A network at the end of its training."""

    network: nn.Module
    checkpoint: Checkpoint


def train(
    config: TrainingConfig,
    training: Samples,
    test: Samples,
    folder: Path,
    observe: Observer,
    *,
    donor: Mapping[str, Tensor] | None = None,
) -> Trained | None:
    """Train a network from where the folder's `last.pt` stands, or from the beginning.

    Args:
        config: the recipe.
        training: labelled images in bytes, or labelled event recordings.
        test: likewise, for the log.
        folder: of the run; it exists.
        observe: told of every batch.
        donor: a state dict to begin with instead of random weights; `config.begin_with` names it.

    Returns:
        The network and its checkpoint, without metrics; None in every process but the first. The
        accuracies in the log are a guide, measured in the precision of the training.
    """
    workers = Workers.join()
    workers.compute_reproducibly()
    torch.manual_seed(config.seed)
    network = build(config.architecture, **config.network_config())
    if donor is not None:
        inherit(network, donor, config.begin_with)
    tested = batches_of(test, config)
    run = Run(network, config, batches_of(training, config), workers)
    run.resume(folder / "last.pt")
    if workers.first:
        _keep_lines(folder / "log.jsonl", run.epoch)
    for epoch in range(run.epoch, config.epochs):
        started = time.perf_counter()
        loss, accuracy = run.train_epoch(epoch, observe)
        test_accuracy = evaluate(run.result, tested, config, workers.device)
        if workers.first:
            line = {
                "epoch": epoch + 1,
                "steps": config.steps_at(epoch),
                "loss": round(loss, 4),
                "train_accuracy": round(accuracy, 4),
                "test_accuracy": round(test_accuracy, 4),
                "seconds": round(time.perf_counter() - started, 1),
            }
            with (folder / "log.jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")
            run.save(folder / "last.pt", epoch + 1)
    network = run.result.cpu().eval()
    set_steps(network, config.steps)
    checkpoint = Checkpoint(
        config.architecture,
        config.network_config(),
        {name: t.detach().contiguous() for name, t in network.state_dict().items()},
        input_of(training, config),
        {"training": config.recipe()},
    )
    workers.leave()
    return Trained(network, checkpoint) if workers.first else None


def _keep_lines(log: Path, count: int) -> None:
    """Cut a log after the epochs that are taken as done: the next ones are written again."""
    if log.exists():
        lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
        log.write_text("".join(lines[:count]), encoding="utf-8")


@torch.no_grad()
def evaluate(
    network: nn.Module,
    test: Batches,
    config: TrainingConfig,
    device: torch.device,
    batch: int = 250,
) -> float:
    """Return the share of test samples that the network classifies correctly."""
    network.eval()
    hits = 0
    for chosen in torch.arange(len(test.labels)).split(batch):
        x = test.plain(chosen, device)
        with torch.autocast(device.type, torch.bfloat16, enabled=config.bfloat16):
            guess = network(x).argmax(1)
        hits += int((guess.cpu() == test.labels[chosen]).sum())
    return hits / len(test.labels)
