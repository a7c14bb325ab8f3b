"""The neuron as a module: equations, gradient, memory formats; its constants in other types."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from snn_deploy.neurons import LIF, set_fused
from snn_deploy.neurons.rounding import just_above, rounded
from tests.neurons import cases, textbook


@given(cases.exact())
def test_spikes_and_gradients_are_the_textbooks(case: cases.Case) -> None:
    lif = case.lif()
    expected = textbook.run(case.x.double(), case.grad.double(), case.steps, case.constants)
    for dtype in (torch.float64, torch.float32):
        found = textbook.run_lif(lif, case.x.to(dtype), case.grad.to(dtype))
        assert torch.equal(found[0].double(), expected[0])
        assert torch.equal(found[1].double(), expected[1])


@pytest.mark.parametrize("shape", cases.LAYOUTS)
def test_memory_formats_give_the_same_and_keep_theirs(shape: str) -> None:
    cases.check_layout(LIF(steps=4), shape)


def test_a_batch_of_nothing() -> None:
    assert LIF(steps=4)(torch.zeros(0, 3, 2, 2)).shape == (0, 3, 2, 2)


def test_a_leading_axis_that_steps_do_not_divide() -> None:
    with pytest.raises(RuntimeError, match="leading axis of 5 is no multiple of steps = 2"):
        LIF(steps=2)(torch.zeros(5, 2))


def test_nothing_goes_through_the_reset() -> None:
    """A neuron that fires forgets: what came before has no gradient from later steps."""
    x = torch.tensor([[0.6], [0.3]], requires_grad=True)
    LIF(steps=2)(x)[1].sum().backward()
    assert x.grad is not None
    assert x.grad.flatten().tolist() == [0.0, 1.0]


def test_choosing_reaches_every_neuron() -> None:
    network = nn.Sequential(LIF(), nn.Sequential(LIF()), nn.Identity())
    assert [m.fused for m in network.modules() if isinstance(m, LIF)] == [None, None]
    set_fused(network, False)
    assert [m.fused for m in network.modules() if isinstance(m, LIF)] == [False, False]
    assert not hasattr(network[2], "fused")


def test_a_cpu_takes_the_loop() -> None:
    """Nothing else runs there, Triton or not."""
    x = torch.randn(8, 3, requires_grad=True)
    assert "_LIFThroughTime" in _history(LIF(steps=4)(x))


def _history(x: Tensor) -> str:
    """Return the names of the autograd functions from a tensor back to the first one."""
    names, node = [], x.grad_fn
    while node is not None:
        names.append(node.name())
        node = node.next_functions[0][0] if node.next_functions else None
    return " ".join(names)


def next_above(threshold: float, dtype: torch.dtype) -> float:
    here = torch.tensor(threshold, dtype=dtype)
    return float(torch.nextafter(here, torch.tensor(math.inf, dtype=dtype)))


@given(st.floats(-1e30, 1e30) | st.sampled_from([0.0, 1.0, -1.0, 0.99999999, 2.0**-149]))
def test_just_above(threshold: float) -> None:
    assert just_above(threshold, torch.float64) == next_above(threshold, torch.float64)
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        assert just_above(threshold, dtype) == next_above(threshold, torch.float32)


def test_a_neuron_that_never_fires() -> None:
    x = torch.tensor([3e38, -3e38, 1.0])
    assert not LIF(threshold=math.inf)(x).any()


@given(st.floats(2.0**-10, 1.0), st.sampled_from([torch.bfloat16, torch.float16, torch.float32]))
def test_the_decay_in_another_type(decay: float, dtype: torch.dtype) -> None:
    assert rounded(decay, dtype) == float(torch.tensor(decay, dtype=torch.float64).to(dtype))
