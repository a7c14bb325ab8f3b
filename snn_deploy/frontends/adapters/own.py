"""Our own neuron, `snn_deploy.neurons.LIF`."""

from torch import nn

from snn_deploy.ir.ops import Lif
from snn_deploy.neurons import LIF

from .base import Adapter, Calling


def _lif(module: nn.Module) -> Lif:
    assert isinstance(module, LIF), "the table below says so"
    return Lif(membrane_keep=float(module.decay), threshold=float(module.threshold))


OWN = {"snn_deploy.neurons.lif:LIF": Adapter(Calling.MERGED, _lif)}
