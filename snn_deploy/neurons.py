"""Spiking torch modules of our own; tracing treats each as one leaf.

The neuron of MS-ResNet (Hu et al., IEEE TNNLS 2024, class `mem_update` of the published code):

    u[0] = x[0]
    u[t] = decay * u[t-1] * (1 - s[t-1]) + x[t]
    s[t] = 1 where u[t] > threshold, else 0

Hard reset to zero, strict comparison, input at full scale.
"""

import math

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx

_masked = torch.ops.aten.hardtanh_backward
"""`_masked(x, u, lo, hi)` is x where lo < u < hi and 0 elsewhere, in one pass over memory."""


class _LIFThroughTime(torch.autograd.Function):
    """The recurrence over all steps at once; keeps only the charged potential for backward.

    Three element-wise passes a step forward and two backward, all of them vectorised kernels of
    torch: on a CPU the textbook form (comparisons, casts, stacks) takes half of the training time.
    """

    @staticmethod
    def forward(
        ctx: FunctionCtx, x: Tensor, decay: float, threshold: float, width: float
    ) -> Tensor:
        u = torch.empty_like(x)
        u[0].copy_(x[0])
        quiet = _just_above(threshold, u.dtype)
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
        quiet = _just_above(threshold, u.dtype)
        for t in range(u.shape[0] - 2, -1, -1):
            grad_x[t].add_(_masked(grad_x[t + 1], u[t], -math.inf, quiet), alpha=decay)
        return grad_x, None, None, None


def _just_above(threshold: float, dtype: torch.dtype) -> float:
    """Return the smallest number above the threshold: `u < it` says the same as `u <= threshold`.

    bfloat16 and float16 kernels compare in float32.
    """
    exact = torch.float64 if dtype == torch.float64 else torch.float32
    here = torch.tensor(threshold, dtype=exact)
    return float(torch.nextafter(here, torch.tensor(math.inf, dtype=exact)))


class LIF(nn.Module):
    """Leaky integrate-and-fire over a merged time and batch axis.

    x: current [T*B, ...], time outermost  ->  spikes {0, 1}, same shape and type.
    The state starts at zero in every call; nothing is kept between calls and nothing is in the
    state dict.

    Args:
        decay: the factor kept of the potential from one step to the next; 1.0 is an IF neuron.
        threshold: a spike needs a potential strictly above it.
        steps: T, by which the leading axis is divided.
        width: full width of the rectangular surrogate gradient around the threshold.
    """

    def __init__(
        self, decay: float = 0.25, threshold: float = 0.5, steps: int = 1, width: float = 1.0
    ) -> None:
        super().__init__()
        self.decay = decay
        self.threshold = threshold
        self.steps = steps
        self.width = width

    def forward(self, x: Tensor) -> Tensor:
        """Run all steps. Raises RuntimeError where the leading axis is no multiple of `steps`."""
        through_time = x.unflatten(0, (self.steps, -1))
        constants = (self.decay, self.threshold, self.width)
        spikes: Tensor = _LIFThroughTime.apply(through_time, *constants)  # type: ignore[no-untyped-call]
        return spikes.flatten(0, 1)

    def extra_repr(self) -> str:
        """Return the constants as torch prints them."""
        return f"decay={self.decay}, threshold={self.threshold}, steps={self.steps}"


def set_steps(network: nn.Module, steps: int) -> None:
    """Give every LIF of a network, and every module that repeats its input, the same T."""
    for module in network.modules():
        if hasattr(module, "steps"):
            setattr(module, "steps", steps)  # noqa: B010 - torch types every attribute as a tensor
