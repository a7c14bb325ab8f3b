"""Our checkpoint file: plain containers and tensors, so that reading it cannot run code.

Keys: `format`, `architecture`, `config` (keywords of the builder), `state_dict`,
`input` {shape, steps, and mean and std of bytes or the `events` binning}, `metrics`.
"""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

FORMAT = "snn-deploy-checkpoint/1"

MAX_STEP_US = 10**9
"""The widest step, in microseconds: a quarter of an hour and more."""
MAX_COUNT = 2**15 - 1
"""What 16-bit integers hold; a network's input has no more."""


@dataclass(frozen=True, slots=True)
class EventBinning:
    """How the events of a recording become whole numbers, step by step.

    An event at t microseconds after the recording's beginning counts in step t // step_us, in the
    channel of its polarity (0 or 1) and at its pixel; what comes after step T - 1 is left out.

    Attributes:
        step_us: width of a step, microseconds.
        limit: the highest count of one pixel, polarity and step; 1 makes binary spikes.
    """

    step_us: int
    limit: int = 1


@dataclass(frozen=True, slots=True)
class InputSpec:
    """What a network expects of one sample.

    Attributes:
        shape: of one sample at one step, [C, H, W] or [N]; of events [2, H, W], or [1, H, W] where
            the network does not tell polarities apart.
        mean: subtracted from a channel after scaling bytes to [0, 1]; empty for events.
        std: then divided by; empty for events.
        steps: T, how often a static sample is presented, or how many steps a sequence has.
        events: how recordings of an event camera become input; None for other input.
        sequence: whether a sample changes from step to step; events do.
    """

    shape: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    steps: int
    events: EventBinning | None = None
    sequence: bool = False

    def __post_init__(self) -> None:
        """Events have time."""
        if self.events is not None:
            object.__setattr__(self, "sequence", True)

    @property
    def kind(self) -> Literal["current", "spike", "graded"]:
        """What enters the network: real values, or spikes (0 or 1), or counts of them."""
        if self.events is None:
            return "current"
        return "spike" if self.events.limit == 1 else "graded"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A trained network as it lies in a file. `state_dict` holds torch tensors."""

    architecture: str
    config: Mapping[str, Any]
    state_dict: Mapping[str, Any]
    input: InputSpec
    metrics: Mapping[str, Any] = field(default_factory=dict)


def to_mapping(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return the plain containers that `torch.save` writes."""
    return {
        "format": FORMAT,
        "architecture": checkpoint.architecture,
        "config": dict(checkpoint.config),
        "state_dict": dict(checkpoint.state_dict),
        "input": _input(checkpoint.input),
        "metrics": dict(checkpoint.metrics),
    }


def _input(spec: InputSpec) -> dict[str, Any]:
    """Return what makes the input of samples: mean and std of bytes, or the binning of events."""
    common = {"shape": list(spec.shape), "steps": spec.steps}
    if spec.events is not None:
        return common | {"events": asdict(spec.events)}
    return common | {"mean": list(spec.mean), "std": list(spec.std)}


def save(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint; an interruption leaves the old file, never half of a new one."""
    write_atomically(to_mapping(checkpoint), path)


def write_atomically(content: Mapping[str, Any], path: Path) -> None:
    """`torch.save` to a neighbour of the path, then rename."""
    import torch

    draft = path.with_name(path.name + ".part")
    with draft.open("wb") as file:
        torch.save(dict(content), file)
        file.flush()
        # A rename may reach the disk before what it names does.
        os.fsync(file.fileno())
    draft.replace(path)
