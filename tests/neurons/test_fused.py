"""The fused neuron: the loop's spikes and gradients to the last bit, and what it keeps of them."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from snn_deploy.neurons import LIF, fused
from snn_deploy.neurons.through_time import _is_fused_better
from tests.neurons import cases, textbook

few = settings(max_examples=40)  # interpreted kernels take their time
TYPES = [torch.float32, torch.bfloat16, torch.float16]


@pytest.mark.usefixtures("interpreted")
@few
@given(cases.exact())
def test_spikes_and_gradients_are_the_textbooks(case: cases.Case) -> None:
    expected = textbook.run(case.x.double(), case.grad.double(), case.steps, case.constants)
    found = textbook.run_lif(case.lif(fused=True), case.x, case.grad)
    assert torch.equal(found[0].double(), expected[0])
    assert torch.equal(found[1].double(), expected[1])


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize("dtype", TYPES)
@few
@given(case=cases.any_numbers())
def test_every_bit_is_the_loops(dtype: torch.dtype, case: cases.Case) -> None:
    _check_same(case, dtype, torch.device("cpu"))


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("dtype", TYPES)
@given(case=cases.any_numbers())
def test_every_bit_is_the_loops_on_cuda(dtype: torch.dtype, case: cases.Case) -> None:
    pytest.importorskip("triton", reason="needs the package triton")
    _check_same(case, dtype, torch.device("cuda"))


def _check_same(case: cases.Case, dtype: torch.dtype, device: torch.device) -> None:
    """Compare the kernel on a device with the loop on the CPU."""
    x, grad = case.x.to(dtype), case.grad.to(dtype)
    expected = textbook.run_lif(case.lif(fused=False), x, grad)
    found = textbook.run_lif(case.lif(fused=True), x.to(device), grad.to(device))
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.dtype == dtype
        assert torch.equal(ours.cpu(), theirs)


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize("layout", cases.LAYOUTS)
def test_memory_formats_give_the_same_and_keep_theirs(layout: str) -> None:
    lif = LIF(steps=4)
    lif.fused = True
    cases.check_layout(lif, layout)


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize(("steps", "rows"), [(1, 1), (4, 1), (5, 2), (16, 4), (17, 5)])
def test_two_bits_a_step_are_kept(steps: int, rows: int) -> None:
    kept: list[Tensor] = []
    lif = LIF(steps=steps)
    lif.fused = True
    with torch.autograd.graph.saved_tensors_hooks(_into(kept), lambda x: x):
        lif(torch.randn(steps * 2, 50, requires_grad=True))
    assert [(x.dtype, tuple(x.shape)) for x in kept] == [(torch.uint8, (rows, 100))]


def _into(kept: list[Tensor]) -> Callable[[Tensor], Tensor]:
    def pack(x: Tensor) -> Tensor:
        kept.append(x)
        return x

    return pack


@pytest.mark.usefixtures("interpreted")
def test_the_bits_say_what_happened() -> None:
    """Steps at 0.75, 0.1, 2 and -1: inside and fired, inside, fired, neither."""
    x = torch.tensor([[0.75], [0.1], [2.0], [-1.0]])
    spikes, facts = fused._forward(x, 0.0, 0.5, 1.0, True)
    assert spikes.flatten().tolist() == [1, 0, 1, 0]
    assert facts.tolist() == [[0b00_10_01_11]]


@pytest.mark.usefixtures("interpreted")
def test_nothing_is_kept_without_a_backward() -> None:
    x = torch.randn(4, 10)
    spikes, facts = fused._forward(x, 0.25, 0.5, 1.0, False)
    assert facts.shape == (0, 10)
    assert torch.equal(spikes, fused._forward(x, 0.25, 0.5, 1.0, True)[0])


@pytest.mark.usefixtures("interpreted")
def test_what_is_not_a_number_is_treated_as_the_loop_does() -> None:
    x = torch.tensor([[0.1, 0.6, torch.nan], [torch.nan, 0.3, 0.6], [0.2, torch.inf, 0.1]])
    grad = torch.ones_like(x)
    lif = LIF(steps=3)
    expected = textbook.run_lif(lif, x, grad)
    lif.fused = True
    found = textbook.run_lif(lif, x, grad)
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])


@pytest.mark.usefixtures("interpreted")
def test_a_batch_of_nothing() -> None:
    lif = LIF(steps=4)
    lif.fused = True
    x = torch.zeros(0, 3, requires_grad=True)
    lif(x).sum().backward()
    assert x.grad is not None
    assert x.grad.shape == (0, 3)


def test_a_type_that_the_kernel_does_not_know() -> None:
    lif = LIF()
    lif.fused = True
    with pytest.raises(TypeError, match=r"not torch\.float64"):
        lif(torch.zeros(1, 2, dtype=torch.float64))


def test_only_cuda_tensors_are_fused_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("snn_deploy.neurons.through_time.TRITON", True)
    assert not _is_fused_better(torch.zeros(1))
    assert _is_fused_better(_OnCuda(torch.float32))  # type: ignore[arg-type]
    assert not _is_fused_better(_OnCuda(torch.float64))  # type: ignore[arg-type]
    monkeypatch.setattr("snn_deploy.neurons.through_time.TRITON", False)
    assert not _is_fused_better(_OnCuda(torch.float32))  # type: ignore[arg-type]


class _OnCuda:
    """What the choice asks of a tensor, without the device."""

    is_cuda = True

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype
