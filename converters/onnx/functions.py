"""The neurons of domain `ai.snn`, version 1, as functions of standard operators.

One function a variant, without a branch inside; README.md holds their contract. The order of the
operations is that of `ir/states.py`, so that floats round alike.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from onnx import FunctionProto

from snn_deploy.ir.ops import IntegerLif, Lif, Reset

from .function_text import Body, function_of
from .messengers import Messenger, messenger_body

_RESETS = {"hard": "", "soft": "Soft", "none": "NoReset"}


@dataclass(frozen=True, slots=True)
class Variant:
    """Which of our neurons: the name is made of it.

    Attributes:
        integer: Loihi's arithmetic.
        synapse: with a synaptic current as second state.
        reset: what a spike does to the potential.
        delayed: a soft reset is taken off at the next step.
        strict: fires above the threshold, otherwise at it too. Integers are always strict.
        sequence: over all steps in one call.
    """

    integer: bool
    synapse: bool
    reset: Reset
    delayed: bool = False
    strict: bool = True
    sequence: bool = False

    @property
    def name(self) -> str:
        """Name of the operator, e.g. `LIF`, `CubaLIFSoftGeSeq`, `LIFIntNoReset`."""
        parts = (
            "Cuba" * self.synapse,
            "LIF",
            "Int" * self.integer,
            _RESETS[self.reset],
            "Delayed" * self.delayed,
            "Ge" * (not self.strict),
            "Seq" * self.sequence,
        )
        return "".join(parts)

    @property
    def states(self) -> tuple[str, ...]:
        """The roles of its states: v, and u or i."""
        return ("v", "u" if self.integer else "i") if self.synapse else ("v",)


def variant_of(op: Lif | IntegerLif, sequence: bool) -> Variant:
    """Return the variant that is a layer's neuron."""
    if isinstance(op, IntegerLif):
        return Variant(True, op.current_decay < 4096, op.reset, sequence=sequence)
    # A delayed hard reset makes the same spikes as an immediate one, see Lif.
    delayed = op.delayed_reset and op.reset == "soft"
    return Variant(False, op.synapse_keep != 0, op.reset, delayed, op.strict, sequence)


def integer_attributes(op: IntegerLif) -> dict[str, int]:
    """Return what an integer neuron's operator is told."""
    found = {"voltage_decay": op.voltage_decay}
    if op.current_decay < 4096:
        found["current_decay"] = op.current_decay
    if op.reset == "soft":
        found["at_equality"] = int(op.at_equality)
    return found


def needs_double(op: IntegerLif) -> bool:
    """Say whether a decay is exact through float64 only.

    Below 2^23, times a power of two is exact in float32. A current that is a state is bounded by no
    clip, so it gets the type that holds every int32.
    """
    powers = {0, *(1 << n for n in range(13))}
    return op.current_decay < 4096 or 4096 - op.voltage_decay not in powers


def function(variant: Variant | Messenger, double: bool = False) -> FunctionProto:
    """Return the operator's body.

    Args:
        variant: which.
        double: integer neurons that decay do it through float64 instead of float32.
    """
    if isinstance(variant, Messenger):
        return function_of(variant, messenger_body(variant))
    body = _integer_body(variant, double) if variant.integer else _float_body(variant)
    return function_of(variant, body)


def _integer_body(variant: Variant, double: bool) -> Body:
    kind = 11 if double else 1
    decays = ("current_decay", "voltage_decay") if variant.synapse else ("voltage_decay",)
    attributes = [f"{name}: int = 0" for name in decays]
    constants = [
        *_share("voltage_decay", "v_share", kind),
        "gain = Constant <value = int32 {64}> ()",
        "lowest = Constant <value = int32 {-8388607}> ()",
        "highest = Constant <value = int32 {8388607}> ()",
    ]
    lines = ["scaled = Mul (x_t, gain)"]
    if variant.synapse:
        constants += _share("current_decay", "u_share", kind)
        lines += [*_decay("u", kind), "u_n = Add (u_kept, scaled)"]
    lines += [
        *_decay("v", kind),
        f"charged = Add (v_kept, {'u_n' if variant.synapse else 'scaled'})",
        "biased = Add (charged, bias)",
        "h = Clip (biased, lowest, highest)",
        "fired = Greater (h, threshold)",
        "s_t = Cast <to = 2> (fired)",
    ]
    if variant.reset == "soft":
        attributes.append("at_equality: int = 0")
        constants += [
            "equal = Constant <value_int: int = @at_equality> ()",
            "equal_32 = Cast <to = 6> (equal)",
            "reset = Add (threshold, equal_32)",
        ]
        lines += ["ones = Cast <to = 6> (fired)", "off = Mul (ones, reset)", "v_n = Sub (h, off)"]
    elif variant.reset == "hard":
        # 6 % faster in ONNX Runtime than a second comparison or Where on big maps, equal on small.
        lines += [
            "quiet = Not (fired)",
            "quiet_32 = Cast <to = 6> (quiet)",
            "v_n = Mul (h, quiet_32)",
        ]
    else:
        lines.append("v_n = Identity (h)")
    operands = ("threshold", "bias")
    return Body(tuple(attributes), operands, tuple(constants), tuple(lines), "int32", "uint8")


def _share(attribute: str, name: str, kind: int) -> Iterator[str]:
    """Make (4096 - decay) / 4096, exact in every floating-point type."""
    yield f"{name}_d = Constant <value_int: int = @{attribute}> ()"
    yield f"{name}_r = Cast <to = {kind}> ({name}_d)"
    yield f"{name}_f = Constant <value_float = 4096.0> ()"
    yield f"{name}_1 = Cast <to = {kind}> ({name}_f)"
    yield f"{name}_k = Sub ({name}_1, {name}_r)"
    yield f"{name} = Div ({name}_k, {name}_1)"


def _decay(state: str, kind: int) -> Iterator[str]:
    """A product of at most 35 bits in float64, rounded towards zero by the cast: `states.decay`."""
    yield f"{state}_real = Cast <to = {kind}> ({state}_t)"
    yield f"{state}_less = Mul ({state}_real, {state}_share)"
    yield f"{state}_kept = Cast <to = 6> ({state}_less)"


def _float_body(variant: Variant) -> Body:
    names = {"membrane_keep": "", "membrane_gain": " = 1.0", "bias": " = 0.0"}
    names["threshold"] = " = 1.0"
    lines = []
    source = "x_t"
    if variant.synapse:
        names["synapse_keep"] = ""
        lines += ["i_kept = Mul (synapse_keep_0, i_t)", "i_n = Add (i_kept, x_t)"]
        source = "i_n"
    lines += [
        f"gained = Mul (membrane_gain_0, {source})",
        "v_kept = Mul (membrane_keep_0, v_t)",
        "charged = Add (v_kept, gained)",
    ]
    h = "v_n" if variant.delayed or variant.reset == "none" else "h"
    compare = "Greater" if variant.strict else "GreaterOrEqual"
    if variant.delayed:
        lines += [
            "biased = Add (charged, bias_0)",
            f"was = {compare} (v_t, threshold_0)",
            "spiked = Cast <to = 1> (was)",
            "off = Mul (threshold_0, spiked)",
            "v_n = Sub (biased, off)",
        ]
    else:
        lines.append(f"{h} = Add (charged, bias_0)")
    lines += [f"fired = {compare} ({h}, threshold_0)", "s_t = Cast <to = 1> (fired)"]
    if variant.reset == "hard":
        names["v_reset"] = " = 0.0"
        lines += ["above = Sub (h, v_reset_0)", "off = Mul (s_t, above)", "v_n = Sub (h, off)"]
    elif h == "h":
        lines += ["off = Mul (threshold_0, s_t)", "v_n = Sub (h, off)"]
    attributes = tuple(f"{n}: float{d}" if d else n for n, d in sorted(names.items(), key=_given))
    constants = tuple(f"{n}_0 = Constant <value_float: float = @{n}> ()" for n in names)
    return Body(attributes, (), constants, tuple(lines), "float", "float")


def _given(item: tuple[str, str]) -> bool:
    """Attributes that must be given come before those with a default."""
    return bool(item[1])
