"""Trained networks with what others recorded of them: ours do the same, value for value.

Where a recorder let every layer run a step later than the one before, or started all biases at once
although nothing had arrived yet, the test does so too; the graphs know nothing of it.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from snn_deploy.frontends.netx import NetxNetwork, read
from snn_deploy.frontends.netx.building import Entering, integer_graph
from snn_deploy.frontends.netx.layers import DenseLayer, FlattenLayer
from snn_deploy.ir.evaluate import Values, evaluate, read_out
from snn_deploy.ir.graph import Array
from snn_deploy.ir.kernels import magnitude
from snn_deploy.ir.ops import IntegerLif
from snn_deploy.ir.spec import QUANTIZED, verify
from snn_deploy.ir.states import IntegerState
from snn_deploy.quantization.graph import QuantGraph


def graph_of(
    network: NetxNetwork, shape: tuple[int, ...], steps: int, reach: int = 1
) -> QuantGraph:
    kind = "spike" if reach == 1 else "current"
    graph = integer_graph(network, "net", Entering(shape, steps, False, kind, reach))
    verify(graph, QUANTIZED)
    return graph


def without_input(network: NetxNetwork) -> NetxNetwork:
    """Return what follows the input's own neurons: where recorders put their spikes in."""
    return replace(network, layers=network.layers[1:])


def recorded(path: Path) -> Array:
    """[W, H, C, T] or [N, T] -> [T, C, H, W] or [T, N]; whole numbers."""
    values = np.load(path)
    assert (values == np.rint(values)).all()
    return values.transpose(*reversed(range(values.ndim))).astype(np.int64)


def later(values: Array) -> Array:
    """Return what arrives a step later: nothing at first."""
    return np.concatenate([np.zeros_like(values[:1]), values[:-1]])


def test_every_spike_of_the_oxford_network(shared_data: Path) -> None:
    steps = 2000
    network = read(shared_data / "nets" / "oxford_cuba.net", at_equality=True)
    given = np.load(shared_data / "nets" / "oxford_cuba.input.npy")
    truth = np.load(shared_data / "nets" / "oxford_cuba.ground_truth.npy").astype(np.int64)
    x = np.zeros((steps, 1, 200), np.int8)
    x[np.rint(given[:, 2]).astype(np.int64), 0, given[:, 0].astype(np.int64)] = 1
    spikes = [values["lif1"][0] for values in evaluate(graph_of(network, (200,), steps), x)]
    step, place = np.nonzero(np.array(spikes))
    # The recorder let every layer's spikes arrive one step later.
    found = set(zip((step + 2).tolist(), place.tolist(), strict=True))
    assert len(truth) == 10_178
    assert found == set(zip(truth[:, 2].tolist(), truth[:, 0].tolist(), strict=True))


def test_every_layer_of_the_tiny_network(shared_data: Path) -> None:
    """The recorder gave no bias at its first step, nor did anything enter: we start after it."""

    def tiny(name: str) -> Array:
        """[B, C, H, W, T] -> [T - 1, B, C, H, W]"""
        values = np.moveaxis(np.load(shared_data / "nets" / f"tiny_conv_lif.{name}.npy"), -1, 0)
        assert not values[0].any()
        return values[1:].astype(np.int32)

    network = read(shared_data / "nets" / "tiny_conv_lif.net")
    assert network.gain == 36
    x = tiny("input")
    steps = list(evaluate(graph_of(without_input(network), (3, 16, 16), len(x)), x))
    for node, name in (("conv1", "current"), ("lif1", "layer1"), ("lif2", "output")):
        np.testing.assert_array_equal([values[node] for values in steps], tiny(name), node)


@pytest.mark.parametrize(
    ("name", "steps", "exact"), [("mnist_mlp_cuba", 32, 956), ("mnist_bootstrap_cuba", 16, 989)]
)
def test_digits(shared_data: Path, name: str, steps: int, exact: int) -> None:
    """How many of the first 1,000 test images are read rightly."""
    digits = np.load(shared_data / "mnist.npz")
    images, labels = digits["x_test"][:1000].reshape(1000, -1), digits["y_test"][:1000]
    network = read(shared_data / "nets" / f"{name}.net")
    transforms = network.gain is not None
    kind, limit = ("current", 32767) if transforms else ("spike", 1)
    graph = integer_graph(network, name, Entering((784,), steps, True, kind, limit))
    x = graph.quantize_input(images / 127.5 - 1 if transforms else images > 127)
    (sums,) = read_out(graph, evaluate(graph, x)).values()
    assert int((sums.argmax(axis=1) == labels).sum()) == exact


@pytest.mark.parametrize(
    ("name", "shape", "neurons", "ends"),
    [("iris_cuba", (4,), 27, "lif1"), ("pilotnet_sdnn", (3, 33, 100), 43_116, "sigma9")],
)
def test_networks_without_recordings(
    shared_data: Path, name: str, shape: tuple[int, ...], neurons: int, ends: str
) -> None:
    """How their inputs become spikes is not known: they can only be read."""
    network = read(shared_data / "nets" / f"{name}.net")
    assert network.input_shape == shape
    graph = graph_of(network, shape, 8)
    assert sum(node.type.size for node in graph.spiking) == neurons
    assert graph.outputs == (ends,)


PILOTNET = {f"lif{n + 1}": f"conv-{n}" for n in range(5)} | {
    f"lif{n + 7}": f"fc-{n}" for n in range(3)
}
PERIOD = 17
"""The recorder put all potentials of a layer back to rest every 17 steps, a step later each."""
RECORDED = 24


def test_pilotnet_in_one_piece(recordings: Path) -> None:
    """From one reset to the next the network is a sample that starts at rest."""
    folder = recordings / "gts" / "pilotnet_lif"
    network = without_input(read(folder / "network.net"))
    x = recorded(folder / "input.npy").astype(np.int8)[:, None]
    compared = 0
    for first, last in ((0, PERIOD), (PERIOD, RECORDED)):
        graph = graph_of(network, x.shape[2:], last - first)
        for t, values in enumerate(evaluate(graph, x[first:last]), first):
            for depth, (node, name) in enumerate(PILOTNET.items(), 1):
                if t + depth < RECORDED:
                    truth = recorded(folder / f"{name}.npy")[t + depth]
                    np.testing.assert_array_equal(values[node][0], truth, f"{name}, step {t}")
                    compared += truth.size
    assert compared == 2_664_290


def test_pilotnet_layer_by_layer(recordings: Path) -> None:
    """Every current, potential and spike, those before the first reset too."""
    folder = recordings / "gts" / "pilotnet_lif"
    network = read(folder / "network.net")
    x = recorded(folder / "input.npy")
    compared = 0
    for depth, (node, name) in enumerate(PILOTNET.items(), 1):
        (layer,) = (each for each in network.layers if each.place == int(node[3:]))
        if isinstance(layer, DenseLayer):
            x = x.reshape(RECORDED, -1)
        one = replace(network, layers=(layer,))
        spikes, currents, potentials = (
            recorded(folder / f"{name}{part}.npy") for part in ("", "-u", "-v")
        )
        for t, (current, potential, spike) in layer_alone(one, node, later(x), depth):
            assert np.array_equal(64 * current[0], currents[t].reshape(current[0].shape))
            # Where it fired, the recorder shows the refractory counter in the same register.
            rest = np.where(spikes[t], 0, potentials[t])
            assert np.array_equal(potential[0], rest.reshape(current[0].shape))
            assert np.array_equal(spike[0], spikes[t].reshape(current[0].shape))
            compared += spike.size
        x = spikes
    assert compared == 2_853_792


def layer_alone(
    network: NetxNetwork, node: str, x: Array, first_reset: int
) -> Iterator[tuple[int, tuple[Array, Array, Array]]]:
    """Yield currents, potentials and spikes of a layer, which rests again every 17 steps."""
    starts = [0, *range(first_reset, RECORDED, PERIOD), RECORDED]
    for start, end in pairwise(starts):
        graph = graph_of(network, x.shape[1:], end - start)
        op = graph[node].op
        assert isinstance(op, IntegerLif)
        state = IntegerState(op, graph.params[f"{node}.threshold"], graph.param(node, "bias"))
        for t, values in enumerate(evaluate(graph, x[start:end, None].astype(np.int8)), start):
            current = values[graph[node].inputs[0]]
            spikes = state.step(current)
            assert np.array_equal(spikes, values[node])
            assert state.potential is not None
            yield t, (current, state.potential, spikes)


def test_spoken_digits_with_axonal_delays(recordings: Path) -> None:
    folder = recordings / "gts" / "ntidigits"
    network = read(folder / "ntidigits.net")
    x = recorded(folder / "input.npy")
    truth = recorded(folder / "output.npy")
    graph = graph_of(network, (1, 1, 64), len(x))
    steps = list(evaluate(graph, x.reshape(-1, 1, 1, 1, 64).astype(np.int8)))
    spikes = np.array([values["lif4"][0] for values in steps])
    # The recorder let every layer's spikes arrive one step later, and those that enter, too.
    assert truth.size == 726_000
    assert not truth[:4].any()
    assert np.array_equal(spikes[:-4], truth[4:])
    groups = spikes.reshape(len(x), 11, 22).sum(axis=2)
    assert np.array_equal([values["average5"][0] for values in steps], groups)
    assert graph.output_scale("average5").tolist() == [1 / 22]


def layers_late(network: NetxNetwork, x: Array) -> Iterator[tuple[int, QuantGraph, list[Values]]]:
    """Yield each layer's number, graph and values; each hears the one before a step later."""
    first = network.layers[:2]
    graph = graph_of(replace(network, layers=first), x.shape[2:], len(x), 127)
    x = later(np.array([values["delta0"] for values in evaluate(graph, x)]))
    for layer in network.layers[1:]:
        if isinstance(layer, FlattenLayer):
            x = x.reshape(*x.shape[:2], -1)
            continue
        one = replace(network, layers=(layer,))
        graph = graph_of(one, x.shape[2:], len(x), max(2, magnitude(x)))
        steps = list(evaluate(graph, x))
        yield layer.place, graph, steps
        x = later(np.array([values[graph.outputs[0]] for values in steps]))


def sigmas(graph: QuantGraph, steps: list[Values]) -> Array:
    """Return the running sums of what a layer's neurons hear: [T, C, H, W]."""
    (heard,) = graph[graph.outputs[0]].inputs
    return np.cumsum([values[heard][0] for values in steps], axis=0)


def test_sigma_delta_pilotnet(recordings: Path) -> None:
    folder = recordings / "gts" / "pilotnet_sdnn"
    network = read(folder / "network.net")
    messages = recorded(folder / "act0.npy")
    frame = recorded(folder / "input.npy")
    x = np.repeat(frame[:, None], len(messages), axis=0)
    first = graph_of(replace(network, layers=network.layers[:2]), x.shape[2:], len(x), 127)
    told = [values["delta0"][0] for values in evaluate(first, x)]
    assert np.array_equal(told, messages)
    found = {place: (graph, steps) for place, graph, steps in layers_late(network, x)}
    for place in (1, 2):
        truth = recorded(folder / f"sigma{place}.npy")
        assert np.array_equal(sigmas(*found[place]), truth)
    _, steps = found[9]
    output = np.load(folder / "output.npy")[0]
    assert [int(values["sigma9"][0, 0]) for values in steps[: len(output)]] == output.tolist()


def test_square_sigma_delta_pilotnet(recordings: Path) -> None:
    folder = recordings / "gts" / "pilotnet_sdnn"
    network = read(folder / "square_network.net")
    frame = recorded(folder / "input.npy")[..., :33]
    x = np.repeat(frame[:, None], 20, axis=0)
    for place, graph, steps in layers_late(network, x):
        truth = recorded(folder / f"sigma{place}_square.npy")
        assert np.array_equal(sigmas(graph, steps), truth), place


def test_tiny_network_from_its_image(recordings: Path) -> None:
    """Through the neurons of the input, whose file says: 36 x + 34."""
    folder = recordings / "gts" / "tinynet"
    network = read(recordings / "tiny.net")
    image = recorded(folder / "input_bias.npy")
    steps = 15
    graph = integer_graph(network, "tiny", Entering((3, 16, 16), steps, True, "current", 127))
    real = (image - 34) / 36
    x = graph.quantize_input(real[None])
    found = list(evaluate(graph, x))
    probes = (("lif0", "input"), ("conv1", "current"), ("lif1", "layer1"), ("lif2", "output"))
    for node, name in probes:
        truth = np.moveaxis(np.load(folder / f"{name}.npy"), -1, 0)[1:]
        np.testing.assert_array_equal([values[node] for values in found], truth, name)
