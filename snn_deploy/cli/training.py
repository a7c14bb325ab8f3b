"""`snn-deploy train`."""

import math
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from snn_deploy.errors import UsageError

from . import options as o
from .console import progress, say
from .inputs import binning
from .labelled import check_binning, check_labelled, check_samples

if TYPE_CHECKING:
    from collections.abc import Mapping

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
            help="Training samples: .npz, images or events, and labels.",
            panel=o.INPUT,
        ),
    ],
    test: Annotated[
        Path, o.option("--test", metavar="FILE", help="Test samples, likewise.", panel=o.INPUT)
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
    begin_with: Annotated[
        Path | None,
        o.option(
            "--begin-with",
            metavar="FILE",
            help="A checkpoint of a shallower network, or of another shortcut, to grow from.",
            panel=o.INPUT,
        ),
    ] = None,
    bfloat16: Annotated[
        bool,
        o.option("--bfloat16/--no-bfloat16", help="Mixed precision.", panel=o.TRAINING),
    ] = True,
    ema: Annotated[
        float,
        o.real("--ema", 0, 0.99999, "What the averaged weights keep at an update.", o.TRAINING),
    ] = 0.0,
    checkpointing: Annotated[
        bool,
        o.option(
            "--checkpointing",
            help="Compute blocks twice instead of keeping their values: less memory.",
            panel=o.TRAINING,
        ),
    ] = False,
    event_step_us: o.EventStep = None,
    event_limit: o.EventLimit = None,
    seed: Annotated[
        int, o.count("--seed", 0, "Of weights, order and augmentation.", o.TRAINING)
    ] = 1,
    quiet: o.Quiet = False,
) -> None:
    """Train a network with surrogate gradients; ends with a checkpoint and its accuracy.

    Under torchrun it uses every process. The recorded accuracy is measured
    in float64 on all test samples, which is what `snn-deploy validate` does.
    """
    from snn_deploy import datasets
    from snn_deploy.frontends.loading import read_checkpoint
    from snn_deploy.training import TrainingConfig

    training, tested = check_labelled(datasets.load(data)), check_labelled(datasets.load(test))
    events = binning(event_step_us, event_limit)
    check_binning(training, events)
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
        ema=ema,
        checkpointing=checkpointing,
        seed=seed,
        begin_with=begin_with.name if begin_with else "",
        events=events,
    )
    if events is not None:
        config = replace(config, mean=(), std=())  # of bytes
    _check(config, training, tested)
    donor = read_checkpoint(begin_with).state_dict if begin_with else None
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{output}: {error.strerror}", "choose another folder with -o") from error
    first = os.environ.get("RANK", "0") == "0"
    with progress(quiet=quiet or not first) as observe:
        made = _train(config, training, tested, output, donor, observe)
    if made is not None and not quiet:
        say(f"accuracy {made.metrics['test_accuracy']:.4f} on {len(tested)} test samples")
        print(output / "checkpoint.pt")


def _train(
    config: "TrainingConfig",
    training: "Samples",
    test: "Samples",
    folder: Path,
    donor: "Mapping[str, Any] | None",
    observe: "Observer",
) -> "Checkpoint | None":
    from snn_deploy import checkpoints
    from snn_deploy.training import train as run

    def tell(state: "Progress") -> None:
        done = state.epoch * state.images_in_epoch + state.images
        told = f"loss {state.loss:.3f}, accuracy {state.accuracy:.3f}, {state.images_per_s:.0f}/s"
        observe(f"train, {told}", done, state.epochs * state.images_in_epoch)

    trained = run(config, training, test, folder, tell, donor=donor)
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
    kinds = models.shortcuts(config.architecture)
    if config.shortcut and config.shortcut not in kinds:
        raise UsageError(
            f"--shortcut cannot be '{config.shortcut}'",
            f"give {', '.join(kinds)}" if kinds else f"{config.architecture} has one kind only",
        )
    check_samples(config, training, test)


def _measured(trained: "Trained", test: "Samples", observe: "Observer") -> "Checkpoint":
    """Return the checkpoint with the accuracy that `validate` will find."""
    from snn_deploy.frontends.float_reference import float_outputs, trace_as

    made, network, total = trained.checkpoint, trained.network, len(test)
    graph = trace_as(network, made.input, made.architecture)
    outputs = float_outputs(
        network, graph, test, made.input, lambda done: observe("measure", done, total)
    )
    accuracy = float((outputs.argmax(axis=1) == test.labels).mean())
    noun = "recordings" if made.input.events else "images"
    metrics = {"test_accuracy": accuracy, f"test_{noun}": total}
    return replace(made, metrics=metrics | dict(made.metrics))
