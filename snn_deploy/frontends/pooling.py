"""Pooling; adaptive pooling where it has one fixed window."""

from typing import Any

from snn_deploy.ir.ops import AvgPool, MaxPool, SumPool

from .call import Call
from .values import Refused, Value
from .weighted import pair


def avg_pool(
    call: Call,
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Value:
    """F.avg_pool1d, F.avg_pool2d; a divisor of 1 makes it a sum."""
    value, windows = _windows(call, input, kernel_size, stride, padding)
    _whole_windows(call, value, windows, ceil_mode)
    if any(windows[2]) and not count_include_pad:
        raise Refused(
            "leaves the padding out of the mean (count_include_pad=False)",
            "pad before or not at all",
        )
    if divisor_override is None:
        return call.affine(value, AvgPool(*windows))
    summed = call.affine(value, SumPool(*windows))
    return Value(summed.node, summed.when, summed.axes, summed.factor / divisor_override)


def max_pool(
    call: Call,
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Value:
    """F.max_pool1d, F.max_pool2d."""
    value, windows = _windows(call, input, kernel_size, stride, padding)
    _whole_windows(call, value, windows, ceil_mode)
    if return_indices or set(pair(dilation, len(windows[0]))) != {1}:
        raise Refused("pools with dilation or returns indices", "pool without")
    return call.nonlinear(value, MaxPool(*windows))


def lp_pool(
    call: Call,
    input: Any,
    norm_type: float,
    kernel_size: Any,
    stride: Any = None,
    ceil_mode: bool = False,
) -> Value:
    """F.lp_pool1d, F.lp_pool2d with norm 1 of spikes: their sum."""
    value, windows = _windows(call, input, kernel_size, stride, 0)
    _whole_windows(call, value, windows, ceil_mode)
    if norm_type != 1 or call.step.type(value.node).kind == "current":
        raise Refused(
            f"is a norm of order {norm_type} of real numbers",
            "sum pooling is norm_type=1 of spikes",
        )
    return call.affine(value, SumPool(*windows))


def adaptive_avg_pool(call: Call, input: Any, output_size: Any) -> Value:
    """F.adaptive_avg_pool1d, F.adaptive_avg_pool2d."""
    value, kernel = _adaptive(call, input, output_size)
    return call.affine(value, AvgPool(kernel, kernel, (0,) * len(kernel)))


def adaptive_max_pool(
    call: Call, input: Any, output_size: Any, return_indices: bool = False
) -> Value:
    """F.adaptive_max_pool1d, F.adaptive_max_pool2d."""
    if return_indices:
        raise Refused("returns indices", "pool without")
    value, kernel = _adaptive(call, input, output_size)
    return call.nonlinear(value, MaxPool(kernel, kernel, (0,) * len(kernel)))


Windows = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]


def _windows(call: Call, x: Any, kernel: Any, stride: Any, padding: Any) -> tuple[Value, Windows]:
    """Return the value, and kernel, stride and padding as one number an axis."""
    value = call.value(x)
    axes = max(len(call.sample(value)) - 1, 1)
    size = pair(kernel, axes)
    step = size if stride is None or stride == [] else pair(stride, axes)
    return value, (size, step, pair(padding, axes))


def _whole_windows(call: Call, value: Value, windows: Windows, ceil_mode: bool) -> None:
    """Refuse windows that hang over the edge."""
    lengths = call.sample(value)[1:]
    hangs = any(
        (n + 2 * pad - k) % step for n, k, step, pad in zip(lengths, *windows, strict=False)
    )
    if ceil_mode and hangs:
        raise Refused("has windows over the edge (ceil_mode=True)", "use ceil_mode=False")


def _adaptive(call: Call, x: Any, output_size: Any) -> tuple[Value, tuple[int, ...]]:
    value = call.value(x)
    lengths = call.sample(value)[1:]
    given = output_size if isinstance(output_size, tuple | list) else (output_size,) * len(lengths)
    outputs = [n if o is None else int(o) for n, o in zip(lengths, given, strict=False)]
    if len(outputs) != len(lengths) or any(n % o for n, o in zip(lengths, outputs, strict=True)):
        raise Refused(
            f"pools {list(lengths)} to {outputs}, which has no fixed window",
            "choose an output size that divides the input's",
        )
    return value, tuple(n // o for n, o in zip(lengths, outputs, strict=True))
