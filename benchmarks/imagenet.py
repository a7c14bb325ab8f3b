"""Do the ImageNet networks fit: what does an export of 18, 34 and 104 layers cost, stage by stage?

    python benchmarks/imagenet.py [--networks NAME ...] [--steps T ...] [--json FILE]

Exports untrained MS-ResNets at 224 x 224 with everything an export does: load a state dict, trace,
prove the trace, fold, calibrate, quantise, lower to both ONNX forms, prove one image over all steps
in ONNX Runtime, report, write the folder. Then evaluates the image once more. Every network has a
process of its own. Parameters, neurons and multiplications must be the published numbers: where
one differs, the benchmark ends with an error.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import machine, tables
from harness.memory import peak_bytes
from harness.stages import Stages
from rich.table import Table

if TYPE_CHECKING:
    from snn_deploy.pipeline import Export

Result = dict[str, Any]

LIMIT_S = 300.0
LIMIT_BYTES = 8e9
"""For all stages of the deepest network, on two cores."""
EXPORTED = "all of the export"
AFTER = ("evaluate", "run the file")
NORM_IMAGES = 4
"""The batch norms take their statistics from so many; the first of them is then exported."""
WEIGHTS, IMAGE, FOLDER = "weights.pt", "one_image.npz", "export"


@dataclass(frozen=True, slots=True)
class Published:
    """What a network must be, and the steps that its published accuracy is for.

    Attributes:
        parameters: all that are trained.
        neurons: LIF neurons at 224 x 224.
        giga_macs: multiplications of all weight layers at one step, in 1e9, three decimals.
        steps: T.
    """

    parameters: int
    neurons: int
    giga_macs: float
    steps: int


NETWORKS: Mapping[str, Published] = {
    "ms_resnet18": Published(11_693_736, 2_308_096, 1.827, 6),
    "ms_resnet34": Published(21_801_896, 3_562_496, 3.677, 6),
    "ms_resnet104": Published(77_350_504, 7_225_344, 12.597, 5),
}


def main() -> None:
    """Measure, print tables, write JSON where asked for."""
    given = _arguments()
    if given.folder:
        part = make if given.part == "make" else measure
        print(json.dumps(part(given.networks[0], given.steps[0], given.folder)))
        return
    asked = [(name, t) for name in given.networks for t in given.steps or [NETWORKS[name].steps]]
    console = tables.console()
    results = []
    for name, steps in asked:
        results.append(_in_processes(name, steps))
        _show(console, results[-1])
    conditions = {
        **machine.described("torch", "numpy", "onnx", "onnxruntime", "snn-deploy"),
        "others": max(result["others"] for result in results),
        "stolen": max(result["stolen"] for result in results),
    }
    tables.show_conditions(console, conditions)
    if given.json:
        found = {"conditions": conditions, "networks": results}
        given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--networks", nargs="+", default=list(NETWORKS), choices=NETWORKS, metavar="NAME"
    )
    parser.add_argument("--steps", nargs="+", type=int, metavar="T", help="instead of the papers'")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--part", choices=("make", "measure"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _in_processes(name: str, steps: int) -> Result:
    """Make a network in one process, so that the one that is measured holds nothing of that."""
    with tempfile.TemporaryDirectory(prefix="snn-imagenet-") as folder:
        found: Result = {}
        for part in ("make", "measure"):
            command = [sys.executable, __file__, "--networks", name, "--steps", str(steps)]
            command += ["--part", part, "--folder", folder]
            done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
            if done.returncode:
                sys.exit(done.returncode)
            found |= json.loads(done.stdout)
        return found


def make(name: str, steps: int, folder: Path) -> Result:
    """Write a state dict that fires at every depth, and one image as bytes."""
    import numpy as np
    import torch
    from harness.networks import IMAGENET, enlarged, lively

    subject = lively(name, steps, like=IMAGENET, images=NORM_IMAGES)
    torch.save(subject.module.state_dict(), folder / WEIGHTS)
    np.savez(folder / IMAGE, images=enlarged(IMAGENET.shape[-1], 1))
    silent = [layer for layer, rate in subject.rates.items() if rate == 0]
    if silent:
        sys.exit(f"{name}: no neuron fires in {', '.join(silent)}: nothing would be proved there")
    return {"weights": subject.weights, "firing": subject.rate_text()}


def measure(name: str, steps: int, folder: Path) -> Result:
    """Take the state dict and the image of a folder through everything, in this process."""
    stages, before = Stages(), machine.now()
    with stages("import"):
        _import()
    at_start = peak_bytes()
    export = _export(name, steps, folder, stages)
    counts = _checked(name, export)
    _evaluate(export, folder, stages)
    after = machine.now()
    files = {str(path.relative_to(folder / FOLDER)): path.stat().st_size for path in _files(folder)}
    return {
        "name": name,
        "steps": steps,
        **counts,
        "nodes": len(export.graph.nodes),
        "spikes_a_neuron": export.proof.activity.spikes / export.proof.activity.neuron_count,
        "agreement": [asdict(agreement) for agreement in export.agreement],
        "stages": {stage: asdict(cost) for stage, cost in stages.costs.items()},
        "memory_before_bytes": at_start,
        "others": after.others_since(before),
        "stolen": after.stolen_since(before),
        "file_bytes": files,
    }


def _import() -> None:
    """Import what a process imports once, whatever the network."""
    import onnxruntime  # type: ignore[import-untyped]  # noqa: F401 - it ships no types

    import snn_deploy.frontends.loading  # noqa: F401


def _export(name: str, steps: int, folder: Path, stages: Stages) -> "Export":
    """Do what `snn-export weights.pt --arch NAME --data one_image.npz --steps T` does."""
    from dataclasses import replace

    from harness.networks import IMAGENET

    from snn_deploy import datasets, targets
    from snn_deploy.delivery import write_folder
    from snn_deploy.dossier import files_of, report_of
    from snn_deploy.frontends.loading import load
    from snn_deploy.pipeline import ExportOptions, export, find_converter

    with stages("load"):
        loaded = load(folder / WEIGHTS, architecture=name, steps=steps)
        loaded = replace(loaded, input=replace(IMAGENET, steps=steps))
        samples = datasets.load(folder / IMAGE)
    target = targets.load("onnx")
    converter = find_converter(target.converter)
    made = export(loaded, target, samples, ExportOptions(), stages.observe, converter=converter)
    with stages("report, write"):
        files = files_of(made, report_of(made), keep_stages=False)
        write_folder(files, folder / FOLDER, force=False)
    return made


def _checked(name: str, export: "Export") -> Result:
    """Return the counts of a network. Exits where one is not the published one."""
    activity = export.proof.activity
    macs = sum(layer.macs for layer in activity.synapses)
    found = {
        "parameters": sum(p.numel() for p in export.loaded.module.parameters()),
        "neurons": activity.neuron_count,
        "giga_macs": round(macs / 1e9, 3),
    }
    for key, count in found.items():
        expected = getattr(NETWORKS[name], key)
        if count != expected:
            sys.exit(f"{name} has {count:,} {key}, {expected:,} are published")
    return found | {"macs": macs}


def _evaluate(export: "Export", folder: Path, stages: Stages) -> None:
    """Evaluate the image once more by the reference, and by the file that was written."""
    import numpy as np

    from snn_deploy.converters.onnx.run import Session
    from snn_deploy.ir.evaluate import evaluate, read_out

    graph = export.graph
    x = graph.quantize_input(export.samples.normalised(export.spec))
    with stages("evaluate"):
        sums = read_out(graph, evaluate(graph, x))
    with stages("run the file"):
        found = Session(folder / FOLDER / "model.sequence.onnx").infer(x, graph.steps)
    for output, expected in sums.items():
        if not np.array_equal(expected, found[output]):
            sys.exit(f"{export.loaded.name}: the file on the disk gives another '{output}'")


def _files(folder: Path) -> Sequence[Path]:
    return sorted(path for path in (folder / FOLDER).rglob("*") if path.is_file())


def _show(console: Any, result: Result) -> None:
    table = Table(title=f"{result['name']}, T = {result['steps']}, one image of 224 x 224")
    table.add_column("stage")
    for title in ("seconds", "of processors", "peak MB"):
        table.add_column(title, justify="right")
    costs: Mapping[str, Mapping[str, float]] = result["stages"]
    exporting = {stage: cost for stage, cost in costs.items() if stage not in AFTER}
    for stage, cost in exporting.items():
        table.add_row(stage, *_row([cost]))
    table.add_row(EXPORTED, *_row(list(exporting.values())), style="bold", end_section=True)
    for stage in AFTER:
        table.add_row(stage, *_row([costs[stage]]))
    console.print(table)
    console.print(
        f"{result['parameters']:,} parameters, {result['neurons']:,} neurons, "
        f"{result['giga_macs']} G multiplications a step: as published; {result['nodes']} nodes"
    )
    console.print(f"weights: {result['weights']}; {result['firing']}")
    console.print(
        "input: a CIFAR-10 image, enlarged; "
        f"{result['spikes_a_neuron']:.2f} spikes a neuron in the integer network"
    )
    for agreement in result["agreement"]:
        compared = f"{agreement['values_compared']:,} values, {agreement['mismatches']} differ"
        console.print(f"{agreement['backend']}, {agreement['form']}: {compared}")
    console.print(_verdict(costs), highlight=False)
    console.print()


def _row(costs: Sequence[Mapping[str, float]]) -> list[str]:
    wall, processor = (sum(c[key] for c in costs) for key in ("wall_s", "processor_s"))
    peak = max(c["peak_bytes"] for c in costs)
    return [f"{wall:.2f}", f"{processor:.2f}", f"{peak / 1e6:.0f}"]


def _verdict(costs: Mapping[str, Mapping[str, float]]) -> str:
    wall = sum(cost["wall_s"] for cost in costs.values())
    peak = max(cost["peak_bytes"] for cost in costs.values())
    fits = wall <= LIMIT_S and peak <= LIMIT_BYTES
    return (
        f"{wall:.0f} s and {peak / 1e9:.2f} GB in all on {os.cpu_count()} cores: "
        f"{'within' if fits else 'OVER'} the {LIMIT_S:.0f} s and {LIMIT_BYTES / 1e9:.0f} GB allowed"
    )


if __name__ == "__main__":
    main()
