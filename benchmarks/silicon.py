"""Are the chip simulator's numbers those of silicon? Two chips, measured by others.

    python benchmarks/silicon.py [--pilotnet FILE --input FILE] [--tiers TIER ...] [--json FILE]

Simulates Intel's PilotNet-LIF on Loihi 2 (lava-dl's network.net, and image.npy beside it) with
constants of which none was fitted to it, and the networks that Applied Brain Research measured on
Loihi. What is predicted and what is fitted stand in tables of their own. README.md says who
measured what, and what all this does not show.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from harness import branches, machine, pilotnet, silicon_tables, tables
from harness.silicon_tables import ANYWHERE, COLUMNS, INPUT_FIRST, INTELS, OURS
from rich.console import Console

from snn_deploy import targets
from snn_deploy.hardware import Interconnect, Latencies, Target
from snn_deploy.ir.graph import Array
from snn_deploy.mapping import ChipNetwork, map_graph
from snn_deploy.placement import Placement, place
from snn_deploy.placement.strategy import messages_of
from snn_deploy.report.pricing import ChipEnergy, price, tile_cores
from snn_deploy.simulation.chip.machine import machine as machine_of
from snn_deploy.simulation.chip.marks import Marker, Marks
from snn_deploy.simulation.chip.result import TIERS, ChipRun, Tier
from snn_deploy.simulation.chip.run import Simulator

Result = dict[str, Any]

SEEDS = 5
"""Arrangements of cores at random."""
BRIGHTNESS = (-30, -20, -10, 0, 10, 20, 30)
"""Added to every pixel; the image spans 80."""
BUMP = 1.1
"""What a constant is multiplied by to see what depends on it."""
HALVINGS = 8
"""Of the span in which a fitted constant is looked for."""
BUFFERS = (2, 4, 8, 16, 32, 64)
RATES = (0.0, 0.02, 0.05, 0.1)
LEARNED = (2, 3, 4, 5, 6)
"""How many networks of the series a fit sees."""


def main() -> None:
    """Simulate, print tables, write JSON where asked for."""
    given = _arguments()
    console, found = tables.console(), {}
    if given.pilotnet:
        found["pilotnet"] = _loihi2(console, given.pilotnet, given.input, given.tiers)
    found["branches"] = _loihi(console)
    conditions = machine.described("numpy", "numba", "snn-deploy")
    tables.show_machine(console, conditions)
    if given.json:
        content = {"conditions": conditions, **found}
        given.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pilotnet", type=Path, metavar="FILE", help="PilotNet-LIF's network.net")
    parser.add_argument("--input", type=Path, metavar="FILE", help="its image.npy")
    parser.add_argument("--tiers", nargs="+", default=TIERS, choices=TIERS)
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    if bool(given.pilotnet) != bool(given.input):
        parser.error("--pilotnet and --input go together")
    return given


# PilotNet on Loihi 2


@dataclass(frozen=True, slots=True)
class Subject:
    """A mapped network, what its neurons do, and placements of it by name."""

    network: ChipNetwork
    marks: Marks
    placements: Mapping[str, Placement]

    @property
    def intels(self) -> Placement:
        """Intel's cores, in the order of the log."""
        return self.placements[INTELS]


def _loihi2(console: Console, network: Path, image: Path, tiers: Sequence[Tier]) -> Result:
    target = targets.load("loihi2")
    pixels = pilotnet.read_image(image)
    subject = _subject(network, pixels, target)
    found = {
        name: {tier: _run(subject, placement, target, tier) for tier in tiers}
        for name, placement in subject.placements.items()
    }
    result = {
        "allocations": {name: _described(runs, target) for name, runs in _merged(found).items()},
        "fitted": _fitted(subject, target, found[INTELS]),
        "frames": [_frame(network, pixels, by, target, tiers) for by in BRIGHTNESS],
        "energy_shares": _shares(price(found[INTELS][tiers[0]], target)),
        "time_elasticities": {tier: _elasticities(subject, target, tier) for tier in tiers},
        "buffers": _buffers(subject, target, tiers),
    }
    for table in silicon_tables.of_loihi2(result):
        console.print(table)
    return result


def _subject(network: Path, image: Array, target: Target) -> Subject:
    frame = pilotnet.load(network, image)
    mapped = map_graph(frame.graph, messages_of(target), {}).network
    ours = place(mapped, target)
    intels = pilotnet.on_intels_cores(ours)
    marks = Marker(mapped, machine_of(mapped, ours, target)).mark(frame.x)
    placements = {
        OURS: ours,
        INTELS: intels,
        INPUT_FIRST: pilotnet.on_intels_cores(ours, "input"),
        **{f"{ANYWHERE} {s}": pilotnet.on_intels_cores(ours, seed=s) for s in range(SEEDS)},
        COLUMNS: pilotnet.column_by_column(intels),
    }
    return Subject(mapped, marks, placements)


def _run(subject: Subject, placement: Placement, target: Target, tier: Tier) -> ChipRun:
    made = machine_of(subject.network, placement, target)
    counts, times = Simulator(made, tier).simulate(subject.marks)
    return ChipRun(
        slots=made.slots, cores=made.cores, latency=subject.network.latency,
        chips=placement.chips, counts=counts, times=times, asked=1,
    )  # fmt: skip


def _merged(
    found: Mapping[str, Mapping[Tier, ChipRun]],
) -> Mapping[str, Sequence[Mapping[Tier, ChipRun]]]:
    """Return the runs of each row of a table: cores anywhere are one row."""
    rows: dict[str, list[Mapping[Tier, ChipRun]]] = {}
    for name, runs in found.items():
        rows.setdefault(ANYWHERE if name.startswith(ANYWHERE) else name, []).append(runs)
    return rows


def _described(rows: Sequence[Mapping[Tier, ChipRun]], target: Target) -> Result:
    """Return means over runs that differ in where cores are."""
    some = [next(iter(runs.values())) for runs in rows]
    energies = [price(run, target) for run in some]
    first = some[0]
    return {
        "cores": len(first.cores),
        "events": _events(first),
        "busiest_events": _busiest(first),
        "messages": first.counts.messages / pilotnet.STEPS,
        "hops": float(np.mean([run.counts.hops for run in some])) / pilotnet.STEPS,
        "dynamic_j": float(np.mean([e.dynamic_j + e.barrier_j for e in energies])),
        "tiers": {tier: _timed([runs[tier] for runs in rows]) for tier in rows[0]},
    }


def _timed(runs: Sequence[ChipRun]) -> Result:
    steps = np.stack([run.times.step_s for run in runs])
    means = steps.mean(axis=(1, 2))
    return {
        "step_s": float(means.mean()),
        "step_s_of_arrangements": [float(means.min()), float(means.max())],
        "shortest_step_s": float(steps.min()),
        "longest_step_s": float(steps.max()),
    }


def _events(run: ChipRun) -> float:
    """Return the synaptic events of a step."""
    return float(run.counts.events.sum()) / run.steps


def _busiest(run: ChipRun) -> float:
    """Return the events of a step on the core that has most of them in all steps together."""
    events = run.counts.events.sum(axis=(0, 2)).astype(float)
    return float(np.bincount(tile_cores(run), events).max()) / run.steps


def _fitted(subject: Subject, target: Target, runs: Mapping[Tier, ChipRun]) -> Result:
    """Return factors, or prices of events of kernels alone, with which the means are right."""
    assert target.chip is not None, "only chips are simulated"
    energy = price(next(iter(runs.values())), target)
    events_j, simulated_j = energy.of("conv_event_j"), energy.dynamic_j + energy.barrier_j
    rest_j = simulated_j - events_j
    result: Result = {
        "energy_factor": pilotnet.DYNAMIC_J / simulated_j,
        "conv_event_j": target.chip.energy.conv_event_j * (pilotnet.DYNAMIC_J - rest_j) / events_j,
    }
    for tier, run in runs.items():
        factor = pilotnet.STEP_S / float(run.times.step_s.mean())
        result[tier] = {
            "factor": factor,
            "conv_event_s": _event_s(subject, target, tier),
            "shortest_step_s": float(run.times.step_s.min()) * factor,
            "longest_step_s": float(run.times.step_s.max()) * factor,
        }
    return result


def _event_s(subject: Subject, target: Target, tier: Tier) -> float:
    """Return what an event of a kernel must take for the mean step to be right."""
    assert target.chip is not None, "only chips are simulated"
    chip = target.chip
    known = chip.latency.conv_event_s
    least, most = known / 4, known * 4
    for _ in range(HALVINGS):
        middle = (least + most) / 2
        latency = replace(chip.latency, conv_event_s=middle)
        changed = replace(target, chip=replace(chip, latency=latency))
        if _step_s(subject, changed, tier) < pilotnet.STEP_S:
            least = middle
        else:
            most = middle
    return (least + most) / 2


def _frame(network: Path, image: Array, by: int, target: Target, tiers: Sequence[Tier]) -> Result:
    """Return what a brighter or darker image gives on Intel's cores."""
    subject = _subject(network, pilotnet.brighter(image, by), target)
    runs = {tier: _run(subject, subject.intels, target, tier) for tier in tiers}
    run = next(iter(runs.values()))
    return {
        "brighter_by": by,
        "events": _events(run),
        "busiest_events": _busiest(run),
        "dynamic_j": price(run, target).dynamic_j,
        "step_s": {tier: float(one.times.step_s.mean()) for tier, one in runs.items()},
    }


def _shares(energy: ChipEnergy) -> Result:
    """Return which part of the dynamic energy each constant makes."""
    dynamic = energy.dynamic_j + energy.barrier_j
    spent = {c.constant: c.energy_j / dynamic for c in energy.charges}
    return {name: share for name, share in spent.items() if not name.endswith("_w")}


def _elasticities(subject: Subject, target: Target, tier: Tier) -> Result:
    """Return by how many percent a step grows if a constant grows by one."""
    before = _step_s(subject, target, tier)
    return {
        name: float(np.log(_step_s(subject, changed, tier) / before) / np.log(BUMP))
        for name, changed in _slower(target)
    }


def _slower(target: Target) -> Iterator[tuple[str, Target]]:
    """Yield the target with each time multiplied by BUMP."""
    assert target.chip is not None, "only chips are simulated"
    chip = target.chip
    for field in fields(Latencies):
        value = getattr(chip.latency, field.name)
        slower = (
            tuple((n, s * BUMP) for n, s in value) if isinstance(value, tuple) else value * BUMP
        )
        changes: dict[str, Any] = {field.name: slower}
        latency = replace(chip.latency, **changes)
        yield field.name, replace(target, chip=replace(chip, latency=latency))
    for name in (f.name for f in fields(Interconnect) if f.name.endswith("_s")):
        network = replace(chip.network, **{name: getattr(chip.network, name) * BUMP})
        yield name, replace(target, chip=replace(chip, network=network))


def _step_s(subject: Subject, target: Target, tier: Tier) -> float:
    return float(_run(subject, subject.intels, target, tier).times.step_s.mean())


def _buffers(subject: Subject, target: Target, tiers: Sequence[Tier]) -> list[Result]:
    """Return steps with other buffers, of links and of the cores' queues."""
    assert target.chip is not None, "only chips are simulated"
    chip, found = target.chip, []
    for name in ("buffer_flits", "receive_messages"):
        for size in BUFFERS:
            network = replace(chip.network, **{name: size})
            changed = replace(target, chip=replace(chip, network=network))
            steps = {t: _step_s(subject, changed, t) for t in tiers if t != "ideal"}
            found.append({"constant": name, "size": size, "step_s": steps})
    return found


# Branches on Loihi


def _loihi(console: Console) -> Result:
    target = targets.load("loihi")
    simulated = {n: branches.simulate(n, target) for n in branches.SERIES}
    fitted = branches.fit(simulated, tuple(branches.SERIES))
    result = {
        "series": [_of_series(n, simulated[n], fitted) for n in branches.SERIES],
        "fitted": {"input_output_j": fitted.input_output_j, "rate": fitted.rate},
        "held_out": [_held_out(branches.held_out(simulated, size)) for size in LEARNED],
        "smallest_three": _smallest(simulated),
        "slopes_j": {
            "measured, stepping": _slope(branches.stepping_j),
            "measured, beyond idle": _slope(branches.subtracted_j),
            **{
                f"{rate:.0%}": branches.slope_j({n: s.energy_j(rate) for n, s in simulated.items()})
                for rate in RATES
            },
        },
    }
    for table in silicon_tables.of_loihi(result):
        console.print(table)
    return result


def _of_series(n: int, simulated: branches.Simulated, fitted: branches.Fit) -> Result:
    measured = branches.SERIES[n]
    rate = fitted.rate
    return {
        "branches": n,
        "neurons": simulated.neurons,
        "cores": simulated.cores,
        "total_j": measured.running_w / measured.inferences_per_s,
        "subtracted_j": branches.subtracted_j(n),
        "stepping_j": branches.stepping_j(n),
        "silent_j": simulated.silent_j,
        "cores_j": simulated.energy_j(rate),
        "fitted_j": fitted.energy_j(simulated),
        "step_s": 1 / measured.inferences_per_s / branches.STEPS,
        "simulated_step_s": simulated.step_s(rate),
    }


def _held_out(found: Sequence[branches.HeldOut]) -> Result:
    errors = [abs(e) for one in found for e in one.errors.values()]
    worst = max(found, key=lambda one: max(map(abs, one.errors.values())))
    rates = [one.rate for one in found]
    return {
        "known": len(found[0].known),
        "choices": len(found),
        "median_error": median(errors),
        "worst_error": max(errors),
        "worst_known": worst.known,
        "rates": [min(rates), max(rates)],
    }


def _smallest(simulated: Mapping[int, branches.Simulated]) -> Result:
    """Return how the smallest three networks predict the others."""
    (found,) = (h for h in branches.held_out(simulated, 3) if h.known == (0, 1, 2))
    return {"rate": found.rate, "errors": found.errors}


def _slope(energy: Callable[[int], float]) -> float:
    return branches.slope_j({n: energy(n) for n in branches.SERIES})


if __name__ == "__main__":
    main()
