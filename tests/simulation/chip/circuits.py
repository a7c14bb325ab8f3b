"""Small networks for the simulator: what the others lack, and circuits to be counted by hand."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from snn_deploy.errors import MappingError
from snn_deploy.hardware import Target
from snn_deploy.ir.graph import Array, Graph
from snn_deploy.ir.ops import IntegerLif, Linear, MaxPool, SumPool
from snn_deploy.mapping import ChipNetwork, Residual, map_graph, stages_of
from snn_deploy.quantization.graph import QuantGraph
from snn_deploy.simulation.chip.run import Begin
from tests.mapping.chips import BINARY, GRADED, integer, mapped
from tests.mapping.wiring import random_network, random_stimulus
from tests.networks import Network, stimulus
from tests.simulation.chip.placements import ON
from tests.simulation.chip.slow import Fans, Live, Step, fans_of


def two_synapses() -> Graph:
    """Two inputs, one neuron that keeps half of its potential, three steps, its spikes read out."""
    net = Network((2,), kind="spike", static=False)
    weight = np.array([[3, -2]], np.int8)
    net.at = net.builder.add("fc", Linear(), "input", weight=weight)
    threshold = np.array([4 * 64], np.int32)
    net.at = net.builder.add("lif", IntegerLif(4096, 2048), net.at, threshold=threshold)
    return net.finish(steps=3)


def corner() -> Graph:
    """A 3x3 convolution of spikes on 4x4, padding 1, and a stride of 2 behind it."""
    net = Network((1, 4, 4), kind="spike", static=False)
    net.conv("conv", 2, padding=1).lif("lif").conv("late", 3, (2, 2), stride=2).lif("last")
    return net.finish(steps=3)


def rounded() -> Graph:
    """A layer that rounds, and adds a bias, sends at every step; its input is almost silent."""
    net = Network((2, 6, 6), kind="spike", static=False)
    net.conv("conv1", 4, padding=1, shift=[-3], bias=True).lif("lif1")
    return net.conv("conv2", 4, shift=[1]).lif("lif2").head().finish()


def rounded_vector() -> Graph:
    """The same of a vector that is added to a flattened map."""
    net = Network((2, 3, 4), kind="spike", static=False).conv("conv1", 3, padding=1).lif("lif1")
    net.flatten("vector").linear("fc1", 36, shift=[-4], bias=True)
    net.at = "lif1"
    net.conv("conv2", 3, padding=1).flatten("map").add("sum", "map", "fc1").lif("lif2")
    return net.linear("head", 3).finish()


def neurons_read_out() -> Graph:
    """Neurons whose current is read out beside their spikes, and that forget at once."""
    net = Network((2, 6, 6), kind="spike", static=False)
    net.conv("conv1", 4, padding=1).lif("lif1", voltage_decay=4096)
    net.conv("conv2", 3).lif("lif2", voltage_decay=4096)
    return net.finish("conv1", "conv2", "lif2", steps=6)


def constant_read_out() -> Graph:
    """An image of spikes, of which the host computes a part, and a core sums up another."""
    net = Network((2, 6, 6), kind="spike").conv("conv1", 4, padding=1).lif("lif1")
    return net.finish("lif1", "conv1", "input")


def flattened_sum() -> Graph:
    """Neurons of a vector are added to a flattened map, neuron by neuron."""
    net = Network((2, 5, 4), kind="spike", static=False).conv("conv1", 3, padding=1).lif("lif1")
    net.flatten("vector").linear("fc1", 60).lif("lif2")
    net.at = "lif1"
    net.conv("conv2", 3, padding=1).flatten("map").add("sum", "map", "lif2").lif("lif3")
    return net.linear("fc2", 60).lif("lif4").add("sew", "lif3", "lif4").finish("sew")


def one_axis() -> Graph:
    """Convolutions of one axis, in groups, dilated and strided; a pool with padding; dense."""
    net = Network((4, 17), kind="spike", static=False)
    net.conv("conv1", 6, (3,), padding=2, dilation=2, groups=2).lif("lif1")
    net.pool("pool", SumPool, 3, 2, 1).conv("conv2", 4, (5,), stride=2).lif("lif2")
    return net.flatten().linear("head", 3, bias=True).finish(steps=3)


def awkward_windows() -> Graph:
    """Strides that skip positions, windows of no square, padding beyond the kernel."""
    net = Network((2, 9, 7), kind="spike", static=False)
    net.conv("conv1", 4, (1, 1), stride=3).lif("lif1")
    net.conv("conv2", 6, (2, 3), padding=4, dilation=3, groups=2).lif("lif2")
    return net.conv("conv3", 3, (5, 1), stride=2).lif("lif3").flatten().linear("head", 2).finish()


def one_step() -> Graph:
    net = Network((2, 6, 6), kind="spike", static=False).conv("conv1", 4, padding=1).lif("lif1")
    net.conv("conv2", 4, padding=1, shift=[2]).add("stream", "conv1", "conv2").lif("lif2")
    return net.head().finish(steps=1)


def added_twice() -> Graph:
    """The same neurons are heard twice by one population: one message, two synapses."""
    net = Network((2, 5, 5), kind="spike", static=False).conv("conv1", 3, padding=1).lif("lif1")
    return net.conv("conv2", 3).add("twice", "conv2", "conv2").lif("lif2").head().finish()


def long_delay() -> Graph:
    """A shortcut that waits for three layers, of a film of spikes without a bias anywhere."""
    net = Network((2, 5, 5), kind="spike", static=False).conv("conv1", 3, padding=1).lif("lif1")
    for n in (2, 3, 4):
        net.conv(f"conv{n}", 3, padding=1).lif(f"lif{n}")
    net.conv("conv5", 3, padding=1, shift=[1])
    net.at = "lif1"
    net.conv("shortcut", 3, (1, 1), shift=[2]).add("sum", "conv5", "shortcut").lif("lif5")
    return net.head().finish(steps=6)


def small_pools() -> Graph:
    net = Network((2, 6, 6), kind="spike").conv("conv1", 3, padding=1).lif("lif1")
    net.pool("sum", SumPool, 3, 2, 1).conv("conv2", 4, padding=1).lif("lif2")
    return net.pool("max", MaxPool, 2, 1, 0).flatten().linear("head", 3).finish()


def random_geometry(seed: int) -> QuantGraph:
    """Return convolutions and pools of one or two axes whose windows are drawn."""
    rng = np.random.default_rng(seed)
    axes = int(rng.integers(1, 3))
    shape = (int(rng.integers(1, 4)), *rng.integers(5, 9 if axes == 2 else 20, axes).tolist())
    net = Network(shape, kind="spike", static=bool(rng.integers(2)))
    for layer in range(int(rng.integers(1, 4))):
        length = min(net.builder.type(net.at).shape[1:])
        kernel = tuple(rng.integers(1, min(4, length) + 1, axes).tolist())
        groups = int(
            rng.choice([g for g in (1, 2, 3) if net.builder.type(net.at).shape[0] % g == 0])
        )
        net.conv(
            f"conv{layer}",
            groups * int(rng.integers(1, 4)),
            kernel,
            stride=int(rng.integers(1, 4)),
            padding=int(rng.integers(3, 5)),
            dilation=int(rng.integers(1, 3)),
            groups=groups,
            bias=bool(rng.integers(2)),
        )
        net.lif(f"lif{layer}", voltage_decay=int(rng.choice([0, 2048, 4096])))
        if rng.random() < 0.3:
            net.pool(f"pool{layer}", SumPool, 2, int(rng.integers(1, 3)), 1)
    graph = net.flatten().linear("head", 3).finish(steps=int(rng.integers(1, 6)))
    assert isinstance(graph, QuantGraph)
    return graph


OWN: Mapping[str, Callable[[], Graph]] = {
    build.__name__: build
    for build in (
        two_synapses,
        corner,
        rounded,
        rounded_vector,
        neurons_read_out,
        constant_read_out,
        flattened_sum,
        one_axis,
        awkward_windows,
        one_step,
        added_twice,
        long_delay,
        small_pools,
    )
}

SPARSE = {"rounded": 0.03, "rounded_vector": 0.03, "neurons_read_out": 0.05, "flattened_sum": 0.3}
"""Networks that show something when few of their inputs say anything."""

NAMES = (
    "two_synapses relay",
    "corner binary",
    "rounded relay",
    "rounded_vector relay",
    "neurons_read_out binary",
    "constant_read_out relay",
    "constant_read_out binary",
    "flattened_sum relay",
    "flattened_sum binary",
    "one_axis relay",
    "awkward_windows binary",
    "one_step relay",
    "one_step unroll",
    "added_twice relay",
    "long_delay binary",
    "small_pools relay",
)
OTHERS = (
    "at_equality binary",
    "biases binary",
    "biases_of_neurons binary",
    "conv1d relay",
    "dense binary",
    "dense_cuba relay",
    "events binary",
    "flattened_neurons binary",
    "graded_input relay",
    "graded_input binary",
    "groups binary",
    "leaks relay",
    "ms_identity relay",
    "ms_identity binary",
    "narrow_projection relay",
    "ms_spiking_projection binary",
    "neuron_first relay",
    "pooled_shortcut binary",
    "resets relay",
    "saturation binary",
    "sequence unroll",
    "sew relay",
    "shifts relay",
    "spike_pools binary",
    "strides relay",
    "two_outputs relay",
    "vanilla binary",
    "wide_weights relay",
)
"""Of `tests.networks` and `tests.mapping.chips`: every operation, neuron and residual block."""


@dataclass(frozen=True)
class Case:
    """A network with a sample and all that the slow chip knows about them."""

    network: ChipNetwork
    target: Target
    x: Array
    fans: Fans
    watched: Mapping[Begin, Sequence[Step]]


@cache
def case(name: str) -> Case:
    """Return a network by its name and `relay`, `unroll` or `binary`, with a sample."""
    build, how = name.split()
    graph = OWN[build]() if build in OWN else integer(build)
    assert isinstance(graph, QuantGraph)
    if how == "binary":
        found = mapped(graph, "unroll", BINARY).network
    else:
        assert how in ("relay", "unroll")
        found = mapped(graph, "relay" if how == "relay" else "unroll", GRADED).network
    return watched(found, _sample(graph, SPARSE.get(build, 1.0)), binary=how == "binary")


def watched(network: ChipNetwork, x: Array, *, binary: bool) -> Case:
    """Return a case: what the slow chip does in the T steps that are counted."""
    fans, steps = fans_of(network), network.graph.steps
    # In a stream the first windows fill the chip.
    first = -(-network.latency // steps) * steps
    did = list(Live(network, fans, x).run(first + steps))
    target = ON["loihi" if binary else "loihi2"]
    return Case(network, target, x, fans, {"cold": did[:steps], "stream": did[first:]})


def _sample(graph: QuantGraph, density: float) -> Array:
    """Return [*shape] or [T, *shape]."""
    x = stimulus(graph, 1)
    x = x[0] if graph.static else x[:, 0]
    return x * (np.random.default_rng(20).random(x.shape) < density).astype(x.dtype)


@cache
def geometric_case(seed: int) -> Case:
    graph = random_geometry(seed)
    network = mapped(graph, "relay").network
    return watched(network, _sample(graph, 0.3), binary=False)


@cache
def random_case(seed: int, *, binary: bool) -> Case | None:
    """Return a random wiring, its stages relayed or not; None where a chip cannot express it."""
    rng, graph = np.random.default_rng(1000 + seed), random_network(seed)
    messages = BINARY if binary else GRADED
    choices: list[Residual] = ["unroll"] if binary else ["relay", "unroll"]
    strategy = {s.name: choices[rng.integers(len(choices))] for s in stages_of(graph, messages)}
    try:
        network = map_graph(graph, messages, strategy).network
    except MappingError:
        return None
    x = random_stimulus(graph, rng, batch=1)
    return watched(network, x[0] if graph.static else x[:, 0], binary=binary)
