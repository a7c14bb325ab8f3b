"""The layers of a `.net` file as records: each data set checked by itself and against its layer."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from snn_deploy.ir.graph import Array
from snn_deploy.ir.ops import Conv

from .neurons import Neuron, read_neuron, refuse_unknown
from .section import Section

LONGEST_DELAY = 62
"""Of an axon of Loihi, in steps."""
LARGEST_WEIGHT = 2**15 - 1
"""What 16 bits hold; Loihi's own weights have 9."""
LARGEST_BIAS = 2**17 - 1
"""Times 64 it fits Loihi's 24-bit potential."""


@dataclass(frozen=True, slots=True)
class InputLayer:
    """What enters: x as it is, or, where there is a gain, round(gain * x) + offset."""

    place: int
    shape: tuple[int, ...]
    gain: int | None
    offset: int
    neuron: Neuron | None


@dataclass(frozen=True, slots=True)
class ConvLayer:
    """weight: int64 [O, I/groups, kH, kW]; bias: [O] or [O, H, W]; shape: what it says it gives."""

    place: int
    shape: tuple[int, ...]
    op: Conv
    weight: Array
    bias: Array | None
    neuron: Neuron | None


@dataclass(frozen=True, slots=True)
class DenseLayer:
    """weight: int64 [O, I]; bias: [O] or [1]; delays, steps: of what it gives, of what it reads."""

    place: int
    weight: Array
    bias: Array | None
    neuron: Neuron | None
    delay: Array | None
    delay_before: Array | None


@dataclass(frozen=True, slots=True)
class FlattenLayer:
    """Row-major, C outermost."""

    place: int
    size: int | None


@dataclass(frozen=True, slots=True)
class AverageLayer:
    """The mean over each of so many groups of neighbors."""

    place: int
    groups: int


Layer = InputLayer | ConvLayer | DenseLayer | FlattenLayer | AverageLayer

_REFUSED = {
    "dense_rec": "its connections are recurrent",
    "dense_comp": "its weights are complex",
    "pool": "whether its weights or sums of spikes are meant is not in the file",
    "convT": "transposed convolutions have no equal here",
    "unpool": "unpooling has no equal here",
    "concat": "what it joins is not in the file",
}
_COMMON = {"type", "shape", "inFeatures", "outFeatures", "inChannels", "outChannels", "kernelSize"}
"""The rest repeats what the weights' shapes say, and is not read."""


def read_layer(section: Section, place: int) -> Layer | None:
    """Return a layer; None, and complaints, where it is none that we know."""
    kind = section.text("type")
    if kind is None:
        return None
    if kind in _READERS:
        return _READERS[kind](section, place)
    known = ", ".join(_READERS)
    section.complain(f"'{kind}' {_because(kind)}; {known} can be read", "type")
    return None


def _because(kind: str) -> str:
    return f"cannot be read: {_REFUSED[kind]}" if kind in _REFUSED else "is unknown"


def _input(section: Section, place: int) -> InputLayer | None:
    refuse_unknown(section, _COMMON | {"neuron", "weight", "bias"})
    shape = section.shape()
    transforms = "weight" in section or "bias" in section
    neuron = read_neuron(section)
    gain = section.whole("weight", 1, LARGEST_WEIGHT, default=64)
    offset = section.whole("bias", -LARGEST_BIAS, LARGEST_BIAS, default=0)
    if transforms and "neuron" not in section:
        section.complain("transforms what enters, and has no neurons that read it")
    if shape is None or gain is None or offset is None or _lacks(section, neuron):
        return None
    return InputLayer(place, shape, gain if transforms else None, offset, neuron)


def _conv(section: Section, place: int) -> ConvLayer | None:
    refuse_unknown(
        section,
        _COMMON | {"weight", "bias", "neuron", "stride", "padding", "dilation", "groups", "delay"},
    )
    if "delay" in section:
        section.complain(
            "delays of convolutions have no agreed meaning: netx ignores them", "delay"
        )
    shape = section.shape()
    if shape is not None and len(shape) != 3:
        section.complain(f"is {list(shape)}, a convolution gives [C, H, W]", "shape")
        shape = None
    weight = _weight(section, (4, 5))
    if weight is not None and weight.ndim == 5:
        weight = _without_last(section, weight)
    neuron = read_neuron(section)
    op = _geometry(section)
    bias = None if shape is None else _conv_bias(section, shape)
    if shape is None or weight is None or op is None or _lacks(section, neuron):
        return None
    if len(weight) != shape[0]:
        section.complain(f"{len(weight)} kernels for {shape[0]} channels of 'shape'", "weight")
        return None
    spans = [d * (k - 1) + 1 for d, k in zip(op.dilation, weight.shape[2:], strict=True)]
    if any(pad >= span for pad, span in zip(op.padding, spans, strict=True)):
        section.complain(f"is {list(op.padding)}, kernels that reach {spans} need less", "padding")
        return None
    return ConvLayer(place, shape, op, weight, bias, neuron)


def _without_last(section: Section, weight: Array) -> Array | None:
    if weight.shape[-1] == 1:
        return weight[..., 0]
    section.complain(f"is {list(weight.shape)}, a fifth axis may only have one place", "weight")
    return None


def _geometry(section: Section) -> Conv | None:
    stride, padding, dilation = (
        section.pair(name, low) for name, low in (("stride", 1), ("padding", 0), ("dilation", 1))
    )
    groups = section.whole("groups", 1, LARGEST_WEIGHT, default=1)
    if stride is None or padding is None or dilation is None or groups is None:
        return None
    return Conv(stride, padding, dilation, groups)


def _conv_bias(section: Section, shape: tuple[int, ...]) -> Array | None:
    """Return [C], or, from [W, H, C] in the file, [C, H, W]."""
    bias = _bias(section, (1, 3))
    if bias is None or bias.shape == shape[:1]:
        return bias
    if bias.shape == shape[::-1]:
        return bias.transpose(2, 1, 0)
    channels, rows, columns = shape
    section.complain(
        f"is {list(bias.shape)}, [{channels}] or [W, H, C] = [{columns}, {rows}, {channels}] is "
        "expected",
        "bias",
    )
    return None


def _dense(section: Section, place: int) -> DenseLayer | None:
    refuse_unknown(section, _COMMON | {"weight", "bias", "neuron", "delay"})
    shape = section.shape()
    neuron = read_neuron(section)
    outputs = None if shape is None else math.prod(shape)
    weight = _weight(section, (1, 2))
    if weight is not None and outputs is not None:
        weight = _matrix(section, weight, outputs)
    bias = _bias(section, (0, 1))
    if bias is not None and outputs is not None and bias.size not in (1, outputs):
        section.complain(f"is {list(bias.shape)}, [{outputs}] or [1] is expected", "bias")
        bias = None
    if weight is None or outputs is None:
        return None
    after, before = _delays(section, weight.shape) if "delay" in section else (None, None)
    if _lacks(section, neuron):
        return None
    bias = None if bias is None else bias.reshape(-1)
    return DenseLayer(place, weight, bias, neuron, after, before)


def _matrix(section: Section, weight: Array, outputs: int) -> Array | None:
    """Return [O, I] of that or of a flat list."""
    if weight.ndim == 2 and len(weight) == outputs:
        return weight
    if weight.ndim == 1 and weight.size % outputs == 0:
        return weight.reshape(outputs, -1)
    section.complain(f"is {list(weight.shape)} for {outputs} neurons of 'shape'", "weight")
    return None


def _delays(section: Section, weight: tuple[int, ...]) -> tuple[Array | None, Array | None]:
    """Return delays of what the layer gives, or of what it reads; a scalar is of all it gives.

    [O] goes before [I] where both are the same number: that is how Lava-DL writes axonal delays.
    """
    delay = section.integers("delay", (0, 1))
    if delay is None:
        return None, None
    low, high = int(delay.min()), int(delay.max())
    if low < 0 or high > LONGEST_DELAY:
        section.complain(
            f"holds steps from {low} to {high}, 0 to {LONGEST_DELAY} are expected", "delay"
        )
        return None, None
    delay = delay.reshape(-1).astype(np.int8)
    outputs, inputs = weight
    if len(delay) not in (1, outputs, inputs):
        section.complain(f"has {len(delay)} places for {outputs} x {inputs} weights", "delay")
    if not delay.any():
        return None, None
    return (delay, None) if len(delay) in (1, outputs) else (None, delay)


def _flatten(section: Section, place: int) -> FlattenLayer:
    refuse_unknown(section, _COMMON)
    shape = section.shape() if "shape" in section else None
    return FlattenLayer(place, None if shape is None else math.prod(shape))


def _average(section: Section, place: int) -> AverageLayer | None:
    refuse_unknown(section, _COMMON)
    shape = section.shape()
    return None if shape is None else AverageLayer(place, math.prod(shape))


def _lacks(section: Section, neuron: Neuron | None) -> bool:
    """Say whether a layer has neurons that could not be read."""
    return neuron is None and "neuron" in section


def _weight(section: Section, ranks: tuple[int, ...]) -> Array | None:
    if section.holds_group("weight"):
        section.complain("is a group: complex weights have no equal here", "weight")
        return None
    return _within(section, "weight", ranks, LARGEST_WEIGHT)


def _bias(section: Section, ranks: tuple[int, ...]) -> Array | None:
    return _within(section, "bias", ranks, LARGEST_BIAS) if "bias" in section else None


def _within(section: Section, name: str, ranks: tuple[int, ...], most: int) -> Array | None:
    values = section.integers(name, ranks)
    if values is not None and np.abs(values).max() > most:
        low, high = values.min(), values.max()
        section.complain(f"holds {low} to {high}, magnitudes up to {most} are expected", name)
        return None
    return values


_READERS: Mapping[str, Callable[[Section, int], Layer | None]] = {
    "input": _input,
    "dense": _dense,
    "conv": _conv,
    "flatten": _flatten,
    "average": _average,
}
