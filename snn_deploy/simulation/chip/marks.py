"""What every neuron of a chip does in each step of a sample, as marks: it sends, it is updated."""

from collections.abc import Mapping, Sequence

import numpy as np

from snn_deploy.ir.evaluate import State, evaluate
from snn_deploy.ir.graph import Array
from snn_deploy.ir.states import IntegerState
from snn_deploy.mapping.network import ChipNetwork, Population
from snn_deploy.mapping.schedule import deliver
from snn_deploy.placement.geometry import Connection, boxes, connect, touching
from snn_deploy.placement.layers import CURRENT_SHIFT, bias_of, on_cores

from .machine import UPDATED, Machine

Marks = Sequence[Array]
"""Of one sample, by population of the machine: uint8 [T, C, H, W]."""


class Marker:
    """Runs samples and marks what the neurons of a machine do.

    A neuron is updated in a step where a synaptic event reaches it, its bias is not zero, or what
    it holds from the step before is not: its potential and current, or a readout's sum. Loihi's
    "active" neurons are these, as SANA-FE 2.2.9 counts them (`LoihiLifModel::update`).
    """

    def __init__(self, network: ChipNetwork, machine: Machine) -> None:
        self._network = network
        self._machine = machine
        self._populations = [network.by_name[name] for name in machine.populations]
        box = boxes(network)
        self._connections = {
            s.name: connect(network, s, box[network.sender[s.source].name], box[s.target])
            for s in network.synapses
        }
        hosted = {s.source for s in network.synapses if network.sender[s.source].hosted}
        read_out = {p.output for p in self._populations if p.output is not None}
        self._kept = {sender.node for sender in machine.senders} | hosted | read_out

    def mark(self, x: Array) -> Marks:
        """Return the marks of a sample.

        x: integers, [*shape] for a static input, [T, *shape] for a sequence.
        """
        graph = self._network.graph
        batch = x[None] if graph.static else x[:, None]
        marks = [np.zeros((graph.steps, *box), np.uint8) for box in self._machine.boxes]
        states: dict[str, State] = {}
        sums: dict[str, Array] = {}
        held: Mapping[str, Array] = {}
        biased: Sequence[Array] = ()
        for t, values in enumerate(evaluate(graph, batch, keep=self._kept, states=states)):
            now = [array[t] for array in marks]
            # What the host writes is the same at every step.
            biased = biased or [
                self._biased(population, values, box)
                for population, box in zip(self._populations, self._machine.boxes, strict=True)
            ]
            self._mark_sent(values, now)
            self._mark_updated(biased, held, now)
            held = self._held(values, states, sums)
        return marks

    def _mark_sent(self, values: Mapping[str, Array], now: Sequence[Array]) -> None:
        for sender in self._machine.senders:
            marks = now[sender.population]
            sent = values[sender.node].reshape(marks.shape) != 0
            marks |= sent.view(np.uint8) * np.uint8(sender.bit)

    def _mark_updated(
        self, biased: Sequence[Array], held: Mapping[str, Array], now: Sequence[Array]
    ) -> None:
        """Mark the neurons of a step; `held` says which held something before it."""
        sent = {
            sender.node: (now[sender.population] & sender.bit) != 0
            for sender in self._machine.senders
        }
        for marks, population, bias in zip(now, self._populations, biased, strict=True):
            if not on_cores(population):
                continue
            active = np.array(np.broadcast_to(bias, marks.shape))
            if population.name in held:
                active |= held[population.name].reshape(marks.shape)
            for synapse in self._network.incoming[population.name]:
                if synapse.source in sent:
                    active |= touched(self._connections[synapse.name], sent[synapse.source])
            marks[active] |= UPDATED

    def _biased(
        self, population: Population, values: Mapping[str, Array], shape: tuple[int, ...]
    ) -> Array:
        """Return which neurons have a bias, what the host writes included.

        bool, of a shape that meets [C, H, W].
        """
        bias = _in_box(bias_of(self._network, population), shape)
        hosted = [
            deliver(self._network, synapse, values[synapse.source]).reshape(shape)
            for synapse in self._network.incoming[population.name]
            if self._network.sender[synapse.source].hosted
        ]
        total = sum((written.astype(np.int64) << CURRENT_SHIFT for written in hosted), bias)
        found: Array = np.asarray(total != 0)
        relay = self._network.graph.param(population.relay, "bias") if population.relay else None
        if relay is not None:
            found = found | (_in_box(relay, shape) != 0)
        return found

    def _held(
        self, values: Mapping[str, Array], states: Mapping[str, State], sums: dict[str, Array]
    ) -> Mapping[str, Array]:
        """Return which neurons hold something when a step ends: bool, by population."""
        found: dict[str, Array] = {}
        for population in self._populations:
            name, kept = population.name, []
            if population.neuron is not None:
                state = states[population.neuron]
                assert isinstance(state, IntegerState), "the layout put it there"
                kept += [state.potential, state.current]
            if population.output is not None:
                sums[name] = sums.get(name, np.int64(0)) + values[population.output]
                kept.append(sums[name])
            parts = [array.ravel() != 0 for array in kept if array is not None]
            if parts:
                found[name] = np.logical_or.reduce(parts)
        return found


def _in_box(values: Array, shape: tuple[int, ...]) -> Array:
    """Return numbers of [1], [C] or [N] so that they meet the neurons of [C, H, W]."""
    return values.reshape(shape if values.size == np.prod(shape) else (-1, 1, 1))


def touched(connection: Connection, sent: Array) -> Array:
    """Return which neurons at least one synaptic event reaches.

    sent: which neurons of the source send.  bool [C, H, W] -> bool [C', H', W']
    """
    if connection.axes is None:
        return np.full(connection.target, sent.any())
    some = sent.reshape(connection.groups, -1, *sent.shape[1:]).any(axis=1).astype(np.float32)
    rows, columns = (touching(axis).astype(np.float32) for axis in connection.axes)
    reached = (rows @ some @ columns.T) > 0
    return np.repeat(reached, connection.target[0] // connection.groups, axis=0)
