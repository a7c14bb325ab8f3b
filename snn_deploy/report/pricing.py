"""What a simulated chip spends on an inference: counts times the table of its target."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import fsum
from typing import get_args

import numpy as np

from snn_deploy.hardware import Chip, Evidence, Limits, Target
from snn_deploy.ir.graph import Array
from snn_deploy.simulation.chip.result import EVENT_KINDS, ChipRun

EVIDENCE: tuple[Evidence, ...] = get_args(Evidence)

NEURONS = ("neuron_access_j", "neuron_update_j", "send_j")
MESSAGES = ("axon_out_j", "axon_in_j")
EVENTS = tuple(f"{kind}_event_j" for kind in EVENT_KINDS)
HOPS = ("hop_x_j", "hop_y_j", "chip_hop_j")
DYNAMIC = (*NEURONS, *MESSAGES, *EVENTS, *HOPS)
"""What is paid for something that happens. The rest is paid for steps and for time."""


@dataclass(frozen=True, slots=True)
class Charge:
    """One constant of the table and what it comes to.

    Attributes:
        constant: its name in `Energies`.
        count: how often it is paid in an inference; seconds, where it is a power.
        price: in joules, or watts.
        evidence: what it rests on.
    """

    constant: str
    count: float
    price: float
    evidence: Evidence

    @property
    def energy_j(self) -> float:
        """Count times price."""
        return self.count * self.price


@dataclass(frozen=True, slots=True)
class LayerEnergy:
    """What a population spends in an inference: on its neurons, on messages, on its synapses."""

    neurons_j: float
    messages_j: float
    events_j: float

    @property
    def total_j(self) -> float:
        """All of it."""
        return self.neurons_j + self.messages_j + self.events_j


@dataclass(frozen=True, slots=True)
class ChipEnergy:
    """What an inference costs on a chip, mean over the samples.

    Layers and cores pay for what happens on cores; links are nobody's. A core pays for each message
    that reaches it. Where it holds several populations, these share that by their synaptic events.

    Attributes:
        charges: all of them; those of time last.
        layers: by population.
        cores_j: dynamic energy of each core in use, as `ChipRun.cores`.
    """

    charges: tuple[Charge, ...]
    layers: Mapping[str, LayerEnergy]
    cores_j: tuple[float, ...]

    def of(self, *constants: str) -> float:
        """Return the joules of some constants."""
        return fsum(c.energy_j for c in self.charges if c.constant in constants)

    @property
    def dynamic_j(self) -> float:
        """Of what happens."""
        return self.of(*DYNAMIC)

    @property
    def links_j(self) -> float:
        """Of hops, which is part of the dynamic energy."""
        return self.of(*HOPS)

    @property
    def static_j(self) -> float:
        """Of chips that are on, for the time of all steps; their barriers included."""
        return self.of("static_w")

    @property
    def barrier_j(self) -> float:
        """Of the messages that end a step; what chips draw meanwhile is static."""
        return self.of("barrier_j")

    @property
    def host_j(self) -> float:
        """Of the processors that serve the run."""
        return self.of("host_w")

    @property
    def total_j(self) -> float:
        """All of it."""
        return fsum((self.dynamic_j, self.static_j, self.barrier_j, self.host_j))

    @property
    def evidence(self) -> Mapping[Evidence, float]:
        """Return which share of the joules rests on each kind of constant."""
        total = self.total_j or 1.0
        return {
            kind: fsum(c.energy_j for c in self.charges if c.evidence == kind) / total
            for kind in EVIDENCE
        }


def price(run: ChipRun, target: Target) -> ChipEnergy:
    """Return what an inference of a run costs while samples stream through the chip.

    The run is one of at least one sample on this target.
    """
    chip = target.chip
    assert chip is not None, "only chips are simulated"
    tiles, received = _tiles(run), _received(run)
    happened = {name: float(column.sum()) for name, column in tiles.items()}
    inference_s = float(run.times.step_s.sum(axis=1).mean())
    counts = {
        **happened,
        "axon_in_j": float(received.sum()),
        **_hops(run, chip.limits),
        "barrier_j": float(len(run.cores) * run.steps),
        "static_w": run.chips * inference_s,
        "host_w": inference_s,
    }
    charges = tuple(_charge(name, counts[name], chip) for name in (*DYNAMIC, *_OVER_TIME))
    spent = {name: column * getattr(chip.energy, name) for name, column in tiles.items()}
    spent["axon_in_j"] = _shared(run, received) * chip.energy.axon_in_j
    return ChipEnergy(charges, dict(_layers(run, spent)), _by_core(run, spent))


_OVER_TIME = ("barrier_j", "static_w", "host_w")


def between_chips(limits: Limits, shape: tuple[int, ...]) -> Array:
    """Return which links lead to another chip, by DIRECTIONS.  bool [4, rows, columns]."""
    rows, columns = shape[-2:]
    row, column = np.arange(rows)[:, None], np.arange(columns)[None]
    ends = (
        (column + 1) % limits.mesh_columns == 0,
        column % limits.mesh_columns == 0,
        (row + 1) % limits.mesh_rows == 0,
        row % limits.mesh_rows == 0,
    )
    return np.stack([np.broadcast_to(end, (rows, columns)) for end in ends])


def tile_cores(run: ChipRun) -> Array:
    """Return the core of each tile, as a place in `ChipRun.cores`.  int64 [tiles]."""
    return np.searchsorted(run.cores, [slot.core for slot in run.slots])


def _charge(name: str, count: float, chip: Chip) -> Charge:
    fact = chip.facts.get(name)
    return Charge(name, count, getattr(chip.energy, name), "assumed" if fact is None else fact.kind)


def _tiles(run: ChipRun) -> Mapping[str, Array]:
    """Return how often each tile pays each constant in an inference.  float64 [tiles] each."""
    counts, samples = run.counts, run.counts.samples
    neurons = np.array([slot.neurons for slot in run.slots], np.float64)
    events = counts.events.sum(axis=0) / samples
    return {
        "neuron_access_j": neurons * run.steps,
        "neuron_update_j": counts.updates.sum(axis=0) / samples,
        "send_j": (counts.spikes + counts.graded).sum(axis=0) / samples,
        "axon_out_j": counts.sent.sum(axis=0) / samples,
        **dict(zip(EVENTS, events.T, strict=True)),
    }


def _received(run: ChipRun) -> Array:
    """Return the messages that reach each core in an inference.  float64 [cores]."""
    return np.asarray(run.counts.received.sum(axis=0) / run.counts.samples)


def _shared(run: ChipRun, received: Array) -> Array:
    """Return the messages of each core as its tiles share them, by their synaptic events.

    float64 [tiles]
    """
    core = tile_cores(run)
    events = run.counts.events.sum(axis=(0, 2)).astype(np.float64)
    alike = np.bincount(core, events, len(run.cores))[core] == 0
    weight = np.where(alike, 1.0, events)
    return np.asarray(received[core] * weight / np.bincount(core, weight, len(run.cores))[core])


def _hops(run: ChipRun, limits: Limits) -> Mapping[str, float]:
    """Return the flits times links of an inference, by what a link costs."""
    flits = run.counts.links.sum(axis=0) / run.counts.samples
    far = between_chips(limits, flits.shape)
    near = np.where(far, 0.0, flits)
    return {
        "hop_x_j": float(near[:2].sum()),
        "hop_y_j": float(near[2:].sum()),
        "chip_hop_j": float(flits[far].sum()),
    }


def _layers(run: ChipRun, spent: Mapping[str, Array]) -> Iterator[tuple[str, LayerEnergy]]:
    names = np.array([slot.population for slot in run.slots])
    sums = [
        np.sum([spent[name] for name in group], axis=0) for group in (NEURONS, MESSAGES, EVENTS)
    ]
    for name in dict.fromkeys(names.tolist()):
        yield name, LayerEnergy(*(float(column[names == name].sum()) for column in sums))


def _by_core(run: ChipRun, spent: Mapping[str, Array]) -> tuple[float, ...]:
    total = np.sum([*spent.values()], axis=0)
    return tuple(np.bincount(tile_cores(run), total, len(run.cores)).tolist())
