"""What type a node gives, from its op, its inputs' types and its weights' shapes.

One definition for the tracer, the passes and `verify`.
"""

from collections.abc import Mapping, Sequence

from .graph import ValueType
from .ops import (
    POOLS,
    Add,
    AvgPool,
    BatchNorm,
    Conv,
    Delay,
    Delta,
    Flatten,
    Input,
    IntegerLif,
    Kind,
    Lif,
    Linear,
    MaxPool,
    Op,
    Sigma,
    SigmaDelta,
    SumPool,
)


class ShapeError(ValueError):
    """An op cannot be applied to what it is given."""


def infer(op: Op, inputs: Sequence[ValueType], shapes: Mapping[str, tuple[int, ...]]) -> ValueType:
    """Return the type of a node's value.

    Args:
        op: the operation.
        inputs: the types of its inputs.
        shapes: of its parameters, by role.

    Raises:
        ShapeError: they do not go together; the text says why.
    """
    if isinstance(op, Input):
        return ValueType(op.shape, op.kind)
    _count(op, inputs)
    value = _add(inputs) if isinstance(op, Add) else _of_one(op, inputs[0], shapes)
    _check_arrays(op, value.shape, shapes)
    return value


def _of_one(op: Op, x: ValueType, shapes: Mapping[str, tuple[int, ...]]) -> ValueType:
    if isinstance(op, Conv):
        return _conv(op, x, shapes["weight"])
    if isinstance(op, Linear):
        return _linear(x, shapes["weight"])
    if isinstance(op, POOLS):
        return _pool(op, x)
    if isinstance(op, Flatten):
        return ValueType((x.size,), x.kind)
    if isinstance(op, Lif | IntegerLif):
        return ValueType(x.shape, "spike")
    if isinstance(op, Delay) and len(x.shape) != 1:
        raise ShapeError(f"delays a value of shape {x.shape}, vectors only")
    signed = isinstance(op, BatchNorm | Delta | SigmaDelta | Sigma)
    return ValueType(x.shape, "current") if signed else x


def _count(op: Op, inputs: Sequence[ValueType]) -> None:
    fits = len(inputs) >= 2 if isinstance(op, Add) else len(inputs) == 1
    if not fits:
        raise ShapeError(f"{type(op).__name__} of {len(inputs)} inputs")


def _check_arrays(op: Op, value: tuple[int, ...], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """An array that is no layer's weight has a number a channel; some have one for all.

    The bias of integer neurons may also have one for each of them.
    """
    channels = value[0]
    integer_neuron = isinstance(op, IntegerLif | Delta | SigmaDelta)
    for role, shape in shapes.items():
        if role == "weight" and isinstance(op, Conv | Linear):
            continue
        shared = role == "shift" or integer_neuron or isinstance(op, Delay)
        full = role == "bias" and integer_neuron and shape == value
        if shape != (channels,) and not (shared and shape == (1,)) and not full:
            raise ShapeError(f"{role} of shape {shape} for {channels} channels")


def _add(inputs: Sequence[ValueType]) -> ValueType:
    shapes = {x.shape for x in inputs}
    if len(shapes) != 1:
        raise ShapeError(f"adds values of different shapes: {sorted(shapes)}")
    kind: Kind = "current" if any(x.kind == "current" for x in inputs) else "graded"
    return ValueType(inputs[0].shape, kind)


def _conv(op: Conv, x: ValueType, weight: tuple[int, ...]) -> ValueType:
    outputs, fan_in, *kernel = weight
    if len(x.shape) != len(kernel) + 1:
        raise ShapeError(f"a convolution with kernel {kernel} of a value of shape {x.shape}")
    if x.shape[0] != fan_in * op.groups or outputs % op.groups:
        raise ShapeError(
            f"{x.shape[0]} input channels, weight {weight} in {op.groups} groups has "
            f"{fan_in * op.groups}"
        )
    spans = [d * (k - 1) + 1 for d, k in zip(op.dilation, kernel, strict=True)]
    return ValueType((outputs, *_windows(x.shape[1:], spans, op.stride, op.padding)), "current")


def _linear(x: ValueType, weight: tuple[int, ...]) -> ValueType:
    if len(weight) != 2 or x.shape != weight[1:]:
        raise ShapeError(f"a linear layer with weight {weight} reads a value of shape {x.shape}")
    return ValueType((weight[0],), "current")


def _pool(op: Op, x: ValueType) -> ValueType:
    assert isinstance(op, AvgPool | SumPool | MaxPool), "POOLS and this function list the same ops"
    if len(x.shape) != len(op.kernel) + 1:
        raise ShapeError(f"pooling with kernel {op.kernel} of a value of shape {x.shape}")
    shape = (x.shape[0], *_windows(x.shape[1:], op.kernel, op.stride, op.padding))
    if isinstance(op, MaxPool):
        return ValueType(shape, x.kind)
    graded = isinstance(op, SumPool) and x.kind != "current"
    return ValueType(shape, "graded" if graded else "current")


def _windows(
    lengths: Sequence[int], spans: Sequence[int], stride: Sequence[int], padding: Sequence[int]
) -> list[int]:
    sizes = [
        (length + 2 * pad - span) // step + 1
        for length, span, step, pad in zip(lengths, spans, stride, padding, strict=True)
    ]
    if min(sizes) < 1:
        raise ShapeError(f"a window of {list(spans)} does not fit into {list(lengths)}")
    return sizes
