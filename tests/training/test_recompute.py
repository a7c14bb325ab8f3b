"""Gradient checkpointing changes memory and nothing else."""

import copy

import pytest
import torch
from torch import Tensor, nn

from snn_deploy.models import build
from snn_deploy.training.recompute import recompute_blocks


def bytes_kept_for_backward(network: nn.Module, x: Tensor) -> tuple[int, Tensor]:
    """Return the bytes of distinct tensors that a forward pass keeps, and its output."""
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = network(x)
    return sum(kept.values()), output


@pytest.mark.parametrize("name", ["ms_resnet20", "sew_resnet20", "spiking_resnet20"])
def test_results_gradients_and_statistics_stay_the_same(name: str) -> None:
    torch.manual_seed(1)
    plain = build(name, steps=2).train()
    for parameter in plain.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    again = copy.deepcopy(plain)
    assert recompute_blocks(again) == 9
    x = torch.randn(4, 3, 16, 16)
    kept, expected = bytes_kept_for_backward(plain, x)
    kept_again, found = bytes_kept_for_backward(again, x)
    assert kept_again < kept / 3
    assert torch.equal(found, expected)
    expected.square().sum().backward()
    found.square().sum().backward()
    for (where, a), b in zip(plain.named_parameters(), again.parameters(), strict=True):
        assert a.grad is not None
        assert b.grad is not None
        assert torch.equal(a.grad, b.grad), where
    for (where, c), d in zip(plain.named_buffers(), again.buffers(), strict=True):
        assert torch.equal(c, d), where


def test_it_stays_a_network_to_evaluate() -> None:
    network = build("ms_resnet20", steps=2).eval()
    x = torch.randn(2, 3, 16, 16)
    expected = network(x)
    recompute_blocks(network)
    assert torch.equal(network(x), expected)
