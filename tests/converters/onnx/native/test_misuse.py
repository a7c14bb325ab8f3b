"""Operators that are called wrongly: an error that names the operator and what is wrong."""

from collections.abc import Mapping

import numpy as np
import onnx
import pytest

from snn_deploy.converters.onnx.run import onnxruntime_errors
from snn_deploy.ir.graph import Array
from tests.converters.onnx.native.handmade import (
    Attribute,
    Call,
    convolution,
    dense,
    int32,
    loaded,
    needed,
    neuron,
    real,
)

pytestmark = pytest.mark.usefixtures("operators")


@pytest.fixture(scope="module")
def operators() -> None:
    needed()


def refused(call: Call, message: str) -> None:
    with pytest.raises(onnxruntime_errors(), match=message) as caught:
        call.run()
    assert call.op in str(caught.value)


SIX = 1 << 62
ATTRIBUTES: Mapping[str, tuple[Call, Mapping[str, Attribute | None], str]] = {
    "no kernel": (convolution(), {"kernel_shape": None}, "kernel_shape, .* are needed"),
    "no strides": (convolution(), {"strides": None}, "are needed"),
    "no pads": (convolution(), {"pads": None}, "are needed"),
    "no dilations": (convolution(), {"dilations": None}, "are needed"),
    "no group": (convolution(), {"group": None}, "are needed"),
    "another type": (convolution(), {"kernel_shape": 3}, "as many numbers|are needed"),
    "groups": (convolution(), {"group": [1, 1]}, "are needed"),
    "three axes": (
        convolution(),
        {"kernel_shape": [3, 3, 1], "strides": [1] * 3, "dilations": [1] * 3, "pads": [0] * 6},
        "one axis or two",
    ),
    "no axis": (
        convolution(),
        {"kernel_shape": [], "strides": [], "dilations": [], "pads": []},
        "one axis or two",
    ),
    "a stride": (convolution(), {"strides": [1]}, "as many numbers"),
    "two pads": (convolution(), {"pads": [1, 1]}, "twice as many"),
    "stride 0": (convolution(), {"strides": [1, 0]}, "must be > 0"),
    "stride -1": (convolution(), {"strides": [-1, 1]}, "must be > 0"),
    "dilation 0": (convolution(), {"dilations": [0, 1]}, "must be > 0"),
    "kernel 0": (convolution(), {"kernel_shape": [3, 0]}, "must be > 0"),
    "lowest stride": (convolution(), {"strides": [-(1 << 63), 1]}, "must be > 0"),
    "pad -1": (convolution(), {"pads": [1, -1, 1, 1]}, "pads must not be negative"),
    "huge kernel": (convolution(), {"kernel_shape": [SIX, SIX]}, "kernel_shape"),
    "large kernel": (convolution(), {"kernel_shape": [1 << 20, 1 << 20]}, "more than 65536"),
    "huge stride": (convolution(), {"strides": [SIX, 1]}, "strides"),
    "huge pads": (convolution(), {"pads": [SIX] * 4}, "pads"),
    "group 0": (convolution(), {"group": 0}, "group must be > 0"),
    "group -1": (convolution(), {"group": -1}, "group must be > 0"),
    "group 3": (convolution(), {"group": 3}, "its columns of 3"),
    "huge group": (convolution(), {"group": SIX}, "its columns of"),
    "kernel of another size": (convolution(), {"kernel_shape": [2, 2]}, "a multiple of 4"),
    "no decay": (convolution(), {"voltage_decay": None}, "voltage_decay is missing"),
    "decay -1": (convolution(), {"voltage_decay": -1}, "voltage_decay is -1; 0 to 4096"),
    "decay 4097": (convolution(), {"voltage_decay": 4097}, "0 to 4096"),
    "real decay": (convolution(), {"voltage_decay": 1.0}, "voltage_decay is missing"),
    "no decay of currents": (dense(), {"current_decay": None}, "current_decay is missing"),
    "decay of currents": (dense(), {"current_decay": 1 << 40}, "current_decay is 1099511627776"),
    "at equality 2": (dense(), {"at_equality": 2}, "at_equality must be 0 or 1"),
    "no equality": (dense(), {"at_equality": None}, "at_equality must be 0 or 1"),
    "no reset": (convolution(), {"reset": None}, "reset must be 0"),
    "reset 3": (convolution(), {"reset": 3}, "reset must be 0"),
    "reset -1": (dense(), {"reset": -1}, "reset must be 0"),
    "no steps": (convolution(sequence=True), {"steps": None}, "steps must be 0"),
    "steps -1": (convolution(sequence=True), {"steps": -1}, "steps must be 0"),
    "decay of a neuron": (neuron(), {"voltage_decay": 5000}, "voltage_decay is 5000"),
    "no keep": (real(), {"membrane_keep": None}, "membrane_keep is missing"),
    "integer keep": (real(), {"membrane_keep": 1}, "membrane_keep is missing"),
}


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_attributes(name: str) -> None:
    call, attributes, message = ATTRIBUTES[name]
    refused(call.told(**attributes), message)


def test_a_file_that_ends_early() -> None:
    model = convolution().model()
    for end in (len(model) // 2, len(model) - 1):
        with pytest.raises(onnxruntime_errors()):
            loaded(model[:end])


def test_a_weight_that_ends_early() -> None:
    model = onnx.load_from_string(convolution().model())
    weight = next(t for t in model.graph.initializer if t.name == "weight")
    weight.raw_data = weight.raw_data[:-1]
    with pytest.raises(onnxruntime_errors(), match="weight"):
        loaded(model.SerializeToString())


def zeros(*shape: int, dtype: type = np.int32) -> Array:
    return np.zeros(shape, dtype)


CONSTANTS: Mapping[str, tuple[Call, Mapping[str, Array | None], str]] = {
    "weight of one axis": (convolution(), {"weight": zeros(108, dtype=np.int8)}, "two axes"),
    "weight of three": (convolution(), {"weight": zeros(3, 9, 4, dtype=np.int8)}, "two axes"),
    "weight of no axis": (convolution(), {"weight": zeros(dtype=np.int8)}, "two axes"),
    "weight without rows": (convolution(), {"weight": zeros(0, 4, dtype=np.int8)}, r"\[0, 4\]"),
    "without columns": (convolution(), {"weight": zeros(27, 0, dtype=np.int8)}, r"\[27, 0\]"),
    "rows": (convolution(), {"weight": zeros(28, 4, dtype=np.int8)}, r"is \[28, 4\]; its rows"),
    "no weight": (convolution(), {"weight": None}, "invalid model"),
    "a wide weight": (convolution(), {"weight": zeros(27, 4)}, "[Tt]ype"),
    "a real weight": (convolution(), {"weight": zeros(27, 4, dtype=np.float32)}, "[Tt]ype"),
    "no shift": (convolution(), {"shift": None}, "invalid model"),
    "two shifts": (convolution(), {"shift": int32(0, 1)}, r"shift is \[2\]; .* \[1\] or \[4\]"),
    "no shifts": (convolution(), {"shift": zeros(0)}, r"shift is \[0\]"),
    "shifts of two axes": (convolution(), {"shift": zeros(1, 4)}, r"shift is \[1, 4\]"),
    "shift without axis": (convolution(), {"shift": zeros()}, r"shift is \[\]"),
    "shift 32": (convolution(), {"shift": int32(32)}, "between -31 and 31"),
    "shift -32": (convolution(), {"shift": int32(0, 0, 0, -32)}, "between -31 and 31"),
    "lowest shift": (convolution(), {"shift": int32(-(1 << 31))}, "between -31 and 31"),
    "three biases": (convolution(), {"bias": int32(0, 1, 2)}, r"bias is \[3\]"),
    "wide bias": (convolution(), {"bias": zeros(4, dtype=np.int64)}, "[Tt]ype"),
    "thresholds": (convolution(), {"threshold": zeros(5)}, r"threshold is \[5\]"),
    "no threshold": (convolution(), {"threshold": None}, "invalid model"),
    "threshold without axis": (convolution(), {"threshold": zeros()}, r"threshold is \[\]"),
    "neurons' biases": (convolution(), {"neuron_bias": zeros(5)}, r"neurons' bias is \[5\]"),
    "biases of positions": (
        convolution(),
        {"neuron_bias": zeros(5, 5, 4)},
        r"bias is \[5, 5, 4\], the neurons are \[2, 5, 6, 4\]",
    ),
    "biases of channels": (convolution(), {"neuron_bias": zeros(5, 6, 3)}, "last axis must have 4"),
    "no bias of positions": (convolution(), {"neuron_bias": zeros(0, 4)}, r"bias is \[0, 4\]"),
    "thresholds of a neuron": (neuron(), {"threshold": int32(1, 2)}, "last axis must have 2"),
    "threshold of no neuron": (neuron(), {"threshold": zeros(0)}, r"threshold is \[0\]"),
    "threshold of axes": (neuron(), {"threshold": zeros(1, 5)}, r"threshold is \[1, 5\]"),
    "biases of a neuron": (neuron(), {"bias": int32(1, 2)}, r"\[5\]|\[2\]"),
    "nine axes of biases": (neuron(), {"bias": zeros(*[1] * 8, 5)}, "more than 8 axes"),
    "nine axes of fused biases": (
        convolution(),
        {"neuron_bias": zeros(*[1] * 8, 4)},
        "neurons' bias is",
    ),
    "positions of a neuron": (neuron(), {"bias": zeros(4, 4, 5)}, r"bias is \[4, 4, 5\]"),
    "one channel": (neuron(), {"bias": zeros(3, 4, 1), "threshold": int32(7)}, "must have 1"),
    "turned": (neuron(), {"bias": zeros(4, 3, 5)}, r"bias is \[4, 3, 5\]"),
    "no bias of a neuron": (neuron(), {"bias": None}, "invalid model"),
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_constants(name: str) -> None:
    call, operands, message = CONSTANTS[name]
    refused(call.given(**operands), message)


@pytest.mark.parametrize("name", ["weight", "shift", "bias", "threshold", "neuron_bias"])
def test_constants_that_are_fed(name: str) -> None:
    call = convolution()
    call = Call(call.op, call.operands, call.fed | {name}, call.results, call.attributes)
    refused(call, "must be an int(8|32) initializer")


def test_thresholds_of_a_neuron_that_are_fed() -> None:
    call = neuron()
    for name in ("threshold", "bias"):
        fed = call.fed | {name}
        refused(Call(call.op, call.operands, fed, call.results, call.attributes), "initializer")


UINT8 = np.uint8
FEEDS: Mapping[str, tuple[Call, Mapping[str, Array | None], str]] = {
    "x of three axes": (convolution(), {"x": zeros(2, 5, 3, dtype=UINT8)}, "must have 4 axes"),
    "x of five axes": (convolution(), {"x": zeros(1, 2, 5, 6, 3, dtype=UINT8)}, "have 4 axes"),
    "x of nine axes": (convolution(), {"x": zeros(*[1] * 8, 3, dtype=UINT8)}, "ConvLIFInt: x"),
    "x of no axis": (convolution(), {"x": zeros(dtype=UINT8)}, "must have 4 axes"),
    "channels": (convolution(), {"x": zeros(2, 5, 6, 4, dtype=UINT8)}, "last axis must have 3"),
    "no channels": (convolution(), {"x": zeros(2, 5, 6, 0, dtype=UINT8)}, "last axis must have 3"),
    "a real x": (convolution(), {"x": zeros(2, 5, 6, 3, dtype=np.float32)}, "uint8, int8 or int32"),
    "a wide x": (convolution(), {"x": zeros(2, 5, 6, 3, dtype=np.int64)}, "uint8, int8 or int32"),
    "int16": (convolution(), {"x": zeros(2, 5, 6, 3, dtype=np.int16)}, "uint8, int8 or int32"),
    "v of another batch": (convolution(), {"v": zeros(1, 5, 6, 4)}, r"v is \[1, 5, 6, 4\]; "),
    "v of another map": (convolution(), {"v": zeros(2, 6, 5, 4)}, "v is"),
    "v of other channels": (convolution(), {"v": zeros(2, 5, 6, 3)}, "v is"),
    "v of three axes": (convolution(), {"v": zeros(5, 6, 4)}, "v is"),
    "v of nine axes": (convolution(), {"v": zeros(*[1] * 9)}, "v "),
    "one v": (convolution(), {"v": zeros(1)}, r"v is \[1\]"),
    "no v": (convolution(), {"v": None}, "invalid model"),
    "wide v": (convolution(), {"v": zeros(2, 5, 6, 4, dtype=np.int64)}, "[Tt]ype"),
    "u of another batch": (dense(), {"u": zeros(3, 4)}, r"u is \[3, 4\]"),
    "addend of another batch": (convolution(), {"addend": zeros(1, 5, 6, 4)}, "addend is"),
    "addend of another map": (convolution(), {"addend": zeros(2, 6, 5, 4)}, "addend is"),
    "addend of three axes": (convolution(), {"addend": zeros(5, 6, 4)}, "addend is"),
    "addend of nine axes": (convolution(), {"addend": zeros(*[1] * 9)}, "addend is"),
    "wide addend": (convolution(), {"addend": zeros(2, 5, 6, 4, dtype=np.int64)}, "[Tt]ype"),
    "x of a matrix": (dense(), {"x": zeros(2, 1, 27, dtype=UINT8)}, "must have 2 axes"),
    "columns": (dense(), {"x": zeros(2, 28, dtype=UINT8)}, "last axis must have 27"),
    "a vector": (neuron(), {"x": zeros(5), "v": zeros(5)}, "axes are missing"),
    "channels of a neuron": (neuron(), {"x": zeros(2, 3, 4, 6)}, "last axis must have 5"),
    "nine axes of a neuron": (neuron(), {"x": zeros(*[1] * 8, 5)}, "more than 8 axes"),
    "v of a neuron": (neuron(), {"v": zeros(2, 3, 5, 4)}, "v is"),
    "x of bytes": (neuron(), {"x": zeros(2, 3, 4, 5, dtype=UINT8)}, "[Tt]ype"),
    "v of real numbers": (real(), {"v": zeros(3, 19, dtype=np.float32)}, "v is"),
    "nine axes": (real(), {"x": zeros(*[1] * 9, dtype=np.float32)}, "more than 8 axes"),
    "nine axes of v": (real(), {"v": zeros(*[1] * 9, dtype=np.float32)}, "LIF: state v"),
    "no steps": (convolution(sequence=True), {"x": zeros(0, 2, 5, 6, 3, dtype=UINT8)}, "no steps"),
    "T is missing": (convolution(sequence=True), {"x": zeros(2, 5, 6, 3, dtype=UINT8)}, "5 axes"),
    "addend of other steps": (
        convolution(sequence=True),
        {"addend": zeros(2, 2, 5, 6, 4)},
        "addend is",
    ),
    "pads that are too much": (
        convolution().told(pads=[1 << 20] * 4),
        {"addend": None},
        r"more than 2\^31 inputs",
    ),
    "steps that are too many": (
        convolution(sequence=True).told(steps=1 << 62),
        {"x": zeros(2, 5, 6, 3, dtype=UINT8), "addend": None},
        r"more than 2\^31 inputs",
    ),
    "empty and huge": (
        convolution(),
        {"x": zeros(1 << 40, 0, 6, 3, dtype=UINT8)},
        r"more than 2\^31|not possible|addend",
    ),
}


@pytest.mark.parametrize("name", FEEDS)
def test_feeds(name: str) -> None:
    call, operands, message = FEEDS[name]
    refused(call.given(**operands), message)
