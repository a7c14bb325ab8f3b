"""The same network in other frameworks: same layers, same weights, same function of the image.

Every builder takes our torch module and gives a module that takes the same images and returns the
same logits. Missing packages raise ModuleNotFoundError.
"""

import copy
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from snn_deploy.models.ms_resnet import MSResNet
from snn_deploy.models.residual import TemporalBatchNorm
from snn_deploy.neurons import LIF


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


def compiled(network: MSResNet) -> nn.Module:
    """torch.compile of our module, with its weights frozen: it then folds batch norms itself."""
    from torch._inductor import config

    config.freezing = True
    plain = _with_neurons(network, _PlainLIF)
    found: nn.Module = torch.compile(plain)  # type: ignore[assignment]  # a module gives a module
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


def spikingjelly(network: MSResNet) -> nn.Module:
    """SpikingJelly, multi-step: [T, B, ...] through its own layers and its fused LIF kernel.

    Its neuron fires at v >= v_threshold, ours above: the next larger number says the same. Its
    decay is v - v / tau.
    """
    from spikingjelly.activation_based import (  # type: ignore[import-untyped]
        functional,
        layer,
        neuron,
    )

    def lif(ours: LIF) -> nn.Module:
        return neuron.LIFNode(
            tau=1 / (1 - ours.decay),
            decay_input=False,
            v_threshold=_next_above(ours.threshold),
            v_reset=0.0,
            step_mode="m",
        )

    def convolution(ours: nn.Conv2d) -> nn.Module:
        made = layer.Conv2d(
            ours.in_channels,
            ours.out_channels,
            ours.kernel_size,
            ours.stride,
            ours.padding,
            bias=ours.bias is not None,
            step_mode="m",
        )
        made.load_state_dict(ours.state_dict())
        return made

    def norm(ours: TemporalBatchNorm) -> nn.Module:
        made = layer.BatchNorm2d(ours.bn.num_features, eps=ours.bn.eps, step_mode="m")
        made.load_state_dict(ours.bn.state_dict())
        return made

    twin = _Multistep(network, lif, convolution, norm, functional.reset_net)
    return twin.eval()


def _next_above(threshold: float) -> float:
    exact = torch.tensor(threshold, dtype=torch.float32)
    return float(torch.nextafter(exact, torch.tensor(math.inf)))


class _Multistep(nn.Module):
    """An MS-ResNet on [T, B, ...] of some framework's layers, built after one of ours."""

    def __init__(
        self,
        network: MSResNet,
        lif: Callable[[LIF], nn.Module],
        convolution: Callable[[nn.Conv2d], nn.Module],
        norm: Callable[[TemporalBatchNorm], nn.Module],
        restart: Callable[[nn.Module], object],
    ) -> None:
        super().__init__()
        self.steps = network.steps
        self.restart = restart
        self.stem = copy.deepcopy(network.conv1)
        body = nn.Sequential(*(network.get_submodule(stage) for stage in network.stages))
        makers: dict[type[nn.Module], Callable[..., nn.Module]] = {
            LIF: lif,
            nn.Conv2d: convolution,
            TemporalBatchNorm: norm,
        }
        self.body = _replaced(copy.deepcopy(body), makers)
        self.lif = lif(network.lif)
        self.fc = copy.deepcopy(network.fc)

    def forward(self, x: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, classes]."""
        self.restart(self)
        x = self.stem(x).unsqueeze(0).repeat(self.steps, 1, 1, 1, 1)
        rates = self.lif(self.body(x)).mean((0, 3, 4))
        found: Tensor = self.fc(rates)
        return found


def norse(network: MSResNet) -> nn.Module:
    """Norse, layer by layer: convolutions on the axis [T*B], its neuron in its own loop over time.

    That is faster than its cells called step by step on the whole network.
    """
    from norse.torch.functional.lif_box import (  # type: ignore[import-untyped]
        LIFBoxFeedForwardState,
        lif_box_feed_forward_step,
    )
    from norse.torch.module.snn import SNN  # type: ignore[import-untyped]

    class Neuron(nn.Module):
        def __init__(self, ours: LIF) -> None:
            super().__init__()
            self.steps = ours.steps
            parameters = _norse_parameters(ours)
            self.cell = SNN(
                lif_box_feed_forward_step,
                lambda x: LIFBoxFeedForwardState(v=parameters.v_leak),
                parameters,
                dt=1.0,
            )

        def forward(self, x: Tensor) -> Tensor:
            spikes, _ = self.cell(x.unflatten(0, (self.steps, -1)))
            return spikes.flatten(0, 1)

    return _with_neurons(network, Neuron)


def _norse_parameters(lif: LIF):  # type: ignore[no-untyped-def]  # norse has no types
    """Return the same neuron: v' = decay v + (1 - decay) x is ours times (1 - decay)."""
    from norse.torch.functional.lif_box import LIFBoxParameters

    gain = 1 - lif.decay
    return LIFBoxParameters(
        tau_mem_inv=torch.tensor(gain),
        v_leak=torch.tensor(0.0),
        v_th=torch.tensor(gain * lif.threshold),
        v_reset=torch.tensor(0.0),
    )


def _with_neurons(network: MSResNet, make: Callable[[LIF], nn.Module]) -> nn.Module:
    """Return a copy of our network with every LIF replaced."""
    return _replaced(copy.deepcopy(network), {LIF: make}).eval()


def _replaced(
    module: nn.Module, makers: dict[type[nn.Module], Callable[..., nn.Module]]
) -> nn.Module:
    """Replace, in place, every module of the given classes; returns the module."""
    for name, child in module.named_children():
        make = makers.get(type(child))
        setattr(module, name, make(child) if make else _replaced(child, makers))
    return module
