"""Our checkpoint file: plain containers and tensors, so that reading it cannot run code.

Keys: `format`, `architecture`, `config` (keywords of the builder), `state_dict`,
`input` {shape, mean, std, steps}, `metrics`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FORMAT = "snn-deploy-checkpoint/1"


@dataclass(frozen=True, slots=True)
class InputSpec:
    """What a network expects of one sample.

    Attributes:
        shape: of one sample at one step, [C, H, W] or [N].
        mean: subtracted from a channel after scaling bytes to [0, 1].
        std: then divided by.
        steps: T, how often a static sample is presented.
    """

    shape: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    steps: int


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
        "input": {
            "shape": list(checkpoint.input.shape),
            "mean": list(checkpoint.input.mean),
            "std": list(checkpoint.input.std),
            "steps": checkpoint.input.steps,
        },
        "metrics": dict(checkpoint.metrics),
    }


def save(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint; an interruption leaves the old file, never half of a new one."""
    write_atomically(to_mapping(checkpoint), path)


def write_atomically(content: Mapping[str, Any], path: Path) -> None:
    """`torch.save` to a neighbour of the path, then rename."""
    import torch

    draft = path.with_name(path.name + ".part")
    torch.save(dict(content), draft)
    draft.replace(path)
