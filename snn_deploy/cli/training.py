"""`snn-deploy train`."""

import math
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from snn_deploy.errors import ModelError, UsageError

from . import options as o
from .console import progress, say

if TYPE_CHECKING:
    from snn_deploy.checkpoints import Checkpoint
    from snn_deploy.datasets import Samples
    from snn_deploy.pipeline import Observer
    from snn_deploy.training import Progress, Trained, TrainingConfig


def train(
    architecture: Annotated[
        str,
        typer.Argument(metavar="NAME", help="What to train: `snn-deploy models` lists them."),
    ],
    data: Annotated[
        Path,
        o.option(
            "--data",
            metavar="FILE",
            help="Training images: .npz, images and labels.",
            panel=o.INPUT,
        ),
    ],
    test: Annotated[
        Path, o.option("--test", metavar="FILE", help="Test images, likewise.", panel=o.INPUT)
    ],
    output: Annotated[
        Path,
        o.option(
            "--output",
            "-o",
            metavar="DIR",
            help="The run's folder; an interrupted run goes on.",
            panel=o.OUTPUT,
        ),
    ],
    steps: Annotated[
        int, o.whole("--steps", 1, 1000, "T, the number of time steps.", o.TRAINING)
    ] = 6,
    epochs: Annotated[
        int, o.count("--epochs", 1, "Passes over the training images.", o.TRAINING)
    ] = 100,
    batch: Annotated[
        int, o.count("--batch", 2, "Images an update, over all processes.", o.TRAINING)
    ] = 128,
    learning_rate: Annotated[
        float,
        o.real("--learning-rate", 0, math.inf, "The first; falls along a cosine.", o.TRAINING),
    ] = 0.1,
    weight_decay: Annotated[
        float, o.real("--weight-decay", 0, math.inf, "Of SGD, on every parameter.", o.TRAINING)
    ] = 1e-4,
    label_smoothing: Annotated[
        float,
        o.real("--label-smoothing", 0, 0.5, "Share of the target for all classes.", o.TRAINING),
    ] = 0.0,
    warmup_epochs: Annotated[
        float,
        o.real("--warmup-epochs", 0, math.inf, "While the learning rate rises.", o.TRAINING),
    ] = 0.0,
    short_epochs: Annotated[
        int,
        o.count("--short-epochs", 0, "How many epochs, first, run at --short-steps.", o.TRAINING),
    ] = 0,
    short_steps: Annotated[
        int, o.whole("--short-steps", 1, 1000, "T of these epochs.", o.TRAINING)
    ] = 1,
    shortcut: Annotated[
        str,
        o.option(
            "--shortcut",
            metavar="KIND",
            help="projection, spiking or pooled; the architecture's own if empty.",
            panel=o.TRAINING,
        ),
    ] = "",
    bfloat16: Annotated[
        bool,
        o.option("--bfloat16/--no-bfloat16", help="Mixed precision.", panel=o.TRAINING),
    ] = True,
    seed: Annotated[
        int, o.count("--seed", 0, "Of weights, order and augmentation.", o.TRAINING)
    ] = 1,
    quiet: o.Quiet = False,
) -> None:
    """Train a network with surrogate gradients; ends with a checkpoint and its accuracy.

    Under torchrun it uses every process. The recorded accuracy is measured
    in float64 on all test images, which is what `snn-deploy validate` does.
    """
    from snn_deploy import datasets
    from snn_deploy.training import TrainingConfig

    training, tested = _labelled(datasets.load(data)), _labelled(datasets.load(test))
    config = TrainingConfig(
        architecture=architecture,
        classes=int(training.labels.max()) + 1,  # type: ignore[union-attr]
        steps=steps,
        shortcut=shortcut,
        epochs=epochs,
        batch=batch,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        label_smoothing=label_smoothing,
        warmup_epochs=warmup_epochs,
        short_epochs=short_epochs,
        short_steps=short_steps,
        bfloat16=bfloat16,
        seed=seed,
    )
    _check(config, training, tested)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{output}: {error.strerror}", "choose another folder with -o") from error
    first = os.environ.get("RANK", "0") == "0"
    with progress(quiet=quiet or not first) as observe:
        made = _train(config, training, tested, output, observe)
    if made is not None and not quiet:
        say(f"accuracy {made.metrics['test_accuracy']:.4f} on {made.metrics['test_images']} images")
        print(output / "checkpoint.pt")


def _labelled(samples: "Samples") -> "Samples":
    if samples.labels is None or samples.values.dtype.kind != "u":
        raise ModelError(
            samples.source, "has no labelled images", "give 'images' (bytes) and 'labels'"
        )
    return samples


def _train(
    config: "TrainingConfig",
    training: "Samples",
    test: "Samples",
    folder: Path,
    observe: "Observer",
) -> "Checkpoint | None":
    from snn_deploy import checkpoints
    from snn_deploy.training import train as run

    def tell(state: "Progress") -> None:
        done = state.epoch * state.images_in_epoch + state.images
        observe(f"train, accuracy {state.accuracy:.3f}", done, state.epochs * state.images_in_epoch)

    trained = run(config, training, test, folder, tell)
    if trained is None:
        return None
    measured = _measured(trained, test, observe)
    checkpoints.save(measured, folder / "checkpoint.pt")
    return measured


def _check(config: "TrainingConfig", training: "Samples", test: "Samples") -> None:
    from snn_deploy import models

    if config.architecture not in models.ARCHITECTURES:
        known = ", ".join(models.ARCHITECTURES)
        raise UsageError(f"there is no architecture '{config.architecture}'", f"known: {known}")
    if config.shortcut not in ("", "projection", "spiking", "pooled"):
        raise UsageError(
            f"--shortcut cannot be '{config.shortcut}'", "give projection, spiking or pooled"
        )
    if len(training) < config.batch:
        raise UsageError(
            f"--batch {config.batch} is more than the {len(training)} training images",
            "give a smaller one",
        )
    channels = len(config.mean)
    for samples in (training, test):
        shape = samples.values.shape[1:]
        if len(shape) != 3 or shape[0] != channels or shape != training.values.shape[1:]:
            raise ModelError(
                samples.source,
                f"has images of shape {list(shape)}",
                f"give [{channels}, H, W], training and test alike",
            )


def _measured(trained: "Trained", test: "Samples", observe: "Observer") -> "Checkpoint":
    """Return the checkpoint with the accuracy that `validate` will find."""
    from snn_deploy.frontends.float_reference import float_outputs
    from snn_deploy.frontends.tracing import trace

    made, network, total = trained.checkpoint, trained.network, len(test)
    graph = trace(network, made.input.shape, name=made.architecture, steps=made.input.steps)
    outputs = float_outputs(
        network, graph, test, made.input, lambda done: observe("measure", done, total)
    )
    accuracy = float((outputs.argmax(axis=1) == test.labels).mean())
    metrics = {"test_accuracy": accuracy, "test_images": total}
    return replace(made, metrics=metrics | dict(made.metrics))
