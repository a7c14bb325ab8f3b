"""The loop over steps in element-wise torch kernels: any device, any floating type."""

import math

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from .rounding import just_above

_masked = torch.ops.aten.hardtanh_backward
"""`_masked(x, u, lo, hi)` is x where lo < u < hi and 0 elsewhere, in one pass over memory."""


def spikes_of(x: Tensor, decay: float, threshold: float, width: float) -> Tensor:
    """x: [T, N], contiguous  ->  spikes, the same."""
    spikes: Tensor = _LIFThroughTime.apply(x, decay, threshold, width)  # type: ignore[no-untyped-call]
    return spikes


class _LIFThroughTime(torch.autograd.Function):
    """The recurrence over all steps at once; keeps only the charged potential for backward.

    Three element-wise passes a step forward and two backward, all of them vectorised kernels of
    torch: on a CPU the textbook form (comparisons, casts, stacks) takes half of the training time.
    Two bits a step, as the fused form keeps them, would need passes for packing and unpacking that
    cost more than half as much again (README.md has the figures).
    """

    @staticmethod
    def forward(
        ctx: FunctionCtx, x: Tensor, decay: float, threshold: float, width: float
    ) -> Tensor:
        u = torch.empty_like(x)
        u[0].copy_(x[0])
        quiet = just_above(threshold, u.dtype)
        for t in range(1, x.shape[0]):
            kept = _masked(u[t - 1], u[t - 1], -math.inf, quiet)
            torch.add(x[t], kept, alpha=decay, out=u[t])
        ctx.save_for_backward(u)
        ctx.constants = (decay, threshold, width)  # type: ignore[attr-defined]
        one = torch.ones((), dtype=u.dtype, device=u.device).expand_as(u)
        return torch.ops.aten.threshold_backward(one, u, threshold)

    @staticmethod
    def backward(ctx: FunctionCtx, grad: Tensor) -> tuple[Tensor, None, None, None]:
        """Rectangular surrogate of the given full width; no gradient through the reset."""
        (u,) = ctx.saved_tensors  # type: ignore[attr-defined]
        decay, threshold, width = ctx.constants  # type: ignore[attr-defined]
        grad_x = _masked(grad, u, threshold - width / 2, threshold + width / 2)
        grad_x = grad_x if width == 1.0 else grad_x / width
        quiet = just_above(threshold, u.dtype)
        for t in range(u.shape[0] - 2, -1, -1):
            grad_x[t].add_(_masked(grad_x[t + 1], u[t], -math.inf, quiet), alpha=decay)
        return grad_x, None, None, None
