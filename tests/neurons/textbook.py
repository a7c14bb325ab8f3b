"""The neuron as papers write it: a loop with autograd and a surrogate for the step."""

import torch
from torch import Tensor

Constants = tuple[float, float, float]
"""Decay, threshold, width."""


class Rectangle(torch.autograd.Function):
    """The step, with a gradient of 1 / width within half a width of the threshold."""

    @staticmethod
    def forward(ctx: object, u: Tensor, threshold: float, width: float) -> Tensor:
        ctx.save_for_backward(u)  # type: ignore[attr-defined]
        ctx.constants = (threshold, width)  # type: ignore[attr-defined]
        return (u > threshold).to(u.dtype)

    @staticmethod
    def backward(ctx: object, grad: Tensor) -> tuple[Tensor, None, None]:
        (u,) = ctx.saved_tensors  # type: ignore[attr-defined]
        threshold, width = ctx.constants  # type: ignore[attr-defined]
        return grad * ((u - threshold).abs() < width / 2) / width, None, None


def run(x: Tensor, grad: Tensor, steps: int, constants: Constants) -> tuple[Tensor, Tensor]:
    """x: [T*B, ...], grad of the spikes  ->  spikes and gradient of x."""
    decay, threshold, width = constants
    x = x.detach().clone().requires_grad_()
    u = torch.zeros_like(x[: len(x) // steps])
    s, spikes = u, []
    for x_t in x.unflatten(0, (steps, -1)):
        u = decay * u * (1 - s.detach()) + x_t
        s = Rectangle.apply(u, threshold, width)
        spikes.append(s)
    found = torch.cat(spikes)
    found.backward(grad)
    assert x.grad is not None
    return found.detach(), x.grad


def run_lif(lif: torch.nn.Module, x: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
    """Do the same with one of our neurons."""
    x = x.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    found = lif(x)
    found.backward(grad)
    assert x.grad is not None
    return found.detach(), x.grad
