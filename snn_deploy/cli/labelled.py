"""What `train` asks of its samples before it begins: labels, shapes, and what goes with events."""

from typing import TYPE_CHECKING

from snn_deploy.errors import ModelError, UsageError

if TYPE_CHECKING:
    from snn_deploy.checkpoints import EventBinning
    from snn_deploy.datasets import Samples
    from snn_deploy.training import TrainingConfig


def check_labelled(samples: "Samples") -> "Samples":
    """Return the samples. Raises ModelError where they cannot be trained on."""
    if samples.labels is None or samples.kind == "floats" or samples.sequence:
        raise ModelError(
            samples.source,
            "has no labelled images or events",
            "give 'images' (bytes), or events, and 'labels'",
        )
    return samples


def check_binning(training: "Samples", events: "EventBinning | None") -> None:
    """Refuse options for events without events, and events without what bins them.

    Raises:
        UsageError: the one or the other.
    """
    if events is None and training.kind == "events":
        raise UsageError(
            f"{training.source} holds events, and nothing says how they become input",
            "give --event-step-us",
        )
    if events is not None and training.kind != "events":
        raise UsageError(
            f"--event-step-us is for event recordings, {training.source} holds images",
            "leave it out, or give recordings",
        )


def check_samples(config: "TrainingConfig", training: "Samples", test: "Samples") -> None:
    """Refuse samples that the network to be trained does not read.

    Raises:
        UsageError: too few of them, or options that they cannot be trained with.
        ModelError: their shape, their sensor or their kind is another.
    """
    noun = "recordings" if config.events else "images"
    if len(training) < config.batch:
        raise UsageError(
            f"--batch {config.batch} is more than the {len(training)} training {noun}",
            "give a smaller one",
        )
    _check_kind(config)
    if config.events is not None:
        _check_events(config, training, test)
    else:
        _check_images(config, training, test)


def _check_kind(config: "TrainingConfig") -> None:
    from snn_deploy import models

    takes_events = models.input_shape(config.architecture) is not None
    if takes_events != (config.events is not None):
        takes, given = ("events", "images") if takes_events else ("images", "events")
        raise UsageError(
            f"{config.architecture} reads {takes}, the samples are {given}",
            "train a network that reads these: see `snn-deploy models`",
        )


def _check_events(config: "TrainingConfig", training: "Samples", test: "Samples") -> None:
    from snn_deploy.training import input_of

    if config.short_epochs:
        raise UsageError(
            "--short-epochs shows a static image fewer times, the samples are events",
            "leave it out",
        )
    _check_alike("events", "events", training, test)
    for samples in (training, test):
        samples.check(input_of(samples, config))


def _check_images(config: "TrainingConfig", training: "Samples", test: "Samples") -> None:
    _check_alike("bytes", "images", training, test)
    channels = len(config.mean)
    for samples in (training, test):
        shape = samples.shape or ()
        if len(shape) != 3 or shape[0] != channels or shape != training.shape:
            raise ModelError(
                samples.source,
                f"has images of shape {list(shape)}",
                f"give [{channels}, H, W], training and test alike",
            )


def _check_alike(kind: str, wanted: str, *parts: "Samples") -> None:
    for samples in parts:
        if samples.kind != kind:
            held = "images" if samples.kind == "bytes" else samples.kind
            raise ModelError(
                samples.source, f"holds {held}", f"give {wanted}, training and test alike"
            )
