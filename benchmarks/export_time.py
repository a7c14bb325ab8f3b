"""How long an export takes, and whether that grows with depth as it should: linearly.

    python benchmarks/export_time.py [--networks NAME ...] [--repeats N] [--json FILE]

Traces, folds, calibrates, quantises and lowers MS-ResNets of 20, 110 and 482 layers (T = 4), each
in a process of its own, so that the peak of memory is its own. README.md has the conditions.
"""

import argparse
import json
import math
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import machine, tables
from rich.table import Table

NETWORKS = ("ms_resnet20", "ms_resnet110", "ms_resnet482")
STAGES = ("trace", "fold", "calibrate", "quantize", "lower")
STEPS = 4
CALIBRATION_SAMPLES = 8
LIMIT_S = 30.0
"""For all stages of the deepest network together."""

Result = dict[str, Any]


def main() -> None:
    """Measure, print a table, write JSON where asked for."""
    arguments = _arguments()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure)))
        return
    results = [_repeated(name, arguments.repeats) for name in arguments.networks]
    conditions = {
        **machine.described("torch", "numpy", "onnx", "snn-deploy"),
        "steps": STEPS,
        "calibration_samples": CALIBRATION_SAMPLES,
        "repeats": arguments.repeats,
        "others": max(result["others"] for result in results),
        "stolen": max(result["stolen"] for result in results),
    }
    growth = _growth(results)
    _show(results, growth, conditions)
    if arguments.json:
        found = {"conditions": conditions, "networks": results, "growth": growth}
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--networks", nargs="+", default=NETWORKS, metavar="NAME")
    parser.add_argument("--repeats", type=int, default=3, help="processes a network; medians count")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--measure", metavar="NAME", help=argparse.SUPPRESS)
    return parser.parse_args()


def measure(name: str) -> Result:
    """Take one network through the stages, in this process."""
    clock = _Clock()
    clock("start", _start)
    from harness.networks import lively, samples

    from snn_deploy.converters.onnx import OnnxConverter
    from snn_deploy.frontends.tracing import trace
    from snn_deploy.passes import FOLD, run_passes
    from snn_deploy.quantization import calibrate, quantize

    subject = lively(name, STEPS)
    images = samples(subject.input, CALIBRATION_SAMPLES)
    shape = subject.input.shape
    at_start, before = _peak_bytes(), machine.now()
    traced = clock("trace", lambda: trace(subject.module, shape, name=name, steps=STEPS))
    folded = clock("fold", lambda: run_passes(traced, FOLD))
    calibration = clock("calibrate", lambda: calibrate(folded, images))
    quantized = clock("quantize", lambda: quantize(folded, calibration))
    artifact = clock("lower", lambda: OnnxConverter().lower(quantized.graph))
    after = machine.now()
    return {
        "name": name,
        "layers": subject.layers,
        "nodes": len(quantized.graph.nodes),
        "weights": subject.weights,
        "firing": subject.rate_text(),
        "stages_s": clock.seconds,
        "processor_s": clock.processor_s,
        "others": after.others_since(before),
        "stolen": after.stolen_since(before),
        "peak_memory_bytes": _peak_bytes(),
        "memory_before_bytes": at_start,
        "file_bytes": {path: len(content) for path, content in artifact.files.items()},
    }


def _start() -> None:
    """Do what a process does once whatever the network: imports, and torch's first trace."""
    from harness.networks import CIFAR10

    from snn_deploy.converters.onnx import assemble  # noqa: F401 - OnnxConverter imports it late
    from snn_deploy.frontends.tracing import trace
    from snn_deploy.models.ms_resnet import cifar

    trace(cifar(8, steps=STEPS).eval(), CIFAR10.shape, name="small", steps=STEPS)


class _Clock:
    """Seconds by stage: of the wall clock, and of all processors together."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.processor_s: dict[str, float] = {}

    def __call__(self, stage: str, work: Callable[[], Any]) -> Any:
        started, used = time.perf_counter(), time.process_time()
        result = work()
        self.seconds[stage] = time.perf_counter() - started
        self.processor_s[stage] = time.process_time() - used
        return result


def _peak_bytes() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _repeated(name: str, repeats: int) -> Result:
    """Measure in fresh processes; return the last one's result with the stages' medians."""
    command = [sys.executable, __file__, "--measure", name]
    runs: list[Result] = []
    for _ in range(repeats):
        found = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        runs.append(json.loads(found.stdout))
    each = {stage: [run["stages_s"][stage] for run in runs] for stage in ("start", *STAGES)}
    stages = {stage: statistics.median(seconds) for stage, seconds in each.items()}
    total = sum(stages[stage] for stage in STAGES)
    worst = {key: max(run[key] for run in runs) for key in ("others", "stolen")}
    return runs[-1] | worst | {"stages_s": stages, "total_s": total, "every_s": each}


def _growth(results: Sequence[Result]) -> Mapping[str, float]:
    """Return, by stage, the exponent n of time ~ layers^n between the two deepest networks."""
    by_depth = sorted(results, key=lambda r: int(r["layers"]))
    if len(by_depth) < 2:
        return {}
    smaller, larger = by_depth[-2:]
    depths = math.log(larger["layers"] / smaller["layers"])
    found = {s: math.log(larger["stages_s"][s] / smaller["stages_s"][s]) / depths for s in STAGES}
    found["all"] = math.log(larger["total_s"] / smaller["total_s"]) / depths
    return found


def _show(
    results: Sequence[Result], growth: Mapping[str, float], conditions: Mapping[str, Any]
) -> None:
    console = tables.console()
    table = Table(title=f"Seconds from torch module to ONNX files, T = {STEPS}")
    table.add_column("network")
    for title in ("layers", *STAGES, "all", "ms a layer", "peak MB", "before", "start"):
        table.add_column(title, justify="right")
    for result in results:
        table.add_row(*_row(result))
    if growth:
        exponents = [f"n = {growth[key]:.2f}" for key in (*STAGES, "all")]
        table.add_row("grows with layers^n", "", *exponents, style="dim")
    console.print(table)
    for result in results:
        console.print(f"{result['name']}: {result['weights']}; {result['firing']}")
    tables.show_conditions(console, conditions)
    deepest = max(results, key=lambda r: int(r["layers"]))
    verdict = "within" if deepest["total_s"] <= LIMIT_S else "OVER"
    total = f"{deepest['total_s']:.1f} s in all"
    console.print(f"{deepest['name']}: {total}, {verdict} the {LIMIT_S:.0f} s allowed")


def _row(result: Result) -> list[str]:
    stages = [f"{result['stages_s'][stage]:.2f}" for stage in STAGES]
    per_layer = 1000 * result["total_s"] / result["layers"]
    memory = [f"{result[k] / 1e6:.0f}" for k in ("peak_memory_bytes", "memory_before_bytes")]
    total, start = f"{result['total_s']:.2f}", f"{result['stages_s']['start']:.1f}"
    depth = str(result["layers"])
    return [result["name"], depth, *stages, total, f"{per_layer:.1f}", *memory, start]


if __name__ == "__main__":
    main()
