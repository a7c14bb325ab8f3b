"""The stages of a residual network: additions that add on what the addition before gave."""

from collections.abc import Sequence
from dataclasses import dataclass

from snn_deploy.ir.graph import Graph
from snn_deploy.ir.ops import Add

from .relays import relayable


@dataclass(frozen=True, slots=True)
class Stage:
    """One stream from block to block, over which the shortcut is carried.

    Attributes:
        name: the dotted part that its additions' names share, or the first one's name.
        additions: in graph order.
        values: what may be relayed between its blocks; none where there is no choice.
    """

    name: str
    additions: tuple[str, ...]
    values: tuple[str, ...]


def find_stages(graph: Graph) -> tuple[Stage, ...]:
    """Return the stages of a graph in which there is something to relay, in graph order."""
    chains: dict[str, list[str]] = {}
    first: dict[str, str] = {}
    for node in graph.nodes:
        if not isinstance(node.op, Add):
            continue
        before = [first[source] for source in node.inputs if source in first]
        head = before[0] if before else node.name
        for other in before[1:]:
            if other != head:
                chains[head] += (moved := chains.pop(other))
                first |= dict.fromkeys(moved, head)
        first[node.name] = head
        chains.setdefault(head, []).append(node.name)
    found = [_stage(graph, chain) for chain in chains.values()]
    return _named_apart([stage for stage in found if stage.values])


def _stage(graph: Graph, chain: Sequence[str]) -> Stage:
    return Stage(_shared(chain), tuple(chain), relayable(graph, chain))


def _shared(names: Sequence[str]) -> str:
    """Return the leading dotted parts that all names have in common, or the first name."""
    if len(names) == 1:
        return names[0].rpartition(".")[0] or names[0]
    parts = []
    for column in zip(*(name.split(".") for name in names), strict=False):
        if len(set(column)) > 1:
            break
        parts.append(column[0])
    return ".".join(parts) or names[0]


def _named_apart(stages: Sequence[Stage]) -> tuple[Stage, ...]:
    """Return the stages, those of one name called by their first additions instead."""
    names = [stage.name for stage in stages]
    return tuple(
        stage
        if names.count(stage.name) == 1
        else Stage(stage.additions[0], stage.additions, stage.values)
        for stage in stages
    )
