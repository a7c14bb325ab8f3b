"""How samples become a network's input: what its file says, else what the options say."""

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from snn_deploy.checkpoints import EventBinning, InputSpec
from snn_deploy.errors import UsageError

if TYPE_CHECKING:
    from snn_deploy.datasets import Samples
    from snn_deploy.frontends.loading import LoadedModel
    from snn_deploy.frontends.opening import LoadedGraph

    from .given import Given

Scaling = tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class AskedInput:
    """What the options say, each None where they say nothing.

    Attributes:
        scaling: mean and std of bytes.
        events: how event recordings are binned.
        event_shape: (P, H, W) of an event network's input.
    """

    scaling: Scaling | None = None
    events: EventBinning | None = None
    event_shape: tuple[int, ...] | None = None


def asked_input(given: "Given") -> AskedInput:
    """Read the options. Raises UsageError where one of them cannot be."""
    events = binning(given.event_step_us, given.event_limit)
    shape = None if given.event_shape is None else _event_shape(given.event_shape)
    if shape is not None and events is None:
        raise UsageError("--event-shape goes with --event-step-us", "give both, or neither")
    return AskedInput(_scaling(given.mean, given.std), events, shape)


def binning(step_us: int | None, limit: int | None) -> EventBinning | None:
    """Return what --event-step-us and --event-limit say."""
    if step_us is not None:
        return EventBinning(step_us, limit or 1)
    if limit is not None:
        raise UsageError("--event-limit goes with --event-step-us", "give both, or neither")
    return None


def input_of(
    asked: AskedInput, loaded: "LoadedModel | LoadedGraph", samples: "Samples", steps: int | None
) -> InputSpec:
    """Return what a network reads on these samples.

    Raises:
        UsageError: neither its file nor the options say it, or the options are for other samples.
    """
    from snn_deploy.frontends.opening import LoadedGraph

    if isinstance(loaded, LoadedGraph):
        return _of_integers(asked, loaded, samples, steps)
    if asked.events is not None or (loaded.input is None and samples.kind == "events"):
        return _of_events(asked, loaded, samples, steps)
    told = loaded.input or InputSpec(
        samples.shape or (), (), (), steps or 0, sequence=samples.sequence
    )
    return _with_scaling(asked, loaded.name, told, samples)


def _with_scaling(asked: AskedInput, name: str, told: InputSpec, samples: "Samples") -> InputSpec:
    if asked.scaling is not None:
        return _scaled(asked.scaling, told, samples)
    if samples.kind == "bytes" and not told.std and told.events is None:
        raise UsageError(
            f"{name} does not say how bytes become its input",
            "give --mean and --std, or samples in floating point that are normalised already",
        )
    return told


def _of_integers(
    asked: AskedInput, loaded: "LoadedGraph", samples: "Samples", steps: int | None
) -> InputSpec:
    """As `input_of`: integers enter as they are, bytes too, but where the file transforms them."""
    network, told = loaded.network, loaded.input_of(samples, steps)
    if asked.events is not None or samples.kind == "events":
        known = None if network.input_shape is None else told
        return _of_events(asked, replace(loaded, input=known), samples, steps)
    if network.gain is not None:
        return _with_scaling(asked, loaded.name, told, samples)
    if asked.scaling is not None:
        raise UsageError(
            f"{loaded.name} reads integers as they are, there is nothing for --mean and --std",
            "leave them out",
        )
    return told


def _of_events(
    asked: AskedInput, loaded: "LoadedModel | LoadedGraph", samples: "Samples", steps: int | None
) -> InputSpec:
    if asked.events is None:
        raise UsageError(
            f"{loaded.name} does not say how events become its input",
            "give --event-step-us, and --event-limit if counts above 1 are kept",
        )
    if samples.kind != "events":
        raise UsageError(
            f"--event-step-us is for event recordings, {samples.source} holds {samples.kind}",
            "leave it out, or give recordings",
        )
    if loaded.input is not None:
        shape, length = loaded.input.shape, loaded.input.steps
    else:
        shape, length = asked.event_shape or samples.shape or (), steps or 0
    if not shape:
        raise UsageError(
            f"neither {loaded.name} nor {samples.source} says how large the sensor is",
            "give --event-shape, e.g. 2x34x34, or an array 'sensor' [H, W] beside the events",
        )
    return InputSpec(shape, (), (), length, asked.events)


def _scaled(scaling: Scaling, told: InputSpec, samples: "Samples") -> InputSpec:
    if samples.kind != "bytes":
        held = "floating point" if samples.kind == "floats" else samples.kind
        raise UsageError(
            f"--mean and --std are for bytes, {samples.source} holds {held}",
            "leave them out and give samples that are normalised already",
        )
    mean, std = scaling
    one_for_all = len(mean) == len(told.shape) == 1
    if len(mean) != told.shape[0] and not one_for_all:
        raise UsageError(
            f"--mean has {len(mean)} numbers, the samples have {told.shape[0]} channels",
            "give one number a channel in --mean and --std",
        )
    return replace(told, mean=mean, std=std)


def _event_shape(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"[12]x[1-9]\d{0,4}x[1-9]\d{0,4}", text):
        raise UsageError(
            f"--event-shape cannot be '{text}'",
            "give polarities (2, or 1 for both as one), rows and columns, e.g. 2x34x34",
        )
    return tuple(int(part) for part in text.split("x"))


def _scaling(mean_text: str | None, std_text: str | None) -> Scaling | None:
    if mean_text is None and std_text is None:
        return None
    if mean_text is None or std_text is None:
        lacking = "--mean" if mean_text is None else "--std"
        raise UsageError(f"{lacking} is missing", "give --mean and --std together")
    mean, std = _numbers("--mean", mean_text), _numbers("--std", std_text)
    if len(mean) != len(std):
        raise UsageError(
            f"--mean has {len(mean)} numbers, --std {len(std)}", "give one a channel in both"
        )
    if not all(0 <= value <= 1 for value in mean):
        raise UsageError(
            f"--mean {mean_text} is not between 0 and 1",
            "bytes are divided by 255 first: divide --mean and --std by 255 too",
        )
    if not min(std) > 0:
        raise UsageError(f"--std {std_text} is not above zero", "give positive numbers")
    return mean, std


def _numbers(option: str, text: str) -> tuple[float, ...]:
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = (math.nan,)
    if not all(map(math.isfinite, values)):
        raise UsageError(
            f"{option} cannot be '{text}'", "give numbers with commas between: 0.49,0.48,0.45"
        )
    return values
