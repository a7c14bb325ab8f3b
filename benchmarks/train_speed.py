"""How fast a deep spiking network trains, and in how much memory, beside SpikingJelly's neuron.

    python benchmarks/train_speed.py [--device cuda] [--networks NAME ...] [--batch N ...]
        [--steps N] [--repeats N] [--json FILE]

One MS-ResNet with one set of weights and T = 4, a training step in bfloat16 (forward, loss,
backward, SGD): with our neurons, with blocks computed again for backward, and with SpikingJelly's
multi-step LIFNode in the place of ours. That they are one function is checked first. Each runs in a
process of its own; they take turns. README.md has the conditions.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from harness import machine, tables, training
from rich.console import Console
from rich.table import Table

NETWORKS = ("ms_resnet20", "ms_resnet110")
BATCHES = (16, 4)
STEPS = 4
CHECKED_IMAGES = 1
SAME_FUNCTION = 1e-6
"""Largest share by which gradients may differ in float64: hundreds of layers add up roundings."""

Result = dict[str, Any]


class OtherFunctionError(Exception):
    """What was to be measured computes something else."""


def main() -> None:
    """Check, measure, print a table a network, write JSON where asked for."""
    arguments = _arguments()
    if arguments.child:
        _serve(**json.loads(arguments.child))
        return
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    console = tables.console()
    before = machine.now()
    measured = {}
    for name, batch in zip(arguments.networks, arguments.batch, strict=True):
        measured[name] = _measured(name, batch, arguments, console)
        _show(console, name, batch, measured[name])
    after = machine.now()
    conditions = {
        **machine.described("torch", "triton", "spikingjelly", "snn-deploy"),
        "device": _device_name(arguments.device),
        "steps": STEPS,
        "repeats": arguments.repeats,
        "training_steps_a_turn": arguments.steps,
        "others": after.others_since(before),
        "stolen": after.stolen_since(before),
    }
    console.print(f"{conditions['device']}; {arguments.repeats} turns of {arguments.steps} steps")
    tables.show_conditions(console, conditions)
    if arguments.json:
        found = {"conditions": conditions, "networks": measured}
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    default = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=default, choices=("cpu", "cuda"))
    parser.add_argument("--networks", nargs="+", default=NETWORKS, metavar="NAME")
    parser.add_argument(
        "--batch", type=int, nargs="+", default=BATCHES, metavar="N", help="of each network"
    )
    parser.add_argument("--steps", type=int, default=3, help="training steps a turn")
    parser.add_argument("--repeats", type=int, default=5, help="turns of each contender")
    parser.add_argument("--threads", type=int, help="of a CPU; all of them unless told otherwise")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    found = parser.parse_args()
    if len(found.batch) != len(found.networks):
        parser.error(f"--batch: {len(found.batch)} numbers for {len(found.networks)} networks")
    return found


def _measured(
    name: str, batch: int, arguments: argparse.Namespace, console: Console
) -> Mapping[str, Result]:
    """Return every contender's figures. Raises OtherFunctionError."""
    contenders = [training.OURS, training.RECOMPUTED]
    if arguments.device == "cuda":
        contenders.append(training.LOOP)
    try:
        gradients, spikes = training.difference(name, STEPS, CHECKED_IMAGES)
    except ModuleNotFoundError as error:
        print(f"{training.SPIKINGJELLY}: left out, {error}", file=sys.stderr)
    else:
        if spikes or not gradients < SAME_FUNCTION:
            raise OtherFunctionError(f"{name}: {spikes} spikes, gradients by {gradients:.1e}")
        console.print(
            f"{name}: same function as with {training.SPIKINGJELLY}'s neurons; in float64 no spike "
            f"differs, gradients by {gradients:.0e} of the largest"
        )
        contenders.append(training.SPIKINGJELLY)
    return _in_turns(name, batch, contenders, arguments)


def _in_turns(
    name: str, batch: int, contenders: Sequence[str], arguments: argparse.Namespace
) -> Mapping[str, Result]:
    children = {
        contender: _Child(name, contender, batch, arguments.device) for contender in contenders
    }
    found = {contender: child.answer() for contender, child in children.items()}
    turns: dict[str, list[Result]] = {contender: [] for contender in contenders}
    for repeat in range(arguments.repeats):
        # Every other round goes backwards: nobody always comes after the same one.
        for contender in contenders if repeat % 2 == 0 else contenders[::-1]:
            turns[contender].append(children[contender].ask(arguments.steps))
    for contender, child in children.items():
        child.leave()
        found[contender] |= _summary(turns[contender], batch)
    return found


def _summary(turns: Sequence[Result], batch: int) -> Result:
    step_s = [s for turn in turns for s in turn["steps_s"]]
    processor_s = [turn["processor_s"] / len(turn["steps_s"]) for turn in turns]
    return {
        "images_per_s": batch / statistics.median(step_s),
        "step_s": statistics.median(step_s),
        "spread_s": [min(step_s), max(step_s)],
        "processor_s_per_step": statistics.median(processor_s),
        "turns": list(turns),
    }


class _Child:
    """A process that trains one network with one kind of neuron, a turn whenever it is asked."""

    def __init__(self, name: str, contender: str, batch: int, device: str) -> None:
        what = {
            "name": name,
            "contender": contender,
            "batch": batch,
            "device": device,
            "threads": torch.get_num_threads(),
        }
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--child", json.dumps(what)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, steps: int) -> Result:
        """Let it train that many steps, and wait."""
        assert self.process.stdin is not None, "opened above"
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self) -> Result:
        """Return the next thing that it says. Raises ChildProcessError where it has ended."""
        assert self.process.stdout is not None, "opened above"
        line = self.process.stdout.readline()
        if not line:
            raise ChildProcessError(f"a contender ended with status {self.process.wait()}")
        found: Result = json.loads(line)
        return found

    def leave(self) -> None:
        """Let it end."""
        assert self.process.stdin is not None, "opened above"
        self.process.stdin.close()
        self.process.wait()


def _serve(name: str, contender: str, batch: int, device: str, threads: int) -> None:
    """Be a child: say what memory the first steps took, then the times of each turn."""
    torch.set_num_threads(threads)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is no answer
    network = training.subject(name, STEPS).module
    training.VARIANTS[contender](network)
    run = training.Training(network, batch, torch.device(device))
    first = {
        "loss": float(run.loss().detach()),
        "peak_bytes": training.peak_bytes(run),
        "kept_bytes": training.kept_bytes(run),
    }
    print(json.dumps(first), file=answers)
    for line in sys.stdin:
        began = time.process_time()
        times = [_timed(run) for _ in range(int(line))]
        turn = {"steps_s": times, "processor_s": time.process_time() - began}
        print(json.dumps(turn), file=answers)


def _timed(run: training.Training) -> float:
    began = time.perf_counter()
    run.step()
    return time.perf_counter() - began


def _device_name(device: str) -> str:
    if device == "cuda":
        return torch.cuda.get_device_name()
    return f"CPU, {torch.get_num_threads()} threads"


def _show(console: Console, name: str, batch: int, found: Mapping[str, Result]) -> None:
    table = Table(title=f"{name}, batch of {batch}, T = {STEPS}: a training step in bfloat16")
    table.add_column("neurons", no_wrap=True)
    titles = ("images/s", "times SpikingJelly", "fastest", "slowest", "processor ms an image")
    for title in (*titles, "kept MB", "peak MB", "loss"):
        table.add_column(title, justify="right")
    theirs = found.get(training.SPIKINGJELLY)
    for contender, result in found.items():
        speed = result["images_per_s"]
        times = f"{speed / theirs['images_per_s']:.2f}" if theirs else ""
        fastest, slowest = (f"{batch / s:.1f}" for s in result["spread_s"])
        processor = f"{1000 * result['processor_s_per_step'] / batch:.1f}"
        memory = [f"{result[key] / 1e6:.0f}" for key in ("kept_bytes", "peak_bytes")]
        cells = [f"{speed:.1f}", times, fastest, slowest, processor, *memory]
        table.add_row(contender, *cells, f"{result['loss']:.3f}")
    console.print(table)


if __name__ == "__main__":
    main()
