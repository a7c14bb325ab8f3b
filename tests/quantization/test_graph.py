"""What an integer graph promises when it is made."""

import numpy as np
import pytest

from snn_deploy.errors import GraphError
from snn_deploy.ir.graph import Array, Graph, Node, Readout, ValueType
from snn_deploy.ir.ops import Input, Linear
from snn_deploy.quantization import QuantGraph

VECTOR = ValueType((2,), "current")
NODES = (Node("input", Input((2,)), (), VECTOR), Node("fc", Linear(), ("input",), VECTOR))
WEIGHT = {"fc.weight": np.eye(2, dtype=np.int8)}
SCALES = {"input": np.array([0.5]), "fc": np.array([0.25])}


def quantized(
    params: dict[str, Array] = WEIGHT,
    scales: dict[str, Array] = SCALES,
    steps: int = 4,
    readout: Readout = "mean",
    limit: int = 127,
) -> QuantGraph:
    return QuantGraph(
        "net", NODES, ("fc",), params, steps, readout, scales=scales, input_limit=limit
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.bool_, np.uint8])
def test_only_signed_integers(dtype: type) -> None:
    with pytest.raises(GraphError) as caught:
        quantized({"fc.weight": np.eye(2, dtype=dtype)})
    assert caught.value.node == "fc.weight"
    assert np.dtype(dtype).name in caught.value.problem


@pytest.mark.parametrize("missing", SCALES)
def test_a_scale_for_every_node(missing: str) -> None:
    with pytest.raises(GraphError) as caught:
        quantized(scales={name: s for name, s in SCALES.items() if name != missing})
    assert (caught.value.graph, caught.value.node) == ("net", missing)


def test_it_is_a_graph_with_all_that_a_graph_promises() -> None:
    made = quantized()
    assert isinstance(made, Graph)
    with pytest.raises(ValueError, match="read-only"):
        made.params["fc.weight"][0] = 1
    with pytest.raises(TypeError):
        made.scales["fc"] = np.ones(1)  # type: ignore[index]
    with pytest.raises(GraphError):
        quantized(WEIGHT | {"fc.wieght": WEIGHT["fc.weight"]})


def test_inputs_round_half_to_even_and_are_clipped() -> None:
    x = np.array([[0.0, 0.25, 0.75, -0.25, -0.75, 63.5, 63.8, -99, 1e30]])
    found = quantized().quantize_input(x)
    assert found.dtype == np.int8
    assert found.tolist() == [[0, 0, 2, 0, -2, 127, 127, -127, 127]]


@pytest.mark.parametrize(("limit", "dtype"), [(127, np.int8), (128, np.int16), (32767, np.int16)])
def test_wide_inputs_are_16_bits(limit: int, dtype: type) -> None:
    found = quantized(limit=limit).quantize_input(np.array([-1e9, 1e9, 64.0]))
    assert found.dtype == dtype
    assert found.tolist() == [-limit, limit, min(128, limit)]


def test_leading_axes_are_kept() -> None:
    x = np.ones((5, 3, 2), np.float32)
    assert quantized().quantize_input(x).shape == (5, 3, 2)


def test_the_scale_of_a_readout() -> None:
    assert quantized().output_scale("fc").tolist() == [0.25 / 4]
    assert quantized(readout="sum").output_scale("fc").tolist() == [0.25]
