"""Neurons with a list of synapses each, wired at random, for our simulator and for SANA-FE."""

from dataclasses import dataclass

import numpy as np
from numba import njit

from snn_deploy.hardware import Chip
from snn_deploy.ir.graph import Array
from snn_deploy.simulation.chip.fanout import synapse_lists
from snn_deploy.simulation.chip.machine import SPIKE, UPDATED, Machine, Sender, Tiles, assemble
from snn_deploy.simulation.chip.marks import Marks
from snn_deploy.simulation.chip.result import EVENT_KINDS, EventKind

from .sanafe_driver import Description, cores_of

DRIVE = 16
"""Bias of a neuron; a weight is no more than an eighth of it."""


@dataclass(frozen=True, slots=True)
class Lists:
    """Neurons with a list of synapses each; integers. A neuron is `IntegerLif` with no decay.

    Attributes:
        first: where each neuron's synapses begin, and their end.  int64 [N + 1]
        target: of each synapse.  int32 [S]
        weight: of each.  int8 [S]
        threshold, bias, begin: of each neuron; `begin` is its first potential.  int32 [N]
        places: of cores, ascending.
        core: place in `places` of each neuron, ascending.  int32 [N]
        kind: of the synapses.
    """

    first: Array
    target: Array
    weight: Array
    threshold: Array
    bias: Array
    begin: Array
    places: Array
    core: Array
    kind: EventKind = "sparse"

    def machine(self, name: str, chip: Chip) -> Machine:
        """Return it on a chip; a tile on each core."""
        ends = np.searchsorted(self.core, np.arange(len(self.places) + 1))
        spans = [np.stack([ends[side : len(ends) - 1 + side]], axis=1) for side in (0, 1)]
        tiles = Tiles(
            np.zeros(len(self.places), np.int64),
            np.pad(spans[0], ((0, 0), (0, 2))),
            np.pad(spans[1], ((0, 0), (0, 2)), constant_values=1),
            np.arange(len(self.places)),
        )
        reach = synapse_lists(self.first, self.target, self.core, self.kind)
        sender = Sender("neurons", 0, SPIKE, chip.network.spike_flits, reach)
        box = (len(self.core), 1, 1)
        return assemble(name, chip, 1, {"neurons": (0, box)}, self.places, tiles, (sender,))

    def marks(self, steps: int) -> Marks:
        """Return what the neurons do, one population: uint8 [T, N, 1, 1]."""
        marks = np.zeros((steps, len(self.core)), np.uint8)
        potential = self.begin.copy()
        _run(self.first, self.target, self.weight, self.threshold, self.bias, potential, marks)
        return [marks[:, :, None, None]]

    def described(self, chip: Chip) -> Description:
        """Return it as SANA-FE takes it."""
        neurons, synapses = len(self.core), len(self.target)
        return Description(
            core=cores_of(chip, self.places)[self.core],
            leak=np.ones(neurons),
            threshold=self.threshold.astype(float),
            bias=self.bias.astype(float),
            potential=self.begin.astype(float),
            soft=np.zeros(neurons, bool),
            input=np.full(neurons, -1, np.int32),
            spikes=np.zeros((0, 0), np.uint8),
            source=np.repeat(np.arange(neurons, dtype=np.int32), np.diff(self.first)),
            target=self.target,
            weight=self.weight.astype(np.int32),
            kind=np.full(synapses, EVENT_KINDS.index(self.kind), np.int8),
            delay=np.zeros(synapses, np.int8),
        )


@njit(cache=True)
def _run(first, target, weight, threshold, bias, v, marks):  # type: ignore[no-untyped-def]
    neurons = len(v)
    current = np.zeros(neurons, np.int32)
    touched = np.zeros(neurons, np.bool_)
    for t in range(len(marks)):
        now = marks[t]
        for n in range(neurons):
            if v[n] != 0 or touched[n] or bias[n] != 0:
                now[n] = UPDATED
            v[n] += bias[n] + current[n]
            current[n] = 0
            touched[n] = False
            if v[n] > threshold[n]:
                v[n] = 0
                now[n] |= SPIKE
        for n in range(neurons):
            if now[n] & SPIKE:
                for s in range(first[n], first[n + 1]):
                    current[target[s]] += weight[s]
                    touched[target[s]] = True


def scattered(neurons: int, fan_out: int, cores: int, rate: float, seed: int = 20) -> Lists:
    """Return neurons that reach others anywhere, each about every 1 / rate steps."""
    rng = np.random.default_rng(seed)
    target = rng.integers(0, neurons, neurons * fan_out, np.int32)
    return _driven(fan_out, target, _shared(neurons, cores), rate, rng)


def near(neurons: int, fan_out: int, cores: int, rate: float, reach: int, seed: int = 20) -> Lists:
    """Return neurons that reach others no farther from them than `reach`, round a ring."""
    rng = np.random.default_rng(seed)
    away = rng.integers(-reach, reach + 1, (neurons, fan_out))
    target = ((np.arange(neurons)[:, None] + away) % neurons).astype(np.int32).ravel()
    return _driven(fan_out, target, _shared(neurons, cores), rate, rng)


def hot(neurons: int, fan_out: int, cores: int, rate: float, share: float, seed: int = 20) -> Lists:
    """Return neurons a share of whose synapses goes to one core; the others go anywhere."""
    rng = np.random.default_rng(seed)
    core = _shared(neurons, cores)
    target = rng.integers(0, neurons, neurons * fan_out, np.int32)
    drawn = rng.random(len(target)) < share
    target[drawn] = rng.choice(np.flatnonzero(core == cores // 2), drawn.sum())
    return _driven(fan_out, target, core, rate, rng)


def _driven(
    fan_out: int, target: Array, core: Array, rate: float, rng: np.random.Generator
) -> Lists:
    """Return neurons that fire by their biases, in step with nobody."""
    neurons = len(core)
    threshold = np.full(neurons, round(DRIVE / rate) - 1, np.int32)
    return Lists(
        np.arange(neurons + 1) * fan_out,
        target,
        rng.integers(-2, 3, len(target), np.int8),
        threshold,
        np.full(neurons, DRIVE, np.int32),
        rng.integers(0, threshold + 1, neurons, np.int32),
        np.arange(core.max() + 1),
        core,
    )


def _shared(neurons: int, cores: int) -> Array:
    """Return a core for each neuron, as many on each as can be: int32 [N]."""
    return (np.arange(neurons) * cores // neurons).astype(np.int32)
