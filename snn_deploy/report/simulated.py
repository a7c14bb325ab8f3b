"""What a simulated chip did in an inference: counts, times, joules, place by place."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from snn_deploy.hardware import Chip, Energies, Fact, Interconnect, Latencies, Limits, Target
from snn_deploy.ir.graph import Array
from snn_deploy.placement import Slot, Usage
from snn_deploy.placement.mesh import Mesh, mesh
from snn_deploy.simulation.chip.result import DIRECTIONS, EVENT_KINDS, ChipRun, Tier

from .pricing import ChipEnergy, LayerEnergy, between_chips, price, tile_cores

HOST = -1
"""Stands for a core where a step waited for the host."""


@dataclass(frozen=True, slots=True)
class SimulatedLayer:
    """A population, mean of an inference.

    Attributes:
        name: of it.
        neurons: that it has.
        cores: that hold some of them.
        spikes, graded, updates, messages: of its neurons.
        events: synaptic events at it, by kind; those of which there were none are left out.
        energy: that it spent.
    """

    name: str
    neurons: int
    cores: int
    spikes: float
    graded: float
    updates: float
    messages: float
    events: Mapping[str, float]
    energy: LayerEnergy


@dataclass(frozen=True, slots=True)
class SimulatedCore:
    """A core in use, mean of an inference.

    Attributes:
        core: its place, as in `Placement`.
        chip: that it is on.
        row, column: of its router in the grid of all chips.
        layers: populations that it holds.
        neurons: that it holds.
        events: synaptic events.
        sent, received: messages.
        neurons_s, messages_s: that it works for its neurons and what they send, and for what
            reaches it; both at once.
        blocked_s: that the network kept it from sending.
        queued_s: that messages waited at it, all together.
        energy_j: that it spent.
        fullest: the resource of which it uses the largest share, and the share, where known.
    """

    core: int
    chip: int
    row: int
    column: int
    layers: tuple[str, ...]
    neurons: int
    events: float
    sent: float
    received: float
    neurons_s: float
    messages_s: float
    blocked_s: float
    queued_s: float
    energy_j: float
    fullest: tuple[str, float] | None = None

    @property
    def busy_s(self) -> float:
        """The longer of its two works."""
        return max(self.neurons_s, self.messages_s)


@dataclass(frozen=True, slots=True)
class Link:
    """A link with traffic. flits: of an inference, mean; far: it leads to another chip."""

    row: int
    column: int
    direction: str
    flits: float
    far: bool


@dataclass(frozen=True, slots=True)
class Wait:
    """What steps waited for.

    Attributes:
        core: the one that was done last, as in `Placement`; HOST for the host.
        steps: how many waited for it, of all samples.
        receiving: how many of these for its work on what reached it, not for its own neurons.
    """

    core: int
    steps: int
    receiving: int


@dataclass(frozen=True, slots=True)
class SimulatedStep:
    """A step of the chip. slowest: the core that most samples waited for in it."""

    mean_s: float
    max_s: float
    slowest: Wait


@dataclass(frozen=True, slots=True)
class Floor:
    """Where things are.

    Attributes:
        rows, columns: of routers, all chips together.
        chips: row and column of the first router of each.
        chip_rows, chip_columns: routers of a chip.
        router_cores: at a router.
        chip_cores: of a chip.
    """

    rows: int
    columns: int
    chips: tuple[tuple[int, int], ...]
    chip_rows: int
    chip_columns: int
    router_cores: int
    chip_cores: int


@dataclass(frozen=True, slots=True)
class Constant:
    """A number of the target's file. table: that it stands in."""

    table: str
    name: str
    fact: Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """A run of samples on a chip; what is no time of a step is a mean of an inference.

    Attributes:
        tier: how steps were timed.
        samples: how many.
        asked: how many there should have been.
        latency: chip steps from a sample's input to its readout.
        floor: where things are.
        spikes, graded, updates, messages, hosted, hops: of all neurons; of the host; flits times
            links.
        events: synaptic events by kind.
        barrier_s: at the end of each step.
        steps: of an inference.
        waits: what the steps of all samples waited for, most often first.
        layers: in the network's order.
        cores: in use, by place.
        links: with traffic, the busiest first.
        flit_s: that a link takes for one flit.
        energy: what it costs.
        constants: what times and joules rest on.
    """

    tier: Tier
    samples: int
    asked: int
    latency: int
    floor: Floor
    spikes: float
    graded: float
    updates: float
    messages: float
    hosted: float
    hops: float
    events: Mapping[str, float]
    barrier_s: float
    steps: tuple[SimulatedStep, ...]
    waits: tuple[Wait, ...]
    layers: tuple[SimulatedLayer, ...]
    cores: tuple[SimulatedCore, ...]
    links: tuple[Link, ...]
    flit_s: float
    energy: ChipEnergy
    constants: tuple[Constant, ...]

    @property
    def partial(self) -> bool:
        """Whether it was stopped before all samples were simulated."""
        return self.samples < self.asked

    @property
    def step_s(self) -> float:
        """Mean of all steps."""
        return self.inference_s / len(self.steps)

    @property
    def longest_s(self) -> float:
        """Of the longest step of all samples."""
        return max(step.max_s for step in self.steps)

    @property
    def inference_s(self) -> float:
        """From a sample to the next, while they stream through the chip."""
        return sum(step.mean_s for step in self.steps)

    @property
    def readout_s(self) -> float:
        """From the beginning of a sample to the end of its readout, in such a stream."""
        return (len(self.steps) + self.latency) * self.step_s

    @property
    def names(self) -> Mapping[int, tuple[str, ...]]:
        """The populations of each core."""
        return {core.core: core.layers for core in self.cores}


def describe_run(
    run: ChipRun, target: Target, order: Sequence[str] = (), usage: Usage | None = None
) -> Simulation:
    """Return what a run of at least one sample did.

    Args:
        run: of a network on the target.
        target: a chip.
        order: names of the populations as they shall be listed; others follow.
        usage: how full the cores are, where that is known.
    """
    chip = target.chip
    assert chip is not None, "only chips are simulated"
    counts, energy = run.counts, price(run, target)
    grid = mesh(chip.limits, run.chips)

    def mean(array: Array) -> float:
        return float(array.sum() / counts.samples)

    return Simulation(
        tier=run.times.tier,
        samples=counts.samples,
        asked=run.asked,
        latency=run.latency,
        floor=_floor(chip, grid, run.chips),
        spikes=mean(counts.spikes),
        graded=mean(counts.graded),
        updates=mean(counts.updates),
        messages=mean(counts.received),
        hosted=mean(counts.hosted),
        hops=mean(counts.links),
        events=dict(zip(EVENT_KINDS, map(mean, np.moveaxis(counts.events, -1, 0)), strict=True)),
        barrier_s=run.times.barrier_s,
        steps=tuple(_steps(run)),
        waits=tuple(_waits(run.times.slowest, run.times.receives)),
        layers=tuple(_layers(run, energy, order)),
        cores=tuple(_cores(run, grid, energy, usage)),
        links=tuple(_links(run, chip)),
        flit_s=chip.network.flit_s,
        energy=energy,
        constants=tuple(_constants(chip)),
    )


def _floor(chip: Chip, grid: Mesh, chips: int) -> Floor:
    limits = chip.limits
    rows, columns = grid.core_at.shape
    firsts = np.arange(chips) * limits.cores
    corners = zip(grid.row[firsts].tolist(), grid.column[firsts].tolist(), strict=True)
    return Floor(
        rows,
        columns,
        tuple(corners),
        limits.mesh_rows,
        limits.mesh_columns,
        limits.router_cores,
        limits.cores,
    )


def _steps(run: ChipRun) -> Iterator[SimulatedStep]:
    times = run.times
    for step_s, slowest, receives in zip(
        times.step_s.T, times.slowest.T, times.receives.T, strict=True
    ):
        first = next(_waits(slowest, receives))
        yield SimulatedStep(float(step_s.mean()), float(step_s.max()), first)


def _waits(slowest: Array, receives: Array) -> Iterator[Wait]:
    """Yield the cores that steps waited for, most often first."""
    steps = Counter(slowest.ravel().tolist())
    receiving = Counter(slowest[receives].ravel().tolist())
    for core, times in sorted(steps.items(), key=lambda item: (-item[1], item[0])):
        yield Wait(core, times, receiving[core])


def _layers(run: ChipRun, energy: ChipEnergy, order: Sequence[str]) -> Iterator[SimulatedLayer]:
    counts = run.counts
    names = np.array([slot.population for slot in run.slots])
    cores = np.array([slot.core for slot in run.slots])
    neurons = np.array([slot.neurons for slot in run.slots])
    known = [name for name in order if name in energy.layers]
    for name in dict.fromkeys([*known, *energy.layers]):
        own = names == name

        def mean(array: Array, own: Array = own) -> float:
            return float(array[:, own].sum() / counts.samples)

        met = {kind: mean(counts.events[..., i]) for i, kind in enumerate(EVENT_KINDS)}
        yield SimulatedLayer(
            name=name,
            neurons=int(neurons[own].sum()),
            cores=len(set(cores[own].tolist())),
            spikes=mean(counts.spikes),
            graded=mean(counts.graded),
            updates=mean(counts.updates),
            messages=mean(counts.sent),
            events={kind: number for kind, number in met.items() if number},
            energy=energy.layers[name],
        )


def _cores(
    run: ChipRun, grid: Mesh, energy: ChipEnergy, usage: Usage | None
) -> Iterator[SimulatedCore]:
    counts, times, tile = run.counts, run.times, tile_cores(run)
    held: list[list[Slot]] = [[] for _ in run.cores]
    for place, slot in zip(tile.tolist(), run.slots, strict=True):
        held[place].append(slot)
    by_core = {
        "events": np.bincount(tile, counts.events.sum(axis=(0, 2)), len(held)),
        "sent": np.bincount(tile, counts.sent.sum(axis=0), len(held)),
        "received": counts.received.sum(axis=0),
        "neurons_s": times.busy_s[0].sum(axis=0),
        "messages_s": times.busy_s[1].sum(axis=0),
        "blocked_s": times.blocked_s.sum(axis=0),
        "queued_s": times.queued_s.sum(axis=0),
    }
    full = dict(zip(usage.cores.tolist(), usage.fullest(), strict=True)) if usage else {}
    for i, core in enumerate(run.cores.tolist()):
        yield SimulatedCore(
            core=core,
            chip=int(grid.chip[core]),
            row=int(grid.row[core]),
            column=int(grid.column[core]),
            layers=tuple(dict.fromkeys(slot.population for slot in held[i])),
            neurons=sum(slot.neurons for slot in held[i]),
            energy_j=energy.cores_j[i],
            fullest=full.get(core),
            **{name: float(array[i] / counts.samples) for name, array in by_core.items()},
        )


def _links(run: ChipRun, chip: Chip) -> Iterator[Link]:
    flits = run.counts.links.sum(axis=0) / run.counts.samples
    far = between_chips(chip.limits, flits.shape)
    for flat in np.argsort(-flits, axis=None, kind="stable").tolist():
        if not flits.flat[flat]:
            return
        direction, row, column = np.unravel_index(flat, flits.shape)
        number, to_chip = float(flits.flat[flat]), bool(far.flat[flat])
        yield Link(int(row), int(column), DIRECTIONS[int(direction)], number, to_chip)


def _constants(chip: Chip) -> Iterator[Constant]:
    tables = {"energy": Energies, "latency": Latencies, "network": Interconnect, "limits": Limits}
    table_of = {field.name: name for name, table in tables.items() for field in fields(table)}
    for table in tables:
        for name, fact in chip.facts.items():
            if table_of[name] == table:
                yield Constant(table, name, fact)
