"""The training loop: SGD with a cosine, mixed precision, resumable after every epoch.

A run lives in one folder: `log.jsonl` (one line an epoch) and `last.pt` (all that resuming needs).
Started under torchrun it uses every process it is given.
"""

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from snn_deploy.checkpoints import Checkpoint, InputSpec, write_atomically
from snn_deploy.datasets import Samples
from snn_deploy.models import build
from snn_deploy.neurons import set_steps

from .augmentation import normalise, shift_and_flip
from .config import TrainingConfig
from .distributed import Workers


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is; `loss` and `accuracy` are means over the epoch so far."""

    epoch: int
    epochs: int
    images: int
    images_in_epoch: int
    loss: float
    accuracy: float
    images_per_s: float


@dataclass(frozen=True, slots=True)
class Trained:
    """A network at the end of its training."""

    network: nn.Module
    checkpoint: Checkpoint


Observer = Callable[[Progress], None]
LabelledImages = tuple[Tensor, Tensor]
"""uint8 [N, C, H, W] and int64 [N]."""


def train(
    config: TrainingConfig, training: Samples, test: Samples, folder: Path, observe: Observer
) -> Trained | None:
    """Train a network from where the folder's `last.pt` stands, or from the beginning.

    Args:
        config: the recipe.
        training: labelled images, bytes.
        test: likewise, for the log.
        folder: of the run; it exists.
        observe: told of every batch.

    Returns:
        The network and its checkpoint, without metrics; None in every process but the first. The
        accuracies in the log are a guide, measured in the precision of the training.
    """
    torch.manual_seed(config.seed)
    network = build(config.architecture, **config.network_config())
    workers = Workers.join()
    tested = _tensors(test)
    run = _Run(network, config, _tensors(training), workers)
    run.resume(folder / "last.pt")
    if workers.first:
        _keep_lines(folder / "log.jsonl", run.epoch)
    for epoch in range(run.epoch, config.epochs):
        started = time.perf_counter()
        loss, accuracy = run.train_epoch(epoch, observe)
        test_accuracy = evaluate(run.plain, tested, config, workers.device)
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
    set_steps(run.plain, config.steps)
    recipe = asdict(config) | {"mean": list(config.mean), "std": list(config.std)}
    checkpoint = Checkpoint(
        config.architecture,
        config.network_config(),
        {name: t.detach().cpu().contiguous() for name, t in run.plain.state_dict().items()},
        InputSpec(tuple(training.values.shape[1:]), config.mean, config.std, config.steps),
        {"training": recipe},
    )
    workers.leave()
    return Trained(run.plain.cpu().eval(), checkpoint) if workers.first else None


def _tensors(samples: Samples) -> LabelledImages:
    return torch.from_numpy(samples.values), torch.from_numpy(samples.labels)


def _keep_lines(log: Path, count: int) -> None:
    """Cut a log after the epochs that are taken as done: the next ones are written again."""
    if log.exists():
        lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
        log.write_text("".join(lines[:count]), encoding="utf-8")


@torch.no_grad()
def evaluate(
    network: nn.Module,
    test: LabelledImages,
    config: TrainingConfig,
    device: torch.device,
    batch: int = 250,
) -> float:
    """Return the share of test images that the network classifies correctly."""
    network.eval()
    images, labels = test
    hits = 0
    for first in range(0, len(labels), batch):
        x = normalise(images[first : first + batch].to(device), config.mean, config.std)
        with torch.autocast(device.type, torch.bfloat16, enabled=config.bfloat16):
            guess = network(x).argmax(1)
        hits += int((guess.cpu() == labels[first : first + batch]).sum())
    return hits / len(labels)


class _Run:
    """A network in training with everything that changes while it trains."""

    def __init__(
        self, network: nn.Module, config: TrainingConfig, data: LabelledImages, workers: Workers
    ) -> None:
        self.config = config
        self.workers = workers
        self.images, self.labels = data
        self.plain = network.to(workers.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network = workers.wrap(self.plain)
        self.optimizer = torch.optim.SGD(
            self.plain.parameters(),
            config.learning_rate,
            momentum=config.momentum,
            nesterov=config.nesterov,
            weight_decay=config.weight_decay,
        )
        self.batches = len(self.labels) // config.batch
        self.epoch = 0

    def resume(self, path: Path) -> None:
        """Take up a run where its last finished epoch left it, if there is one."""
        if not path.exists():
            return
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        self.plain.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch = int(state["epoch"])

    def save(self, path: Path, epoch: int) -> None:
        """Write all that resuming needs. Random numbers depend on seed and epoch alone."""
        state = {
            "network": self.plain.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "epoch": epoch,
        }
        write_atomically(state, path)

    def train_epoch(self, epoch: int, observe: Observer) -> tuple[float, float]:
        """Return the epoch's mean loss and accuracy on the augmented training images."""
        set_steps(self.plain, self.config.steps_at(epoch))
        self.network.train()
        generator = torch.Generator().manual_seed(self.config.seed * 100_003 + epoch)
        order = torch.randperm(len(self.labels), generator=generator)
        generator.manual_seed(generator.initial_seed() + 7919 * (self.workers.rank + 1))
        torch.manual_seed(generator.initial_seed())
        loss_sum, hits, seen = 0.0, 0, 0
        started = time.perf_counter()
        for batch in range(self.batches):
            self._set_learning_rate(epoch + batch / self.batches)
            chosen = order[batch * self.config.batch : (batch + 1) * self.config.batch]
            loss, right, count = self._update(self.workers.share(chosen), generator)
            loss_sum, hits, seen = loss_sum + loss * count, hits + right, seen + count
            observe(
                Progress(
                    epoch,
                    self.config.epochs,
                    batch * self.config.batch + len(chosen),
                    self.batches * self.config.batch,
                    loss_sum / seen,
                    hits / seen,
                    seen * self.workers.count / (time.perf_counter() - started),
                )
            )
        return loss_sum / seen, hits / seen

    def _update(self, chosen: Tensor, generator: torch.Generator) -> tuple[float, int, int]:
        x = normalise(
            self.images[chosen].to(self.workers.device), self.config.mean, self.config.std
        )
        x = shift_and_flip(x, generator)
        target = self.labels[chosen].to(x.device)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.config.bfloat16):
            logits = self.network(x)
        loss = functional.cross_entropy(
            logits.float(), target, label_smoothing=self.config.label_smoothing
        )
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        hits = int((logits.argmax(1) == target).sum())
        return float(loss.detach()), hits, len(target)

    def _set_learning_rate(self, epoch: float) -> None:
        config = self.config
        rate = config.learning_rate * (1 + math.cos(math.pi * epoch / config.epochs)) / 2
        if epoch < config.warmup_epochs:
            rate *= (epoch + 1 / self.batches) / config.warmup_epochs
        for group in self.optimizer.param_groups:
            group["lr"] = rate
