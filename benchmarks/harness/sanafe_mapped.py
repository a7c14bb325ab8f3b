"""Integer graphs on a chip as SANA-FE takes them: every synapse, written out from the weights.

Nothing here asks `snn_deploy.placement.geometry` what reaches what: synapses are counted along
another way than by the simulator, so that their numbers say something about it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise, product
from math import prod

import numpy as np

from snn_deploy.hardware import Chip, Target
from snn_deploy.ir.graph import Array
from snn_deploy.ir.ops import Conv, Identity, IntegerLif, Linear, SumPool
from snn_deploy.mapping import ChipNetwork, Strategy, map_graph, stages_of
from snn_deploy.mapping.network import Population, Synapse
from snn_deploy.placement import Placement, Slot
from snn_deploy.placement.geometry import Box, boxes
from snn_deploy.placement.layers import bias_of, on_cores
from snn_deploy.placement.result import Ways
from snn_deploy.placement.strategy import messages_of
from snn_deploy.quantization.graph import QuantGraph
from snn_deploy.simulation.chip.fanout import event_kind
from snn_deploy.simulation.chip.machine import Machine, machine
from snn_deploy.simulation.chip.result import EVENT_KINDS

from .sanafe_driver import GRID, Description, cores_of

NEVER = 1e18
"""A threshold that no readout reaches."""

Ids = Mapping[str, Array]
"""Number of every neuron, by population, [C, H, W]."""

Edges = tuple[Array, Array, Array]
"""Source, target and weight of synapses."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """A graph on a chip whose messages are spikes.

    Attributes:
        network: laid out; every stage unrolled.
        machine: placed.
        target: that it is placed on.
    """

    network: ChipNetwork
    machine: Machine
    target: Target

    def described(self, x: Array) -> Description:
        """Return it as SANA-FE takes it.

        x: a sample; spikes [T, *shape], or what the host writes into biases [*shape].
        """
        assert self.target.chip is not None, "a machine is of a chip"
        chip, ids = self.target.chip, numbered(self.machine)
        sent = [s for s in self.network.synapses if not self.network.sender[s.source].hosted]
        edges = [_edges(self.network, s, ids) for s in sent]
        counts = [len(source) for source, _, _ in edges]
        kinds = [EVENT_KINDS.index(event_kind(s)) for s in sent]
        source, target, weight = (np.concatenate(part) for part in zip(*edges, strict=True))
        neurons = sum(array.size for array in ids.values())
        columns = {name: np.zeros(neurons) for name in ("leak", "threshold", "bias", "soft")}
        columns["input"] = np.full(neurons, -1)
        for population in self.network.populations:
            if population.name in ids:
                for name, value in _neurons(self.network, population, x).items():
                    columns[name][ids[population.name].ravel()] = value
        entering = [p for p in self.network.populations if p.source is not None and p.name in ids]
        return Description(
            core=_cores(self.machine, chip),
            leak=columns["leak"],
            threshold=columns["threshold"],
            bias=columns["bias"],
            potential=np.zeros(neurons),
            soft=columns["soft"].astype(bool),
            input=columns["input"].astype(np.int32),
            spikes=x.reshape(len(x), -1) if entering else np.zeros((0, 0), np.uint8),
            source=source.astype(np.int32),
            target=target.astype(np.int32),
            weight=weight.astype(np.int32),
            kind=np.repeat(kinds, counts).astype(np.int8),
            delay=np.repeat([s.delay for s in sent], counts).astype(np.int8),
        )


def mapped(graph: QuantGraph, target: Target, cores: Mapping[str, int]) -> Mapped:
    """Put a graph on a chip.

    Args:
        graph: of integers.
        target: a chip whose messages are spikes.
        cores: by population, how many, one after the other in SANA-FE's order: from the second on,
            because inputs have the first one to themselves, or from the first where none enter.
    """
    assert target.chip is not None, "a placement is of a chip"
    messages = messages_of(target)
    strategy: Strategy = {stage.name: "unroll" for stage in stages_of(graph, messages)}
    network = map_graph(graph, messages, strategy).network
    # Neurons that fire and also add up their currents for a readout are two things; there, one.
    populations = (p if p.neuron is None else replace(p, output=None) for p in network.populations)
    network = replace(network, populations=tuple(populations))
    box = boxes(network)
    enters = any(p.source is not None and not p.hosted for p in network.populations)
    slots, begin = [], int(enters)
    limits, nothing = target.chip.limits, Ways(0.0, 0.0, 0.0)
    places = np.argsort(cores_of(target.chip, np.arange(limits.cores)))
    for population in network.populations:
        if on_cores(population):
            count = cores[population.name]
            some = places[begin : begin + count]
            slots += _slots(population.name, box[population.name], some)
            begin += count
    shapes = {p.name: p.shape for p in network.populations}
    placement = Placement(
        target.name, tuple(slots), begin - enters, limits.cores, 1, {}, nothing, nothing, shapes
    )
    return Mapped(network, machine(network, placement, target), target)


def _slots(name: str, box: Box, places: Array) -> Iterator[Slot]:
    """Yield tiles: equal parts of the neurons in C order, the rest in the last one.

    Where a part ends inside of a channel, neurons have a tile each: tiles of a population make a
    grid.
    """
    count = len(places)
    each, plane = prod(box) // count, box[1] * box[2]
    core = places[np.minimum(np.arange(prod(box)) // each, count - 1)].reshape(box)
    if each % plane == 0:
        ends = [*(i * (each // plane) for i in range(count)), box[0]]
        for first, last in pairwise(ends):
            yield Slot(name, (first, last), (0, box[1]), (0, box[2]), int(core[first, 0, 0]))
        return
    for place in product(*map(range, box)):
        channels, rows, columns = ((at, at + 1) for at in place)
        yield Slot(name, channels, rows, columns, int(core[place]))


def numbered(placed: Machine) -> Ids:
    """Return numbers of all neurons in the order in which the cores go through them."""
    ids = {
        name: np.empty(box, np.int64)
        for name, box in zip(placed.populations, placed.boxes, strict=True)
    }
    tiles, begin = placed.tiles, 0
    for population, first, last in zip(tiles.population, tiles.first, tiles.last, strict=True):
        place = tuple(slice(*ends) for ends in zip(first, last, strict=True))
        part = ids[placed.populations[population]][place]
        part[...] = begin + np.arange(part.size).reshape(part.shape)
        begin += part.size
    return ids


def _cores(placed: Machine, chip: Chip) -> Array:
    """Return a core of SANA-FE for every neuron; what the host sends leaves the first one."""
    found = np.append(cores_of(chip, placed.cores), 0)
    return np.repeat(found[placed.tiles.core], placed.neurons).astype(np.int32)


def _neurons(network: ChipNetwork, population: Population, x: Array) -> dict[str, Array]:
    """Return the columns of a population."""
    if population.source is not None:
        return {"input": np.arange(population.size)}
    bias = bias_of(network, population)
    written = [s for s in network.incoming[population.name] if network.sender[s.source].hosted]
    per_neuron = np.repeat(bias, population.size // len(bias)) / GRID
    for synapse in written:
        assert isinstance(synapse.op, Identity), "the host writes what neurons read"
        per_neuron = per_neuron + x.ravel()
    assert not per_neuron.any() or written, "biases would act before the first input there"
    if population.neuron is None:
        return {"leak": np.ones(1), "threshold": np.full(1, NEVER), "bias": per_neuron}
    op = network.graph[population.neuron].op
    assert isinstance(op, IntegerLif), "the layout put it there"
    assert op.current_decay == 4096, "its currents do not last"
    assert op.reset != "none", "it resets to 0, or by its threshold"
    assert not op.at_equality, "it fires above its threshold"
    threshold = network.graph.params[f"{population.neuron}.threshold"]
    return {
        "leak": np.array([(4096 - op.voltage_decay) / 4096]),
        "threshold": np.repeat(threshold, population.size // len(threshold)) / GRID,
        "bias": per_neuron,
        "soft": np.array([op.reset == "soft"]),
    }


def _edges(network: ChipNetwork, synapse: Synapse, ids: Ids) -> Edges:
    """Return every synapse of a layer, those of weight zero too."""
    source, target = ids[network.sender[synapse.source].name], ids[synapse.target]
    if isinstance(synapse.op, Identity):
        return source.ravel(), target.ravel(), np.ones(source.size, np.int64)
    weight = network.weight(synapse)
    exponent = network.exponent(synapse)
    if weight is not None and exponent is not None:
        by_output = exponent.astype(np.int64).reshape(-1, *(1,) * (weight.ndim - 1))
        weight = weight.astype(np.int64) << by_output
    if isinstance(synapse.op, Linear):
        assert weight is not None, "a layer's synapse has its weight"
        pairs = np.broadcast_arrays(source.ravel()[None], target.ravel()[:, None])
        return pairs[0].ravel(), pairs[1].ravel(), weight.reshape(-1)
    parts = [*_windowed(synapse, weight, source, target)]
    sources, targets, weights = (
        np.concatenate([np.ravel(part) for part in column]) for column in zip(*parts, strict=True)
    )
    return sources, targets, weights


def _windowed(
    synapse: Synapse, weight: Array | None, source: Array, target: Array
) -> Iterator[Edges]:
    """Yield the synapses of each tap of a window."""
    op = synapse.op
    assert isinstance(op, Conv | SumPool), "the others have no window"
    groups = op.groups if isinstance(op, Conv) else len(source)
    if weight is None:
        assert isinstance(op, SumPool), "a convolution has weights"
        weight = np.ones((len(target), 1, *op.kernel), np.int64)
    dilation = op.dilation if isinstance(op, Conv) else (1, 1)
    each = len(target) // groups
    inputs = np.arange(len(source)).reshape(groups, -1).repeat(each, axis=0)
    for taps in product(*map(range, weight.shape[2:])):
        rows, columns = (
            _inside(size, outputs, stride, tap * wide - padding)
            for size, outputs, stride, tap, wide, padding in zip(
                source.shape[1:],
                target.shape[1:],
                op.stride,
                taps,
                dilation,
                op.padding,
                strict=True,
            )
        )
        read = source[inputs[..., None, None], rows[1][:, None], columns[1]]
        reached = np.broadcast_to(target[:, rows[0][:, None], columns[0]][:, None], read.shape)
        tap = weight[(..., *taps)][..., None, None]
        yield read, reached, np.broadcast_to(tap, read.shape)


def _inside(size: int, outputs: int, stride: int, offset: int) -> tuple[Array, Array]:
    """Return the outputs along an axis whose input is there, and these inputs."""
    place = np.arange(outputs)
    read = place * stride + offset
    there = (read >= 0) & (read < size)
    return place[there], read[there]
