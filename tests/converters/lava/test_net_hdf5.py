"""What lies in the file, and that nothing else does."""

import io
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from snn_deploy.converters.lava import NetConverter
from snn_deploy.errors import ModelError
from snn_deploy.frontends.netx.building import Entering, integer_graph
from snn_deploy.frontends.netx.network import read
from snn_deploy.ir.evaluate import evaluate
from snn_deploy.ir.ops import Input
from snn_deploy.quantization.graph import QuantGraph
from tests.converters.lava.net_cases import CASES, biases, finished, one_axis
from tests.networks import Network, stimulus


def lowered(graph: QuantGraph) -> bytes:
    return NetConverter().lower(graph).files["network.net"]


def test_the_same_network_gives_the_same_bytes() -> None:
    first = lowered(CASES["biases"]())
    time.sleep(1.1)  # HDF5 keeps times in seconds
    assert lowered(CASES["biases"]()) == first


def test_the_datasets_of_a_network() -> None:
    graph = finished(
        Network((2, 5, 4), kind="spike", static=False)
        .conv("c", 4, (3, 2), stride=2, padding=1, bias=True, groups=2)
        .lif("lif", voltage_decay=1000)
        .flatten()
        .linear("fc", 3, shift=[2])
    )
    with h5py.File(io.BytesIO(lowered(graph))) as file:
        assert list(file) == ["layer", "simulation", "snn_deploy"]
        assert [layer["type"][0] for layer in file["layer"].values()] == [
            b"input",
            b"conv",
            b"flatten",
            b"dense",
        ]
        conv, dense = file["layer/1"], file["layer/3"]
        assert file["layer/0/shape"][()].tolist() == [2, 5, 4]
        np.testing.assert_array_equal(conv["weight"], graph.weight("c"))
        np.testing.assert_array_equal(conv["bias"], graph.params["c.bias"])
        assert conv["weight"].dtype == np.float32
        numbers = {
            key: value[()].tolist()
            for key, value in conv.items()
            if isinstance(value, h5py.Dataset) and value.dtype == np.int64
        }
        assert numbers == {
            "shape": [4, 3, 3],
            "stride": [2, 2],
            "padding": [1, 1],
            "dilation": [1, 1],
            "groups": 2,
            "inChannels": 2,
            "outChannels": 4,
            "kernelSize": [3, 2],
        }
        neuron = {key: value[()] for key, value in conv["neuron"].items()}
        threshold = int(graph.params["lif.threshold"][0]) // 64
        assert neuron.pop("type") == b"CUBA"
        assert neuron == {
            "iDecay": 4096,
            "vDecay": 1000,
            "vThMant": threshold,
            "refDelay": 1,
            "gradedSpike": False,
        }
        np.testing.assert_array_equal(dense["weight"], graph.weight("fc"))
        assert "bias" not in dense
        assert dense["neuron/vThMant"][()] == 131071
        assert file["simulation/tSample"][()] == 4
        apart = {key: value[()].tolist() for key, value in file["snn_deploy"].items()}
        assert apart == {
            "names": [b"lif", b"fc"],
            "inputMessageBits": 0,
            "static": False,
            "exponent": [2],
            "offset": [0, 0, 0],
        }


def test_biases_of_neurons_lie_along_the_axes_of_lava() -> None:
    graph = biases()
    with h5py.File(io.BytesIO(lowered(graph))) as file:
        channels = graph.params["conv1.bias"].reshape(-1, 1, 1)
        expected = channels + graph.params["lif1.bias"] // 64
        np.testing.assert_array_equal(file["layer/1/bias"], expected.T)


def test_thresholds_of_channels() -> None:
    graph = one_axis()
    with h5py.File(io.BytesIO(lowered(graph))) as file:
        expected = graph.params["lif2.threshold"] // 64
        np.testing.assert_array_equal(file["layer/2/neuron/vThMant"], expected)


@pytest.mark.parametrize("name", CASES)
def test_our_reader_of_such_files_finds_the_same_network(name: str, tmp_path: Path) -> None:
    """It knows nothing of what stands apart: a readout comes without its finer part."""
    graph = CASES[name]()
    path = tmp_path / "network.net"
    path.write_bytes(lowered(graph))
    if any(len(set(graph.params[f"{node.name}.threshold"])) > 1 for node in graph.spiking):
        with pytest.raises(ModelError, match="differs between neurons, one number is expected"):
            read(path)
        return
    network = read(path)
    op = graph.input.op
    assert isinstance(op, Input)
    shape = network.input_shape or op.shape
    entering = Entering(shape, graph.steps, op.static, op.kind, graph.input_limit)
    again = integer_graph(network, "again", entering)
    x = stimulus(graph)
    axes = 1 if op.static else 2
    pairs = list(zip(graph.spiking, again.spiking, strict=False))
    assert len(pairs) == len(graph.spiking)
    runs = zip(evaluate(graph, x), evaluate(again, x.reshape(*x.shape[:axes], *shape)), strict=True)
    for expected, found in runs:
        for ours, theirs in pairs:
            values = found[theirs.name].reshape(expected[ours.name].shape)
            np.testing.assert_array_equal(values, expected[ours.name])
