"""What a handler gets: the place, and the verbs by which operations become nodes."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, fx

from snn_deploy.ir.ops import BatchNorm, Op

from .step import Step
from .values import ALWAYS, EVERY, Axes, Buffer, Clock, Refused, Sum, Value


@dataclass(frozen=True, slots=True)
class Call:
    """One operation.

    Attributes:
        step: the graph that grows.
        clock: the lengths of the axes.
        name: what its node is to be called.
        owner: path of the leaf module, None for a function.
        shape: of what torch gives.
        node: of the recording, None at the end.
        values: of all nodes before it.
    """

    step: Step
    clock: Clock
    name: str
    owner: str | None
    shape: tuple[int, ...]
    node: fx.Node | None
    values: dict[fx.Node, Any]

    def value(self, x: Any) -> Value:
        """Return an argument as a value; Refused where it is none."""
        return as_value(x, self.clock, self.step)

    def plain(self, value: Value) -> Value:
        """Return the same with its factor multiplied in."""
        if value.factor == 1.0 or isinstance(value.when, Sum):
            return value
        return value.of(self._scaled(value.node, value.factor, 0.0))

    def offset(self, value: Value, number: float) -> Value:
        """Return value + number."""
        if number == 0:
            return value
        if isinstance(value.when, Sum):
            self._whole(value)
            number /= value.factor * self.clock.steps
            return replace(value, node=self._scaled(value.node, 1.0, number))
        return value.of(self._scaled(value.node, value.factor, number))

    def _scaled(self, node: str, factor: float, offset: float) -> str:
        """Emit x * factor + offset, written as a batch norm with mean 0 and variance 1."""
        channels = self.step.type(node).shape[0]
        numbers = {"weight": factor, "bias": offset, "mean": 0.0, "variance": 1.0}
        arrays = {role: self.step.constant(n, channels) for role, n in numbers.items()}
        return self.step.emit(f"{node}.scaled", BatchNorm(eps=0.0), [node], arrays)

    def affine(self, x: Any, op: Op, arrays: Mapping[str, Tensor | None] | None = None) -> Value:
        """Emit an op that is linear but for its offset, and so may follow a sum over time."""
        value = self.plain(self.value(x))
        divide = 1.0
        if isinstance(value.when, Sum):
            self._whole(value)
            divide = value.factor * self.clock.steps
        present = arrays or {}
        if present.get("bias") is None or math.isclose(divide, 1.0):
            divide = 1.0
        node = self.step.emit(self.name, op, [value.node], present, divide=divide, owner=self.owner)
        return replace(value, node=node)

    def nonlinear(self, x: Any, op: Op) -> Value:
        """Emit an op that has a meaning for single steps only."""
        value = self.plain(self.value(x))
        if isinstance(value.when, Sum):
            raise Refused(
                "reads a sum or mean over time and is not linear",
                "move it before the sum over time",
            )
        return value.of(self.step.emit(self.name, op, [value.node], owner=self.owner))

    def _whole(self, value: Value) -> None:
        assert isinstance(value.when, Sum), "callers ask first"
        if value.when.steps != self.clock.steps:
            raise Refused(
                f"reads the sum of {value.when.steps} of {self.clock.steps} steps",
                "read one step or the sum of all",
            )

    def sample(self, value: Value) -> tuple[int, ...]:
        """Return the shape of one sample at one step."""
        return self.step.type(value.node).shape


def as_value(x: Any, clock: Clock, step: Step) -> Value:
    """Return an argument as a value; Refused where it is none."""
    if isinstance(x, Value):
        return x
    if isinstance(x, Buffer):
        return _filled(x, clock, step)
    if isinstance(x, Tensor):
        raise Refused(f"reads a constant tensor of shape {tuple(x.shape)}", "use a layer with it")
    raise Refused(
        f"reads {type(x).__name__} where a tensor of the network is understood",
        "give it what the layer before it gives",
    )


def _filled(buffer: Buffer, clock: Clock, step: Step) -> Value:
    parts = [buffer.filled.get(t) for t in range(clock.steps)]
    first = parts[0] if parts else None
    if first is None or None in parts or len(buffer.filled) != clock.steps:
        raise Refused(
            f"reads a tensor of which {len(buffer.filled)} steps are filled", "fill all T steps"
        )
    whole = series([p for p in parts if p is not None], clock)
    if clock.prefix(Axes.STACKED) + step.type(first.node).shape != buffer.shape:
        raise Refused(
            f"reads a filled tensor of shape {clock.text(buffer.shape)}", "use torch.stack"
        )
    return whole


def series(parts: list[Value], clock: Clock) -> Value:
    """Return steps 0 .. T-1 of one node as one value [T, B, ...]; Refused where they are not."""
    nodes = {p.node for p in parts}
    in_order = all(p.when in (ALWAYS, t) for t, p in enumerate(parts))
    if len(parts) != clock.steps or not in_order:
        raise Refused(
            f"joins {len(parts)} tensors that are not steps 0 to {clock.steps - 1} in order",
            "join all steps of one layer",
        )
    if len(nodes) != 1 or len({p.factor for p in parts}) != 1:
        raise Refused(
            "joins steps that are made in different ways", "every step runs the same layers"
        )
    return replace(parts[0], when=EVERY, axes=Axes.STACKED)


def number(x: Any) -> float | None:
    """Return an argument as a number, or None; a tensor of one number throughout is that number."""
    if isinstance(x, bool):
        return None
    if isinstance(x, int | float):
        return float(x)
    if isinstance(x, Tensor) and x.numel() and bool((x == x.flatten()[0]).all()):
        return float(x.detach().flatten()[0])
    return None
