"""Exact counts from an evaluation, float or integer, batch by batch and step by step."""

from collections.abc import Mapping, Sequence

import numpy as np

from snn_deploy.ir.graph import Array, Graph, Node

from .activity import Activity, NeuronActivity, Spread, StageActivity, SynapseActivity
from .geometry import (
    Origin,
    additions,
    effective_fan_out,
    fan_out,
    macs,
    origins,
    weight_layers,
)


class ActivityCounter:
    """Counts what `ir.evaluate.evaluate` yields.

        counter = ActivityCounter(graph)
        for batch in batches:
            for step, values in enumerate(evaluate(graph, batch)):
                counter.add(step, values)
            counter.add_samples(len(batch))
        activity = counter.activity()

    Memory: a map of the input of each weight layer, and one number a layer and sample of the batch.
    """

    def __init__(self, graph: Graph) -> None:
        self._steps = 0
        self._neurons = {node.name: _Neurons(node) for node in graph.spiking}
        self._stages = {layer.stage: _Samples() for layer in self._neurons.values()}
        found = origins(graph)
        self._synapses = [_Synapses(graph, node, found[node.name]) for node in weight_layers(graph)]
        self._network = _Samples()
        self._by_sample: list[int] = []
        self._additions = additions(graph)

    def add(self, step: int, values: Mapping[str, Array]) -> None:
        """Count one step of a batch.

        Args:
            step: from 0 for every batch.
            values: [B, ...] by node name; of neuron layers and what weight layers read at least.

        Raises:
            KeyError: a value is missing.
            ValueError: step 0 of a batch before `add_samples` closed the one before.
        """
        if step == 0 and self._network.open:
            raise ValueError("a new batch began; call add_samples(n) after the last step of each")
        self._steps = max(self._steps, step + 1)
        batch = len(next(iter(values.values())))
        self._network.add(np.zeros(batch, np.int64))
        for name, layer in self._neurons.items():
            counts = layer.add(step, values[name])
            self._stages[layer.stage].add(counts)
            self._network.add(counts)
        for synapses in self._synapses:
            synapses.add(step, values[synapses.source])

    def add_samples(self, count: int) -> None:
        """Close a batch of this many samples.

        Raises:
            ValueError: the values counted were of another number of samples.
        """
        self._by_sample += self._network.close(count)
        for layer in self._neurons.values():
            layer.samples.close(count)
        for stage in self._stages.values():
            stage.close(count)

    def activity(self) -> Activity:
        """Return the counts of all closed batches.

        Raises:
            ValueError: a batch is still open.
        """
        if self._network.open:
            raise ValueError("a batch is open; call add_samples(n) after its last step")
        layers = tuple(layer.result(self._steps) for layer in self._neurons.values())
        return Activity(
            samples=len(self._by_sample),
            steps=self._steps,
            neurons=layers,
            stages=tuple(_stage(name, s, layers) for name, s in self._stages.items()),
            synapses=tuple(layer.result(self._steps) for layer in self._synapses),
            additions=self._additions,
            spikes_by_sample=tuple(self._by_sample),
        )


class _Samples:
    """Spikes of each sample, the open batch's as an array."""

    def __init__(self) -> None:
        self._batch: Array | None = None
        self._samples = self._total = self._squares = self._largest = 0
        self._smallest: int | None = None

    @property
    def open(self) -> bool:
        return self._batch is not None

    def add(self, counts: Array) -> None:
        self._batch = counts if self._batch is None else self._batch + counts

    def close(self, count: int) -> list[int]:
        counts: list[int] = [] if self._batch is None else self._batch.tolist()
        if len(counts) != count:
            raise ValueError(f"{count} samples announced, values of {len(counts)} were counted")
        self._batch = None
        if counts:
            lowest = min(counts)
            self._smallest = lowest if self._smallest is None else min(self._smallest, lowest)
            self._largest = max(self._largest, *counts)
        self._samples += count
        self._total += sum(counts)
        self._squares += sum(c * c for c in counts)
        return counts

    def spread(self) -> Spread:
        smallest = self._smallest or 0
        return Spread(self._samples, self._total, self._squares, smallest, self._largest)


class _Neurons:
    def __init__(self, node: Node) -> None:
        self.name = node.name
        self.shape = node.type.shape
        self.stage = "x".join(str(length) for length in self.shape[1:]) or "dense"
        self.samples = _Samples()
        self._by_step: list[int] = []

    def add(self, step: int, spikes: Array) -> Array:
        """Count [B, ...] spikes and return them by sample, [B]."""
        axes = tuple(range(1, spikes.ndim))
        counts: Array = _fired(spikes).sum(axis=axes, dtype=np.int64)
        _tally(self._by_step, step, int(counts.sum()))
        self.samples.add(counts)
        return counts

    def result(self, steps: int) -> NeuronActivity:
        by_step = _filled(self._by_step, steps)
        return NeuronActivity(self.name, self.stage, self.shape, by_step, self.samples.spread())


class _Synapses:
    """Events are one scalar product: active inputs by position times the outputs each goes to."""

    def __init__(self, graph: Graph, node: Node, origin: Origin) -> None:
        self.name = node.name
        self.source = node.inputs[0]
        self._origin = origin
        self._shape = graph[self.source].type.shape
        self._macs = macs(graph, node)
        self._fan_out = fan_out(graph, node)
        effective = effective_fan_out(graph, node)
        self._effective = None if (effective == self._fan_out).all() else effective
        self._active: list[int] = []
        self._events: list[int] = []
        self._effective_events = 0
        self._multi_valued = 0
        self._counts_input = origin.reads == "graded" and not origin.sources
        self._repeats = 0

    def add(self, step: int, values: Array) -> None:
        if self._origin.constant and step > 0:
            return
        active = _fired(values).sum(axis=0, dtype=np.int64)
        events = self._meet(active)
        _tally(self._active, step, int(active.sum()))
        _tally(self._events, step, events)
        self._effective_events += (
            events if self._effective is None else int(np.vdot(active, self._effective))
        )
        if self._counts_input:
            self._repeats += int(values.sum(dtype=np.int64)) - int(active.sum())
        if self._origin.reads != "spike":
            others = (values != 0) & (values != 1) & (values != -1)
            self._multi_valued += self._meet(others.sum(axis=0, dtype=np.int64))

    def _meet(self, active: Array) -> int:
        """[C, *L] or [N] active inputs, summed over a batch -> events."""
        return int(np.vdot(active.sum(axis=0, keepdims=True), self._fan_out))

    def result(self, steps: int) -> SynapseActivity:
        channels = self._shape[0]
        return SynapseActivity(
            name=self.name,
            reads=self._origin.reads,
            sources=self._origin.sources,
            once=self._origin.constant,
            inputs=int(np.prod(self._shape, dtype=np.int64)),
            macs=self._macs,
            connections=channels * int(self._fan_out.sum()),
            active_by_step=_filled(self._active, steps),
            events_by_step=_filled(self._events, steps),
            effective_events=self._effective_events,
            multi_valued_events=self._multi_valued,
            repeats=self._repeats,
        )


def _stage(name: str, samples: _Samples, layers: Sequence[NeuronActivity]) -> StageActivity:
    members = [layer for layer in layers if layer.stage == name]
    neurons = sum(layer.neurons for layer in members)
    return StageActivity(name, len(members), neurons, samples.spread())


def _fired(values: Array) -> Array:
    """Return values that are 0 or 1 and may be summed: spikes as they are, others where not 0."""
    return values if values.dtype == np.bool_ else values != 0


def _tally(by_step: list[int], step: int, count: int) -> None:
    by_step.extend([0] * (step + 1 - len(by_step)))
    by_step[step] += count


def _filled(by_step: Sequence[int], steps: int) -> tuple[int, ...]:
    return (*by_step, *[0] * (steps - len(by_step)))
