"""One Triton kernel over all steps each way, as two operators that autograd and the compiler know.

Operators of torch.library are opaque: what is inside runs eagerly, so that torch.compile needs to
trace neither a kernel nor whether it is interpreted. Triton itself is loaded by the first call.
"""

from typing import Any

import torch
from torch import Tensor

STEPS_A_BYTE = 4
"""Of the two bits that backward needs of a neuron and step."""

TYPES = (torch.float32, torch.bfloat16, torch.float16)


def spikes_of(x: Tensor, decay: float, threshold: float, width: float) -> Tensor:
    """x: [T, N], contiguous  ->  spikes, the same. Raises TypeError for another type of number."""
    if x.dtype not in TYPES:
        raise TypeError(f"fused neurons compute {', '.join(map(str, TYPES))}, not {x.dtype}")
    keeps = x.requires_grad and torch.is_grad_enabled()
    spikes, _ = _forward(x, decay, threshold, width, keeps)
    return spikes


@torch.library.custom_op("snn_deploy::lif_forward", mutates_args=())
def _forward(
    x: Tensor, decay: float, threshold: float, width: float, keeps: bool
) -> tuple[Tensor, Tensor]:
    """Return spikes [T, N] and, if backward `keeps` them, the facts, bytes [ceil(T / 4), N]."""
    from . import triton_kernels

    spikes, facts = _empty(x, keeps)
    if x.numel():
        triton_kernels.forward(x, spikes, facts, decay, threshold, width)
    return spikes, facts


@_forward.register_fake
def _(
    x: Tensor, decay: float, threshold: float, width: float, keeps: bool
) -> tuple[Tensor, Tensor]:
    return _empty(x, keeps)


@torch.library.custom_op("snn_deploy::lif_backward", mutates_args=())
def _backward(grad: Tensor, facts: Tensor, decay: float, width: float) -> Tensor:
    """grad: [T, N] of the spikes  ->  the gradient of x, like it."""
    from . import triton_kernels

    grad_x = torch.empty_like(grad)
    if grad.numel():
        triton_kernels.backward(grad, facts, grad_x, decay, width)
    return grad_x


@_backward.register_fake
def _(grad: Tensor, facts: Tensor, decay: float, width: float) -> Tensor:
    return torch.empty_like(grad)


def _empty(x: Tensor, keeps: bool) -> tuple[Tensor, Tensor]:
    steps, neurons = x.shape
    words = -(-steps // STEPS_A_BYTE) if keeps else 0
    return torch.empty_like(x), x.new_empty((words, neurons), dtype=torch.uint8)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    _x, decay, _threshold, width, _keeps = inputs
    # Else every backward would make a gradient of zeros for the bytes.
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(output[1])
    ctx.constants = (decay, width)


def _gradients(ctx: Any, grad: Tensor, _: None) -> tuple[Tensor, None, None, None, None]:
    (facts,) = ctx.saved_tensors
    return _backward(grad.contiguous(), facts, *ctx.constants), None, None, None, None


_forward.register_autograd(_gradients, setup_context=_keep)
