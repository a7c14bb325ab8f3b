"""How fast an exported network runs in stock ONNX Runtime, beside the frameworks it comes from.

    python benchmarks/onnx_speed.py [--network NAME] [--batch N ...] [--quick] [--json FILE]

One network (MS-ResNet-20 for CIFAR-10 unless told otherwise, T = 4) with one set of weights, from
an image in memory to logits: the integer and the float export, each as step and as sequence form,
against torch eager, torch.compile, SpikingJelly and norse, in turns. Everyone's outputs are checked
before the first measurement. README.md says what is compared with what, and why that is fair.
"""

import argparse
import copy
import json
import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from harness import frameworks, machine, tables
from harness.networks import Floats, Subject, lively, samples, trained
from harness.timing import Contender, Logits, Run, Timing, take_turns
from rich.console import Console
from rich.table import Table
from torch import nn

from snn_deploy.converters.onnx import lower_model
from snn_deploy.converters.onnx.lower import Form
from snn_deploy.converters.onnx.run import Session
from snn_deploy.frontends.tracing import trace
from snn_deploy.ir.evaluate import evaluate, read_out
from snn_deploy.ir.graph import Graph
from snn_deploy.passes import FOLD, run_passes
from snn_deploy.quantization import QuantGraph, calibrate, quantize

TRAINED = "ms_resnet20"
"""What ships with trained weights."""
STEPS = 4
CALIBRATION_SAMPLES = 64
SAME_FUNCTION = 1e-9
"""Largest difference of logits in float64, where no potential lies between two roundings."""
CLOSE = 0.1
"""Largest relative difference in float32, where a few spikes flip: norm of it over the logits'."""
PACKAGES = ("torch", "onnx", "onnxruntime", "spikingjelly", "norse", "numpy", "snn-deploy")

FRAMEWORKS: Mapping[str, Callable[[Any], nn.Module]] = {
    "torch eager": frameworks.eager,
    "torch folded": frameworks.folded,
    "torch compile": frameworks.compiled,
    "SpikingJelly": frameworks.spikingjelly,
    "norse": frameworks.norse,
}
FORMS: Sequence[Form] = ("step", "sequence")
FASTEST = "integer sequence"
PART = 4
"""Images a call whose states still fit into a processor's cache; larger batches are also split."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export made of the network: both graphs, every file as bytes."""

    floats: Graph
    integers: QuantGraph
    files: Mapping[str, bytes]


class WrongOutputError(Exception):
    """Something that was to be measured computes something else."""


def main() -> None:
    """Check, measure, print a table for each batch size, write JSON where asked for."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    logging.getLogger("torch._library.triton").setLevel(logging.ERROR)  # missing on a CPU, rightly
    console = tables.console()
    subject = _subject(arguments.network)
    exported = _export(subject)
    before = machine.now()
    measured = {}
    for batch in arguments.batch:
        measured[batch] = _measure(subject, exported, batch, arguments)
        _show(console, batch, *measured[batch])
    after = machine.now()
    conditions = {
        **machine.described(*PACKAGES),
        "threads": arguments.threads,
        "spinning": not arguments.no_spinning,
        "steps": STEPS,
        "repeats": arguments.repeats,
        "others": after.others_since(before),
        "stolen": after.stolen_since(before),
    }
    console.print(f"{subject.name}, {subject.weights}; {subject.rate_text()}")
    console.print(f"{arguments.threads} threads, {arguments.repeats} turns each, medians")
    tables.show_conditions(console, conditions)
    if arguments.json:
        network = {"name": subject.name, "weights": subject.weights, "rates": subject.rates}
        found = {"conditions": conditions, "network": network, "batches": _plain(measured)}
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--network", default=TRAINED, help="an architecture of this project")
    parser.add_argument("--batch", type=int, nargs="+", default=(1, 32), metavar="N")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=15, help="turns of each contender")
    parser.add_argument("--turn", type=float, default=0.5, metavar="S", help="seconds of a turn")
    parser.add_argument(
        "--patience", type=float, default=300, metavar="S", help="to wait for other processes"
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", help="contenders, by parts of names")
    parser.add_argument(
        "--no-spinning", action="store_true", help="let ONNX Runtime's idle threads sleep"
    )
    parser.add_argument("--quick", action="store_true", help="a look, not a measurement")
    parser.add_argument("--json", type=Path, metavar="FILE")
    found = parser.parse_args()
    if found.quick:
        found.repeats, found.turn, found.patience = 3, 0.1, 0
    return found


def _subject(name: str) -> Subject:
    """Return the trained network where it ships, else one of random weights that fires like it."""
    if name == TRAINED and (found := trained(STEPS)) is not None:
        return found
    return lively(name, STEPS)


def _export(subject: Subject) -> Exported:
    shape = subject.input.shape
    traced = trace(subject.module, shape, name=subject.name, steps=STEPS)
    floats = run_passes(traced, FOLD)
    images = samples(subject.input, CALIBRATION_SAMPLES)
    integers = quantize(floats, calibrate(floats, images)).graph
    graphs = {"integer": integers, "float": floats}
    files = {
        f"{kind} {form}": lower_model(graph, form).SerializeToString()
        for kind, graph in graphs.items()
        for form in FORMS
    }
    return Exported(floats, integers, files)


def _measure(
    subject: Subject, exported: Exported, batch: int, arguments: argparse.Namespace
) -> tuple[Mapping[str, Timing], Mapping[str, str], set[str]]:
    """Return timings and what the check of the outputs found, by contender; and which are ours."""
    images = samples(subject.input, batch)
    contenders, checked = [], {}
    for contender in _contenders(subject, exported, images, arguments):
        _tell(f"batch {batch}: checking {contender.name}")
        with contender.open() as run:
            name = contender.name
            checked[name] = _check(name, run(), subject, exported, images)
        contenders.append(contender)

    def observe(repeat: int, contender: Contender) -> None:
        _tell(f"batch {batch}: turn {repeat + 1} of {arguments.repeats}, {contender.name}")

    timings = take_turns(contenders, arguments.repeats, arguments.turn, arguments.patience, observe)
    _tell("")
    return timings, checked, {contender.name for contender in contenders if contender.ours}


def _contenders(
    subject: Subject, exported: Exported, images: Floats, arguments: argparse.Namespace
) -> Iterator[Contender]:
    def wanted(name: str) -> bool:
        return not arguments.only or any(part in name for part in arguments.only)

    fed = {name: (name, [images]) for name in exported.files}
    if len(images) > PART:
        parts = np.split(images, range(PART, len(images), PART))
        fed[f"{FASTEST} by {PART}"] = FASTEST, parts
    for name, (file, parts) in fed.items():
        if not wanted(name):
            continue
        yield Contender(name, True, partial(_session, exported, file, parts, arguments))
    for name, build in FRAMEWORKS.items():
        if not wanted(name):
            continue
        try:
            module = build(subject.module)
        except ModuleNotFoundError as error:
            _tell(f"{name}: left out, {error}", last=True)
            continue
        if name in ("SpikingJelly", "norse"):
            _check_function(name, module, subject, images)
        yield Contender(name, False, partial(_module, module, images))


@contextmanager
def _session(
    exported: Exported, file: str, parts: Sequence[Floats], arguments: argparse.Namespace
) -> Iterator[Run]:
    """Load a file; no other session lives meanwhile, so waiting threads may spin as they do.

    The threads work together on one part, or each on parts of its own.
    """
    workers = min(arguments.threads, len(parts))
    threads, spinning = arguments.threads // workers, not arguments.no_spinning
    session = Session(exported.files[file], threads=threads, spinning=spinning)
    graph = exported.integers
    (output,) = graph.outputs
    scale = graph.output_scale(output)

    def integers(images: Floats) -> Logits:
        found: Logits = session.infer(graph.quantize_input(images), STEPS)[output] * scale
        return found

    def floats(images: Floats) -> Logits:
        return session.infer(images, STEPS)[output]

    infer = integers if file.startswith("integer") else floats
    if workers == 1:
        yield lambda: infer(parts[0])
        return
    with ThreadPoolExecutor(workers) as pool:
        yield lambda: np.concatenate(list(pool.map(infer, parts)))


@contextmanager
def _module(module: nn.Module, images: Floats) -> Iterator[Run]:
    tensor = torch.from_numpy(images)

    @torch.inference_mode()
    def run() -> Logits:
        found: Logits = module(tensor).numpy()
        return found

    yield run


def _check(name: str, logits: Logits, subject: Subject, exported: Exported, images: Floats) -> str:
    """Say how outputs compare with the reference. Raises WrongOutputError."""
    if name.startswith("integer"):
        graph = exported.integers
        (output,) = graph.outputs
        values = read_out(graph, evaluate(graph, graph.quantize_input(images)))[output]
        if not np.array_equal(logits, values * graph.output_scale(output)):
            raise WrongOutputError(f"{name}: the integers differ from the reference evaluator's")
        return "= reference"
    with _module(subject.module, images) as run:
        expected = run()
    difference = float(np.linalg.norm(logits - expected) / np.linalg.norm(expected))
    if not difference < CLOSE:
        raise WrongOutputError(f"{name}: logits differ from torch's by {difference:.1%}")
    return "= torch" if difference == 0 else f"torch ± {difference:.0e}"


def _check_function(name: str, module: nn.Module, subject: Subject, images: Floats) -> None:
    """Compare in float64: differences are then of the function. Raises WrongOutputError."""
    found = []
    for network in (module, subject.module):
        with torch.inference_mode():
            found.append(copy.deepcopy(network).double()(torch.from_numpy(images).double()))
    difference = float((found[0] - found[1]).abs().max())
    if not difference < SAME_FUNCTION:
        raise WrongOutputError(f"{name}: another function, off by {difference:.1e} in float64")


def _tell(text: str, last: bool = False) -> None:
    """Show what is being done, on a terminal."""
    if last:
        print(text, file=sys.stderr)
    elif sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def _show(
    console: Console,
    batch: int,
    timings: Mapping[str, Timing],
    checked: Mapping[str, str],
    ours: set[str],
) -> None:
    theirs = [name for name in timings if name not in ours]
    table = Table(title=f"Batch of {batch}, T = {STEPS}: milliseconds an image; times as fast as …")
    table.add_column("", no_wrap=True)
    for title in ("ms", "fastest", "slowest"):
        table.add_column(title, justify="right")
    for name in theirs:
        table.add_column(name.removeprefix("torch "), justify="right")
    table.add_column("best of them", justify="right")
    table.add_column("outputs", no_wrap=True)
    for name, timing in timings.items():
        times = [f"{1000 * s / batch:.2f}" for s in (timing.call_s, *timing.spread_s)]
        ratios = [timings[other].call_s / timing.call_s for other in theirs]
        cells = [f"{ratio:.2f}" for ratio in (*ratios, *[min(ratios)] * bool(ratios))]
        cells += [""] * (not ratios)
        style = "bold" if name in ours else ""
        table.add_row(name, *times, *cells, checked[name], style=style)
    console.print(table)


def _plain(
    measured: Mapping[int, tuple[Mapping[str, Timing], Mapping[str, str], set[str]]],
) -> Mapping[str, Any]:
    """Return results as JSON has them, every turn included."""
    return {
        str(batch): {
            name: {
                "ours": name in ours,
                "ms_per_image": 1000 * timing.call_s / batch,
                "spread_ms": [1000 * s / batch for s in timing.spread_s],
                "outputs": checked[name],
                "others": timing.others,
                "stolen": timing.stolen,
                "turns_counted": len(timing.counted),
                "turns_ms": [1000 * turn.call_s / batch for turn in timing.turns],
            }
            for name, timing in timings.items()
        }
        for batch, (timings, checked, ours) in measured.items()
    }


if __name__ == "__main__":
    main()
