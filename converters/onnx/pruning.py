"""Nodes that nothing depends on, such as a view of a tensor that everybody reads unviewed."""

from collections.abc import Collection, Sequence

from onnx import AttributeProto, NodeProto


def pruned(nodes: Sequence[NodeProto], outputs: Collection[str]) -> list[NodeProto]:
    """Return the nodes that the outputs depend on, in their order."""
    wanted = set(outputs)
    kept = []
    for node in reversed(nodes):
        if wanted.isdisjoint(node.output):
            continue
        kept.append(node)
        wanted.update(_read(node))
    return kept[::-1]


def _read(node: NodeProto) -> set[str]:
    """Return what a node reads, its subgraphs included."""
    found = {name for name in node.input if name}
    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            found.update(*map(_read, attribute.g.node))
    return found
