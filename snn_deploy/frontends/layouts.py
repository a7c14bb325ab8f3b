"""What moves between time layouts: reshapes, repeats, stacks, indices, means over time."""

import math
from dataclasses import replace
from typing import Any

from snn_deploy.ir.ops import AvgPool, Flatten, SumPool

from .call import Call, number, series
from .values import ALWAYS, EVERY, REGROUPED, TIME_AXIS, Axes, Buffer, Refused, Sum, Value

_RESHAPES = "a reshape may split or merge T and B, and flatten a sample's own axes into one"


def reshape(call: Call, input: Any, *args: Any, **kwargs: Any) -> Any:
    """Any reshape: what it means is in the shape that torch gives."""
    if isinstance(input, Buffer):
        raise Refused("reshapes a tensor that is being filled", "reshape what is put into it")
    return regroup(call, call.value(input), call.shape)


def regroup(call: Call, value: Value, shape: tuple[int, ...]) -> Value:
    """Return the value with other leading axes, its samples flattened where the shape says so."""
    sample = call.sample(value)
    for axes in _same_first(value.axes):
        prefix = call.clock.prefix(axes)
        if prefix + sample == shape:
            return replace(value, axes=axes)
        if (*prefix, math.prod(sample)) == shape:
            return replace(call.affine(value, Flatten()), axes=axes)
    was = call.clock.text(call.clock.prefix(value.axes) + sample)
    raise Refused(f"makes {call.clock.text(shape)} of {was}", _RESHAPES)


def _same_first(axes: Axes) -> tuple[Axes, ...]:
    return (axes, *(other for other in REGROUPED[axes] if other is not axes))


def same(call: Call, input: Any, *args: Any, **kwargs: Any) -> Any:
    """What changes neither values nor shape."""
    return input


def repeat(call: Call, input: Any, *sizes: Any, **kwargs: Any) -> Value:
    """Tensor.repeat, Tensor.expand, torch.tile along time: every step sees the same."""
    value = call.value(input)
    sample = call.sample(value)
    if call.clock.prefix(value.axes) + sample == call.shape:
        return value
    if value.when == ALWAYS:
        targets = {
            Axes.BATCH: (Axes.MERGED, Axes.STACKED),
            Axes.LIFTED: (Axes.STACKED,),
            Axes.LIFTED_AFTER: (Axes.BATCH_FIRST,),
        }
        for axes in targets.get(value.axes, ()):
            if call.clock.prefix(axes) + sample == call.shape:
                return replace(value, when=EVERY, axes=axes)
    raise Refused(
        f"repeats to {call.clock.text(call.shape)}",
        "an input that is the same at every step may be repeated T times in front of the batch",
    )


def repeat_interleave(call: Call, input: Any, repeats: Any, dim: int | None = None) -> Value:
    """Every sample T times in a row: [B, ...] -> [B*T, ...], or along a new time axis."""
    value = call.value(input)
    targets = {
        (Axes.BATCH, 0): Axes.BATCH_MERGED,
        (Axes.LIFTED, 0): Axes.STACKED,
        (Axes.LIFTED_AFTER, 1): Axes.BATCH_FIRST,
    }
    axes = targets.get((value.axes, -1 if dim is None else dim))
    if axes is None or value.when != ALWAYS or number(repeats) != call.clock.steps:
        raise Refused(f"repeats to {call.clock.text(call.shape)}", "repeat T times along time")
    return replace(value, when=EVERY, axes=axes)


def transpose(call: Call, input: Any, *dims: Any, **kwargs: Any) -> Value:
    """Exchange of the time and the batch axis; known by the shape that torch gives."""
    value = call.value(input)
    other = {
        Axes.STACKED: Axes.BATCH_FIRST,
        Axes.BATCH_FIRST: Axes.STACKED,
        Axes.LIFTED: Axes.LIFTED_AFTER,
        Axes.LIFTED_AFTER: Axes.LIFTED,
    }.get(value.axes)
    order = _order(call, dims, kwargs, len(call.clock.prefix(value.axes)) + len(call.sample(value)))
    if order == sorted(order):
        return value
    if other is None or order != [1, 0, *sorted(order)[2:]]:
        raise Refused("exchanges axes other than time and batch", "keep a sample's axes in order")
    return replace(value, axes=other)


def _order(call: Call, dims: Any, kwargs: Any, rank: int) -> list[int]:
    """Return the permutation that an exchange is."""
    given = [*dims, *kwargs.values()]
    assert call.node is not None, "only the output has none"
    name = call.node.target if isinstance(call.node.target, str) else call.node.target.__name__
    if name == "permute":
        flat = given[0] if isinstance(given[0], tuple | list) else given
        return [int(d) % rank for d in flat]
    if not all(isinstance(d, int) for d in given):
        raise Refused("moves several axes at once", "use transpose(0, 1)")
    first, second = (int(d) % rank for d in given)
    order = list(range(rank))
    if name == "movedim":
        order.insert(second, order.pop(first))
    else:
        order[first], order[second] = order[second], order[first]
    return order


def mean(
    call: Call, input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Value:
    """Mean over time, over the image, or both."""
    return _reduced(call, call.value(input), dim, keepdim, averaged=True)


def sum_(
    call: Call, input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Value:
    """Sum over time, over the image, or both."""
    return _reduced(call, call.value(input), dim, keepdim, averaged=False)


def _reduced(call: Call, value: Value, dim: Any, keepdim: bool, averaged: bool) -> Value:
    sample = call.sample(value)
    leading = len(call.clock.prefix(value.axes))
    rank = leading + len(sample)
    dims = {
        int(d) % rank for d in (dim if isinstance(dim, tuple | list) else [dim]) if d is not None
    }
    spatial = set(range(leading + 1, rank))
    time = dims - spatial
    if not dims or (dims & spatial and dims & spatial != spatial):
        raise Refused(
            f"reduces axes {sorted(dims) or 'all'}",
            "reduce time, or all axes of the image together",
        )
    if dims & spatial:
        value = _over_image(call, value, keepdim, averaged)
    if time:
        value = _over_time(call, value, time, keepdim, averaged)
    return value


def _over_image(call: Call, value: Value, keepdim: bool, averaged: bool) -> Value:
    size = call.sample(value)[1:]
    pool = (AvgPool if averaged else SumPool)(size, size, (0,) * len(size))
    value = call.affine(value, pool)
    return value if keepdim else call.affine(value, Flatten())


def _over_time(call: Call, value: Value, time: set[int], keepdim: bool, averaged: bool) -> Value:
    if time != {TIME_AXIS.get(value.axes)} or keepdim:
        raise Refused(
            f"reduces axes {sorted(time)} of {value.axes.value}",
            "reduce the time axis of [T, B, ...] or [B, T, ...], without keepdim",
        )
    if value.when != EVERY:
        return replace(value, axes=Axes.BATCH)
    factor = value.factor / call.clock.steps if averaged else value.factor
    return Value(value.node, Sum(call.clock.steps), Axes.BATCH, factor)


def stack(call: Call, tensors: Any, dim: int = 0) -> Value:
    """Join all steps along a new time axis."""
    parts = [call.value(t) for t in tensors]
    axes = {0: Axes.STACKED, 1: Axes.BATCH_FIRST}.get(dim)
    if axes is None or any(p.axes is not Axes.BATCH for p in parts):
        raise Refused(f"stacks along axis {dim}", "stack the steps along axis 0 or 1")
    return replace(series(parts, call.clock), axes=axes)


def cat(call: Call, tensors: Any, dim: int = 0) -> Value:
    """Join all steps along the time or the merged axis."""
    parts = [call.value(t) for t in tensors]
    axes = {
        (Axes.BATCH, 0): Axes.MERGED,
        (Axes.LIFTED, 0): Axes.STACKED,
        (Axes.LIFTED_AFTER, 1): Axes.BATCH_FIRST,
    }.get((parts[0].axes, dim))
    if axes is None or len({p.axes for p in parts}) != 1:
        raise Refused(
            f"concatenates along axis {dim}",
            "only steps are joined; features are added, not joined",
        )
    return replace(series(parts, call.clock), axes=axes)


def getitem(call: Call, input: Any, key: Any) -> Any:
    """One step of a sequence, or one of several results."""
    if isinstance(input, tuple | list):
        return input[key]
    value = call.value(input)
    keys = [k for k in (key if isinstance(key, tuple) else (key,)) if k is not Ellipsis]
    axis = TIME_AXIS.get(value.axes)
    chosen = [i for i, k in enumerate(keys) if k != slice(None)]
    if not chosen:
        return value
    if axis is not None and chosen == [axis] and isinstance(keys[axis], int):
        return _one_step(call, value, keys[axis])
    if None not in keys and all(isinstance(keys[i], int) for i in chosen):
        return regroup(call, value, call.shape) if _only_ones(call, value, chosen) else _no(key)
    if all(keys[i] is None for i in chosen):
        return regroup(call, value, call.shape)
    return _no(key)


def _no(key: Any) -> Any:
    raise Refused(f"takes the part {key}", "take one step of a sequence, x[t]")


def _only_ones(call: Call, value: Value, chosen: list[int]) -> bool:
    shape = call.clock.prefix(value.axes) + call.sample(value)
    return all(shape[i] == 1 for i in chosen)


def _one_step(call: Call, value: Value, at: int) -> Value:
    steps = call.clock.steps
    if value.when == EVERY:
        return replace(value, when=at % steps, axes=Axes.BATCH)
    return replace(value, axes=Axes.BATCH)


def setitem(call: Call, buffer: Any, key: Any, value: Any) -> None:
    """Fill one step of a tensor that the forward made."""
    keys = [k for k in (key if isinstance(key, tuple) else (key,)) if k is not Ellipsis]
    full = all(k == slice(None) for k in keys[1:])
    if not isinstance(buffer, Buffer) or not isinstance(keys[0], int) or not full:
        raise Refused(f"assigns to the part {key}", "fill a tensor of zeros step by step, y[t] = x")
    part = call.value(value)
    if part.axes is not Axes.BATCH or part.when not in (ALWAYS, keys[0]):
        raise Refused("puts a value of one step into another", "fill y[t] with step t")
    if buffer.shape[1:] != (call.clock.batch, *call.sample(part)):
        raise Refused("fills a part of another shape", "y[t] has the shape of one step")
    buffer.filled[keys[0] % buffer.shape[0]] = part


def zeros(call: Call, *args: Any, **kwargs: Any) -> Buffer:
    """A tensor to be filled or added to."""
    return Buffer(0.0, call.shape, {})


def empty(call: Call, *args: Any, **kwargs: Any) -> Buffer:
    """A tensor to be filled."""
    return Buffer(math.nan, call.shape, {})


def zeros_like(call: Call, input: Any, **kwargs: Any) -> Buffer:
    """A tensor to be filled or added to."""
    return Buffer(0.0, call.shape, {})


def unbind(call: Call, input: Any, dim: int = 0) -> tuple[Value, ...]:
    """All steps of a sequence."""
    value = call.value(input)
    if TIME_AXIS.get(value.axes) != dim:
        raise Refused(f"takes {value.axes.value} apart along axis {dim}", "take time apart")
    count = call.clock.steps if value.when == EVERY else 1
    return tuple(_one_step(call, value, t) for t in range(count))


def chunk(call: Call, input: Any, chunks: int, dim: int = 0) -> tuple[Value, ...]:
    """All steps of a merged axis."""
    value = call.value(input)
    if (value.axes, dim, chunks) != (Axes.MERGED, 0, call.clock.steps):
        raise Refused(f"takes {value.axes.value} into {chunks} pieces", "take [T*B, ...] into T")
    return tuple(replace(value, when=t, axes=Axes.BATCH) for t in range(chunks))
