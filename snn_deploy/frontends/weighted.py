"""Layers with weights, and what leaves its input alone."""

from typing import Any

from torch import Tensor

from snn_deploy.ir.ops import BatchNorm, Conv, Identity, Linear

from .call import Call
from .values import Refused, Value


def pair(x: Any, axes: int) -> tuple[int, ...]:
    """Return a size that may be one number as one number an axis."""
    sizes = tuple(int(v) for v in x) if isinstance(x, tuple | list) else (int(x),) * axes
    return sizes * axes if len(sizes) == 1 else sizes


def conv(
    call: Call,
    input: Any,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Value:
    """F.conv1d, F.conv2d."""
    axes = weight.dim() - 2
    spread = pair(dilation, axes)
    op = Conv(pair(stride, axes), _padding(padding, weight, spread), spread, groups)
    return call.affine(input, op, {"weight": weight, "bias": bias})


def _padding(padding: Any, weight: Tensor, dilation: tuple[int, ...]) -> tuple[int, ...]:
    if padding == "valid":
        return (0,) * len(dilation)
    if padding == "same":
        totals = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True)]
        if any(total % 2 for total in totals):
            raise Refused(
                f"pads unevenly (padding='same', kernel {list(weight.shape[2:])})",
                "use odd kernels or pad by numbers",
            )
        return tuple(total // 2 for total in totals)
    return pair(padding, len(dilation))


def linear(call: Call, input: Any, weight: Tensor, bias: Tensor | None = None) -> Value:
    """F.linear."""
    return call.affine(input, Linear(), {"weight": weight, "bias": bias})


def batch_norm(
    call: Call,
    input: Any,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Value:
    """F.batch_norm with running statistics."""
    value = call.value(input)
    if training or running_mean is None or running_var is None:
        raise Refused(
            "uses the statistics of the batch at inference", "use running statistics in eval mode"
        )
    channels = len(running_mean)
    leading = len(call.clock.prefix(value.axes))
    if leading != 1 or not call.sample(value) or call.sample(value)[0] != channels:
        raise Refused(
            f"normalises axis 1 of {value.axes.value} with {channels} channels",
            "merge T and B first (x.flatten(0, 1)), so that axis 1 is the channels",
        )
    arrays = {
        "weight": call.step.constant(1.0, channels) if weight is None else weight,
        "bias": call.step.constant(0.0, channels) if bias is None else bias,
        "mean": running_mean,
        "variance": running_var,
    }
    return call.affine(value, BatchNorm(eps), arrays)


def dropout(
    call: Call, input: Any, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Value:
    """F.dropout, which is nothing unless somebody forgot to switch it off."""
    if training and p > 0:
        raise Refused(
            "drops at random also at inference (training=True)", "pass training=self.training"
        )
    return unchanged(call, input)


def unchanged(call: Call, input: Any) -> Value:
    """Identity."""
    return call.affine(input, Identity())
