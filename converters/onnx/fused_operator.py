"""An operator that is a product, an addition and a neuron in one: its signature and its body."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from onnx import AttributeProto, FunctionProto, TensorProto, helper

from snn_deploy.ir.ops import IntegerLif, Linear

from .bounds import bounds, total
from .function_scope import FunctionScope, X
from .function_text import DOMAIN, OPSET, VERSION
from .functions import Variant, integer_attributes, variant_of
from .fusion import Fusion
from .products import Operands, Product, emit_product
from .pruning import pruned
from .scope import Scope, Value

Attributes = Mapping[str, int | list[int]]
OPERANDS = Operands("weight", "shift", "bias")
RESETS = ("hard", "soft", "none")
"""As the attribute `reset` numbers them."""
CURRENT, PRODUCT, ADDEND, SPIKES = "current", "product", "addend", "s"


@dataclass(frozen=True, slots=True)
class FusedOperator:
    """One call of such an operator.

    Attributes:
        fusion: the graph's nodes.
        product: the first of them.
        x: what it multiplies.
        addend: what is added to the product.
        kept: which sums are given besides spikes, CURRENT (all that the neuron receives, or would)
            and PRODUCT (without the addend).
        sequence: the neuron walks through all steps in one call.
    """

    fusion: Fusion
    product: Product
    x: Value
    addend: Value | None
    kept: tuple[str, ...]
    sequence: bool

    @property
    def neuron(self) -> IntegerLif | None:
        """What reads the sums."""
        if self.fusion.neuron is None:
            return None
        assert isinstance(self.fusion.neuron.op, IntegerLif), "so says Fusion"
        return self.fusion.neuron.op

    @property
    def variant(self) -> Variant | None:
        """Of the neuron."""
        return None if self.neuron is None else variant_of(self.neuron, self.sequence)

    @property
    def name(self) -> str:
        """`Conv` or `Linear`, then the neuron's name less its reset, or `Int` without one."""
        kind = "Linear" if isinstance(self.fusion.product.op, Linear) else "Conv"
        return kind + (replace(self.variant, reset="hard").name if self.variant else "Int")

    @property
    def walks(self) -> bool:
        """Whether what comes out has an axis of time, [T, B, ...]."""
        return self.sequence and self.variant is not None

    @property
    def states(self) -> tuple[str, ...]:
        """The roles of the neuron's states."""
        return self.variant.states if self.variant else ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the operands."""
        neuron = (*self.states, "threshold", "neuron_bias") if self.variant else ()
        return (X, *OPERANDS, *neuron, *[ADDEND] * (self.addend is not None))

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the results."""
        neuron = (SPIKES, *(f"{s}_out" for s in self.states)) if self.variant else ()
        return (*neuron, *self.kept)

    def attributes(self, steps: int | None) -> Attributes:
        """Return them. steps: T, where the file fixes it."""
        found: dict[str, int | list[int]] = {}
        if not isinstance(self.fusion.product.op, Linear):
            op = self.product.op
            found["kernel_shape"] = list(self.product.kernel)
            found["strides"] = list(op.stride)
            found["pads"] = [*op.padding, *op.padding]
            found["dilations"] = list(op.dilation)
            found["group"] = op.groups
        if self.neuron is not None:
            found |= integer_attributes(self.neuron)
            found["reset"] = RESETS.index(self.neuron.reset)
        if self.walks:
            assert self.x.timed or steps, "only a static sample is without steps"
            found["steps"] = 0 if self.x.timed else steps or 0
        return found


def write_function(scope: Scope, op: FusedOperator) -> tuple[FunctionProto, Mapping[str, Value]]:
    """Return the operator's body, and what becomes of the fused nodes' values, by node.

    It is written by the emitters that would otherwise write the nodes one by one, so a runtime
    without a kernel of ours runs the very same operators.
    """
    inner = FunctionScope(scope.graph, scope.form, scope.double, node="body")
    x = replace(op.x, name=X)
    y = emit_product(inner, op.product, inner.folded(X, x) if op.walks and x.timed else x, OPERANDS)
    values = {op.fusion.product.name: y}
    product = _with_steps(inner, op, y)
    results = {PRODUCT: product, CURRENT: product}
    if op.fusion.addition is not None:
        assert op.addend is not None, "an addend is added"
        results[CURRENT] = inner.add("Add", [product, ADDEND], "sum")
        y = replace(y, bounds=total([y.magnitudes, op.addend.magnitudes]))
        values[op.fusion.addition.name] = y
    if op.fusion.neuron is not None:
        _write_neuron(inner, op, results[CURRENT])
        spikes = replace(y, dtype=TensorProto.UINT8, timed=op.walks, bounds=bounds(0, 1))
        values[op.fusion.neuron.name] = spikes
    for kept in op.kept:
        inner.add("Identity", [results[kept]], kept, output=kept)
    scope.variants |= inner.variants
    return _function(inner, op), values


def _with_steps(inner: FunctionScope, op: FusedOperator, y: Value) -> str:
    """Return the tensor [T, B, ...], or [B, ...] of what is the same at every step."""
    return inner.unfolded(y) if op.walks and y.timed else y.name


def _write_neuron(inner: FunctionScope, op: FusedOperator, current: str) -> None:
    assert op.variant is not None, "called where there is one"
    assert op.neuron is not None, "called where there is one"
    states: Iterable[str] = op.states
    if op.sequence:
        if not op.x.timed:
            current = inner.repeated(current)
        shape = inner.add("Shape", [current], "state_shape", start=1)
        states = [inner.add("Expand", [state, shape], "start") for state in states]
    outputs = [SPIKES, *(f"{state}_out" for state in op.states)]
    node = inner.call(op.variant, [current, *states, "threshold", "neuron_bias"], outputs)
    node.attribute.extend(
        AttributeProto(name=name, ref_attr_name=name, type=AttributeProto.INT)
        for name in integer_attributes(op.neuron)
    )


def _function(inner: FunctionScope, op: FusedOperator) -> FunctionProto:
    return helper.make_function(
        DOMAIN,
        op.name,
        op.inputs,
        op.outputs,
        pruned(inner.nodes, op.outputs),
        [helper.make_opsetid("", OPSET), helper.make_opsetid(DOMAIN, VERSION)],
        sorted(op.attributes(inner.steps)),
        doc_string=f"{op.name}, version {VERSION}; contract: converters/onnx/README.md",
    )
