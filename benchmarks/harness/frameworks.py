"""Our own module as torch runs it, and a table of all contenders of PyTorch.

Every builder takes our torch module and gives a module that takes the same images and returns the
same logits. Missing packages raise ModuleNotFoundError.
"""

import copy
import logging
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from snn_deploy.models.ms_resnet import MSResNet
from snn_deploy.models.residual import TemporalBatchNorm
from snn_deploy.neurons import LIF

from . import peers
from .peers import replaced


def without_warnings() -> None:
    """Let nobody be told that Triton is missing: on a CPU it rightly is."""
    logging.getLogger("torch._library.triton").setLevel(logging.ERROR)


def eager(network: MSResNet) -> nn.Module:
    """Our own module as it is: all steps of a layer at once, convolutions on the axis [T*B]."""
    return network


def folded(network: MSResNet) -> nn.Module:
    """Our own module with its batch norms folded into the convolutions before them."""
    found = copy.deepcopy(network)
    for parent in list(found.modules()):
        if isinstance(parent, nn.Sequential):
            for i, (before, norm) in enumerate(zip(parent, list(parent)[1:], strict=False)):
                if isinstance(before, nn.Conv2d) and isinstance(norm, TemporalBatchNorm):
                    parent[i] = fuse_conv_bn_eval(before, norm.bn)
                    parent[i + 1] = nn.Identity()
    return found


def channels_last(network: MSResNet) -> nn.Module:
    """Our own module, folded, with channels innermost in memory, as convolutions like it."""
    last = torch.channels_last
    return _ChannelsLast(folded(network)).to(memory_format=last)  # type: ignore[call-overload]


class _ChannelsLast(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.network(x.contiguous(memory_format=torch.channels_last))
        return found


def compiled(network: MSResNet) -> nn.Module:
    """torch.compile of our module."""
    return with_compiler(replaced(copy.deepcopy(network), {LIF: _PlainLIF}).eval())


def with_compiler(module: nn.Module) -> nn.Module:
    """torch.compile with the weights frozen: it folds batch norms and packs weights itself.

    What was compiled before is forgotten: the compiler counts variants of one piece of code, makes
    sizes symbolic after the first, and gives up, silently, after the eighth.
    """
    from torch._inductor import config

    torch._dynamo.reset()
    config.freezing = True
    found: nn.Module = torch.compile(module, dynamic=False)  # type: ignore[assignment]  # a module gives a module
    return found


class _PlainLIF(nn.Module):
    """Our LIF in plain torch operations, which the compiler can see through and fuse."""

    def __init__(self, lif: LIF) -> None:
        super().__init__()
        self.decay, self.threshold, self.steps = lif.decay, lif.threshold, lif.steps

    def forward(self, x: Tensor) -> Tensor:
        """[T*B, ...] -> spikes."""
        u: Tensor | None = None
        spikes = []
        for x_t in x.unflatten(0, (self.steps, -1)).unbind(0):
            u = x_t if u is None else x_t + self.decay * u
            fired = u > self.threshold
            spikes.append(fired.to(x.dtype))
            u = torch.where(fired, 0.0, u)
        return torch.cat(spikes)


FRAMEWORKS: Mapping[str, Callable[[MSResNet], nn.Module]] = {
    "torch eager": eager,
    "torch folded": folded,
    "torch nhwc": channels_last,
    "torch compile": compiled,
    "SpikingJelly": peers.spikingjelly,
    "norse": peers.norse,
    "snnTorch": peers.snntorch,
    "sinabs": peers.sinabs,
}
BY_COMPILER = ("torch compile",)
"""Made for the type and the shape of what they first see, so not compared in float64."""
