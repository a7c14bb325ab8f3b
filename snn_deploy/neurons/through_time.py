"""From a current to spikes over all steps: who computes it, in which memory order and precision.

Every implementation gets [T, N], contiguous, and does the same arithmetic to the last bit, which is
that of vectorised torch kernels on a CPU: one step is a fused multiply-add in float32, rounded to
the type of x, in which the potential lives from one step to the next; comparisons are made in
float32. For bfloat16 and float16 that is a choice: fused, the potential could stay in float32 at no
cost, but then a network would make other spikes on another device.
"""

import importlib.util
from typing import NamedTuple

from torch import Tensor

from . import fused as triton
from . import plain
from .rounding import rounded

TRITON = importlib.util.find_spec("triton") is not None
"""Asked once, and without loading it: torch brings it along in its builds for CUDA."""


class Constants(NamedTuple):
    """Of one neuron, as `LIF` explains them."""

    decay: float
    threshold: float
    width: float


def spikes_of(x: Tensor, steps: int, constants: Constants, fused: bool | None = None) -> Tensor:
    """Return the spikes that a current makes, with the surrogate's gradient.

    Args:
        x: [T*B, ...], time outermost, of a floating type.
        steps: T.
        constants: of the neurons.
        fused: one Triton kernel (True) or a loop of torch kernels (False); None chooses.

    Returns:
        {0, 1} like x: same shape, type and memory format.

    Raises:
        RuntimeError: the leading axis is no multiple of `steps`.
        TypeError: `fused` is True and x of a type that the kernel does not know.
    """
    if x.shape[0] % steps:
        raise RuntimeError(f"a leading axis of {x.shape[0]} is no multiple of steps = {steps}")
    chosen = _is_fused_better(x) if fused is None else fused
    run = triton.spikes_of if chosen else plain.spikes_of
    order = _memory_order(x)
    ordered = x.permute(order)
    # A view of a dense tensor, whatever its memory format; of another one, a copy.
    flat = ordered.reshape(steps, x.numel() // steps).contiguous()
    decay = rounded(constants.decay, x.dtype)
    spikes = run(flat, decay, constants.threshold, constants.width)
    return spikes.view(ordered.shape).permute(_inverse(order))


def _is_fused_better(x: Tensor) -> bool:
    return TRITON and x.is_cuda and x.dtype in triton.TYPES


def _memory_order(x: Tensor) -> list[int]:
    """Return the axes of x, the first one first, the others from far apart in memory to close."""
    strides = x.stride()
    return [0, *sorted(range(1, x.dim()), key=lambda axis: -strides[axis])]


def _inverse(order: list[int]) -> list[int]:
    return [order.index(axis) for axis in range(len(order))]
