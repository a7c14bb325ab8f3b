"""The same network in our simulator and in SANA-FE: counts, joules and times side by side."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from statistics import fmean

import numpy as np

from snn_deploy.hardware import Chip, Target
from snn_deploy.ir.graph import Array
from snn_deploy.simulation.chip.contention import Contention
from snn_deploy.simulation.chip.cycle import Cycle
from snn_deploy.simulation.chip.emission import Emissions, Stepper
from snn_deploy.simulation.chip.machine import SPIKE, Machine
from snn_deploy.simulation.chip.marks import Marker, Marks
from snn_deploy.simulation.chip.result import EVENT_KINDS, ChipCounts
from snn_deploy.simulation.chip.routes import PER_SECOND
from snn_deploy.simulation.chip.run import Simulator
from snn_deploy.simulation.chip.timing import StepTime

from .sanafe_driver import Answer, Description
from .sanafe_driver import Timing as Model
from .sanafe_lists import Lists
from .sanafe_mapped import Mapped, numbered

Steps = Sequence[Sequence[int]]
"""Who fires in each step, ascending."""


@dataclass(frozen=True, slots=True)
class Workload:
    """A network and what its neurons do.

    Attributes:
        name: in tables.
        chip: that it is on.
        machine, marks: for our simulator.
        description: for SANA-FE.
        skip: chip steps before the first one there: biases act there at once, and here once their
            population is due.
        steps: there.
    """

    name: str
    chip: Chip
    machine: Machine
    marks: Marks
    description: Description
    skip: int
    steps: int


def of_lists(name: str, lists: Lists, chip: Chip, steps: int) -> Workload:
    """Return neurons with lists of synapses as a workload."""
    marks, machine = lists.marks(steps), lists.machine(name, chip)
    return Workload(name, chip, machine, marks, lists.described(chip), 0, steps)


def of_graph(name: str, placed: Mapped, x: Array) -> Workload:
    """Return a graph on a chip as a workload."""
    machine, chip = placed.machine, placed.target.chip
    assert chip is not None, "a machine is of a chip"
    marks = Marker(placed.network, machine).mark(x)
    hosted = any(p.hosted for p in placed.network.populations)
    skip = int(machine.depths.min()) if hosted else 0
    steps = len(marks[0]) - skip
    return Workload(name, chip, machine, marks, placed.described(x), skip, steps)


@dataclass(frozen=True, slots=True)
class Agreement:
    """What both say.

    Attributes:
        name: of the workload.
        synapses: as SANA-FE has them.
        steps: of the chip.
        counts: by what is counted, ours and theirs.
        different: what differs in some step, spikes neuron by neuron.
        energy_j, step_s: ours and theirs, in total.
        energy_error, step_error: relative; of the steps the largest.
    """

    name: str
    synapses: int
    steps: int
    counts: Mapping[str, tuple[int, int]]
    different: Sequence[str]
    energy_j: tuple[float, float]
    step_s: tuple[float, float]
    energy_error: float
    step_error: float


def agreement(work: Workload, answer: Answer) -> Agreement:
    """Compare counts, joules and the times of the slowest core with a run in the simple model."""
    counts, times = Simulator(work.machine, "ideal").simulate(work.marks, "cold")
    counts = _from(counts, work.skip)
    step_s = times.step_s[0, work.skip :]
    ours = {
        "spikes": counts.spikes.sum(axis=1) + _entering(work),
        "synaptic events": counts.events.sum(axis=(1, 2)),
        "hops": counts.links.sum(axis=(1, 2, 3)),
        "updates": counts.updates.sum(axis=1),
    }
    theirs = {
        "spikes": answer.fired,
        "synaptic events": answer.events,
        "hops": answer.hops,
        # An input that fires counts as updated there.
        "updates": answer.updated - _entering(work),
    }
    different = [name for name in ours if not np.array_equal(ours[name], theirs[name])]
    if counts.messages != answer.messages:
        different.append("messages")
    if answer.trace is not None and fired(work) != [list(step) for step in answer.trace]:
        different.append("who fires")
    totals = {name: (int(ours[name].sum()), int(theirs[name].sum())) for name in ours}
    energy = (priced(counts, work), answer.energy_j["total"])
    return Agreement(
        work.name,
        len(work.description.source),
        work.steps,
        {**totals, "messages": (counts.messages, answer.messages)},
        different,
        energy,
        (float(step_s.sum()), float(answer.step_s.sum())),
        abs(energy[0] / energy[1] - 1),
        float(np.abs(step_s / answer.step_s - 1).max()),
    )


def _from(counts: ChipCounts, first: int) -> ChipCounts:
    """Return the counts of a step and of those after it."""
    names = [name for name in counts.__slots__ if name != "samples"]
    return replace(counts, **{name: getattr(counts, name)[first:] for name in names})


def _entering(work: Workload) -> Array:
    """Return how many inputs fire in each step: int64 [T]."""
    spikes = work.description.spikes
    return spikes.sum(axis=1, dtype=np.int64) if spikes.size else np.zeros(work.steps, np.int64)


def fired(work: Workload) -> Steps:
    """Return who fires in our run."""
    ids, machine = numbered(work.machine), work.machine
    found: list[list[int]] = []
    for c in range(work.skip, work.skip + work.steps):
        now: list[int] = []
        for name, marks, depth in zip(machine.populations, work.marks, machine.depths, strict=True):
            if c >= depth:
                now += ids[name][(marks[c - depth] & SPIKE).astype(bool)].tolist()
        found.append(sorted(now))
    return found


def priced(counts: ChipCounts, work: Workload) -> float:
    """Return joules as SANA-FE adds them up: no chip's power, no barrier; its inputs are free."""
    energy, machine = work.chip.energy, work.machine
    kinds = [getattr(energy, f"{kind}_event_j") for kind in EVENT_KINDS]
    by_direction = counts.links.sum(axis=(0, 2, 3))
    neurons = int(machine.neurons[machine.on_cores].sum()) * work.steps
    return float(
        counts.events.sum(axis=(0, 1)) @ np.array(kinds)
        + neurons * energy.neuron_access_j
        + counts.updates.sum() * energy.neuron_update_j
        + counts.spikes.sum() * energy.send_j
        + counts.messages * (energy.axon_out_j + energy.axon_in_j)
        + by_direction @ np.array([energy.hop_x_j] * 2 + [energy.hop_y_j] * 2)
    )


def as_cycle(target: Target) -> Target:
    """Return a chip whose network is that of SANA-FE's cycle tier, which takes no architecture.

    Booksim has two networks there, whose buffers hold 8 flits each, and sends every other message
    of a core over the same one; a queue of 8 messages at a core; a hop takes 4 cycles of 1 ns.
    """
    chip = target.chip
    assert chip is not None, "a network is of a chip"
    network = replace(
        chip.network, hop_x_s=4e-9, hop_y_s=4e-9, flit_s=1e-9, buffer_flits=16, receive_messages=8
    )
    return replace(target, chip=replace(chip, network=network))


@dataclass(frozen=True, slots=True)
class Timing:
    """How long steps take in all tiers, all together, in seconds; without the barrier at their end.

    Attributes:
        name: of the workload.
        messages: in all steps.
        cores: in use.
        theirs, ours: by tier; theirs on average over its runs.
        varies: the largest difference between runs of its cycle tier, as a part of it.
        ended: ours by tier, where a step ends as in SANA-FE's cycle tier, see `_as_it_ends`.
        barrier_s: what was left out of each.
    """

    name: str
    messages: int
    cores: int
    theirs: Mapping[str, float]
    varies: float
    ours: Mapping[str, float]
    ended: Mapping[str, float]
    barrier_s: float


def timing(work: Workload, answers: Mapping[Model, Sequence[Answer]]) -> Timing:
    """Compare the times of all tiers.

    Args:
        work: on a chip of `as_cycle`.
        answers: runs by SANA-FE's timing model.
    """
    machine, stepper = work.machine, Stepper(work.machine)
    models = {"contention": Contention(machine), "cycle": Cycle(machine)}
    ours, ended = dict.fromkeys(("ideal", *models), 0), dict.fromkeys(models, 0)
    for flat in steps_of(work):
        made = stepper.emit(flat)
        counted = stepper.tally(made)
        ours["ideal"] += int(max(counted.sending_ps.max(), counted.receiving_ps.max()))
        for tier, model in models.items():
            time = model.time(made)
            ours[tier] += int(max(time.sent_ps.max(), time.received_ps.max()))
            ended[tier] += _as_it_ends(made, time)
    barrier_s = work.chip.latency.barrier(machine.routers)
    runs = {
        model: [float((answer.step_s - barrier_s).sum()) for answer in found]
        for model, found in answers.items()
    }
    cycle = runs["cycle"]
    return Timing(
        work.name,
        answers["simple"][0].messages,
        len(machine.cores),
        {model: fmean(seconds) for model, seconds in runs.items()},
        (max(cycle) - min(cycle)) / fmean(cycle),
        {name: ps / PER_SECOND for name, ps in ours.items()},
        {name: ps / PER_SECOND for name, ps in ended.items()},
        barrier_s * work.steps,
    )


def steps_of(work: Workload) -> Iterator[Array]:
    """Yield the marks of all neurons at each chip step from the first one there on."""
    machine = work.machine
    for c in range(work.skip, work.skip + work.steps):
        parts = [
            marks[c - depth].ravel() if c >= depth else np.zeros(prod(box), np.uint8)
            for marks, depth, box in zip(work.marks, machine.depths, machine.boxes, strict=True)
        ]
        yield np.concatenate(parts)


LAST_WAY_PS = 20_000
"""What the last message of a step takes through an empty network, about: 4 hops and both ends."""


def _as_it_ends(made: Emissions, time: StepTime) -> int:
    """Return when a step of SANA-FE 2.2.9's cycle tier would end.

    Once the last message has entered and has arrived there, cores stand still that still have
    messages to work on until all others have gone through the rest of their neurons; as a chip does
    both at once, our tiers do. (`TrafficManagerSpike::_Step` and `Run` in its Booksim.)
    """
    sends = np.diff(made.core_at) > 0
    last = int((time.sent_ps - made.rest)[sends].max()) if sends.any() else 0
    left = max(0, int(time.received_ps.max()) - last - LAST_WAY_PS)
    return int(time.sent_ps.max()) + LAST_WAY_PS + left
