"""The neuron over all steps in one kernel each way; loaded only where Triton is.

A program walks over T for a block of neurons, with the potential in registers. Backward needs two
facts of a step, whether the potential lay in the surrogate's window and whether it fired: two bits,
so four steps share a byte, and what is kept of a step is a quarter of a byte a neuron.
"""
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators

import torch
import triton
import triton.language as tl
from torch import Tensor

from .fused import STEPS_A_BYTE

BLOCK = 1024
"""Neurons a program; of two bytes each, with four warps, 16 bytes an access and thread."""

_PLACES = tl.constexpr(STEPS_A_BYTE)  # a kernel reads no other globals


@triton.jit
def _forward(
    x_from,
    spikes_to,
    bytes_to,
    neurons,
    steps,
    decay,
    threshold,
    lowest,
    highest,
    keeps: tl.constexpr,
    block: tl.constexpr,
):
    """x, spikes: [T, N]; bytes: [ceil(T / 4), N], written only if `keeps`.

    The window is lowest < u < highest. What is not a number fires, as in torch's own kernels.
    """
    # T * N may pass 32 bits where N does not.
    stride = tl.cast(neurons, tl.int64)
    neuron = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    kept = tl.full((block,), 0.0, tl.float32)
    for word in range((steps + _PLACES - 1) // _PLACES):
        byte = tl.full((block,), 0, tl.int32)
        for place in tl.static_range(_PLACES):
            t = word * _PLACES + place
            exists = neuron < tl.where(t < steps, neurons, 0)
            x = tl.load(x_from + t * stride + neuron, exists, 0.0)
            u = tl.fma(kept, decay, x.to(tl.float32)).to(x.dtype).to(tl.float32)
            spikes = tl.where(u <= threshold, 0.0, 1.0).to(x.dtype)
            tl.store(spikes_to + t * stride + neuron, spikes, exists)
            fired = u > threshold
            kept = tl.where(fired, 0.0, u)
            outside = (u <= lowest) | (u >= highest)
            byte |= (tl.where(outside, 0, 1) | tl.where(fired, 2, 0)) << (2 * place)
        if keeps:
            tl.store(bytes_to + word * stride + neuron, byte.to(tl.uint8), neuron < neurons)


@triton.jit
def _backward(
    grad_from,
    bytes_from,
    grad_x_to,
    neurons,
    steps,
    decay,
    width,
    scales: tl.constexpr,
    block: tl.constexpr,
):
    """grad, grad_x: [T, N]; bytes: [ceil(T / 4), N], of `_forward`. From the last step on back."""
    stride = tl.cast(neurons, tl.int64)
    neuron = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    words = (steps + _PLACES - 1) // _PLACES
    later = tl.full((block,), 0.0, tl.float32)
    for words_done in range(words):
        word = words - 1 - words_done
        byte = tl.load(bytes_from + word * stride + neuron, neuron < neurons, 0).to(tl.int32)
        for places_done in tl.static_range(_PLACES):
            place = _PLACES - 1 - places_done
            t = word * _PLACES + place
            exists = neuron < tl.where(t < steps, neurons, 0)
            facts = byte >> (2 * place)
            grad = tl.load(grad_from + t * stride + neuron, exists, 0.0)
            own = tl.where((facts & 1) != 0, grad.to(tl.float32), 0.0)
            if scales:
                own = tl.div_rn(own, width).to(grad.dtype).to(tl.float32)
            carried = tl.where((facts & 2) != 0, 0.0, later)
            later = tl.fma(carried, decay, own).to(grad.dtype).to(tl.float32)
            tl.store(grad_x_to + t * stride + neuron, later.to(grad.dtype), exists)


def forward(
    x: Tensor, spikes: Tensor, facts: Tensor, decay: float, threshold: float, width: float
) -> None:
    """Write spikes [T, N] of x [T, N], and facts [ceil(T / 4), N] unless they have no rows."""
    steps, neurons = x.shape
    constants = decay, threshold, threshold - width / 2, threshold + width / 2
    with torch.cuda.device_of(x):
        _forward[_grid(neurons)](
            x, spikes, facts, neurons, steps, *constants, keeps=len(facts) > 0, block=BLOCK
        )


def backward(grad: Tensor, facts: Tensor, grad_x: Tensor, decay: float, width: float) -> None:
    """Write grad_x [T, N] from grad [T, N] and what `forward` wrote into `facts`."""
    steps, neurons = grad.shape
    with torch.cuda.device_of(grad):
        _backward[_grid(neurons)](
            grad, facts, grad_x, neurons, steps, decay, width, scales=width != 1.0, block=BLOCK
        )


def _grid(neurons: int) -> tuple[int]:
    return (triton.cdiv(neurons, BLOCK),)
