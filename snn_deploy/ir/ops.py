"""The operations of a graph: one frozen class each, whose docstring is its meaning.

Shapes are of one sample at one step: `[C, H, W]`, `[C, L]` or `[N]`. Ops hold numbers and strings;
arrays lie in the graph's `params` under `"<node>.<role>"`.

Float graphs hold real numbers. Integer graphs (`QuantGraph`) hold integers only; where an op means
something more there, its docstring says so.
"""

from dataclasses import dataclass, fields
from typing import ClassVar, Literal

Kind = Literal["spike", "graded", "current"]
"""spike: 0 or 1. graded: a count of spikes, 0, 1, 2, …. current: signed, real or integer."""

Reset = Literal["hard", "soft", "none"]


@dataclass(frozen=True, slots=True)
class Op:
    """Base of all operations."""

    required: ClassVar[tuple[str, ...]] = ()
    optional: ClassVar[tuple[str, ...]] = ()

    def __str__(self) -> str:
        """Return the op as the text form writes it."""
        options = ", ".join(f"{f.name}={getattr(self, f.name)!r}" for f in fields(self))
        return f"{type(self).__name__}({options})"


@dataclass(frozen=True, slots=True)
class Input(Op):
    """What enters the network, of any shape.

    static: the same sample at every step (an image); otherwise a sequence [T, ...].
    In an integer graph: q = clip(round_half_even(x / scale), -limit, limit) is made outside,
    see `QuantGraph.quantize_input`.
    """

    shape: tuple[int, ...]
    kind: Kind = "current"
    static: bool = True


@dataclass(frozen=True, slots=True)
class Conv(Op):
    """Cross-correlation over one or two spatial axes, as in torch.

        y[o, p] = bias[o] + sum_{i, k} weight[o, i, k] * x[g(o) + i, place(p, k)]
        place(p, k) = p * stride + k * dilation - padding

    x: [I, *L] -> [O, *L'] with L' = (L + 2 padding - dilation (K - 1) - 1) // stride + 1.
    Params: weight [O, I/groups, *K], bias [O] (optional).

    Integer graph: weight int8 (or int16), the sum is exact, and

        y = rescale(sum, shift) + bias           shift [O] or [1] (optional, int8), bias int32

    rescale(a, n) = a * 2^n for n >= 0, else a / 2^-n rounded to nearest, halves away from zero.
    """

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int = 1
    required: ClassVar[tuple[str, ...]] = ("weight",)
    optional: ClassVar[tuple[str, ...]] = ("bias", "shift")


@dataclass(frozen=True, slots=True)
class Linear(Op):
    """y = weight x + bias.  x: [I] -> [O].  Params: weight [O, I], bias [O] (optional).

    Integer graph: as `Conv`.
    """

    required: ClassVar[tuple[str, ...]] = ("weight",)
    optional: ClassVar[tuple[str, ...]] = ("bias", "shift")


@dataclass(frozen=True, slots=True)
class BatchNorm(Op):
    """y[c] = (x[c] - mean[c]) / sqrt(variance[c] + eps) * weight[c] + bias[c].

    x: [C, ...] -> the same shape.  Params: weight, bias, mean, variance, each [C].  Float only.
    """

    eps: float
    required: ClassVar[tuple[str, ...]] = ("weight", "bias", "mean", "variance")


@dataclass(frozen=True, slots=True)
class Lif(Op):
    """Leaky integrate-and-fire in its normalised form; every library's neuron is one of these.

        j = synapse_keep * i + synapse_gain * x          i: j of the step before
        h = membrane_keep * v + membrane_gain * j + bias
        s = 1 where h > threshold (strict) or h >= threshold, else 0
        v = h - s * (h - v_reset)  (hard),  h - s * threshold  (soft),  h  (none)

    x: current, any shape -> spike, the same shape.  State: i and v, start at 0 and `v_initial`.
    `delayed_reset` takes the reset off at the beginning of the next step instead: after the
    decay for a soft reset (v = membrane_keep * h - s * threshold), before it for a hard one,
    where it makes no difference to the spikes.
    Float only.
    """

    membrane_keep: float
    membrane_gain: float = 1.0
    synapse_keep: float = 0.0
    synapse_gain: float = 1.0
    bias: float = 0.0
    threshold: float = 1.0
    v_reset: float = 0.0
    v_initial: float = 0.0
    strict: bool = True
    reset: Reset = "hard"
    delayed_reset: bool = False


@dataclass(frozen=True, slots=True)
class IntegerLif(Op):
    """Leaky integrate-and-fire in Loihi's arithmetic, the common ground of all targets.

        u = rz(u * (4096 - current_decay) / 4096) + (x << 6)
        v = clip(rz(v * (4096 - voltage_decay) / 4096) + u + bias, -(2^23 - 1), 2^23 - 1)
        s = 1 where v > threshold, else 0
        v = 0 (hard)  or  v - threshold_soft (soft)  or  v (none)   where s = 1

    rz rounds towards zero. x: int32 current, any shape -> spike uint8, the same shape.
    State: u and v, int32, start at 0; u is no state where current_decay = 4096.
    Params: threshold int32 [C] or [1] in units of v, a multiple of 64 except for neurons that
    fire at equality, whose threshold is one less; bias int32 [C], [1] or of x's shape (optional),
    units of v.
    threshold_soft is what a soft reset takes off: the threshold, plus one for such neurons
    (`at_equality`).
    Evaluation counts every |u| >= 2^23 and every clipped v. Source: lava-nc 0.10.0,
    `lava/proc/lif/models.py`, tag fixed_pt. Integer only.
    """

    current_decay: int
    voltage_decay: int
    reset: Reset = "hard"
    at_equality: bool = False
    required: ClassVar[tuple[str, ...]] = ("threshold",)
    optional: ClassVar[tuple[str, ...]] = ("bias",)


@dataclass(frozen=True, slots=True)
class Delta(Op):
    """Sends how far its input has moved from what it has sent so far, once that is enough.

        a = (x << (spike_exponent + state_exponent)) + bias
        d = a - sent
        m = d where |d| >= threshold, else 0
        sent = sent + m
        y = m >> state_exponent                        rounded down

    x: int32 current, any shape -> y: int32, signed, the same shape.  State: sent, starts at 0.
    Params: threshold int32 [C] or [1]; bias int32 [C], [1] or of x's shape (optional); both in
    units of `sent`.
    Source: lava-nc 0.10.0, `lava/proc/sdn/models.py`, first model of tag fixed_pt; its `act` and
    `residue` are one number here: sent = act - residue. `sent` grows by what was meant, not by
    what is left of it after y's rounding, as there.
    Evaluation counts every |a| >= 2^23. Integer only.
    """

    spike_exponent: int = 6
    state_exponent: int = 6
    required: ClassVar[tuple[str, ...]] = ("threshold",)
    optional: ClassVar[tuple[str, ...]] = ("bias",)


@dataclass(frozen=True, slots=True)
class SigmaDelta(Op):
    """Adds up what arrives, rectifies it, and sends its changes like `Delta`.

        sigma = sigma + x
        a = max(sigma + bias, 0)
        d, m, sent, y: as `Delta`

    x: int32 current, any shape -> y: int32, signed, the same shape.
    State: sigma and sent, start at 0.  Params, source and counts: as `Delta`. Integer only.
    """

    state_exponent: int = 6
    required: ClassVar[tuple[str, ...]] = ("threshold",)
    optional: ClassVar[tuple[str, ...]] = ("bias",)


@dataclass(frozen=True, slots=True)
class Sigma(Op):
    """y = sigma = sigma + x: what messages of sigma-delta neurons have said so far.

    x: int32 current, any shape -> the same.  State: sigma, starts at 0.
    Evaluation counts every |sigma| >= 2^23. Source: as `Delta`. Integer only.
    """


@dataclass(frozen=True, slots=True)
class Delay(Op):
    """y[i] = x[i] of `steps[i]` steps before, 0 where that is before the first step.

    x: [N], of any type -> the same.  State: the last max(steps) values of x, start at 0.
    Params: steps int8 [N] or [1], none negative. Integer only.
    """

    required: ClassVar[tuple[str, ...]] = ("steps",)


@dataclass(frozen=True, slots=True)
class Add(Op):
    """y = sum of all inputs, element by element; two inputs or more of one shape."""


@dataclass(frozen=True, slots=True)
class AvgPool(Op):
    """Mean over windows; padding counts as zeros.  x: [C, *L] -> [C, *L'].  Float only."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SumPool(Op):
    """Sum over windows; padding counts as zeros.  x: [C, *L] -> [C, *L']."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MaxPool(Op):
    """Maximum over windows; padding never wins.  x: [C, *L] -> [C, *L']."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Flatten(Op):
    """Row-major, C outermost.  x: any shape -> [N]."""


@dataclass(frozen=True, slots=True)
class Identity(Op):
    """y = x: what dropout and its like are at inference. Gone after folding."""


@dataclass(frozen=True, slots=True)
class Relay(Op):
    """y = rescale(x, shift) + bias: where a current becomes a message that carries its value.

    In a graph that is mapped onto a chip it marks neurons that send their input on; elsewhere it
    is but its arithmetic.  x: any type -> the same type.
    Params: shift int8 [C] or [1], bias int32 [C], both optional; rescale as in `Conv`.
    hosted: the host computes it once a sample and writes it into bias registers.
    Mapped integer graphs only.
    """

    hosted: bool = False
    optional: ClassVar[tuple[str, ...]] = ("bias", "shift")


OPS: tuple[type[Op], ...] = (
    Input,
    Conv,
    Linear,
    BatchNorm,
    Lif,
    IntegerLif,
    Delta,
    SigmaDelta,
    Sigma,
    Delay,
    Add,
    AvgPool,
    SumPool,
    MaxPool,
    Flatten,
    Identity,
    Relay,
)
NEURONS: tuple[type[Op], ...] = (Lif, IntegerLif, Delta, SigmaDelta)
"""What counts as a layer of neurons: it sends spikes, or messages, and is silent otherwise."""
MESSAGING: tuple[type[Op], ...] = (Delta, SigmaDelta)
"""Neurons whose spikes carry a signed number."""
STATEFUL: tuple[type[Op], ...] = (*NEURONS, Sigma, Delay)
POOLS: tuple[type[Op], ...] = (AvgPool, SumPool, MaxPool)
