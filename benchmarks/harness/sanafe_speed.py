"""How fast both simulators are, and how much memory they take: one thread, by turns."""

import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from rich.console import Console

from snn_deploy import targets
from snn_deploy.hardware import Chip
from snn_deploy.ir.graph import Array
from snn_deploy.placement import fit, place
from snn_deploy.simulation.chip.machine import Machine
from snn_deploy.simulation.chip.machine import machine as machine_of
from snn_deploy.simulation.chip.marks import Marker, Marks
from snn_deploy.simulation.chip.result import Tier
from snn_deploy.simulation.chip.run import Begin, Simulator

from . import machine
from .memory import forget_peak, peak_bytes
from .sanafe_deep import quantized
from .sanafe_driver import Description, Process, Timing, process
from .sanafe_lists import Lists, near, scattered
from .sanafe_workloads import DVS, net_a, placed_dvs

T = TypeVar("T")
Rows = list[dict[str, Any]]
Run = Callable[[], int]
"""Simulates, and returns synaptic events."""

STEPS: Mapping[Tier, int] = {"ideal": 100, "contention": 100, "cycle": 10}
"""Of a turn of ours; what runs a graph does all its steps."""

THEIRS: Mapping[str, Mapping[Timing, int]] = {
    "A packed": {"simple": 100, "detailed": 100, "cycle": 3},
    "A spread": {"simple": 50, "detailed": 10, "cycle": 2},
    DVS: {"simple": 100, "detailed": 100, "cycle": 10},
}
"""Steps of a turn of SANA-FE."""

CONVOLUTIONAL = "ms_resnet20"

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")

RATES = (0.01, 0.02, 0.05, 0.1, 0.2)
SIZES = (1_000, 3_000, 10_000, 30_000, 100_000)
FAN_OUT = 100
PER_CORE = 1_000
GROWTH_TURNS = 5

MEMORY = {"A packed": (10_000, 10), "A spread": (10_000, 127), "100,000 neurons": (100_000, 100)}
"""Neurons and cores."""


@dataclass(frozen=True, slots=True)
class Race:
    """A network for speed.

    Attributes:
        name: in tables.
        ours: all of it, from spikes to times, by tier.
        theirs: the network for SANA-FE, and its chip; None where it does not take it.
    """

    name: str
    ours: Mapping[Tier, Run]
    theirs: tuple[Description, Chip] | None


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a contender.

    Attributes:
        events: synaptic events simulated.
        processor_s: of its thread.
        others: processors that others used meanwhile.
    """

    events: int
    processor_s: float
    others: float


def speed(python: Path | None, turns: int, console: Console) -> Rows:
    """Return how fast all contenders are on every network."""
    rows = _on_one_thread(_race, python, turns)
    for row in rows:
        rate = row["events_per_s"] / 1e6
        console.print(f"{row['name']}, {row['contender']}: {rate:.2f} M synaptic events/s")
    return rows


def _on_one_thread(run: Callable[..., T], *given: Any) -> T:
    """Return what a function gives in a new process whose NumPy has one thread."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ |= dict.fromkeys(THREADS, "1")
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        found = pool.submit(run, *given)
    for name, value in before.items():
        del os.environ[name]
        if value is not None:
            os.environ[name] = value
    return found.result()


def _race(python: Path | None, turns: int) -> Rows:
    rows: Rows = []
    for race in _races(python):
        found = _raced(race, python, turns)
        rows += [_row(race.name, contender, found[contender]) for contender in found]
    return rows


def _races(python: Path | None) -> Iterator[Race]:
    loihi, loihi2 = targets.load("loihi"), targets.load("loihi2")
    assert loihi.chip is not None, "Loihi is a chip"
    for name, cores in (("A packed", 10), ("A spread", 127)):
        lists = net_a(cores)
        theirs = (lists.described(loihi.chip), loihi.chip) if python else None
        ours = {tier: lists_run(lists, loihi.chip, STEPS[tier], tier) for tier in STEPS}
        yield Race(name, ours, theirs)
    if python is not None:
        placed, x = placed_dvs(loihi, python, STEPS["contention"])
        chip = placed.target.chip
        assert chip is not None, "Loihi is a chip"
        marker = Marker(placed.network, placed.machine)
        yield Race(DVS, _graph_runs(marker, x, placed.machine, "cold"), (placed.described(x), chip))
    graph, x = quantized(CONVOLUTIONAL, loihi2)
    network = fit(graph, loihi2, "relay").network
    made = machine_of(network, place(network, loihi2, effort=0), loihi2)
    yield Race(CONVOLUTIONAL, _graph_runs(Marker(network, made), x, made, "stream"), None)


def _graph_runs(marker: Marker, x: Array, made: Machine, begin: Begin) -> Mapping[Tier, Run]:
    return {tier: _run(lambda: marker.mark(x), Simulator(made, tier), begin) for tier in STEPS}


def lists_run(lists: Lists, chip: Chip, steps: int, tier: Tier = "contention") -> Run:
    """Return what simulates neurons with lists of synapses."""
    simulator = Simulator(lists.machine("lists", chip), tier)
    return _run(lambda: lists.marks(steps), simulator, "cold")


def _run(mark: Callable[[], Marks], simulator: Simulator, begin: Begin) -> Run:
    def run() -> int:
        counts, _ = simulator.simulate(mark(), begin)
        return int(counts.events.sum())

    run()  # compiles
    return run


def _raced(race: Race, python: Path | None, turns: int) -> Mapping[str, list[Turn]]:
    """Let all contenders take turns; every other round goes backwards."""
    with ExitStack() as stack:
        contenders = {f"ours, {tier}": partial(_ours, run) for tier, run in race.ours.items()}
        if race.theirs is not None and python is not None:
            child = stack.enter_context(process(python, *race.theirs))
            for model, steps in THEIRS[race.name].items():
                contenders[f"SANA-FE, {model}"] = partial(_theirs, child, model, steps)
        found: dict[str, list[Turn]] = {name: [] for name in contenders}
        for turn in range(turns):
            for name in [*contenders][:: -1 if turn % 2 else 1]:
                found[name].append(contenders[name]())
    return found


def _ours(run: Run) -> Turn:
    before, worked = machine.now(), time.process_time()
    events = run()
    processor_s = time.process_time() - worked
    return Turn(events, processor_s, machine.now().others_since(before))


def _theirs(child: Process, model: Timing, steps: int) -> Turn:
    before = machine.now()
    answer = child.run(steps, model, fresh=False)
    after = machine.now()
    # A child that still runs counts among the others.
    others = after.others_since(before) - answer.processor_s / (after.wall - before.wall)
    return Turn(int(answer.events.sum()), answer.processor_s, max(0.0, others))


def _row(name: str, contender: str, turns: list[Turn]) -> dict[str, Any]:
    rates = [turn.events / turn.processor_s for turn in turns]
    return {
        "name": name,
        "contender": contender,
        "events": statistics.median(turn.events for turn in turns),
        "events_per_s": statistics.median(rates),
        "slowest": min(rates),
        "fastest": max(rates),
        "others": statistics.fmean(turn.others for turn in turns),
    }


def memory(python: Path | None, console: Console) -> Rows:
    """Return bytes for a synapse, at the peak of building and running, each in a new process."""
    rows: Rows = []
    for name, (neurons, cores) in MEMORY.items():
        row = {"name": name, "synapses": neurons * FAN_OUT}
        row["ours"] = _on_one_thread(_bytes, neurons, cores) / row["synapses"]
        if python is not None and name in THEIRS:
            row["theirs"] = _their_bytes(python, net_a(cores)) / row["synapses"]
        rows.append(row)
        console.print(f"{name}: {row['ours']:.1f} bytes a synapse")
    return rows


def _bytes(neurons: int, cores: int) -> int:
    """Return how far the memory of this process goes up."""
    chip = targets.load("loihi").chip
    assert chip is not None, "Loihi is a chip"
    lists_run(scattered(PER_CORE, FAN_OUT, 2, 0.05), chip, 2)()
    forget_peak()
    before = peak_bytes()
    lists_run(scattered(neurons, FAN_OUT, cores, 0.05), chip, 10)()
    return peak_bytes() - before


def _their_bytes(python: Path, lists: Lists) -> float:
    """Return what SANA-FE takes to connect synapses and to load them."""
    chip = targets.load("loihi").chip
    assert chip is not None, "Loihi is a chip"
    with process(python, lists.described(chip), chip) as child:
        answer = child.run(1, "simple")
    return answer.build["bytes"] + answer.load["bytes"]


def growth(console: Console) -> Rows:
    """Return processor time beside synaptic events, over firing rates and over sizes."""
    rows = _on_one_thread(_grown)
    for row in rows:
        rate = row["events"] / row["processor_s"] / 1e6
        console.print(f"{row['over']} {row['at']}: {rate:.1f} M synaptic events/s")
    return rows


def _grown() -> Rows:
    chip = targets.load("loihi").chip
    assert chip is not None, "Loihi is a chip"
    rates = [("firing rate", f"{rate:.0%}", net_a(10, rate)) for rate in RATES]
    # Each neuron reaches as many cores, however many there are.
    sizes = [("neurons", f"{n:,}", near(n, FAN_OUT, n // PER_CORE, 0.05, PER_CORE)) for n in SIZES]
    rows: Rows = []
    for over, at, lists in (*rates, *sizes):
        steps = STEPS["contention"]
        silent = replace(lists, bias=lists.bias * 0, begin=lists.begin * 0)
        idle_s, busy = _median_s(lists_run(silent, chip, steps)), lists_run(lists, chip, steps)
        row = {"over": over, "at": at, "events": busy(), "idle_s": idle_s}
        rows.append(row | {"processor_s": _median_s(busy)})
    return rows


def _median_s(run: Run) -> float:
    return statistics.median(_ours(run).processor_s for _ in range(GROWTH_TURNS))


def exponent(rows: Rows) -> float:
    """Return the power of synaptic events that time grows with, fitted.

    Over firing rates it is the time that they add to that of a silent network; over sizes, where
    that grows too, all of it.
    """
    idle = [row["idle_s"] if row["over"] == "firing rate" else 0.0 for row in rows]
    seconds = np.array([row["processor_s"] for row in rows]) - idle
    return float(np.polyfit(np.log([row["events"] for row in rows]), np.log(seconds), 1)[0])
