"""Reads our checkpoint's containers; every field is checked before anything is built from it."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from snn_deploy.checkpoints import (
    FORMAT,
    MAX_COUNT,
    MAX_STEP_US,
    Checkpoint,
    EventBinning,
    InputSpec,
)
from snn_deploy.errors import ModelError
from snn_deploy.models import ARCHITECTURES

MAX_STEPS = 10_000
MAX_CLASSES = 100_000
MAX_LENGTH = 65_536
"""Of one axis of a sample."""
_FAMILY = FORMAT.rpartition("/")[0]
_OPTIONS = ("classes", "steps", "shortcut")
_REMEDY = "write it with `snn-deploy train` or snn_deploy.checkpoints.save"


def is_checkpoint(content: Mapping[Any, Any]) -> bool:
    """Say whether a mapping is meant as our checkpoint, of whatever version."""
    return str(content.get("format", "")).startswith(f"{_FAMILY}/")


def parse(content: Mapping[Any, Any], where: str) -> Checkpoint:
    """Return the checkpoint of plain containers.

    Raises:
        ModelError: a field is missing or not what it must be; the text names it.
    """
    fields = _Fields(content, where)
    version = fields.get("format", str)
    if version != FORMAT:
        raise ModelError(
            where, f"is of format '{version}', this version reads '{FORMAT}'", "update snn-deploy"
        )
    architecture = fields.get("architecture", str)
    if architecture not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise ModelError(
            where, f"names an unknown architecture '{architecture}'", f"known: {known}"
        )
    spec = _input(_Fields(fields.get("input", Mapping), where, "input."))
    config = dict(_config(_Fields(fields.get("config", Mapping), where, "config.")))
    if config.setdefault("steps", spec.steps) != spec.steps:
        raise fields.wrong("config.steps", f"is {config['steps']}, input.steps is {spec.steps}")
    metrics = content.get("metrics", {})
    if not isinstance(metrics, Mapping):
        raise fields.wrong("metrics", "is no mapping")
    weights = tensors(fields.get("state_dict", Mapping), where)
    return Checkpoint(architecture, config, weights, spec, metrics)


def tensors(content: Mapping[Any, Any], where: str) -> dict[str, Tensor]:
    """Return a mapping of names to tensors.

    Raises:
        ModelError: it is something else, or a tensor claims more elements than it has.
    """
    for name, tensor in content.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            problem = f"its state dict holds {type(tensor).__name__} under {name!r}"
            raise ModelError(where, problem, "a state dict holds tensors by name")
        if tensor.layout is not torch.strided or tensor.is_meta or not _backed(tensor):
            problem = (
                f"'{name}' of shape {tuple(tensor.shape)} is sparse or has fewer elements stored"
            )
            raise ModelError(where, problem, "save dense, contiguous tensors")
    return dict(content)


def _backed(tensor: Tensor) -> bool:
    return tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()


class _Fields:
    """A mapping whose entries are asked for by name and type."""

    def __init__(self, content: Mapping[Any, Any], where: str, prefix: str = "") -> None:
        self.content = content
        self.where = where
        self.prefix = prefix

    def wrong(self, name: str, problem: str) -> ModelError:
        """Return the error about a field."""
        return ModelError(self.where, f"its field '{name}' {problem}", _REMEDY)

    def get(self, name: str, kind: Any) -> Any:
        """Return a field of a type."""
        full = self.prefix + name
        if name not in self.content:
            raise self.wrong(full, "is missing")
        value = self.content[name]
        if not isinstance(value, kind) or isinstance(value, bool):
            expected = getattr(kind, "__name__", str(kind))
            raise self.wrong(full, f"is {type(value).__name__}, not {expected}")
        return value

    def number(self, name: str, largest: int) -> int:
        """Return a whole number from 1 to the largest allowed."""
        value = int(self.get(name, int))
        if not 1 <= value <= largest:
            raise self.wrong(self.prefix + name, f"is {value}, it may be 1 to {largest}")
        return value

    def numbers(self, name: str, kind: type | tuple[type, ...]) -> tuple[Any, ...]:
        """Return a list of finite numbers."""
        values = self.get(name, list | tuple)
        if not values or not all(_is_number(v, kind) for v in values):
            raise self.wrong(self.prefix + name, "is no list of finite numbers")
        return tuple(values)


def _is_number(value: Any, kind: type | tuple[type, ...]) -> bool:
    if isinstance(value, bool) or not isinstance(value, kind):
        return False
    number: Any = value
    return math.isfinite(number)


def _input(fields: _Fields) -> InputSpec:
    shape = fields.numbers("shape", int)
    if len(shape) > 3 or not all(1 <= n <= MAX_LENGTH for n in shape):
        raise fields.wrong("input.shape", f"is {list(shape)}, not [C, H, W], [C, L] or [N]")
    steps = fields.number("steps", MAX_STEPS)
    if "events" in fields.content:
        return InputSpec(shape, (), (), steps, _events(fields, shape))
    mean = tuple(float(v) for v in fields.numbers("mean", (int, float)))
    std = tuple(float(v) for v in fields.numbers("std", (int, float)))
    if not len(mean) == len(std) == shape[0]:
        raise fields.wrong(
            "input.mean", f"or std has not one number for each of {shape[0]} channels"
        )
    if min(std) <= 0:
        raise fields.wrong("input.std", f"is {list(std)}, not above zero")
    return InputSpec(shape, mean, std, steps)


def _events(fields: _Fields, shape: tuple[int, ...]) -> EventBinning:
    """Return how event recordings become input."""
    if len(shape) != 3 or shape[0] > 2:
        raise fields.wrong("input.shape", f"is {list(shape)}, of events it is [2 or 1, H, W]")
    for name in ("mean", "std"):
        if fields.content.get(name):
            raise fields.wrong(f"input.{name}", "is of bytes, counts of events are not scaled")
    binning = _Fields(fields.get("events", Mapping), fields.where, "input.events.")
    step_us, limit = binning.number("step_us", MAX_STEP_US), binning.number("limit", MAX_COUNT)
    return EventBinning(step_us, limit)


def _config(fields: _Fields) -> Mapping[str, Any]:
    unknown = [str(name) for name in fields.content if name not in _OPTIONS]
    if unknown:
        raise fields.wrong("config", f"has unknown entries {unknown[:5]}")
    found: dict[str, Any] = {}
    if "classes" in fields.content:
        found["classes"] = fields.number("classes", MAX_CLASSES)
    if "steps" in fields.content:
        found["steps"] = fields.number("steps", MAX_STEPS)
    if "shortcut" in fields.content:
        found["shortcut"] = fields.get("shortcut", str)
    return found
