"""Whether a neuron or a synapse is one of Lava's own, and with which of its fields.

A field may hold what the type of its model holds: the simulation computes with that, exactly. A
chip's registers are narrower, a bias has 13 bits there, but its limits are not a format's business.
"""

from dataclasses import dataclass

import numpy as np

from snn_deploy.ir.graph import Array
from snn_deploy.ir.ops import Conv, IntegerLif, SumPool
from snn_deploy.mapping import ChipNetwork, Population, Synapse

from .bounds import LIMIT, Bounds

_MANTISSA = 2**15 - 1
_EXPONENT = 7
_BYTE = 127


@dataclass(frozen=True, slots=True)
class LifFields:
    """What Lava's `LIFReset` has for the constants of an `IntegerLif`.

    Attributes:
        vth: counts units of 64.
        du: one less than the current's decay.
        dv: the voltage's decay.
        bias_mant: [1], [C] or of the population's shape; None for no bias.
        bias_exp: the power of two that multiplies it.
    """

    vth: int
    du: int
    dv: int
    bias_mant: Array | None
    bias_exp: int


def lif_fields(network: ChipNetwork, population: Population, bounds: Bounds) -> LifFields | None:
    """Return the fields of a `LIFReset` that makes the population's spikes, None for no such.

    Lava's neurons reset to zero, fire above one threshold in units of 64, add their bias to the
    potential alone, and their current wraps around where it leaves 24 bits.
    """
    graph, name = network.graph, population.neuron
    if name is None or population.relay is not None:
        return None
    op, threshold = graph[name].op, graph.params[f"{name}.threshold"]
    assert isinstance(op, IntegerLif), "the layout put it there"
    vth, rest = divmod(int(threshold.flat[0]), 64)
    if op.reset != "hard" or (threshold != threshold.flat[0]).any() or rest:
        return None
    if op.current_decay == 0 or _most_u(op, bounds.currents[population.name], graph.steps) >= LIMIT:
        return None
    current = network.bias(population)
    if current is not None and op.current_decay < 4096:
        return None  # it would have to decay with the current
    mantissa, exponent = _split(_potential_bias(current, graph.param(name, "bias")))
    if mantissa is not None and np.abs(mantissa).max() > _MANTISSA:
        return None
    return LifFields(vth, op.current_decay - 1, op.voltage_decay, mantissa, exponent)


def _most_u(op: IntegerLif, current: int, steps: int) -> int:
    """Return how large u can become in a window in which the current is as large as it can be."""
    u = 0
    for _ in range(steps):
        u = ((u * (4096 - op.current_decay)) >> 12) + 64 * current
    return u


def _potential_bias(current: Array | None, potential: Array | None) -> Array:
    """Return both biases in units of v: [1], [C], or [C, *L] where the potential's is such."""
    total = np.zeros(1, np.int64) if potential is None else potential.astype(np.int64)
    if current is None:
        return total
    return total + 64 * current.astype(np.int64).reshape(-1, *(1,) * (total.ndim - 1))


def _split(bias: Array) -> tuple[Array | None, int]:
    """Return a mantissa and the largest power of two, at most 2^7, that together are the bias."""
    if not bias.any():
        return None, 0
    exponent = _EXPONENT
    while (bias % 2**exponent).any():
        exponent -= 1
    return bias >> exponent, exponent


def conv_fits(synapse: Synapse, kernel: tuple[int, ...], bounds: Bounds) -> bool:
    """Say whether Lava's `Conv` computes a synapse: its fields are bytes, its sums wrap around."""
    op = synapse.op
    assert isinstance(op, Conv | SumPool), "the caller looked"
    fields = [*kernel, *op.stride, *op.padding]
    fields += [*op.dilation, op.groups] if isinstance(op, Conv) else [synapse.source_shape[0]]
    return max(fields) <= _BYTE and bounds.synapses[synapse.name] < LIMIT


def dense_exponent(weight: Array, exponent: Array | None, bound: int) -> int | None:
    """Return the `weight_exp` with which Lava's `Dense` has twice these weights, None for no such.

    It has one exponent, and of weights with signs it keeps nine bits of which the lowest is cut
    off: twice the weight at half the scale loses nothing.
    """
    shifts = {0} if exponent is None else set(exponent.tolist())
    if len(shifts) > 1 or weight.min() < -128 or weight.max() > _BYTE or bound >= LIMIT:
        return None
    return int(shifts.pop()) - 1
