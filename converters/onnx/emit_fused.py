"""Calls of operators that are a product, an addition and a neuron in one."""

from dataclasses import replace

import numpy as np
from onnx import TensorProto, helper

from .emit_neurons import neuron_operands
from .function_scope import X
from .function_text import DOMAIN
from .fused_operator import (
    ADDEND,
    CURRENT,
    OPERANDS,
    PRODUCT,
    SPIKES,
    FusedOperator,
    write_function,
)
from .fusion import Fusion
from .products import operand, product_of
from .scope import Scope, State, Value

INPUT_TYPES = (TensorProto.UINT8, TensorProto.INT8, TensorProto.INT32)


def emit_fused(scope: Scope, fusion: Fusion) -> bool:
    """Append the call, put its function into the file, and set the values of the fused nodes.

    Returns False, and does nothing, where the operator has too many bodies already.
    """
    op = _operator(scope, fusion)
    function, values = write_function(scope, op)
    name = scope.name_body(function)
    if name is None:
        return False
    states = _states(scope, op, values[fusion.last.name])
    inputs = _operands(scope, op) | {s.role: s.past for s in states}
    scope.node = fusion.last.name
    outputs = {name: f"{scope.node}/{name}" for name in op.outputs}
    outputs |= {SPIKES: f"{scope.node}/spikes{'_of_steps' * op.walks}"}
    # The states of a sequence are made and dropped inside the call.
    outputs |= {f"{role}_out": "" for role in op.states}
    outputs |= {f"{s.role}_out": s.present for s in states}
    node = helper.make_node(
        name,
        [inputs[name] for name in op.inputs],
        [outputs[name] for name in op.outputs],
        name=f"{scope.node}/{op.name}",
        domain=DOMAIN,
    )
    attributes = op.attributes(scope.steps)
    node.attribute.extend(helper.make_attribute(*item) for item in attributes.items())
    scope.nodes.append(node)
    for fused, result in _results(fusion).items():
        if result in op.outputs:
            value = replace(values[fused], name=outputs[result])
            walked = op.walks and value.timed
            folded = ("TB",) if value.timed else ("B",)
            scope.tell_shape(value, ("T", "B") if walked else folded)
            scope.values[fused] = scope.folded(value.name, value) if walked else value
    return True


def _results(fusion: Fusion) -> dict[str, str]:
    """Return which result of the operator is a node's value, by node."""
    found = {fusion.product.name: CURRENT if fusion.addition is None else PRODUCT}
    if fusion.addition is not None:
        found[fusion.addition.name] = CURRENT
    if fusion.neuron is not None:
        found[fusion.neuron.name] = SPIKES
    return found


def _operator(scope: Scope, fusion: Fusion) -> FusedOperator:
    x = scope.laid_out(scope.value(fusion.product), last=True)
    if x.dtype not in INPUT_TYPES:
        x = scope.cast(x, TensorProto.INT32)
    addend = None
    if fusion.addend is not None:
        addend = scope.cast(scope.values[fusion.addend], TensorProto.INT32)
        addend = scope.laid_out(addend, last=True)
    read = {
        result
        for name, result in _results(fusion).items()
        if result != SPIKES and scope.is_read(name, fusion)
    }
    # Outputs are told apart by their place: who wants the second gets the first, too.
    kept = (CURRENT, PRODUCT) if PRODUCT in read else (CURRENT,) if CURRENT in read else ()
    product = product_of(scope, fusion.product)
    return FusedOperator(fusion, product, x, addend, kept, scope.form == "sequence")


def _operands(scope: Scope, op: FusedOperator) -> dict[str, str]:
    """Return the names of what goes in, states as they start in a sequence."""
    product, walks = op.product, op.walks
    scope.node = product.node.name
    outputs = len(product.weight)
    found = {
        X: scope.unfolded(op.x) if walks and op.x.timed else op.x.name,
        OPERANDS.weight: scope.constant(product.matrix.astype(np.int8), "weight"),
        OPERANDS.shift: scope.constant(operand(product.shift, outputs), "shift"),
        OPERANDS.bias: scope.constant(operand(product.bias, outputs), "bias"),
    }
    if op.addend is not None:
        timed = walks and op.addend.timed
        found[ADDEND] = scope.unfolded(op.addend) if timed else op.addend.name
    if op.fusion.neuron is not None:
        scope.node = op.fusion.neuron.name
        found["threshold"], found["neuron_bias"] = neuron_operands(scope, op.fusion.neuron)
        zero = scope.constant(np.zeros(1, np.int32), "start")
        found |= dict.fromkeys(op.states, zero)
    return found


def _states(scope: Scope, op: FusedOperator, like: Value) -> list[State]:
    """Declare what the step form keeps from step to step."""
    if op.sequence or op.fusion.neuron is None:
        return []
    name, dtype = op.fusion.neuron.name, TensorProto.INT32
    states = [State(name, role, dtype, like.inner, 0, like.last) for role in op.states]
    scope.states += states
    return states
