"""A network as a chip has it: populations of neurons, and synapses between them.

One step of a chip is one hop: what a population sends in a step arrives in the next, or `delay`
steps later still. A population at depth d works on the network's step t at chip step t + d; paths
that meet there are balanced by their delays, so a window of T steps of one sample never touches the
next, and samples follow one another without a gap.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Literal

import numpy as np

from snn_deploy.ir.graph import Array
from snn_deploy.ir.ops import Conv, Identity, Linear, Relay, SumPool
from snn_deploy.quantization.graph import QuantGraph

Role = Literal["input", "neurons", "readout"]


@dataclass(frozen=True, slots=True)
class Population:
    """Neurons of one layer, which share a current.

    Its current x is the sum of what its synapses deliver, plus its bias. Then, in the same step:
    `neuron` fires by `IntegerLif`, `relay` sends x on by `Relay`, `output` adds x up.

    Attributes:
        name: of the first of its nodes.
        shape: [C, H, W], [C, L] or [N].
        depth: by how many chip steps it lags behind the input.
        neuron: node whose spikes it sends, if any.
        relay: node whose graded messages it sends, if any.
        output: node whose values it adds up over a window, if any.
        source: the node through which samples enter, if this is the input.
        hosted: computed by the host once a sample, and written into the bias registers of those
            that read it: no core holds it; no message, no synapse and no delay line carries it.
    """

    name: str
    shape: tuple[int, ...]
    depth: int
    neuron: str | None = None
    relay: str | None = None
    output: str | None = None
    source: str | None = None
    hosted: bool = False

    @property
    def size(self) -> int:
        """Number of neurons."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def sends(self) -> tuple[str, ...]:
        """The nodes whose values leave it as messages."""
        return tuple(n for n in (self.source, self.neuron, self.relay) if n is not None)


@dataclass(frozen=True, slots=True)
class Synapse:
    """Connections from one population to another: a linear map whose weights may be shared.

    Attributes:
        name: of its layer, with its target where one layer serves several.
        source: node whose messages it reads.
        target: population that it delivers to.
        op: what it computes. Identity is one connection of weight 1 for each neuron. A Linear that
            reads [C, *L] reads it flattened, C outermost.
        layer: node whose `weight` and `shift` it has; None for SumPool and Identity.
        delay: steps beyond the one that every hop takes.
        graded: whether its messages carry a value; otherwise they are spikes.
        source_shape: of what it reads.
        target_shape: of what it delivers to.
    """

    name: str
    source: str
    target: str
    op: Conv | Linear | SumPool | Identity
    layer: str | None
    delay: int
    graded: bool
    source_shape: tuple[int, ...]
    target_shape: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class ChipNetwork:
    """Populations and synapses of one graph; its arrays stay in the graph.

    Attributes:
        graph: mapped (see `snn_deploy.mapping.passes`), from which this was laid out.
        populations: sources before their readers.
        synapses: in the order of their targets.
        biases: by population, int32 [C] or [N], in units of its current; only where not zero.
    """

    graph: QuantGraph
    populations: tuple[Population, ...]
    synapses: tuple[Synapse, ...]
    biases: Mapping[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Freeze the biases."""
        object.__setattr__(self, "biases", MappingProxyType(dict(self.biases)))

    @property
    def latency(self) -> int:
        """Chip steps from the first step of a sample's input to the first of its readout."""
        return max(p.depth for p in self.populations)

    @cached_property
    def by_name(self) -> Mapping[str, Population]:
        """Populations by name."""
        return {p.name: p for p in self.populations}

    @cached_property
    def sender(self) -> Mapping[str, Population]:
        """For every node whose values are sent, the population that sends them."""
        return {node: p for p in self.populations for node in p.sends}

    @cached_property
    def incoming(self) -> Mapping[str, tuple[Synapse, ...]]:
        """By population, the synapses that deliver to it."""
        found: dict[str, list[Synapse]] = {p.name: [] for p in self.populations}
        for synapse in self.synapses:
            found[synapse.target].append(synapse)
        return {name: tuple(synapses) for name, synapses in found.items()}

    @cached_property
    def outgoing(self) -> Mapping[str, tuple[Synapse, ...]]:
        """By sending node, the synapses that read it."""
        found: dict[str, list[Synapse]] = {node: [] for node in self.sender}
        for synapse in self.synapses:
            found[synapse.source].append(synapse)
        return {node: tuple(synapses) for node, synapses in found.items()}

    def meaning(self, node: str) -> str:
        """Return which value of the graph before mapping a sending node's messages are.

        A neuron's or the input's is its own; a relay that changes nothing sends what it reads.
        """
        plain = self.graph.param(node, "shift") is None and self.graph.param(node, "bias") is None
        found = self.graph[node]
        return found.inputs[0] if isinstance(found.op, Relay) and plain else node

    def shown(self, population: Population) -> Mapping[str, str]:
        """Return the values of the graph before mapping that a population shows, by node there.

        The node here stands beside each: one that it sends, or the output that it adds up. A value
        that another population sends itself is that one's to show.
        """
        found = {self.meaning(node): node for node in population.sends}
        if population.output is not None:
            found[population.output] = population.output
        own = {population.source, population.neuron, population.relay}
        return {m: node for m, node in found.items() if m in own or m not in self.sender}

    def weight(self, synapse: Synapse) -> Array | None:
        """Return the weights as they are stored: int8 or int16, [O, I / groups, *K] or [O, I]."""
        return None if synapse.layer is None else self.graph.weight(synapse.layer)

    def exponent(self, synapse: Synapse) -> Array | None:
        """Return the powers of two, [1] or [O], all >= 0, that multiply the sums; None for 1."""
        return None if synapse.layer is None else self.graph.param(synapse.layer, "shift")

    def bias(self, population: Population) -> Array | None:
        """Return the bias of its current, int32 [C] or [N], or None."""
        return self.biases.get(population.name)
