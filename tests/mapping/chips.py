"""Targets of both kinds, and small networks, for the tests of the mapping."""

from collections.abc import Callable, Mapping

from snn_deploy.ir.graph import Graph
from snn_deploy.ir.ops import MaxPool, SumPool
from snn_deploy.mapping import Mapped, Messages, Residual, map_graph, stages_of
from snn_deploy.quantization.graph import QuantGraph
from tests.networks import INTEGER, Network, stem

GRADED = Messages("graded", graded=True, max_delay=62)
BINARY = Messages("binary", graded=False, max_delay=62)


def integer(name: str) -> QuantGraph:
    """Return a network by name, of `tests.networks` or of this file."""
    graph = (INTEGER | OWN)[name]()
    assert isinstance(graph, QuantGraph)
    return graph


def mapped(graph: QuantGraph, how: Residual, messages: Messages = GRADED) -> Mapped:
    """Map a graph, every stage in the same way."""
    return map_graph(graph, messages, {stage.name: how for stage in stages_of(graph, messages)})


def narrow_projection() -> Graph:
    """As `ms_projection`, with values for which a sum of 24 bits is wide enough."""
    net = Network(limit=15).conv("stem", 8, padding=1, bias=True)
    net.lif("lif1").conv("conv1", 16, stride=2, padding=1)
    net.lif("lif2").conv("conv2", 16, padding=1)
    net.conv("shortcut", 16, (1, 1), source="stem", stride=2, shift=[-7], bias=True)
    net.add("stream", "conv2", "shortcut").lif("lif3").conv("conv3", 16, padding=1, shift=[1])
    net.add("stream2", "stream", "conv3")
    net.conv("shortcut2", 8, (1, 1), source="stream2", stride=2, shift=[-6, -9, -7])
    return net.lif("lif4").head().finish()


def dense() -> Graph:
    net = Network((30,), limit=15).linear("fc1", 20, bias=True).lif("lif1")
    return net.linear("fc2", 5).finish()


def pooled_shortcut() -> Graph:
    """A shortcut that averages the stream before it multiplies it, as deep ImageNet networks do."""
    net = Network(limit=15).conv("stem", 8, padding=1, bias=True)
    net.lif("lif1").conv("conv1", 8, stride=2, padding=1)
    net.lif("lif2").conv("conv2", 8, padding=1, shift=[4])
    net.at = "stem"
    net.pool("pooled", SumPool, 2, 2, 0)
    net.conv("shortcut", 8, (1, 1), shift=[-8], bias=True)
    return net.add("stream", "conv2", "shortcut").lif("lif3").head().finish()


def spike_pools() -> Graph:
    """Maxima of spikes, tiling and overlapping, before a convolution and before the classifier."""
    net = stem().pool("max1", MaxPool, 2, 2, 0).conv("conv1", 8, padding=1).lif("lif1")
    return net.pool("max2", MaxPool, 3, 1, 1).flatten().linear("head", 5).finish()


def long_stage(blocks: int = 40) -> Graph:
    """One stage of many blocks: unrolled, its longest delay is two steps a block."""
    net = Network((2, 4, 4), limit=15).conv("stem", 2, padding=1, bias=True)
    stream = "stem"
    for block in range(blocks):
        net.lif(f"stage.{block}.lif", source=stream).conv(f"stage.{block}.conv", 2, padding=1)
        net.add(f"stage.{block}.add", stream, f"stage.{block}.conv")
        stream = f"stage.{block}.add"
    return net.lif("last").head().finish()


def long_stage_of_a_rounded_stem() -> Graph:
    """As `long_stage`, with a stem that sends its own messages: they reach further by a step."""
    net = Network((2, 4, 4), limit=15).conv("stem", 2, padding=1, bias=True, shift=[-1])
    stream = "stem"
    for block in range(40):
        net.lif(f"stage.{block}.lif", source=stream).conv(f"stage.{block}.conv", 2, padding=1)
        net.add(f"stage.{block}.add", stream, f"stage.{block}.conv")
        stream = f"stage.{block}.add"
    return net.lif("last").head().finish()


def nested_sum() -> Graph:
    """Three branches at two depths, added two by two, and a value added to itself."""
    net = stem()
    net.conv("a", 8, padding=1, shift=[2])
    net.conv("b", 8, padding=1, shift=[1], source="stem_lif")
    net.lif("deeper", source="b").conv("c", 8, padding=1, shift=[2])
    net.add("inner", "a", "c").add("outer", "inner", "b").add("twice", "outer", "outer")
    return net.lif("lif1").head().finish()


def flattened_neurons() -> Graph:
    """The flattening stands before the neurons, not behind them."""
    net = stem().conv("conv1", 4, padding=1, bias=True).flatten().lif("lif1")
    return net.linear("head", 5).finish()


OWN: Mapping[str, Callable[[], Graph]] = {
    build.__name__: build
    for build in (
        narrow_projection,
        dense,
        pooled_shortcut,
        spike_pools,
        long_stage,
        long_stage_of_a_rounded_stem,
        nested_sum,
        flattened_neurons,
    )
}
