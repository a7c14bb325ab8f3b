"""The neuron of MS-ResNet (Hu et al., IEEE TNNLS 2024, class `mem_update` of the published code).

    u[0] = x[0]
    u[t] = decay * u[t-1] * (1 - s[t-1]) + x[t]
    s[t] = 1 where u[t] > threshold, else 0

Hard reset to zero, strict comparison, input at full scale. Backward, the step is a rectangle of the
given full width and height 1 / width around the threshold, and no gradient goes through the reset.
"""

from torch import Tensor, nn

from .through_time import Constants, spikes_of


class LIF(nn.Module):
    """Leaky integrate-and-fire over a merged time and batch axis.

    x: current [T*B, ...], time outermost  ->  spikes {0, 1}, same shape, type and memory format.
    The state starts at zero in every call; nothing is kept between calls and nothing is in the
    state dict.

    Args:
        decay: the factor kept of the potential from one step to the next; 1.0 is an IF neuron.
        threshold: a spike needs a potential strictly above it.
        steps: T, by which the leading axis is divided.
        width: full width of the rectangular surrogate gradient around the threshold.
    """

    fused: bool | None = None
    """One Triton kernel over all steps, yes or no; None: on CUDA, where Triton is installed."""

    def __init__(
        self, decay: float = 0.25, threshold: float = 0.5, steps: int = 1, width: float = 1.0
    ) -> None:
        super().__init__()
        self.decay = decay
        self.threshold = threshold
        self.steps = steps
        self.width = width

    def forward(self, x: Tensor) -> Tensor:
        """Run all steps. Raises RuntimeError where the leading axis is no multiple of `steps`."""
        constants = Constants(self.decay, self.threshold, self.width)
        return spikes_of(x, self.steps, constants, self.fused)

    def extra_repr(self) -> str:
        """Return the constants as torch prints them."""
        return f"decay={self.decay}, threshold={self.threshold}, steps={self.steps}"


def set_steps(network: nn.Module, steps: int) -> None:
    """Give every LIF of a network, and every module that repeats its input, the same T."""
    for module in network.modules():
        if hasattr(module, "steps"):
            setattr(module, "steps", steps)  # noqa: B010 - torch types every attribute as a tensor


def set_fused(network: nn.Module, fused: bool | None) -> None:
    """Choose for every LIF of a network between one kernel and a loop; see `LIF.fused`."""
    for module in network.modules():
        if isinstance(module, LIF):
            module.fused = fused
