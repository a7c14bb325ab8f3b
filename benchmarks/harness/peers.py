"""The same network in other frameworks: same layers, same weights, same function of the image.

Each in its fastest mode that gives the same spikes. A decay of 0.25 and a threshold of 0.5 are
exact in all of them, and the stem, which has no state, runs once an image. Some compare a
potential with >=, ours with >: the next larger threshold says the same. Where a neuron always gives
float32, its spikes are converted, so that it can be compared in float64; in float32 that does
nothing.
"""

import copy
import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from snn_deploy.models.ms_resnet import MSResNet
from snn_deploy.models.residual import TemporalBatchNorm
from snn_deploy.neurons import LIF
from snn_deploy.neurons.rounding import just_above

Makers = Mapping[type[nn.Module], Callable[..., nn.Module]]
"""What takes the place of a module of ours, by its class."""


def replaced(module: nn.Module, makers: Makers) -> nn.Module:
    """Replace, in place, every module of the given classes; returns the module."""
    for name, child in module.named_children():
        make = makers.get(type(child))
        setattr(module, name, make(child) if make else replaced(child, makers))
    return module


class _Twin(nn.Module):
    """An MS-ResNet of some framework's layers, built after one of ours."""

    def __init__(
        self, network: MSResNet, makers: Makers, restart: Callable[[nn.Module], object]
    ) -> None:
        super().__init__()
        self.steps = network.steps
        self.restart = restart
        self.stem = copy.deepcopy(network.conv1)
        assert network.lif is not None, "an MS-ResNet ends with neurons"
        stages = [copy.deepcopy(network.get_submodule(stage)) for stage in network.stages]
        self.body = replaced(nn.Sequential(*stages, copy.deepcopy(network.lif)), makers)
        self.fc = copy.deepcopy(network.fc)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, classes]."""
        self.restart(self)
        found: Tensor = self.fc(self.rates(self.stem(x)))
        return found

    def rates(self, x: Tensor) -> Tensor:
        """Present a current at every step; returns the mean rates of the last neurons, [B, C]."""
        raise NotImplementedError


class _Multistep(_Twin):
    """All steps of a layer at once, on [T, B, ...]."""

    def rates(self, x: Tensor) -> Tensor:
        found: Tensor = self.body(x.unsqueeze(0).repeat(self.steps, 1, 1, 1, 1))
        return found.mean((0, 3, 4))


class _Merged(_Twin):
    """All steps of a layer at once, on [B*T, ...], batch outermost."""

    def rates(self, x: Tensor) -> Tensor:
        found: Tensor = self.body(x.repeat_interleave(self.steps, 0))
        return found.unflatten(0, (-1, self.steps)).mean((1, 3, 4))


class _SameType(nn.Module):
    """A neuron whose spikes have the type of its input."""

    def __init__(self, neuron: nn.Module) -> None:
        super().__init__()
        self.neuron = neuron

    def forward(self, x: Tensor) -> Tensor:
        spikes: Tensor = self.neuron(x)
        return spikes.to(x.dtype)


def spikingjelly(network: MSResNet) -> nn.Module:
    """SpikingJelly, multi-step: its own layers and its fused LIF kernel.

    Its decay is v - v / tau.
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
            v_threshold=just_above(ours.threshold, torch.float32),
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

    makers: Makers = {LIF: lif, nn.Conv2d: convolution, TemporalBatchNorm: norm}
    return _Multistep(network, makers, functional.reset_net)


def norse(network: MSResNet) -> nn.Module:
    """Norse, layer by layer: convolutions on the axis [T*B], its neuron in its own loop over time.

    That is faster than its cells called step by step on the whole network. Its neuron is
    v' = decay v + (1 - decay) x, which is ours times (1 - decay).
    """
    from norse.torch.functional.lif_box import (  # type: ignore[import-untyped]
        LIFBoxFeedForwardState,
        LIFBoxParameters,
        lif_box_feed_forward_step,
    )
    from norse.torch.module.snn import SNN  # type: ignore[import-untyped]

    class Neuron(nn.Module):
        def __init__(self, ours: LIF) -> None:
            super().__init__()
            self.steps = ours.steps
            gain = 1 - ours.decay
            parameters = LIFBoxParameters(
                tau_mem_inv=torch.tensor(gain),
                v_leak=torch.tensor(0.0),
                v_th=torch.tensor(gain * ours.threshold),
                v_reset=torch.tensor(0.0),
            )
            self.cell = SNN(
                lif_box_feed_forward_step,
                lambda x: LIFBoxFeedForwardState(v=parameters.v_leak),
                parameters,
                dt=1.0,
            )

        def forward(self, x: Tensor) -> Tensor:
            spikes, _ = self.cell(x.unflatten(0, (self.steps, -1)))
            return spikes.flatten(0, 1)

    return replaced(copy.deepcopy(network), {LIF: Neuron}).eval()


def snntorch(network: MSResNet) -> nn.Module:
    """snnTorch, layer by layer as norse: its neurons take one step a call and keep their state.

    Without surrogate gradients, which an inference does not need. It keeps a list of all neurons
    that were ever made, and with them their states; that is emptied.
    """
    import snntorch  # type: ignore[import-untyped]

    class Neuron(nn.Module):
        def __init__(self, ours: LIF) -> None:
            super().__init__()
            self.steps = ours.steps
            self.cell = snntorch.Leaky(
                beta=ours.decay,
                threshold=ours.threshold,
                reset_mechanism="zero",
                init_hidden=True,
                surrogate_disable=True,
            )

        def forward(self, x: Tensor) -> Tensor:
            self.cell.reset_mem()
            steps = x.unflatten(0, (self.steps, -1)).unbind(0)
            return torch.cat([self.cell(x_t) for x_t in steps]).to(x.dtype)

    found = replaced(copy.deepcopy(network), {LIF: Neuron}).eval()
    snntorch.SpikingNeuron.init()
    return found


def sinabs(network: MSResNet) -> nn.Module:
    """sinabs, multi-step: its neurons take the axis [B*T], as convolutions do.

    Its decay is exp(-1 / tau), here given as it is: exactly ours.
    """
    from sinabs import reset_states  # type: ignore[import-untyped]
    from sinabs.activation import MembraneReset, SingleSpike  # type: ignore[import-untyped]
    from sinabs.layers import LIFSqueeze  # type: ignore[import-untyped]

    def lif(ours: LIF) -> nn.Module:
        neuron = LIFSqueeze(
            num_timesteps=ours.steps,
            tau_mem=-1 / math.log(ours.decay),
            spike_threshold=torch.tensor(just_above(ours.threshold, torch.float32)),
            spike_fn=SingleSpike,
            reset_fn=MembraneReset(),
            train_alphas=True,
            norm_input=False,
        )
        nn.init.constant_(neuron.alpha_mem, ours.decay)
        return _SameType(neuron)

    return _Merged(network, {LIF: lif}, reset_states)
