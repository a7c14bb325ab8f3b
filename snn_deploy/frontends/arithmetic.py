"""Additions and factors: within a step they are nodes, between steps they are the readout."""

from dataclasses import replace
from typing import Any

from torch import fx

from snn_deploy.ir.ops import Add

from .call import Call, number
from .values import ALWAYS, EVERY, Axes, Buffer, Refused, Sum, Value, When

_STEPS = "values of one step are added to values of that step; over steps only to a sum or mean"


def add(call: Call, input: Any, other: Any, *, alpha: Any = 1, out: None = None) -> Any:
    """Return input + alpha * other."""
    other = other if alpha == 1 else mul(call, other, alpha)
    for x, y in ((input, other), (other, input)):
        offset = number(y)
        if offset is not None:
            return call.offset(call.value(x), offset)
        if isinstance(y, Buffer) and not y.filled and y.fill == 0 and not isinstance(x, Buffer):
            return call.value(x)
    return _sum(call, call.value(input), call.value(other))


def sub(call: Call, input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """Return input - alpha * other."""
    return add(call, input, neg(call, other), alpha=alpha)


def neg(call: Call, input: Any) -> Any:
    """Return -input."""
    return mul(call, input, -1)


def mul(call: Call, input: Any, other: Any) -> Any:
    """Return input * other, one of which is a number."""
    for x, y in ((input, other), (other, input)):
        factor = number(y)
        if factor is None:
            continue
        if number(x) is not None:
            return factor * float(x)
        value = call.value(x)
        return replace(value, factor=value.factor * factor)
    raise Refused("multiplies two tensors", "spikes are multiplied by weights and numbers only")


def div(call: Call, input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """Return input / other, a number."""
    divisor = number(other)
    if divisor is None or rounding_mode is not None:
        raise Refused("divides by a tensor or rounds", "divide by a number")
    value = call.value(input)
    return replace(value, factor=value.factor / divisor)


def _sum(call: Call, x: Value, y: Value) -> Value:
    over_time = _accumulated(x, y) or _accumulated(y, x)
    if over_time:
        return over_time
    when = _common(x.when, y.when)
    if when is None or (isinstance(when, Sum) and x.factor != y.factor):
        raise Refused("adds values of different steps", _STEPS)
    x, y = call.plain(x), call.plain(y)
    node = call.step.emit(call.name, Add(), [x.node, y.node])
    leading = x if len(call.clock.prefix(x.axes)) >= len(call.clock.prefix(y.axes)) else y
    axes = leading.axes
    if when == EVERY and axes is Axes.BATCH:
        raise Refused("adds values of different steps", _STEPS)
    return Value(node, when, axes, x.factor)


def _common(x: When, y: When) -> When | None:
    if x == y or y == ALWAYS:
        return x if not (isinstance(x, Sum) and y == ALWAYS) else None
    return y if x == ALWAYS and not isinstance(y, Sum) else None


def _accumulated(total: Value, x: Value) -> Value | None:
    """Return the sum of one step more, or None where it is no such sum."""
    if (total.node, total.factor, total.axes) != (x.node, x.factor, x.axes):
        return None
    if not isinstance(x.when, int):
        return None
    steps = total.when.steps if isinstance(total.when, Sum) else 1 if total.when == 0 else None
    if steps is None or x.when != steps:
        return None
    return replace(total, when=Sum(steps + 1))


def _in_place(call: Call, result: Any) -> Any:
    """Let the changed tensor's name stand for the result, unless a view shares its memory."""
    assert call.node is not None, "only the output has none"
    changed = call.node.args[0]
    if not isinstance(changed, fx.Node):
        return result
    related = [changed, *changed.users]
    if any(getattr(n, "target", None) in _VIEWS for n in related):
        raise Refused("changes a tensor in place that has views", "write x = x + y")
    call.values[changed] = result
    return result


_VIEWS = {"view", "reshape", "flatten", "unflatten", "transpose", "permute", "squeeze", "unsqueeze"}


def add_(call: Call, input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """Tensor.add_."""
    return _in_place(call, add(call, input, other, alpha=alpha))


def sub_(call: Call, input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """Tensor.sub_."""
    return _in_place(call, sub(call, input, other, alpha=alpha))


def mul_(call: Call, input: Any, other: Any) -> Any:
    """Tensor.mul_."""
    return _in_place(call, mul(call, input, other))


def div_(call: Call, input: Any, other: Any) -> Any:
    """Tensor.div_."""
    return _in_place(call, div(call, input, other))
