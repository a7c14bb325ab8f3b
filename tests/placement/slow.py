"""Counts everything one synapse at a time: slow, and written from the definitions alone."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import ceil, prod

import numpy as np

from snn_deploy.hardware import Chip
from snn_deploy.ir.ops import Conv, Identity, Linear, SumPool
from snn_deploy.mapping import ChipNetwork, Population, Synapse
from snn_deploy.placement import Placement
from snn_deploy.placement.mesh import Mesh


@dataclass(frozen=True)
class Edge:
    """One synapse of a neuron: numbers of the neurons, and how it comes to be."""

    source: int
    target: int
    inputs: int
    outputs: int
    position: tuple[int, ...]
    taps: tuple[int, ...]


def edges(network: ChipNetwork, synapse: Synapse) -> Iterator[Edge]:
    """Yield all synapses of a layer, those of weight zero too."""
    source = network.sender[synapse.source].shape
    target = network.by_name[synapse.target].shape
    if isinstance(synapse.op, Linear):
        for s, t in product(range(prod(source)), range(prod(target))):
            yield Edge(s, t, s, t, (), ())
        return
    if isinstance(synapse.op, Identity):
        channels = source[0]
        for s, place in enumerate(product(*map(range, source))):
            yield Edge(s, s, place[0], place[0], place[1:], ())
        return
    weight = network.weight(synapse)
    kernel, groups, channels, dilation = _window(synapse.op, weight, source)
    lengths = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(
            source[1:], kernel, synapse.op.stride, synapse.op.padding, dilation, strict=True
        )
    ]
    for o, *place in product(range(channels), *map(range, lengths)):
        group = o // (channels // groups)
        for i, *taps in product(range(source[0] // groups), *map(range, kernel)):
            at = [
                q * s + k * d - p
                for q, k, s, p, d in zip(
                    place, taps, synapse.op.stride, synapse.op.padding, dilation, strict=True
                )
            ]
            if all(0 <= y < n for y, n in zip(at, source[1:], strict=True)):
                entering = group * (source[0] // groups) + i
                s = int(np.ravel_multi_index((entering, *at), source))
                t = int(np.ravel_multi_index((o, *place), (channels, *lengths)))
                yield Edge(s, t, entering, o, tuple(at), tuple(taps))


def _window(
    op: Conv | SumPool, weight: np.ndarray | None, source: tuple[int, ...]
) -> tuple[tuple[int, ...], int, int, tuple[int, ...]]:
    if isinstance(op, SumPool):
        return op.kernel, source[0], source[0], (1,) * len(op.kernel)
    assert weight is not None
    return weight.shape[2:], op.groups, len(weight), op.dilation


@dataclass
class Recount:
    """A placement, counted anew.

    Attributes:
        used: by core and resource.
        messages: by pair of cores, in a step.
        owners: how many slots each neuron of each population lies in.
    """

    used: Mapping[int, Counter[str]]
    messages: Mapping[tuple[int, int], float]
    owners: Mapping[str, np.ndarray]


class Counting:
    """Goes through all slots and synapses of a placement."""

    def __init__(
        self, network: ChipNetwork, chip: Chip, placement: Placement, rates: Mapping[str, float]
    ) -> None:
        self.network, self.chip, self.placement, self.rates = network, chip, placement, rates
        self.used: defaultdict[int, Counter[str]] = defaultdict(Counter)
        self.messages: defaultdict[tuple[int, int], float] = defaultdict(float)
        self.owners = {s.population: np.zeros(0, int) for s in placement.slots}
        self.slot_of: dict[str, np.ndarray] = {}
        self.formats: defaultdict[int, set[tuple[int, bool, bool, int]]] = defaultdict(set)

    def run(self) -> Recount:
        self._neurons()
        for synapse in self.network.synapses:
            sender = self.network.sender[synapse.source]
            if not sender.hosted:
                self._arriving(synapse)
                if sender.source is None:
                    self._leaving(synapse)
        self._maps()
        for index, formats in self.formats.items():
            self.used[self.placement.slots[index].core]["synapse_formats"] += len(formats)
        for used in self.used.values():
            words = ("neurons", "synapse_words", "axon_map_words", "axon_memory_words")
            used["core_words"] = sum(used[name] for name in words)
        return Recount(self.used, self.messages, self.owners)

    def _neurons(self) -> None:
        for population in self.network.populations:
            slots = self.placement.of(population.name)
            if not slots:
                continue
            ends = ((s.channels[1], s.rows[1], s.columns[1]) for s in slots)
            box = [max(end) for end in zip(*ends, strict=True)]
            numbers = np.arange(population.size).reshape(box)
            counts = np.zeros(population.size, int)
            where = np.full(population.size, -1)
            longest = max((s.delay for s in self._heard(population)), default=0)
            for index, slot in enumerate(self.placement.slots):
                if slot.population != population.name:
                    continue
                inside = numbers[slice(*slot.channels), slice(*slot.rows), slice(*slot.columns)]
                counts[inside.ravel()] += 1
                where[inside.ravel()] = index
                used = self.used[slot.core]
                used["neurons"] += inside.size
                used["neuron_groups"] += 1
                used["delay_slots"] += inside.size * next(
                    n for n in (8, 16, 32, 64) if n >= longest + 2
                )
                used["thresholds"] += self._thresholds(population, inside)
                used["neuron_formats"] += 1
            self.owners[population.name] = counts
            self.slot_of[population.name] = where

    def _heard(self, population: Population) -> list[Synapse]:
        heard = self.network.incoming[population.name]
        return [s for s in heard if not self.network.sender[s.source].hosted]

    def _thresholds(self, population: Population, inside: np.ndarray) -> int:
        if population.neuron is None:
            return 1
        threshold = self.network.graph.params[f"{population.neuron}.threshold"]
        return len(np.unique(_spread(threshold, population.size)[inside.ravel()]))

    def _arriving(self, synapse: Synapse) -> None:
        """Count words, axons and formats of the slots that hear a synapse."""
        found = defaultdict(list)
        where = self.slot_of[synapse.target]
        for edge in edges(self.network, synapse):
            found[int(where[edge.target])].append(edge)
        exponent = self.network.exponent(synapse)
        for index, several in found.items():
            used = self.used[self.placement.slots[index].core]
            used["synapse_words"] += self._words(synapse, several)
            positions = {edge.position for edge in several}
            if isinstance(synapse.op, Linear):
                used["input_axons"] += self.network.sender[synapse.source].size
            else:
                kernels = self.chip.synapse_store == "kernels"
                used["input_axons"] += 1 if kernels else len(positions)
            channels = {edge.outputs for edge in several}
            size = 1 + max(channels)
            exponents = [0] * size if exponent is None else np.resize(exponent, size).tolist()
            shared = not isinstance(synapse.op, Linear)
            bits = _bits(self.network.weight(synapse))
            several = {(bits, synapse.delay > 0, shared, exponents[c]) for c in channels}
            self.formats[index] |= several

    def _words(self, synapse: Synapse, several: list[Edge]) -> int:
        limits = self.chip.limits
        bits = _bits(self.network.weight(synapse))
        delay = limits.delay_bits if synapse.delay else 0
        neurons = len({edge.target for edge in several})
        if self.chip.synapse_store == "kernels":
            if isinstance(synapse.op, Linear):
                one = neurons * (bits + limits.index_bits + delay) + limits.list_bits
                return self.network.sender[synapse.source].size * ceil(one / limits.word_bits)
            taps, words = _taps(self.network, synapse), 0
            for _, outputs in _by_input(several).items():
                words += taps * (1 + ceil(len(outputs) * bits / limits.word_bits))
            return words
        bits += bits == 7
        if isinstance(synapse.op, Linear):
            one = _list(neurons, bits + delay)
            return self.network.sender[synapse.source].size * one
        index = max(limits.index_bits, (neurons - 1).bit_length())
        sets = defaultdict(set)
        for edge in several:
            sets[edge.position].add(edge.taps)
        different = {frozenset(taps) for taps in sets.values()}
        return sum(
            _list(len(taps) * len(outputs), bits + index + delay)
            for taps in different
            for outputs in _by_input(several).values()
        )

    def _leaving(self, synapse: Synapse) -> None:
        """Count the axons and the messages of the slots that a synapse reads."""
        sender = self.network.sender[synapse.source]
        from_slot, to_slot = self.slot_of[sender.name], self.slot_of[synapse.target]
        reached = {
            (e.source, int(to_slot[e.target]), e.position) for e in edges(self.network, synapse)
        }
        rate = self.rates.get(synapse.source, 1.0 if synapse.source == sender.relay else 0.25)
        routes = set()
        for neuron, slot, position in reached:
            here = int(from_slot[neuron])
            shared = not isinstance(synapse.op, Linear)
            routes.add((here, slot, position if shared else None, shared))
            pair = self.placement.slots[here].core, self.placement.slots[slot].core
            self.messages[pair] += rate
        for here, _, _, shared in routes:
            used = self.used[self.placement.slots[here].core]
            if self.chip.synapse_store == "kernels":
                used["axon_memory_words"] += 1
            else:
                used["output_axons"] += 2 if shared else self.placement.slots[here].neurons

    def _maps(self) -> None:
        """Count the axon maps: one for each node that a slot sends."""
        for slot in self.placement.slots:
            for node in self.network.by_name[slot.population].sends:
                readers = self.network.outgoing[node]
                dense = any(isinstance(s.op, Linear) for s in readers)
                positions = slot.neurons // (slot.channels[1] - slot.channels[0])
                entries = slot.neurons if dense else positions
                self.used[slot.core]["axon_map_words"] += entries if readers else 0


def _by_input(several: list[Edge]) -> Mapping[int, set[int]]:
    found = defaultdict(set)
    for edge in several:
        found[edge.inputs].add(edge.outputs)
    return found


def _taps(network: ChipNetwork, synapse: Synapse) -> int:
    if isinstance(synapse.op, Identity):
        return 1
    if isinstance(synapse.op, SumPool):
        return prod(synapse.op.kernel)
    weight = network.weight(synapse)
    assert weight is not None
    return prod(weight.shape[2:])


def _list(synapses: int, bits: int) -> int:
    """Return the words of a list, in parts of 64 with a head of 10 bits."""
    return sum(ceil((min(64, synapses - n) * bits + 10) / 64) for n in range(0, synapses, 64))


def _bits(weight: np.ndarray | None) -> int:
    """Return how many bits a weight needs: the first width that holds it, scaled by some power."""
    if weight is None:
        return 1
    values = {int(w) for w in weight.ravel()}
    for bits in range(1, 18):
        for scale in (2**e for e in range(16)):
            whole = all(w % scale == 0 for w in values)
            low, high = (
                (0, 2**bits - 1) if min(values) >= 0 else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
            )
            if max(values) <= 0:
                low, high = -(2**bits - 1), 0
            if whole and all(low <= w // scale <= high for w in values):
                return bits
    raise AssertionError("no weight is so wide")


def _spread(values: np.ndarray, size: int) -> np.ndarray:
    return np.repeat(values.ravel(), size // values.size)


def walked(grid: Mesh, messages: Mapping[tuple[int, int], float]) -> Counter[tuple[int, int, str]]:
    """Return the load of every link: each message goes along its row, then along its column."""
    loads: Counter[tuple[int, int, str]] = Counter()
    for (one, other), count in messages.items():
        row, column = int(grid.row[one]), int(grid.column[one])
        while column != grid.column[other]:
            step = 1 if grid.column[other] > column else -1
            loads[row, column, "east" if step > 0 else "west"] += count
            column += step
        while row != grid.row[other]:
            step = 1 if grid.row[other] > row else -1
            loads[row, column, "south" if step > 0 else "north"] += count
            row += step
    return loads
