"""Float networks of every shape that quantisation must manage, with weights like trained ones."""

from collections.abc import Callable, Mapping

import numpy as np

from snn_deploy.ir.graph import Array, Graph
from snn_deploy.ir.ops import AvgPool, Conv, Input, Lif, Linear, MaxPool, SumPool
from tests.networks import Network

PAPER = Lif(0.25, threshold=0.5)


def started(*shape: int, static: bool = True) -> Network:
    return Network(shape or (3, 8, 8), integer=False, static=static)


def natural(net: Network, *outputs: str, steps: int = 4) -> Graph:
    """Finish with normal weights of the size that keeps currents near 1, and normal biases."""
    graph = net.finish(*outputs, steps=steps)
    rng = np.random.default_rng(20)
    params: dict[str, Array] = {}
    for key, array in graph.params.items():
        fan_in = array[0].size if key.endswith("weight") else 16
        params[key] = (rng.standard_normal(array.shape) / np.sqrt(fan_in)).astype(np.float32)
    return Graph(graph.name, graph.nodes, graph.outputs, params, graph.steps, graph.readout)


def samples(graph: Graph, count: int = 12, seed: int = 20) -> Array:
    """Return normal inputs, [N, *shape] or [T, N, *shape]."""
    op = graph.input.op
    assert isinstance(op, Input), "a graph's input is an Input"
    axes = (count,) if op.static else (graph.steps, count)
    return np.random.default_rng(seed).standard_normal((*axes, *op.shape)).astype(np.float32)


def head(net: Network) -> Network:
    size = net.builder.type(net.at).shape[-1]
    return net.pool("mean", AvgPool, size, size, 0).flatten().linear("head", 5, bias=True)


def ms_blocks() -> Graph:
    """Two blocks on one stream, a projection of the stream, a block on the next."""
    net = started().conv("stem", 8, padding=1, bias=True)
    for number, before in ((1, "stem"), (2, "sum1")):
        net.neuron(f"lif{number}a", PAPER).conv(f"conv{number}a", 8, padding=1)
        net.neuron(f"lif{number}b", PAPER).conv(f"conv{number}b", 8, padding=1, bias=True)
        net.add(f"sum{number}", f"conv{number}b", before)
    net.neuron("lif3a", PAPER).conv("conv3a", 16, stride=2, padding=1)
    net.neuron("lif3b", PAPER).conv("conv3b", 16, padding=1)
    net.conv("projection", 16, (1, 1), source="sum2", stride=2, bias=True)
    return natural(head(net.add("sum3", "conv3b", "projection").neuron("lif4", PAPER)))


def pooled_shortcut() -> Graph:
    """The stream is averaged before the 1x1 convolution, as in the 104-layer network."""
    net = started().conv("stem", 8, padding=1).neuron("lif1", PAPER)
    net.conv("conv1", 8, stride=2, padding=1).neuron("lif2", PAPER).conv("conv2", 8, padding=1)
    net.at = "stem"
    net.pool("pool", AvgPool, 2, 2, 0).conv("projection", 8, (1, 1), bias=True)
    return natural(head(net.add("sum", "conv2", "projection").neuron("lif3", PAPER)))


def spikes_into_currents() -> Graph:
    """A spike, a mean of spikes and the input itself are added to currents."""
    net = started().conv("stem", 3, padding=1).neuron("lif1", PAPER).conv("conv1", 3, padding=1)
    net.add("sum1", "conv1", "lif1").neuron("lif2", PAPER).pool("mean", AvgPool, 3, 1, 1)
    net.conv("conv2", 3, padding=1).add("sum2", "conv2", "mean", "input")
    return natural(net.neuron("lif3", PAPER).conv("head", 4))


def sew() -> Graph:
    """Spikes are added to spikes; a convolution and a neuron read the counts."""
    net = started().conv("stem", 8, padding=1).neuron("lif1", PAPER)
    net.conv("conv1", 8, padding=1).neuron("lif2", PAPER).add("sew", "lif1", "lif2")
    net.neuron("lif3", Lif(0.5, threshold=0.8)).add("sew2", "sew", "lif3")
    return natural(head(net.conv("conv2", 8, padding=1).neuron("lif4", PAPER)))


def straight_to_neurons() -> Graph:
    """A neuron reads the input, another its spikes, a third a mean of spikes."""
    net = started().neuron("lif1", Lif(0.25, threshold=0.7))
    net.neuron("lif2", Lif(0.5, threshold=1.3)).pool("half", AvgPool, 2, 2, 0)
    return natural(head(net.neuron("lif3", Lif(0.75, threshold=0.35))))


def counts_to_neurons() -> Graph:
    """Counts up to 16 against a threshold of 1.3."""
    net = started().conv("conv", 4, padding=1).neuron("lif1", Lif(0.25, threshold=0.1))
    net.pool("sum", SumPool, 4, 2, 0).neuron("lif2", Lif(0.5, threshold=1.3, reset="soft"))
    return natural(net.flatten().linear("head", 5))


def slow_integration() -> Graph:
    """Thresholds of many times what comes in at a step."""
    slow = Lif(1.0, threshold=9.0)
    net = started().conv("conv1", 8, padding=1, bias=True).neuron("lif1", slow)
    return natural(head(net.conv("conv2", 8, padding=1).neuron("lif2", PAPER)), steps=12)


def layers_in_a_row() -> Graph:
    """No neuron between layers: the second reads what the first one's channels are scaled to."""
    net = started().conv("conv1", 8, padding=1, bias=True).conv("conv2", 8, padding=1, groups=4)
    net.pool("max", MaxPool, 2, 2, 0).conv("conv3", 8, groups=8).flatten().linear("fc", 20)
    return natural(net.neuron("lif", PAPER).linear("head", 5))


def pools_before_neurons() -> Graph:
    net = started(3, 24, 24).conv("conv1", 8, padding=1).pool("mean", AvgPool, 6, 3, 0)
    net.neuron("lif1", PAPER).conv("conv2", 8, padding=1).pool("sum", SumPool, 2, 2, 0)
    net.neuron("lif2", PAPER).conv("conv3", 8, padding=1).pool("max", MaxPool, 2, 1, 0).flatten()
    return natural(net.neuron("lif3", PAPER).linear("head", 5))


def dense_cuba() -> Graph:
    """Gains as norse has them, a synaptic current that decays, a sequence."""
    cuba = Lif(0.9, membrane_gain=0.1, synapse_keep=0.8, threshold=0.1)
    net = started(20, static=False).linear("fc1", 30, bias=True).neuron("lif1", cuba)
    net.linear("fc2", 30).neuron("lif2", Lif(0.75, synapse_keep=0.5, reset="soft", strict=False))
    return natural(net.linear("fc3", 5).neuron("lif3", Lif(0.5, bias=0.1)), steps=8)


def leaks_elsewhere() -> Graph:
    """A reset that is not zero, a constant bias, a late hard reset, none at all."""
    away = Lif(0.5, threshold=0.5, v_reset=-0.25, v_initial=-0.25, delayed_reset=True)
    net = started().conv("conv1", 8, padding=1).neuron("lif1", away)
    net.conv("conv2", 8, padding=1).neuron("lif2", Lif(0.5, threshold=0.5, bias=0.1, reset="none"))
    return natural(head(net.conv("conv3", 8).neuron("lif3", PAPER)))


def weak_channels() -> Graph:
    """Channels that training has given up: almost zero, and exactly zero."""
    net = started().conv("conv1", 8, padding=1, bias=True).neuron("lif1", PAPER)
    net.conv("conv2", 8, padding=1).neuron("lif2", PAPER).conv("conv3", 8, padding=1)
    graph = natural(head(net.add("sum", "conv1", "conv3").neuron("lif3", PAPER)))
    params = dict(graph.params)
    for key in ("conv1.weight", "conv2.weight", "conv3.weight"):
        params[key] = params[key].copy()
        params[key][2] *= 1e-9
        params[key][5] = 0.0
    return Graph(graph.name, graph.nodes, graph.outputs, params, graph.steps)


ALL: Mapping[str, Callable[[], Graph]] = {
    build.__name__: build
    for build in (
        ms_blocks,
        pooled_shortcut,
        spikes_into_currents,
        sew,
        straight_to_neurons,
        counts_to_neurons,
        slow_integration,
        layers_in_a_row,
        pools_before_neurons,
        dense_cuba,
        leaks_elsewhere,
        weak_channels,
    )
}


def weighted(graph: Graph) -> list[str]:
    """Return the names of the convolutions and linear layers."""
    return [node.name for node in graph.nodes if isinstance(node.op, Conv | Linear)]
