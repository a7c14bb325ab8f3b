"""An integer graph becomes one that a chip can express, by passes that change no value."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from snn_deploy.errors import MappingError
from snn_deploy.ir.graph import Node
from snn_deploy.ir.ops import Input, MaxPool, SumPool
from snn_deploy.ir.spec import MAPPED
from snn_deploy.passes.base import run_passes
from snn_deploy.quantization.graph import QuantGraph

from .fold_pools import FoldPools
from .layout import lay_out
from .max_pools import MaxPoolsAsNeurons
from .network import ChipNetwork
from .relays import HostConstants, RelayProducts, RelayStreams
from .split_shifts import SplitShifts
from .stages import Stage, find_stages
from .terms import sums

Residual = Literal["relay", "unroll"]
"""How a stage carries its shortcut: as graded messages from block to block, or as the spikes of
every earlier block, sent on with delays."""

Strategy = Mapping[str, Residual]
"""By stage."""


@dataclass(frozen=True, slots=True)
class Messages:
    """What a target's messages can do.

    Attributes:
        target: its name, for errors.
        graded: whether they carry a value; otherwise they are spikes.
        max_delay: the longest delay of a synapse, in steps.
        bias_bits: of the register that the host writes what it computes into, sign included.
    """

    target: str
    graded: bool
    max_delay: int
    bias_bits: int = 32


@dataclass(frozen=True, slots=True)
class Mapped:
    """A graph in the form of a chip.

    Attributes:
        graph: legal by `MAPPED`; every value of the integer graph it came from is unchanged.
        network: its populations and synapses.
        strategy: of every stage that had a choice.
        messages: of the target.
    """

    graph: QuantGraph
    network: ChipNetwork
    strategy: Strategy
    messages: Messages


def stages_of(graph: QuantGraph, messages: Messages) -> tuple[Stage, ...]:
    """Return the stages of an integer graph whose strategy can be chosen.

    Raises:
        MappingError: the graph holds what no chip can express.
    """
    return find_stages(_prepared(graph, messages))


def map_graph(graph: QuantGraph, messages: Messages, strategy: Strategy) -> Mapped:
    """Map an integer graph.

    Args:
        graph: quantised.
        messages: of the target.
        strategy: of each stage of `stages_of`; an unrolled stage whose delays would pass the
            limit is cut by as few relays as it takes.

    Raises:
        MappingError: all that the target cannot express.
    """
    prepared = _prepared(graph, messages)
    stages = find_stages(prepared)
    relayed = frozenset(v for s in stages if strategy[s.name] == "relay" for v in s.values)
    if messages.graded:
        relayed |= _cuts(prepared, stages, strategy, relayed, messages)
    mapped = _finished(prepared, relayed, messages)
    network = lay_out(mapped)
    complaints = [*_of_messages(mapped, network, messages), *_of_delays(network, messages)]
    if complaints:
        raise MappingError(messages.target, complaints)
    return Mapped(mapped, network, {s.name: strategy[s.name] for s in stages}, messages)


def _prepared(graph: QuantGraph, messages: Messages) -> QuantGraph:
    """Return the graph up to the choice of relays."""
    graph = _same(run_passes(graph, [MaxPoolsAsNeurons()]))
    complaints = list(_of_operations(graph))
    if complaints:
        raise MappingError(messages.target, complaints)
    return _same(run_passes(graph, [FoldPools(dense=not messages.graded), SplitShifts()]))


def _finished(graph: QuantGraph, relayed: frozenset[str], messages: Messages) -> QuantGraph:
    host = () if messages.graded else (HostConstants(),)
    return _same(run_passes(graph, [RelayStreams(relayed), RelayProducts(), *host]))


def _same(graph: object) -> QuantGraph:
    assert isinstance(graph, QuantGraph), "a mapping pass gives integers for integers"
    return graph


def _cuts(
    graph: QuantGraph,
    stages: tuple[Stage, ...],
    strategy: Strategy,
    relayed: frozenset[str],
    messages: Messages,
) -> frozenset[str]:
    """Return the values of unrolled stages to relay so that no delay passes the limit."""
    network = lay_out(_finished(graph, relayed, messages))
    sent = {node: p.depth for p in network.populations for node in p.sends}
    read = {network.graph[node].inputs[0]: sent[node] for node in sent if node != graph.input.name}
    made_of = sums(network.graph)
    cuts = set()
    for stage in stages:
        if strategy[stage.name] == "unroll":
            places = [(value, read[value]) for value in stage.values if value in read]
            first = min(
                (sent[t.source] for v, _ in places[:1] for t in made_of[v].terms), default=0
            )
            cuts |= set(_cut(places, first, messages.max_delay))
    return frozenset(cuts)


def _cut(places: Sequence[tuple[str, int]], start: int, max_delay: int) -> Iterator[str]:
    """Yield the last value before each that the first message since the last cut cannot reach.

    A message that leaves at depth d and is read at depth e waits e - d - 1 steps.

    Args:
        places: the values of a stage, and the depth at which each is read.
        start: depth of the first message that enters the stage.
        max_delay: of a synapse.
    """
    steps = [after - before for (_, before), (_, after) in pairwise(places)]
    reach = max(steps, default=0)  # the block after the last value is as deep as the others
    for value, here in places:
        if here + reach - start - 1 > max_delay:
            yield value
            start = here


def _of_operations(graph: QuantGraph) -> Iterator[tuple[str, str, str]]:
    for node in graph.nodes:
        if isinstance(node.op, MaxPool):
            problem = f"a maximum of {graph[node.inputs[0]].type.kind} values"
            yield node.name, problem, "pool the spikes of neurons, or use average pooling"
        elif type(node.op) not in MAPPED.ops:
            problem = f"{type(node.op).__name__} has no neurons or synapses to express it"
            yield node.name, problem, "use --target onnx"


def _of_messages(
    graph: QuantGraph, network: ChipNetwork, messages: Messages
) -> Iterator[tuple[str, str, str]]:
    """Yield what needs messages with a value, where there are none."""
    if messages.graded:
        return
    told = set()
    for synapse in network.synapses:
        source = network.sender[synapse.source]
        if not synapse.graded or source.hosted or source.name in told:
            continue
        told.add(source.name)
        yield _of_graded(graph, graph[synapse.source], synapse.name)


def _of_graded(graph: QuantGraph, node: Node, reader: str) -> tuple[str, str, str]:
    if isinstance(node.op, Input):
        problem = "the input carries values at every step, its messages are spikes only"
        return node.name, problem, "give spikes (--event-limit 1), or take loihi2"
    below = graph[node.inputs[0]]
    if isinstance(below.op, SumPool):
        problem = f"a sum of spikes would be sent to '{reader}', and messages are spikes only"
        return below.name, problem, "pool windows that tile without padding, or take loihi2"
    if graph.param(node, "shift") is not None:
        problem = "rounds a sum that is no constant, and sends it on; messages are spikes only"
    else:
        problem = f"a current would be sent to '{reader}', and messages are spikes only"
    return below.name, problem, "train with --shortcut spiking, or take loihi2"


def _of_delays(network: ChipNetwork, messages: Messages) -> Iterator[tuple[str, str, str]]:
    for synapse in network.synapses:
        hosted = network.sender[synapse.source].hosted
        if synapse.delay > messages.max_delay and not hosted:
            problem = f"a delay of {synapse.delay} steps, the limit is {messages.max_delay}"
            remedy = "--residual relay, where messages are graded, or fewer blocks in the stage"
            yield synapse.name, problem, remedy
