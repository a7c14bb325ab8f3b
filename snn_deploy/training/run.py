"""A network in training: one epoch at a time, saved and taken up again between epochs."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import swa_utils

from snn_deploy.checkpoints import write_atomically
from snn_deploy.errors import ModelError, UsageError
from snn_deploy.neurons import set_steps

from .batches import Batches
from .config import TrainingConfig
from .distributed import Workers
from .recompute import recompute_blocks


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


Observer = Callable[[Progress], None]


_SAVED = {"network", "optimizer", "epoch", "recipe"}
"""What `last.pt` holds at least."""


class Run:
    """A network in training with everything that changes while it trains."""

    def __init__(
        self, network: nn.Module, config: TrainingConfig, data: Batches, workers: Workers
    ) -> None:
        self.config = config
        self.workers = workers
        self.data, self.labels = data, data.labels
        self.plain = network.to(workers.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = _average(self.plain, config.ema)
        if config.checkpointing:
            recompute_blocks(self.plain)
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

    @property
    def result(self) -> nn.Module:
        """The network that the run is for: the averaged weights where there are any."""
        return self.plain if self.average is None else self.average.module

    def resume(self, path: Path) -> None:
        """Take up a run where its last finished epoch left it, if there is one.

        Raises:
            UsageError: that run has another recipe.
            ModelError: the file is damaged, or not of such a run.
        """
        if not path.exists():
            return
        state = _read(path)
        _check_recipe(state["recipe"], self.config.recipe(), path.parent)
        self.plain.load_state_dict(state["network"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch = int(state["epoch"])

    def save(self, path: Path, epoch: int) -> None:
        """Write all that resuming needs. Random numbers depend on seed and epoch alone."""
        state = {
            "network": self.plain.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "epoch": epoch,
            "recipe": self.config.recipe(),
        }
        if self.average is not None:
            state["average"] = self.average.state_dict()
        write_atomically(state, path)

    def train_epoch(self, epoch: int, observe: Observer) -> tuple[float, float]:
        """Return the epoch's mean loss and accuracy on the augmented training images."""
        for network in (self.plain, self.result):
            set_steps(network, self.config.steps_at(epoch))
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
        x = self.data.augmented(chosen, self.workers.device, generator)
        target = self.labels[chosen].to(x.device)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.config.bfloat16):
            logits = self.network(x)
        loss = functional.cross_entropy(
            logits.float(), target, label_smoothing=self.config.label_smoothing
        )
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        if self.average is not None:
            self.average.update_parameters(self.plain)
        hits = int((logits.argmax(1) == target).sum())
        return float(loss.detach()), hits, len(target)

    def _set_learning_rate(self, epoch: float) -> None:
        config = self.config
        rate = config.learning_rate * (1 + math.cos(math.pi * epoch / config.epochs)) / 2
        if epoch < config.warmup_epochs:
            rate *= (epoch + 1 / self.batches) / config.warmup_epochs
        for group in self.optimizer.param_groups:
            group["lr"] = rate


def _average(network: nn.Module, decay: float) -> swa_utils.AveragedModel | None:
    """Return what follows the network's weights and statistics; None where nothing should."""
    if not decay:
        return None
    mean = swa_utils.get_ema_multi_avg_fn(decay)
    return swa_utils.AveragedModel(network, multi_avg_fn=mean, use_buffers=True)


def _read(path: Path) -> dict[str, Any]:
    """Return what `Run.save` wrote. Raises ModelError where it is something else."""
    remedy = "remove it to begin anew, or choose another folder"
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ModelError(str(path), f"cannot be read ({type(error).__name__})", remedy) from error
    if not isinstance(state, dict) or not state.keys() >= _SAVED:
        raise ModelError(str(path), "is not what a run of this version saves", remedy)
    return state


def _check_recipe(
    begun_with: Mapping[str, object], wanted: Mapping[str, object], folder: Path
) -> None:
    for name, value in wanted.items():
        before = begun_with.get(name)
        if before != value:
            raise UsageError(
                f"the run in {folder} was begun with {name} = {before}, not {value}",
                "go on with the same options, or choose another folder",
            )
