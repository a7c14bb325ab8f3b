"""A float neuron in Loihi's integers."""

from dataclasses import dataclass

import numpy as np

from snn_deploy.errors import QuantizationError
from snn_deploy.ir.graph import Array
from snn_deploy.ir.ops import IntegerLif, Lif

from .graph import Scale

_UNITS = 2**17 - 1
_FRACTION = 64
"""Units of the membrane in one unit of current: u takes its input shifted left by 6."""


@dataclass(frozen=True, slots=True)
class IntegerNeuron:
    """The op and its arrays; threshold and bias are [C] or [1]."""

    op: IntegerLif
    threshold: Array
    bias: Array | None


def quantize_neuron(name: str, op: Lif, scale: Scale) -> IntegerNeuron:
    """Return the integer neuron that reads a current of the given scale, [1] or [C].

    The membrane is measured from the reset potential and without its gains, which makes

        v' = (v - v_reset) / gain,  threshold' = (threshold - v_reset) / gain,
        bias' = (bias - (1 - membrane_keep) * v_reset) / gain,  gain = membrane_gain * synapse_gain

    the same neuron in real numbers. Then one unit of v' is scale / 64, and the decays are twelfths
    of a bit: keep = (4096 - decay) / 4096, rounded.

    Raises:
        QuantizationError: the neuron starts elsewhere than at its reset potential, has a gain or a
            threshold that is not positive, resets late and softly, or has constants that its
            register does not hold in units of this scale.
    """
    gain = op.membrane_gain * op.synapse_gain
    origin = _origin(op)
    threshold = effective_threshold(op)
    _check(name, op, gain, origin, threshold)
    bias = (op.bias - (1 - op.membrane_keep) * origin) / gain
    steps = _in_units(name, "threshold", threshold / scale)
    if steps.min() < 1:
        raise QuantizationError(
            name,
            f"threshold of {float((threshold / scale).min()):.2g} units, one is the least",
            "give more --current-bits",
        )
    units = steps * _FRACTION - int(not op.strict)
    _in_units(name, "bias", bias / scale)
    offsets = np.rint(bias / scale * _FRACTION).astype(np.int32)
    integer = IntegerLif(
        current_decay=4096 - _kept(op.synapse_keep),
        voltage_decay=4096 - _kept(op.membrane_keep),
        reset=op.reset,
        at_equality=not op.strict,
    )
    return IntegerNeuron(integer, units.astype(np.int32), offsets if offsets.any() else None)


def _in_units(name: str, what: str, real: Scale) -> Scale:
    """Round to units of the current, of which the register holds 17 bits and a sign."""
    most = float(np.abs(real).max())
    if most >= _UNITS + 0.5:
        raise QuantizationError(
            name,
            f"{what} of {most:.0f} units, the register holds {_UNITS}",
            "give fewer --current-bits",
        )
    return np.rint(real)


def effective_threshold(op: Lif) -> float:
    """Return the threshold in units of the input current; 0 where the gain is not positive."""
    gain = op.membrane_gain * op.synapse_gain
    return (op.threshold - _origin(op)) / gain if gain > 0 else 0.0


def _origin(op: Lif) -> float:
    return op.v_reset if op.reset == "hard" else 0.0


def _kept(keep: float) -> int:
    return round(keep * 4096)


def _check(name: str, op: Lif, gain: float, origin: float, threshold: float) -> None:
    problem = ""
    if gain <= 0 or threshold <= 0:
        problem = f"threshold {op.threshold} is not above the reset {origin} (gain {gain})"
    elif op.v_initial != origin:
        problem = f"starts at {op.v_initial} and resets to {origin}"
    elif op.delayed_reset and op.reset == "soft":
        problem = "takes its soft reset off at the next step"
    elif not (0 <= op.membrane_keep <= 1 and 0 <= op.synapse_keep < 1):
        problem = f"keeps {op.membrane_keep} of its potential, {op.synapse_keep} of its current"
    if problem:
        raise QuantizationError(
            name,
            problem,
            "the integer neuron starts at its reset potential, decays, and resets at once",
        )
