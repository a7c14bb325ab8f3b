"""Does the chip simulator count and time as SANA-FE does, and how fast is it?

    python benchmarks/simulator.py [--sanafe PYTHON] [--parts PART ...] [--networks NAME ...]
                                   [--json FILE]

PYTHON is one that has SANA-FE (`pip install sanafe==2.2.9 numpy pyyaml`), which runs as a process
of its own; without it, what compares is left out. README.md has the conditions.

- agreement: the same spikes, synaptic events, messages, hops, updates, joules and ideal times?
- times: every tier beside those of SANA-FE, whose cycle tier moves every flit.
- speed: synaptic events in a second, on one thread, by turns.
- memory: bytes for a synapse.
- growth: does the time grow as synaptic events do?
- alone: deep networks, stage by stage; SANA-FE would need memory for every synapse.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness import machine, sanafe_driver, sanafe_speed, sanafe_tables, tables
from harness.sanafe_compare import agreement, as_cycle, timing
from harness.sanafe_deep import DEEP, measure
from harness.sanafe_workloads import NAMES, workload
from rich.console import Console

from snn_deploy import targets

Rows = list[dict[str, Any]]
PARTS = ("agreement", "times", "speed", "memory", "growth", "alone")
COMPARING = ("agreement", "times")
MODELS: Mapping[sanafe_driver.Timing, int] = {"simple": 1, "detailed": 3, "cycle": 3}
"""How often they run. The messages of a neuron leave in the order of addresses in memory there,
another one on every new chip."""


def main() -> None:
    """Do the parts, print tables, write JSON where asked for; fail where counts differ."""
    given = _arguments()
    console, before = tables.console(), machine.now()
    found: dict[str, Rows] = {}
    for part in given.parts:
        if given.sanafe is None and part in COMPARING:
            console.print(f"{part}: left out, it needs SANA-FE (--sanafe PYTHON)")
            continue
        found[part] = RUN[part](given, console)
        console.print(sanafe_tables.SHOW[part](found[part]))
    after = machine.now()
    conditions = {
        **machine.described("numpy", "numba", "snn-deploy"),
        "sanafe": given.sanafe and sanafe_driver.version(given.sanafe),
        "others": after.others_since(before),
        "stolen": after.stolen_since(before),
    }
    tables.show_conditions(console, conditions)
    if given.json:
        written = {"conditions": conditions, **found}
        given.json.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    different = [row["name"] for row in found.get("agreement", []) if row["different"]]
    if different:
        raise SystemExit(f"counts differ: {', '.join(different)}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sanafe", type=Path, metavar="PYTHON", help="one that has SANA-FE")
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS)
    names = (*NAMES, *DEEP)
    parser.add_argument("--networks", nargs="+", default=names, choices=names, metavar="NAME")
    parser.add_argument("--turns", type=int, default=5, help="of every contender for speed")
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    if given.sanafe is not None and sanafe_driver.version(given.sanafe) is None:
        parser.error(f"{given.sanafe} has no SANA-FE, or no numpy")
    return given


def _agreement(given: argparse.Namespace, console: Console) -> Rows:
    """Compare counts, joules and ideal times."""
    target, rows = targets.load("loihi"), []
    for name in _chosen(given, NAMES):
        work = workload(name, target, given.sanafe)
        with sanafe_driver.process(given.sanafe, work.description, work.chip) as process:
            answer = process.run(work.steps, "simple", trace=True)
        rows.append(asdict(agreement(work, answer)))
        console.print(f"{name}: {', '.join(rows[-1]['different']) or 'all counts equal'}")
    return rows


def _times(given: argparse.Namespace, console: Console) -> Rows:
    """Compare the tiers of time on a chip that has the network of SANA-FE's cycle tier."""
    target, rows = targets.load("loihi"), []
    for name in _chosen(given, NAMES):
        work = workload(name, as_cycle(target), given.sanafe, cycles=True)
        with sanafe_driver.process(given.sanafe, work.description, work.chip) as process:
            answers = {
                model: [process.run(work.steps, model) for _ in range(times)]
                for model, times in MODELS.items()
            }
        rows.append(asdict(timing(work, answers)))
        console.print(sanafe_tables.ratios(rows[-1]))
    return rows


def _alone(given: argparse.Namespace, console: Console) -> Rows:
    """Run deep networks."""
    rows = []
    for name in _chosen(given, DEEP):
        rows.append(measure(name))
        console.print(f"{name}: {rows[-1]['events']:,} synaptic events")
    return rows


def _chosen(given: argparse.Namespace, names: Sequence[str]) -> Iterator[str]:
    return (name for name in names if name in given.networks)


RUN: Mapping[str, Callable[[argparse.Namespace, Console], Rows]] = {
    "agreement": _agreement,
    "times": _times,
    "speed": lambda given, console: sanafe_speed.speed(given.sanafe, given.turns, console),
    "memory": lambda given, console: sanafe_speed.memory(given.sanafe, console),
    "growth": lambda _given, console: sanafe_speed.growth(console),
    "alone": _alone,
}

if __name__ == "__main__":
    main()
