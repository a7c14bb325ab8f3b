"""The ONNX graph under construction: tensors, their layouts, their time axis."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from onnx import FunctionProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from snn_deploy.ir.graph import Array, Graph, Node
from snn_deploy.ir.ops import Input
from snn_deploy.quantization.graph import QuantGraph

from .bounds import Bounds
from .function_text import DOMAIN
from .functions import Variant
from .fusion import Fusion
from .lower import Form
from .messengers import Messenger

MOST_BODIES: Mapping[str, int] = {"Conv": 32, "Linear": 8}
"""Of an operator in a file, by how its name begins: a library of kernels registers so many names.

A session takes some 50 us to be told of one.
"""
SMALL = 16
"""Constants of at most so many elements are kept once per file."""


@dataclass(frozen=True, slots=True)
class Value:
    """What a node gives, as a tensor of the file.

    Attributes:
        name: of the tensor, [B, ...], or [T*B, ...] where `timed`.
        dtype: a TensorProto type.
        shape: of one sample, channels first as in the graph, whatever the layout.
        last: the tensor's channels lie last, [B, *L, C].
        timed: it differs from step to step; steps are folded into the batch, step by step.
        bounds: of integers; None for reals.
    """

    name: str
    dtype: int
    shape: tuple[int, ...]
    last: bool = False
    timed: bool = False
    bounds: Bounds | None = None

    @property
    def inner(self) -> tuple[int, ...]:
        """The tensor's shape without its first axis."""
        return (*self.shape[1:], self.shape[0]) if self.last else self.shape

    @property
    def magnitudes(self) -> Bounds:
        """The bounds of an integer value."""
        assert self.bounds is not None, "an integer graph's values all have bounds"
        return self.bounds


@dataclass(frozen=True, slots=True)
class State:
    """A pair of state tensors of the step form."""

    node: str
    role: str
    dtype: int
    inner: tuple[int, ...]
    initial: float
    last: bool

    @property
    def past(self) -> str:
        """Name of the input that takes the state."""
        return f"past_{self.node}.{self.role}"

    @property
    def present(self) -> str:
        """Name of the output that gives it back."""
        return f"present_{self.node}.{self.role}"


@dataclass
class Scope:
    """Collects ONNX nodes while the emitters walk over the graph.

    Attributes:
        graph: what is lowered.
        form: "step" or "sequence".
        double: integer neurons decay through float64, because float32 is not exact for one.
        probes: every node's value is asked for.
    """

    graph: Graph
    form: Form
    double: bool = False
    probes: bool = False
    nodes: list[NodeProto] = field(default_factory=list)
    initializers: dict[str, TensorProto] = field(default_factory=dict)
    inputs: list[ValueInfoProto] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    shapes: list[ValueInfoProto] = field(default_factory=list)
    variants: dict[Variant | Messenger, None] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)
    node: str = ""
    _functions: dict[str, dict[bytes, FunctionProto]] = field(default_factory=dict)
    _taken: set[str] = field(default_factory=set)
    _small: dict[tuple[str, tuple[int, ...], bytes], str] = field(default_factory=dict)
    _done: dict[tuple[object, ...], str] = field(default_factory=dict)

    @property
    def integer(self) -> bool:
        """Whether the graph holds integers."""
        return isinstance(self.graph, QuantGraph)

    @property
    def steps(self) -> int | None:
        """T where the file fixes it: a static sample's steps. A sequence brings its own."""
        op = self.graph.input.op
        return self.graph.steps if isinstance(op, Input) and op.static else None

    def value(self, node: Node, index: int = 0) -> Value:
        """Return the value of a node's input."""
        return self.values[node.inputs[index]]

    def add(
        self, op: str, inputs: Sequence[str], label: str, *, output: str = "", **attributes: Any
    ) -> str:
        """Append a node with one output; return its name, `<graph node>/<label>` or `output`."""
        output = output or self._unique(f"{self.node}/{label}")
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def call(
        self,
        variant: Variant | Messenger,
        inputs: Sequence[str],
        outputs: Sequence[str],
        **attributes: Any,
    ) -> NodeProto:
        """Append a call of one of our operators and remember to put its function into the file."""
        self.variants[variant] = None
        node = helper.make_node(
            variant.name, inputs, outputs, name=outputs[0], domain=DOMAIN, **attributes
        )
        self.nodes.append(node)
        return node

    def name_body(self, function: FunctionProto) -> str | None:
        """Put a function into the file; return its name, None if its operator has too many bodies.

        A body depends on shapes and bounds, which its operator's name does not tell: the second of
        `ConvLIFInt` is `ConvLIFInt_2`. Equal bodies are one.
        """
        known = self._functions.setdefault(function.name, {})
        content = function.SerializeToString(deterministic=True)
        if content not in known:
            (most,) = (n for kind, n in MOST_BODIES.items() if function.name.startswith(kind))
            if len(known) == most:
                return None
            known[content] = function
            if len(known) > 1:
                function.name = f"{function.name}_{len(known)}"
        return known[content].name

    @property
    def functions(self) -> list[FunctionProto]:
        """The functions of fused operators."""
        return [function for known in self._functions.values() for function in known.values()]

    def tell_shape(self, x: Value, axes: tuple[str, ...]) -> None:
        """Write down a tensor's type and shape, [*axes, ...].

        A runtime with kernels of ours cannot tell, and refuses a Scan over it that is not told.
        """
        self.shapes.append(helper.make_tensor_value_info(x.name, x.dtype, [*axes, *x.inner]))

    def is_read(self, name: str, fusion: Fusion) -> bool:
        """Say whether anything but the other nodes of a fusion asks for a node's value."""
        inside = {node.name for node in fusion.nodes}
        outside = any(reader.name not in inside for reader in self._readers[name])
        return outside or self.probes or name in self.graph.outputs

    @cached_property
    def _readers(self) -> Mapping[str, tuple[Node, ...]]:
        return self.graph.readers()

    def constant(self, array: Array, label: str) -> str:
        """Return the name of an initializer; equal small ones are one."""
        if array.size > SMALL:
            return self._initializer(array, f"{self.node}/{label}")
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._small:
            self._small[key] = self._initializer(array, f"constant/{len(self._small)}")
        return self._small[key]

    def _initializer(self, array: Array, name: str) -> str:
        name = self._unique(name)
        self.initializers[name] = numpy_helper.from_array(np.asarray(array, order="C"), name)
        return name

    def _unique(self, name: str) -> str:
        found, count = name, 1
        while found in self._taken:
            count += 1
            found = f"{name}.{count}"
        self._taken.add(found)
        return found

    def _once(self, key: tuple[object, ...], make: Callable[[], str]) -> str:
        if key not in self._done:
            self._done[key] = make()
        return self._done[key]

    def cast(self, x: Value, dtype: int) -> Value:
        """Return the value in another type."""
        if x.dtype == dtype:
            return x
        label = TensorProto.DataType.Name(dtype).lower()
        name = self._once((x.name, dtype), lambda: self.add("Cast", [x.name], label, to=dtype))
        return replace(x, name=name, dtype=dtype)

    def laid_out(self, x: Value, last: bool) -> Value:
        """Return the value with its channels last, or first."""
        if x.last == last or len(x.shape) == 1:
            return replace(x, last=last)
        rank = len(x.shape) + 1
        order = [0, *range(2, rank), 1] if last else [0, rank - 1, *range(1, rank - 1)]
        label = "channels_last" if last else "channels_first"
        name = self._once(
            (x.name, label), lambda: self.add("Transpose", [x.name], label, perm=order)
        )
        return replace(x, name=name, last=last)

    def unfolded(self, x: Value) -> str:
        """Return the tensor [T, B, ...] of a value: split off the batch, or repeated."""
        make = self._split if x.timed else lambda x: self.repeated(x.name)
        return self._once((x.name, "unfolded"), lambda: make(x))

    def _split(self, x: Value) -> str:
        inner = np.array([-1, *x.inner], np.int64)
        if self.steps is not None:
            shape = self.constant(np.array([self.steps, *inner], np.int64), "shape")
        else:
            shape = self.add(
                "Concat", [self.time(), self.constant(inner, "inner")], "shape", axis=0
            )
        return self.add("Reshape", [x.name, shape], "steps")

    def repeated(self, name: str) -> str:
        """Return [T, ...] of what is the same at every step."""
        shape = self.add("Shape", [name], "sample")
        shape = self.add("Concat", [self.time(), shape], "shape", axis=0)
        return self.add("Expand", [name, shape], "steps")

    def folded(self, name: str, like: Value) -> Value:
        """Return the value whose tensor is [T, B, ...], of like's layout, as [T*B, ...]."""
        shape = self.constant(np.array([-1, *like.inner], np.int64), "shape")
        found = replace(like, name=self.add("Reshape", [name, shape], "folded"), timed=True)
        self._done[found.name, "unfolded"] = name
        return found

    def time(self) -> str:
        """Return the tensor [T], int64 [1]."""
        if self.steps is not None:
            return self.constant(np.array([self.steps], np.int64), "T")
        return self._once(("T",), lambda: self.add("Shape", ["input"], "T", start=0, end=1))
