"""Neurons: calls of our operators, with their state outside."""

import numpy as np
from onnx import TensorProto, numpy_helper

from snn_deploy.errors import UnsupportedError
from snn_deploy.ir.graph import Array, Node
from snn_deploy.ir.ops import IntegerLif, Lif

from .bounds import bounds
from .functions import Variant, variant_of
from .scope import Scope, State, Value

Attributes = dict[str, int] | dict[str, float]


def emit_integer_lif(scope: Scope, node: Node) -> Value:
    """Call the integer neuron: int32 [B, *L, C] -> spikes uint8."""
    op = node.op
    assert isinstance(op, IntegerLif), "called through EMIT"
    variant = variant_of(op, scope.form == "sequence")
    attributes = {"voltage_decay": op.voltage_decay}
    if variant.synapse:
        attributes["current_decay"] = op.current_decay
    if op.reset == "soft":
        attributes["at_equality"] = int(op.at_equality)
    bias = scope.graph.param(node, "bias")
    operands = [
        _operand(scope, scope.graph.params[f"{node.name}.threshold"], "threshold"),
        _operand(scope, np.zeros(1, np.int32) if bias is None else bias, "bias"),
    ]
    x = scope.laid_out(scope.cast(scope.value(node), TensorProto.INT32), last=True)
    return _spikes(scope, x, variant, operands, attributes, np.zeros(2, np.int32))


def _operand(scope: Scope, array: Array, label: str) -> str:
    """Return an array [C] or [1], which meets the channels where they lie last."""
    return scope.constant(array.astype(np.int32), label)


def emit_lif(scope: Scope, node: Node) -> Value:
    """Call the float neuron: float [B, C, *L] -> spikes 0.0 or 1.0."""
    op = node.op
    assert isinstance(op, Lif), "called through EMIT"
    variant = variant_of(op, scope.form == "sequence")
    _check(node, op, variant)
    names = ["membrane_keep", "membrane_gain", "bias", "threshold"]
    names += ["synapse_keep"] * variant.synapse + ["v_reset"] * (op.reset == "hard")
    attributes = {name: float(getattr(op, name)) for name in names}
    x = scope.laid_out(scope.value(node), last=False)
    if op.synapse_gain != 1:
        gain = scope.constant(np.array(op.synapse_gain, np.float32), "gain")
        name = scope.add("Mul", [gain, x.name], "gained")
        x = Value(name, x.dtype, x.shape, x.last, x.timed)
    initial = np.array([op.v_initial, 0], np.float32)
    return _spikes(scope, x, variant, [], attributes, initial)


def _check(node: Node, op: Lif, variant: Variant) -> None:
    """Refuse the one case in which the potential does not tell whether it has fired."""
    above = op.v_initial > op.threshold or (op.v_initial == op.threshold and not op.strict)
    if variant.delayed and above:
        raise UnsupportedError(
            node.name,
            "a delayed soft reset of a neuron that starts above its threshold",
            "onnx",
            "let it start below the threshold, or reset at once",
        )


def _spikes(
    scope: Scope,
    x: Value,
    variant: Variant,
    operands: list[str],
    attributes: Attributes,
    initial: Array,
) -> Value:
    """Append the call; `initial` holds the states' first values, v and then the current."""
    dtype = TensorProto.UINT8 if variant.integer else TensorProto.FLOAT
    starts = {role: initial[i] for i, role in enumerate(variant.states)}
    name = f"{scope.node}/spikes"
    if variant.sequence:
        current = scope.unfolded(x)
        first = [_start(scope, current, value) for value in starts.values()]
        outputs = [f"{scope.node}/spikes_of_steps", *(f"{scope.node}/{r}" for r in starts)]
        scope.call(variant, [current, *first, *operands], outputs, **attributes)
        name = outputs[0]
    else:
        pairs = [
            State(scope.node, role, x.dtype, x.inner, float(value), x.last)
            for role, value in starts.items()
        ]
        scope.states += pairs
        outputs = [name, *(pair.present for pair in pairs)]
        scope.call(
            variant, [x.name, *(pair.past for pair in pairs), *operands], outputs, **attributes
        )
    reach = bounds(0, 1) if variant.integer else None
    spikes = Value(name, dtype, x.shape, x.last, timed=variant.sequence, bounds=reach)
    return scope.folded(name, spikes) if variant.sequence else spikes


def _start(scope: Scope, current: str, value: Array) -> str:
    """Make a state [B, ...] of a current [T, B, ...] full of its first value."""
    shape = scope.add("Shape", [current], "state_shape", start=1)
    first = numpy_helper.from_array(value.reshape(1))
    return scope.add("ConstantOfShape", [shape], "start", value=first)
