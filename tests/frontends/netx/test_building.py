"""What a `.net` file means, layer by layer: small files against their meaning written out."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snn_deploy.errors import ModelError
from snn_deploy.frontends.netx import read
from snn_deploy.frontends.netx.building import Entering, integer_graph
from snn_deploy.ir.evaluate import evaluate, read_out
from snn_deploy.ir.graph import Array
from snn_deploy.ir.ops import Conv, Delay, Flatten, IntegerLif, Linear
from snn_deploy.quantization.graph import QuantGraph

from .files import CUBA, SDNN, Layer, conv, dense, flatten, input_layer, write

SPIKES = Entering((2, 5, 4), 3)


def built(
    folder: Path, *layers: Layer, entering: Entering = SPIKES, at_equality: bool = False
) -> QuantGraph:
    network = read(write(folder / "a.net", layers), at_equality=at_equality)
    return integer_graph(network, "a", entering)


def values(shape: tuple[int, ...], seed: int = 1) -> Array:
    return np.random.default_rng(seed).integers(-60, 60, shape) * 2


def ops(graph: QuantGraph) -> list[str]:
    return [f"{node.name}: {type(node.op).__name__}" for node in graph.nodes]


def test_axes_stay_as_torch_has_them(tmp_path: Path) -> None:
    """Kernels [O, I, H, W], strides (rows, columns), flattened C, H, W."""
    weight, matrix = values((3, 2, 3, 2)), values((4, 3 * 2 * 4))
    layer = conv(weight, (3, 2, 4), stride=[2, 1], padding=[0, 1], dilation=[1, 2])
    graph = built(tmp_path, input_layer((2, 5, 4)), layer, flatten(), dense(matrix, neuron=None))
    assert ops(graph) == [
        "input: Input",
        "conv1: Conv",
        "lif1: IntegerLif",
        "flatten2: Flatten",
        "dense3: Linear",
    ]
    assert graph["conv1"].op == Conv((2, 1), (0, 1), (1, 2))
    assert np.array_equal(graph.weight("conv1"), weight)
    x = np.random.default_rng(2).integers(0, 2, (1, 2, 5, 4), np.int8)
    (first, *_) = evaluate(graph, x)
    padded = np.pad(x[0], ((0, 0), (0, 0), (1, 1)))
    o, row, column = 2, 1, 2
    window = padded[:, row * 2 : row * 2 + 3, column : column + 4 : 2]
    assert first["conv1"][0, o, row, column] == (weight[o] * window).sum()
    assert np.array_equal(first["dense3"][0], matrix @ first["lif1"][0].reshape(-1))


def test_a_convolution_is_flattened_without_being_told(tmp_path: Path) -> None:
    layers = (conv(values((1, 2, 5, 4)), (1, 1, 1)), dense(values((3, 1))))
    told = built(tmp_path, input_layer((2, 5, 4)), layers[0], flatten(), layers[1])
    untold = built(tmp_path, input_layer((2, 5, 4)), *layers)
    kinds = [type(node.op) for node in told.nodes]
    assert kinds == [type(node.op) for node in untold.nodes]
    assert Flatten in kinds


@pytest.mark.parametrize(
    "change",
    [
        {"weight": values((3, 2, 3, 2))[..., None].astype(np.float32)},
        {"groups": np.array([1]), "stride": 2, "padding": np.array([1, 1]), "dilation": [1]},
        {"shape": np.array([3, 3, 3], np.float64)},
    ],
    ids=["a fifth axis", "numbers for pairs", "real shape"],
)
def test_other_ways_to_write_a_convolution(tmp_path: Path, change: dict[str, Any]) -> None:
    plain = {"stride": [2, 2], "padding": [1, 1]}
    layer = conv(values((3, 2, 3, 2)), (3, 3, 3), **plain)
    graph = built(tmp_path, input_layer((2, 5, 4)), layer)
    other = built(tmp_path, input_layer((2, 5, 4)), layer | change)
    assert other["conv1"] == graph["conv1"]
    assert np.array_equal(other.weight("conv1"), graph.weight("conv1"))


def test_groups(tmp_path: Path) -> None:
    graph = built(tmp_path, input_layer((2, 5, 4)), conv(values((4, 1, 5, 4)), (4, 1, 1), groups=2))
    assert graph["conv1"].op == Conv((1, 1), (0, 0), (1, 1), 2)


def test_old_dense_layers(tmp_path: Path) -> None:
    """Shapes [N, 1, 1], flat weights, neurons called LOIHI, a bias in a list of one."""
    weight = values((1, 6))
    old = dense(weight.reshape(-1), shape=np.array([1, 1, 1]), bias=np.array([7.0]))
    old["neuron"] = CUBA | {"type": "LOIHI", "wgtExp": 0, "theta": 640, "refDelay": 1}
    new = dense(weight, bias=np.array([7]))
    entering = Entering((6,), 3)
    first, second = (built(tmp_path, layer, entering=entering) for layer in (old, new))
    assert first.nodes == second.nodes
    assert all(np.array_equal(first.params[key], second.params[key]) for key in second.params)
    assert first.params["lif0.bias"].tolist() == [7 * 64]


def test_neurons(tmp_path: Path) -> None:
    neuron = CUBA | {"iDecay": 1000, "vDecay": [300, 300], "vThMant": 25}
    graph = built(tmp_path, dense(values((2, 6)), neuron=neuron), entering=Entering((6,), 3))
    assert graph["lif0"].op == IntegerLif(1000, 300)
    assert graph.params["lif0.threshold"].tolist() == [1600]


def test_firing_at_equality(tmp_path: Path) -> None:
    """A current of exactly the threshold decides."""
    given = (dense([[10.0]]),)
    entering = Entering((1,), 1)
    counts = []
    for at_equality in (False, True):
        graph = built(tmp_path, *given, entering=entering, at_equality=at_equality)
        (step,) = evaluate(graph, np.ones((1, 1), np.int8))
        counts.append(int(step["lif0"].sum()))
    assert counts == [0, 1]


def test_biases_of_channels_and_of_neurons(tmp_path: Path) -> None:
    """A bias of every neuron lies in the file as [W, H, C]."""
    weight = values((2, 2, 4, 2))
    channels = conv(weight, (2, 2, 3), bias=np.array([3.0, -4.0]))
    full = values((3, 2, 2), 5)
    neurons = conv(weight, (2, 2, 3), bias=full)
    graph = built(tmp_path, input_layer((2, 5, 4)), channels)
    assert graph.params["lif1.bias"].tolist() == [3 * 64, -4 * 64]
    graph = built(tmp_path, input_layer((2, 5, 4)), neurons)
    assert np.array_equal(graph.params["lif1.bias"], 64 * full.transpose(2, 1, 0))


def test_weights_become_bytes_where_nothing_is_lost(tmp_path: Path) -> None:
    """9 bits and even, as Loihi stores them; odd ones keep their 16 bits."""
    even = np.array([[-256, 254], [2, 0]])
    layers = {"even": even, "odd": even + 1, "large": 60 * even, "zero": 0 * even}
    layers |= {"least": np.full((2, 2), -128), "most": np.full((2, 2), 127)}
    stored = {}
    for name, weight in layers.items():
        graph = built(tmp_path, dense(weight), entering=Entering((2,), 3))
        shift = graph.param("dense0", "shift")
        stored[name] = (graph.weight("dense0").dtype, None if shift is None else shift.tolist())
        (step, *_) = evaluate(graph, np.ones((1, 2), np.int8))
        assert np.array_equal(step["dense0"][0], weight.sum(axis=1))
    assert stored["even"] == (np.int8, [1])
    assert stored["odd"] == (np.int16, None)
    assert stored["large"] == (np.int16, None)
    assert {stored[name] for name in ("zero", "least", "most")} == {(np.dtype(np.int8), None)}


@pytest.mark.parametrize(
    ("delay", "after", "before"),
    [
        (np.float32(3), [3], None),
        (np.array([0, 62, 1], np.float32), [0, 62, 1], None),
        (np.array([5, 4, 0, 0, 1, 2]), None, [5, 4, 0, 0, 1, 2]),
        (np.zeros(3), None, None),
    ],
    ids=["one", "of outputs", "of inputs", "none"],
)
def test_delays(
    tmp_path: Path, delay: Array, after: list[int] | None, before: list[int] | None
) -> None:
    graph = built(tmp_path, dense(values((3, 6)), delay=delay), entering=Entering((6,), 3))
    found = {name: graph.param(name, "steps") for name in ("delay0", "delay0_in")}
    assert {name: a if a is None else a.tolist() for name, a in found.items()} == {
        "delay0": after,
        "delay0_in": before,
    }
    assert graph.outputs == ("lif0",) if after is None else ("delay0",)


def test_delays_of_a_square_layer_are_of_its_outputs(tmp_path: Path) -> None:
    layer = dense(values((3, 3)), delay=np.array([1, 0, 0]))
    graph = built(tmp_path, layer, entering=Entering((3,), 3))
    assert graph["delay0"].inputs == ("lif0",)
    assert isinstance(graph["delay0"].op, Delay)


def test_the_input_has_neurons_and_a_transform(tmp_path: Path) -> None:
    """x becomes round(36 x) + 34; what is added is a bias of its neurons."""
    first = input_layer((3,), neuron=CUBA, weight=np.array([36.0]), bias=np.array([34.0]))
    graph = built(
        tmp_path, first, dense(values((2, 3))), entering=Entering((3,), 1, True, "current", 99)
    )
    assert graph.scales["input"].tolist() == [1 / 36]
    assert graph.params["lif0.bias"].tolist() == [34 * 64]
    x = graph.quantize_input(np.array([[-1.0, 0.0139, 0.5]]))
    assert x.tolist() == [[-36, 1, 18]]


def test_a_file_that_does_not_transform_takes_integers_as_they_are(tmp_path: Path) -> None:
    first = input_layer((3,), neuron=CUBA)
    entering = Entering((3,), 1, True, "current", 99)
    graph = built(tmp_path, first, dense(values((2, 3))), entering=entering)
    assert graph.quantize_input(np.array([[-7, 0, 64]])).tolist() == [[-7, 0, 64]]


def test_sigma_delta_layers(tmp_path: Path) -> None:
    """Thresholds and biases times 2^12; the last layer gives the sum of what it was told."""
    first = input_layer((2,), neuron=SDNN, weight=64, bias=5)
    middle = dense(values((3, 2)), neuron=SDNN, bias=np.array([1, -2, 3]))
    last = dense(values((1, 3)), neuron=SDNN | {"sigma_output": True})
    entering = Entering((2,), 1, True, "current", 99)
    graph = built(tmp_path, first, middle, last, entering=entering)
    assert ops(graph)[1::2] == ["delta0: Delta", "sigma_delta1: SigmaDelta", "sigma2: Sigma"]
    thresholds = [graph.params[f"{n}.threshold"].tolist() for n in ("delta0", "sigma_delta1")]
    assert thresholds == [[3 << 12], [3 << 12]]
    assert graph.params["delta0.bias"].tolist() == [5 << 12]
    assert graph.params["sigma_delta1.bias"].tolist() == [1 << 12, -2 << 12, 3 << 12]
    assert (graph.readout, graph.outputs) == ("mean", ("sigma2",))
    units = {name: float(scale[0]) for name, scale in graph.scales.items()}
    assert (units["delta0"], units["dense1"], units["sigma2"]) == (2**-12, 2**-18, 2**-18)


def test_means_of_neighbors_are_sums_with_a_unit(tmp_path: Path) -> None:
    average = {"type": "average", "shape": np.array([2, 1, 1])}
    graph = built(tmp_path, dense(values((6, 4))), average, entering=Entering((4,), 2))
    assert isinstance(graph["average1"].op, Linear)
    assert graph.weight("average1").tolist() == [[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]]
    assert graph.output_scale("average1").tolist() == [1 / 3]


def test_the_last_layer_may_do_without_neurons(tmp_path: Path) -> None:
    layer = dense(values((2, 4)), neuron=None, bias=np.array([5, -6]))
    graph = built(tmp_path, dense(values((4, 4))), layer, entering=Entering((4,), 2))
    assert graph.params["dense1.bias"].tolist() == [5, -6]
    assert (graph.outputs, graph.readout) == (("dense1",), "sum")
    assert graph.scales["dense1"].tolist() == [1 / 64]


@pytest.mark.parametrize("threshold", [131071, 262143])
def test_neurons_that_only_add_up_are_a_readout(tmp_path: Path, threshold: int) -> None:
    """The sum over the steps is their potential, in units of 64."""
    neuron = CUBA | {"vDecay": 0, "vThMant": threshold}
    layer = dense(values((2, 4)), neuron=neuron, bias=np.array([9.0]))
    graph = built(tmp_path, dense(values((4, 4))), layer, entering=Entering((4,), 5))
    assert graph.outputs == ("dense1",)
    x = np.ones((1, 4), np.int8)
    (sums,) = read_out(graph, evaluate(graph, x)).values()
    spikes = sum(step["lif0"][0].astype(np.int64) for step in evaluate(graph, x))
    assert np.array_equal(sums[0], layer["weight"].astype(np.int64) @ spikes + 5 * 9)


def test_neurons_that_only_add_up_may_fire_in_between(tmp_path: Path) -> None:
    neuron = CUBA | {"vDecay": 0, "vThMant": 131071}
    layers = (dense(values((3, 4)), neuron=neuron), dense(values((2, 3))))
    graph = built(tmp_path, *layers, entering=Entering((4,), 5))
    assert graph.params["lif0.threshold"].tolist() == [131071 * 64]


def test_a_readout_of_channels_has_their_bias(tmp_path: Path) -> None:
    layer = conv(values((2, 2, 3, 3)), (2, 3, 2), neuron=None, bias=np.array([5, -6]))
    graph = built(tmp_path, input_layer((2, 5, 4)), layer)
    assert graph.outputs == ("conv1",)
    assert graph.params["conv1.bias"].tolist() == [5, -6]


def test_another_shape_than_the_file_says(tmp_path: Path) -> None:
    layers = (input_layer((2, 5, 4)), dense(values((3, 40))))
    with pytest.raises(ModelError, match=r"layer 0: takes \[2, 5, 4\], \[40\] is given"):
        built(tmp_path, *layers, entering=Entering((40,), 2))


def test_a_convolution_first_takes_the_shape_of_the_samples(tmp_path: Path) -> None:
    path = write(tmp_path / "a.net", [conv(values((3, 2, 3, 3)), (3, 3, 2))])
    network = read(path)
    assert network.input_shape is None
    assert integer_graph(network, "a", SPIKES)["conv0"].type.shape == (3, 3, 2)
    with pytest.raises(ModelError) as raised:
        integer_graph(network, "a", Entering((2, 6, 6), 3))
    assert str(raised.value) == (
        f"{path}: layer 0: 'shape' is [3, 3, 2], of [2, 6, 6] it makes [3, 4, 4]; give samples of "
        "another shape than [2, 6, 6]"
    )
