"""Models of one operator of ours, written by hand: what no exporter of ours would write, too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import AttributeProto, FunctionProto, TensorProto, ValueInfoProto, helper, numpy_helper

from snn_deploy.converters.onnx.function_text import DOMAIN, OPSET, VERSION
from snn_deploy.converters.onnx.native import library
from snn_deploy.ir.graph import Array

_SPIKES, _INTEGER, _REAL = TensorProto.UINT8, TensorProto.INT32, TensorProto.FLOAT
Attribute = int | float | list[int]


@dataclass(frozen=True)
class Call:
    """A node, with what goes in.

    Attributes:
        op: its operator.
        operands: in order, by name. None is left out.
        fed: those that are given call by call; the others are initializers.
        results: names of what comes out; "" where nobody wants it.
        attributes: of the node.
        function: the operator's body, for a runtime without a kernel of ours.
    """

    op: str
    operands: Mapping[str, Array | None]
    fed: frozenset[str]
    results: Sequence[str]
    attributes: Mapping[str, Attribute]
    function: FunctionProto | None = None

    def given(self, **operands: Array | None) -> "Call":
        """Return the call with other operands."""
        return replace(self, operands={**self.operands, **operands})

    def told(self, **attributes: Attribute | None) -> "Call":
        """Return the call with other attributes; None takes one away."""
        known = {**self.attributes, **attributes}
        return replace(self, attributes={k: v for k, v in known.items() if v is not None})

    @property
    def feeds(self) -> dict[str, Array]:
        """What is given to a session."""
        return {n: a for n, a in self.operands.items() if n in self.fed and a is not None}

    def model(self, *, ranked: bool = False) -> bytes:
        """Return the file, which says how many axes are fed if it is asked to."""
        names = [name if array is not None else "" for name, array in self.operands.items()]
        while names and not names[-1]:
            names.pop()
        node = helper.make_node(self.op, names, self.results, "call", domain=DOMAIN)
        node.attribute.extend(_attribute(*item) for item in self.attributes.items())
        inputs = [
            _declared(name, helper.np_dtype_to_tensor_dtype(a.dtype), a.ndim if ranked else None)
            for name, a in self.feeds.items()
        ]
        integer = "Int" in self.op
        spikes, usual = (_SPIKES, _INTEGER) if integer else (_REAL, _REAL)
        outputs = [_declared(n, spikes if n == "s" else usual) for n in self.results if n]
        constants = [
            numpy_helper.from_array(np.asarray(array, order="C"), name)
            for name, array in self.operands.items()
            if name not in self.fed and array is not None
        ]
        functions = [] if self.function is None else [self.function]
        versions = {"": OPSET, DOMAIN: VERSION}
        return helper.make_model(
            helper.make_graph([node], "handmade", inputs, outputs, constants),
            ir_version=10,
            opset_imports=[helper.make_opsetid(*item) for item in versions.items()],
            functions=functions,
        ).SerializeToString()

    def session(self, *, native: bool = True, threads: int = 2) -> Any:
        """Load it."""
        # Functions that walk through steps need to know how many axes there are; kernels do not.
        return loaded(self.model(ranked=not native), native=native, threads=threads)

    def run(self, *, native: bool = True, threads: int = 2) -> dict[str, Array]:
        """Load and run it once."""
        wanted = [name for name in self.results if name]
        found = self.session(native=native, threads=threads).run(wanted, self.feeds)
        return dict(zip(wanted, found, strict=True))


def _attribute(name: str, value: Attribute) -> AttributeProto:
    kind = AttributeProto.INTS if isinstance(value, list) else None
    return helper.make_attribute(name, value, attr_type=kind)


def _declared(name: str, kind: int, rank: int | None = None) -> ValueInfoProto:
    """Declare a tensor of any shape, of so many axes if that is known."""
    return helper.make_tensor_value_info(name, kind, None if rank is None else [None] * rank)


def loaded(model: bytes, *, native: bool = True, threads: int = 2) -> Any:
    """Return ONNX Runtime's session."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if native:
        options.register_custom_ops_library(str(needed()))
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def needed() -> Path:
    """Return the operator library, or skip."""
    found = library()
    if found is None:
        pytest.skip("needs the operator library: run `snn-deploy build-ops`")
    return found


def int32(*values: int) -> Array:
    return np.array(values, np.int32)


def convolution(*, sequence: bool = False) -> Call:
    """Return a convolution with neurons: 2 maps of 5 x 6 with 3 channels, 3 x 3 taps, 4 outputs."""
    rng = np.random.default_rng(5)
    steps = (3,) * sequence
    operands = {
        "x": rng.integers(0, 2, (*steps, 2, 5, 6, 3)).astype(np.uint8),
        "weight": rng.integers(-128, 128, (27, 4)).astype(np.int8),
        "shift": int32(0),
        "bias": int32(1, -2, 3, -4),
        "v": rng.integers(-9999, 9999, (2, 5, 6, 4)).astype(np.int32),
        "threshold": int32(6400, 3200, 0, 64),
        "neuron_bias": int32(0),
        "addend": rng.integers(-99, 99, (*steps, 2, 5, 6, 4)).astype(np.int32),
    }
    attributes: dict[str, Attribute] = {
        "kernel_shape": [3, 3],
        "strides": [1, 1],
        "pads": [1, 1, 1, 1],
        "dilations": [1, 1],
        "group": 1,
        "voltage_decay": 1024,
        "reset": 0,
    }
    if sequence:
        attributes["steps"] = 0
    name = "ConvLIFIntSeq" if sequence else "ConvLIFInt"
    fed = frozenset({"x", "v", "addend"})
    return Call(name, operands, fed, ("s", "v_out", "current", "product"), attributes)


def dense() -> Call:
    """Return a matrix product with neurons that have a synapse."""
    call = convolution()
    operands = {
        "x": np.ones((2, 27), np.uint8),
        **{name: call.operands[name] for name in ("weight", "shift", "bias")},
        "v": np.zeros((2, 4), np.int32),
        "u": np.full((2, 4), 777, np.int32),
        "threshold": int32(64),
        "neuron_bias": int32(5),
    }
    attributes = {"voltage_decay": 1, "current_decay": 2, "reset": 1, "at_equality": 0}
    fed = frozenset({"x", "v", "u"})
    return Call("LinearCubaLIFInt", operands, fed, ("s", "v_out", "u_out"), attributes)


def neuron() -> Call:
    """Return neurons without a product: 2 maps of 3 x 4 with 5 channels."""
    x = np.arange(120, dtype=np.int32).reshape(2, 3, 4, 5)
    operands = {"x": x, "v": -x, "threshold": int32(64, 128, 0, 999, 5), "bias": int32(3)}
    return Call("LIFInt", operands, frozenset({"x", "v"}), ("s", "v_out"), {"voltage_decay": 1024})


def real() -> Call:
    """Return neurons of real numbers."""
    x = np.linspace(-2, 2, 60, dtype=np.float32).reshape(3, 20)
    operands = {"x": x, "v": x[::-1].copy()}
    return Call("LIF", operands, frozenset(operands), ("s", "v_out"), {"membrane_keep": 0.5})
