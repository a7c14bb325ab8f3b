"""Currents and constants to try neurons on."""

from dataclasses import dataclass

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor

from snn_deploy.neurons import LIF
from tests.neurons.textbook import Constants, run_lif


@dataclass(frozen=True)
class Case:
    """x, grad: [T*B, ...], of float32."""

    x: Tensor
    grad: Tensor
    steps: int
    constants: Constants

    def lif(self, fused: bool | None = None) -> LIF:
        decay, threshold, width = self.constants
        found = LIF(decay, threshold, self.steps, width)
        found.fused = fused
        return found


@st.composite
def exact(draw: st.DrawFn) -> Case:
    """Numbers with few binary digits: no step rounds in float32, so every order gives the same.

    Many potentials then lie on the threshold and on the edges of the window.
    """
    steps = draw(st.integers(1, 6))
    decay = draw(st.sampled_from([0.25, 0.5, 0.75, 1.0]))
    threshold = draw(st.sampled_from([0.5, 0.25, 1.0, -0.125]))
    width = draw(st.sampled_from([1.0, 2.0, 0.5]))
    shape = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    whole = (steps * shape[0], *shape[1:])
    x, grad = (torch.from_numpy(rng.integers(-32, 33, whole)).float() / 16 for _ in range(2))
    return Case(x, grad, steps, (decay, threshold, width))


@st.composite
def any_numbers(draw: st.DrawFn) -> Case:
    """Numbers that round at every step; 64 neurons and their multiples.

    Fewer would be left to torch's scalar kernels, which round a decay in bfloat16 otherwise.
    """
    steps = draw(st.integers(1, 9))
    decay = draw(st.just(0.0) | st.floats(1e-3, 1.0))
    threshold = draw(st.floats(0.0, 1.0))
    width = draw(st.sampled_from([1.0, 2.0, 0.5, 0.6]))
    shape = draw(st.sampled_from([(64,), (2, 4, 8, 8), (1, 1088)]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    whole = (steps * shape[0], *shape[1:])
    x, grad = (torch.from_numpy(rng.standard_normal(whole, np.float32)) for _ in range(2))
    return Case(x, grad, steps, (decay, threshold, width))


LAYOUTS = ("contiguous", "channels last", "transposed", "time inside", "sliced", "repeated")
DENSE = ("contiguous", "channels last", "transposed")


def arranged(x: Tensor, layout: str) -> Tensor:
    """Return the numbers of x [T*B, C, H, W] in another order of memory."""
    if layout == "channels last":
        return x.contiguous(memory_format=torch.channels_last)
    if layout == "transposed":
        return x.transpose(2, 3).contiguous().transpose(2, 3)
    if layout == "time inside":
        return x.movedim(0, -1).contiguous().movedim(-1, 0)
    if layout == "sliced":
        return x.repeat_interleave(2, 3)[..., ::2]
    return x[:, :1].expand_as(x) if layout == "repeated" else x


def check_layout(lif: LIF, layout: str) -> None:
    """Compare spikes and gradients of x in some order of memory with those of a contiguous one.

    The gradient comes contiguous, whatever the order of x.
    """
    x = arranged(torch.randn(8, 3, 5, 7), layout)
    grad = torch.randn(8, 3, 5, 7)
    expected = run_lif(lif, x.contiguous(), grad)
    leaf = x.detach().requires_grad_()
    spikes = lif(leaf)
    (found,) = torch.autograd.grad(spikes, leaf, grad)
    assert torch.equal(spikes, expected[0])
    assert torch.equal(found, expected[1])
    if layout in DENSE:
        assert spikes.stride() == x.stride()
