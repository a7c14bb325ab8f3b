"""Which values must share a scale: the residual streams of a network.

Everything that is added must be in one unit, so an addition, its addends and whatever they are
added into form one stream (found by union over the `Add` nodes). A convolution that feeds neurons
alone is a stream of one.
"""

from collections.abc import Mapping, Sequence

from snn_deploy.ir.graph import Graph, Node
from snn_deploy.ir.ops import Add, Conv, Linear


def find_streams(graph: Graph) -> Sequence[tuple[Node, ...]]:
    """Return the streams of currents: their weight layers and additions, in graph order."""
    parent: dict[str, str] = {}
    for node in graph.nodes:
        if not _scaled(node):
            continue
        parent[node.name] = node.name
        if isinstance(node.op, Add):
            for source in node.inputs:
                parent[_root(parent, source)] = _root(parent, node.name)
    streams: dict[str, list[Node]] = {}
    for name in parent:
        streams.setdefault(_root(parent, name), []).append(graph[name])
    return [tuple(nodes) for nodes in streams.values()]


def _scaled(node: Node) -> bool:
    """Whether a node's unit is ours to choose."""
    return isinstance(node.op, Conv | Linear) or (
        isinstance(node.op, Add) and node.type.kind == "current"
    )


def _root(parent: dict[str, str], name: str) -> str:
    while parent[name] != name:
        parent[name] = parent[parent[name]]
        name = parent[name]
    return name


def stream_of(streams: Sequence[tuple[Node, ...]]) -> Mapping[str, int]:
    """Return each node's stream by its position in the list."""
    return {node.name: i for i, stream in enumerate(streams) for node in stream}
