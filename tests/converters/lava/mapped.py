"""Graphs as Lava takes them: every neuron, every synapse, every kind of block."""

from collections.abc import Callable, Mapping

from snn_deploy.ir.graph import Graph
from snn_deploy.ir.ops import MaxPool, SumPool
from snn_deploy.mapping import Messages, Residual, map_graph, stages_of
from snn_deploy.quantization.graph import QuantGraph
from tests.networks import INTEGER, Network

GRADED = Messages("lava", graded=True, max_delay=62)


def mapped(graph: Graph, residual: Residual = "relay") -> QuantGraph:
    """Return an integer graph with all its shortcuts carried one way."""
    assert isinstance(graph, QuantGraph)
    strategy = {stage.name: residual for stage in stages_of(graph, GRADED)}
    return map_graph(graph, GRADED, strategy).graph


def neurons() -> Graph:
    """Of Lava's own neurons, and what they have no field for."""
    net = Network((3, 6, 6), limit=15).conv("stem", 6, padding=1, bias=True).lif("lava")
    net.conv("conv1", 6, padding=1).lif("lava.cuba", current_decay=1024, voltage_decay=512)
    net.conv("conv2", 6, padding=1, bias=True).lif("soft", reset="soft", voltage_decay=1000)
    net.conv("conv3", 6, padding=1).lif("none", reset="none", voltage_decay=3072)
    net.conv("conv4", 6, padding=1, bias=True).lif("cuba", current_decay=2048)
    net.conv("conv5", 6, padding=1).lif("equality", at_equality=True, reset="soft")
    net.conv("conv6", 6, padding=1, bias=True).lif("channels", per_channel=True, bias=True)
    return net.head().finish()


def synapses() -> Graph:
    """Strides, dilation, groups, pools, powers of two for each channel, wide weights."""
    net = Network((3, 12, 12), limit=15).conv("stem", 8, (3, 5), padding=1, stride=1).lif("lif1")
    net.conv("grouped", 16, padding=1, groups=4, shift=[0, 1, 3]).lif("lif2")
    net.pool("maximum", MaxPool, 2, 2, 0).conv("depthwise", 16, groups=16, bias=True).lif("lif3")
    net.pool("total", SumPool, 2, 1, 1).conv("dilated", 8, (2, 2), dilation=2).lif("lif4")
    net.conv("wide", 8, (2, 2), stride=2, wide=True, shift=[-8]).lif("lif5").flatten()
    net.linear("fc", 10, shift=[2], bias=True).lif("lif6")
    return net.linear("head", 4, shift=[0, 1]).finish()


def residual() -> Graph:
    """Shortcuts of three kinds: the stream itself, the stream projected and rounded, spikes."""
    net = Network(limit=3).conv("stem", 8, padding=1, bias=True)
    net.lif("lif1").conv("conv1", 8, padding=1, bias=True)
    net.lif("lif2").conv("conv2", 8, padding=1, shift=[1])
    net.add("stream1", "stem", "conv2").lif("lif3").conv("conv3", 8, padding=1, shift=[2])
    net.add("stream2", "stream1", "conv3").lif("lif4").conv("conv4", 12, stride=2, padding=1)
    net.conv("project", 12, (1, 1), source="stream2", stride=2, shift=[-6, -8], bias=True)
    net.add("stream3", "conv4", "project").lif("lif5").conv("conv5", 12, padding=1)
    net.conv("of_spikes", 12, (1, 1), source="lif5", shift=[3])
    net.add("stream4", "conv5", "of_spikes").lif("lif6").head()
    return net.finish("head", "stream2")


def additions() -> Graph:
    """Spikes added to spikes, and to currents; counts of events come in, step by step."""
    net = Network((2, 8, 8), kind="graded", static=False, limit=5)
    net.conv("stem", 8, padding=1).lif("lif1").conv("conv1", 8, padding=1).lif("lif2")
    net.add("sew", "lif1", "lif2").conv("conv2", 8, padding=1).lif("lif3")
    net.add("vanilla", "conv2", "lif1").lif("lif4").add("sew2", "lif3", "lif4")
    net.add("twice", "sew2", "sew2")
    return net.head().finish(steps=5)


NETWORKS: Mapping[str, Callable[[], Graph]] = {
    build.__name__: build
    for build in (
        neurons,
        synapses,
        residual,
        additions,
        INTEGER["conv1d"],
        INTEGER["dense_cuba"],
        INTEGER["two_outputs"],
    )
}
