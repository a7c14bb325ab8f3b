"""A deeper network begins as the function of the one it grows from."""

import pytest
import torch
from torch import nn

from snn_deploy.errors import UsageError
from snn_deploy.models.ms_resnet import cifar
from snn_deploy.training.inheritance import inherit


@pytest.fixture
def donor() -> nn.Module:
    """Return a network whose every tensor is its own: random norms, branches that count."""
    torch.manual_seed(2)
    network = cifar(8, steps=2)
    for tensor in network.state_dict().values():
        if tensor.is_floating_point():
            tensor.add_(torch.rand_like(tensor) * 0.3)
    return network.eval()


def test_a_deeper_network_begins_as_the_shallower(donor: nn.Module) -> None:
    deeper = cifar(20, steps=2).eval()
    x = torch.randn(3, 3, 16, 16)
    assert not torch.equal(deeper(x), donor(x))
    inherit(deeper, donor.state_dict(), "donor")
    assert torch.equal(deeper(x), donor(x))


def test_another_shortcut_takes_the_same_weights(donor: nn.Module) -> None:
    spiking = cifar(8, steps=2, shortcut="spiking")
    inherit(spiking, donor.state_dict(), "donor")
    kept = {tuple(t.flatten().tolist()) for t in spiking.state_dict().values()}
    assert kept == {tuple(t.flatten().tolist()) for t in donor.state_dict().values()}


@pytest.mark.parametrize(
    ("network", "found"),
    [
        (cifar(8, classes=3), r"fc.*\[3, 64\] there"),
        (nn.Linear(64, 10), "no such tensor"),
    ],
)
def test_a_donor_that_does_not_fit(donor: nn.Module, network: nn.Module, found: str) -> None:
    with pytest.raises(UsageError, match=found):
        inherit(network, donor.state_dict(), "donor.pt")
