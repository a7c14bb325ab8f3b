"""Training steps of one network with several neurons, and what memory they take."""

import copy
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from snn_deploy.neurons import LIF, set_fused
from snn_deploy.neurons.rounding import just_above
from snn_deploy.training.recompute import recompute_blocks

from . import memory
from .networks import CIFAR10, Subject, lively, samples

OURS, RECOMPUTED, LOOP, SPIKINGJELLY = "ours", "ours, recomputed", "ours, loop", "SpikingJelly"


def _ours(network: nn.Module) -> None:
    set_fused(network, None)


def _loop(network: nn.Module) -> None:
    set_fused(network, False)


def _recomputed(network: nn.Module) -> None:
    recompute_blocks(network)


def _spikingjelly(network: nn.Module) -> None:
    replace_neurons(network, torch.float32)


VARIANTS: Mapping[str, Callable[[nn.Module], None]] = {
    OURS: _ours,
    RECOMPUTED: _recomputed,
    LOOP: _loop,
    SPIKINGJELLY: _spikingjelly,
}
"""What each does to a network of ours, in place. A missing package raises ModuleNotFoundError."""


def subject(name: str, steps: int) -> Subject:
    """Return a network whose every layer fires, the same one in every process."""
    return lively(name, steps)


def replace_neurons(module: nn.Module, dtype: torch.dtype) -> None:
    """Put SpikingJelly's neuron in the place of each of ours; the rest stays as it is.

    Theirs fires at v >= v_threshold, ours above: the next larger number of the type in which it
    keeps v says the same. It chooses its own implementation: torch on a CPU, on CUDA its compiled
    kernels, or else Triton's.
    """
    for name, child in module.named_children():
        if isinstance(child, LIF):
            setattr(module, name, _SpikingJelly(child, dtype))
        else:
            replace_neurons(child, dtype)


class _SpikingJelly(nn.Module):
    """Its multi-step LIF on our merged axis: [T*B, ...] -> spikes."""

    def __init__(self, ours: LIF, dtype: torch.dtype) -> None:
        super().__init__()
        from spikingjelly.activation_based import neuron, surrogate  # type: ignore[import-untyped]

        self.steps = ours.steps
        self.node = neuron.LIFNode(
            tau=1 / (1 - ours.decay),
            decay_input=False,
            v_threshold=just_above(ours.threshold, dtype),
            v_reset=0.0,
            surrogate_function=surrogate.Rect(alpha=1 / ours.width),
            detach_reset=True,
            step_mode="m",
        )

    def forward(self, x: Tensor) -> Tensor:
        """Begin at zero and run all steps."""
        self.node.reset()
        spikes: Tensor = self.node(x.unflatten(0, (self.steps, -1))).flatten(0, 1)
        return spikes


class Training:
    """A network, its optimiser and one batch that is trained again and again."""

    def __init__(self, network: nn.Module, batch: int, device: torch.device) -> None:
        self.device = device
        last = {"device": device, "memory_format": torch.channels_last}
        self.network = network.train().to(**last)  # type: ignore[call-overload]
        self.optimizer = torch.optim.SGD(
            self.network.parameters(), 0.01, momentum=0.9, nesterov=True, weight_decay=1e-4
        )
        self.images = torch.from_numpy(samples(CIFAR10, batch)).to(**last)  # type: ignore[call-overload]
        self.labels = torch.arange(batch, device=device) % 10

    def loss(self) -> Tensor:
        """Return the loss in mixed precision."""
        with torch.autocast(self.device.type, torch.bfloat16):
            logits = self.network(self.images)
        return functional.cross_entropy(logits.float(), self.labels)

    def step(self) -> None:
        """Forward, loss, backward, update; returns when the device has done it."""
        self.optimizer.zero_grad(set_to_none=True)
        self.loss().backward()
        self.optimizer.step()
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def kept_bytes(training: Training) -> int:
    """Return what autograd keeps from forward to backward, parameters aside, each storage once."""
    parameters = {p.untyped_storage().data_ptr() for p in training.network.parameters()}
    kept: dict[int, int] = {}

    def pack(x: Tensor) -> Tensor:
        storage = x.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        loss = training.loss()
    loss.backward()
    return sum(size for place, size in kept.items() if place not in parameters)


def peak_bytes(training: Training) -> int:
    """Return how far a step takes memory above its level before it."""
    if training.device.type == "cuda":
        before = torch.cuda.memory_allocated(training.device)
        torch.cuda.reset_peak_memory_stats(training.device)
        training.step()
        return torch.cuda.max_memory_allocated(training.device) - before
    memory.give_back_free_memory()
    memory.forget_peak()
    before = memory.peak_bytes()
    training.step()
    return memory.peak_bytes() - before


def difference(name: str, steps: int, batch: int) -> tuple[float, int]:
    """Compare our neurons with SpikingJelly's in float64, on the same weights and images.

    Returns:
        The largest difference of a gradient, as a share of the largest gradient of its parameter;
        and the number of spikes that differ, over all neurons and steps.
    """
    ours = subject(name, steps).module.double().train()
    theirs = copy.deepcopy(ours)
    replace_neurons(theirs, torch.float64)
    found = [_spikes_and_gradients(network, batch) for network in (ours, theirs)]
    spikes = sum(int((a != b).sum()) for a, b in zip(found[0][0], found[1][0], strict=True))
    pairs = zip(found[0][1], found[1][1], strict=True)
    return max(float((a - b).abs().max() / a.abs().max()) for a, b in pairs), spikes


def _spikes_and_gradients(network: nn.Module, batch: int) -> tuple[list[Tensor], list[Tensor]]:
    spikes: list[Tensor] = []
    for module in network.modules():
        if isinstance(module, LIF | _SpikingJelly):
            module.register_forward_hook(lambda _module, _inputs, output: spikes.append(output))
    images = torch.from_numpy(samples(CIFAR10, batch)).double()
    functional.cross_entropy(network(images), torch.arange(batch) % 10).backward()
    return [s.detach() for s in spikes], [
        p.grad for p in network.parameters() if p.grad is not None
    ]
