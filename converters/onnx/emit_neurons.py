"""Neurons: calls of our operators, with their state outside."""

from dataclasses import replace

import numpy as np
from onnx import TensorProto, numpy_helper

from snn_deploy.errors import UnsupportedError
from snn_deploy.ir.graph import Array, Node
from snn_deploy.ir.ops import Delta, IntegerLif, Lif, SigmaDelta

from .bounds import INT32, bounds
from .functions import Variant, integer_attributes, variant_of
from .messengers import Messenger
from .scope import Scope, State, Value

Attributes = dict[str, int] | dict[str, float]


def emit_integer_lif(scope: Scope, node: Node) -> Value:
    """Call the integer neuron: int32 [B, *L, C] -> spikes uint8."""
    op = node.op
    assert isinstance(op, IntegerLif), "called through EMIT"
    variant = variant_of(op, scope.form == "sequence")
    x = scope.laid_out(scope.cast(scope.value(node), TensorProto.INT32), last=True)
    like = replace(x, dtype=TensorProto.UINT8, bounds=bounds(0, 1))
    operands = neuron_operands(scope, node)
    return called(scope, x, like, variant, operands, integer_attributes(op), np.zeros(2, np.int32))


def emit_messenger(scope: Scope, node: Node) -> Value:
    """Call a sigma-delta neuron: int32 [B, *L, C] -> messages int32."""
    op = node.op
    assert isinstance(op, Delta | SigmaDelta), "called through EMIT"
    messenger = Messenger(isinstance(op, SigmaDelta), scope.form == "sequence")
    attributes = {"unit": 1 << op.state_exponent}
    if isinstance(op, Delta):
        attributes["gain"] = 1 << (op.spike_exponent + op.state_exponent)
    x = scope.laid_out(scope.cast(scope.value(node), TensorProto.INT32), last=True)
    like = replace(x, bounds=bounds(-INT32, INT32))
    operands = neuron_operands(scope, node)
    return called(scope, x, like, messenger, operands, attributes, np.zeros(2, np.int32))


def neuron_operands(scope: Scope, node: Node) -> list[str]:
    """Return threshold and bias, [C], [1] or [*L, C]: they meet channels that lie last."""
    bias = scope.graph.param(node, "bias")
    bias = np.zeros(1) if bias is None else np.moveaxis(bias, 0, -1)
    threshold = scope.graph.params[f"{node.name}.threshold"]
    return [
        scope.constant(threshold.astype(np.int32), "threshold"),
        scope.constant(bias.astype(np.int32), "bias"),
    ]


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
    return called(scope, x, x, variant, [], attributes, initial)


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


def called(
    scope: Scope,
    x: Value,
    like: Value,
    operator: Variant | Messenger,
    operands: list[str],
    attributes: Attributes,
    initial: Array,
) -> Value:
    """Append the call; `initial` holds the states' first values, `like` is what comes out."""
    starts = {role: initial[i] for i, role in enumerate(operator.states)}
    if operator.sequence:
        current = scope.unfolded(x)
        first = [_start(scope, current, value) for value in starts.values()]
        outputs = [f"{scope.node}/spikes_of_steps", *(f"{scope.node}/{r}" for r in starts)]
        scope.call(operator, [current, *first, *operands], outputs, **attributes)
        return scope.folded(outputs[0], like)
    pairs = [
        State(scope.node, role, x.dtype, x.inner, float(value), x.last)
        for role, value in starts.items()
    ]
    scope.states += pairs
    name = f"{scope.node}/spikes"
    outputs = [name, *(pair.present for pair in pairs)]
    scope.call(operator, [x.name, *(pair.past for pair in pairs), *operands], outputs, **attributes)
    return replace(like, name=name, timed=False)


def _start(scope: Scope, current: str, value: Array) -> str:
    """Make a state [B, ...] of a current [T, B, ...] full of its first value."""
    shape = scope.add("Shape", [current], "state_shape", start=1)
    first = numpy_helper.from_array(value.reshape(1))
    return scope.add("ConstantOfShape", [shape], "start", value=first)
