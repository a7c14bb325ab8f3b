"""How fast an exported network runs in ONNX Runtime, beside the frameworks it comes from.

    python benchmarks/onnx_speed.py [--network NAME ...] [--steps T ...] [--batch N ...] [--layers]
        [--quick] [--json FILE]

Networks with one set of weights each, from an image in memory to logits: the integer and the float
export, as step and as sequence form, with this project's operator library and with stock operators,
against torch eager, torch.compile, SpikingJelly, norse, snnTorch and sinabs, in turns. Everyone's
outputs are checked before the first measurement, and everyone's memory is measured in a process of
its own. `--layers` measures single convolutions. README.md says what is compared with what, and why
that is fair.
"""

import argparse
import itertools
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from harness import frameworks, layer_speed, machine, speed_tables, tables
from harness.alone import Folder, peak
from harness.checks import expected
from harness.contenders import Cell, Entrant, LeftOut, entrants
from harness.exports import export
from harness.layer_speed import LayerResult
from harness.layers import BATCHES, SHAPES, Layer, contenders
from harness.networks import Subject, samples, subject
from harness.speed_tables import Measured, Result
from harness.timing import Contender, Timing, take_turns
from rich.console import Console

from snn_deploy.converters.onnx import native

NETWORKS = ("ms_resnet20",)
PACKAGES = (
    *("torch", "onnx", "onnxruntime", "spikingjelly", "norse", "snntorch", "sinabs", "numpy"),
    "snn-deploy",
)


def main() -> None:
    """Check, measure, print a table for each batch and a summary, write JSON where asked for."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    frameworks.without_warnings()
    console = tables.console(speed_tables.WIDTH)
    before = machine.now()
    cells: list[Measured] = []
    written: dict[str, Any] = {"networks": []}
    for name, steps in itertools.product(arguments.network, arguments.steps):
        network = subject(name, steps)
        found = list(_network(network, arguments, console))
        cells += found
        written["networks"].append(_plain(network, found))
        _write(written, before, arguments)
    if arguments.layers:
        written["layers"] = _layers(arguments, console)
    _write(written, before, arguments)
    if cells:
        speed_tables.show_summary(console, cells)
    threads = f"{arguments.threads} thread{'s' * (arguments.threads > 1)}"
    console.print(f"{threads}, {arguments.repeats} turns each, medians")
    console.print(f"operator library: {written['conditions']['operators']}")
    tables.show_conditions(console, written["conditions"])


def _write(found: dict[str, Any], before: machine.Moment, arguments: argparse.Namespace) -> None:
    """Add the conditions up to now, and write everything where it is asked for."""
    after = machine.now()
    found["conditions"] = {
        **machine.described(*PACKAGES),
        "operators": _operators(),
        "threads": arguments.threads,
        "spinning": not arguments.no_spinning,
        "repeats": arguments.repeats,
        "turn_s": arguments.turn,
        "others": after.others_since(before),
        "stolen": after.stolen_since(before),
    }
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--network", nargs="+", metavar="NAME", help="architectures of this project"
    )
    parser.add_argument(
        "--layers", action="store_true", help="single convolutions too; alone without --network"
    )
    parser.add_argument("--steps", type=int, nargs="+", default=(4,), metavar="T")
    parser.add_argument("--batch", type=int, nargs="+", default=(1, 16), metavar="N")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=15, help="turns of each contender")
    parser.add_argument("--turn", type=float, default=0.5, metavar="S", help="seconds of a turn")
    parser.add_argument(
        "--patience", type=float, default=300, metavar="S", help="to wait for others, a batch"
    )
    parser.add_argument(
        "--only", nargs="+", default=(), metavar="NAME", help="contenders, by parts of names"
    )
    parser.add_argument("--no-memory", action="store_true", help="do not measure memory")
    parser.add_argument(
        "--no-spinning", action="store_true", help="let ONNX Runtime's idle threads sleep"
    )
    parser.add_argument("--quick", action="store_true", help="a look, not a measurement")
    parser.add_argument("--json", type=Path, metavar="FILE")
    found = parser.parse_args()
    if found.network is None:
        found.network = () if found.layers else NETWORKS
    if found.quick:
        found.repeats, found.turn, found.patience = 3, 0.1, 0
    return found


def _network(
    network: Subject, arguments: argparse.Namespace, console: Console
) -> Iterator[Measured]:
    """Measure all batches of a network, and print each."""
    steps = network.input.steps
    _tell(f"{network.name}, T = {steps}: exporting")
    exported = export(network)
    images = samples(network.input, max(arguments.batch))
    _tell(f"{network.name}, T = {steps}: evaluating the reference")
    logits = expected(network, exported, images)
    with tempfile.TemporaryDirectory(prefix="snn-speed-") as path:
        folder = Folder(Path(path), network, exported)
        for batch in arguments.batch:
            cell = Cell(
                network,
                exported,
                images[:batch],
                logits.first(batch),
                folder,
                arguments.threads,
                not arguments.no_spinning,
                arguments.only,
            )
            found = _measured(cell, arguments)
            speed_tables.show_cell(console, found)
            yield found
    console.print(f"{network.name}, T = {steps}: {network.weights}; {network.rate_text()}\n")


def _measured(cell: Cell, arguments: argparse.Namespace) -> Measured:
    """Check everyone, let them take turns, then look at the memory of each."""
    name, steps, batch = cell.subject.name, cell.subject.input.steps, len(cell.images)
    what = f"{name}, T = {steps}, batch {batch}"
    _tell(f"{what}: checking")
    asked = list(entrants(cell))
    checked = [entrant for entrant in asked if isinstance(entrant, Entrant)]
    left_out = {one.name: one.reason for one in asked if isinstance(one, LeftOut)}
    timings = _turns([entrant.contender for entrant in checked], what, arguments)
    cell.folder.store(cell.images)
    results = {}
    for entrant in checked:
        contender = entrant.contender
        _tell(f"{what}: memory of {contender.name}")
        memory = None if arguments.no_memory else peak(entrant.job)
        timing = timings[contender.name]
        results[contender.name] = Result(
            contender.ours, timing, entrant.outputs, entrant.function, memory
        )
    _tell("")
    return Measured(name, steps, batch, results, left_out)


def _turns(
    contenders: Sequence[Contender], what: str, arguments: argparse.Namespace
) -> Mapping[str, Timing]:
    def observe(repeat: int, contender: Contender) -> None:
        _tell(f"{what}: turn {repeat + 1} of {arguments.repeats}, {contender.name}")

    repeats, turn_s, patience_s = arguments.repeats, arguments.turn, arguments.patience
    found = take_turns(contenders, repeats, turn_s, patience_s, observe)
    _tell("")
    return found


def _layers(arguments: argparse.Namespace, console: Console) -> Mapping[str, Any]:
    """Measure single convolutions, and print them."""
    most = layer_speed.ceiling(arguments.threads)
    found = []
    for (channels, side), batch in itertools.product(SHAPES, BATCHES):
        layer = Layer(channels, side, batch)
        _tell(f"{layer.name}, batch {batch}: checking")
        checked = list(contenders(layer, arguments.threads, not arguments.no_spinning))
        timings = _turns(checked, f"{layer.name}, batch {batch}", arguments)
        found.append(LayerResult(layer, timings))
    layer_speed.show(console, found, most)
    return {"ceiling_giga_macs_per_s": most, "layers": [layer_speed.plain(r) for r in found]}


def _operators() -> str:
    """Say which operator library there is."""
    library = native.library()
    if library is None:
        return "none, `snn-deploy build-ops` makes one"
    sets = native.instruction_sets(library)
    return f"{library.name}, {sets.chosen} of {', '.join(sets.compiled)}"


def _plain(network: Subject, cells: Sequence[Measured]) -> Mapping[str, Any]:
    return {
        "name": network.name,
        "weights": network.weights,
        "rates": network.rates,
        "steps": network.input.steps,
        "batches": [speed_tables.plain(cell) for cell in cells],
    }


def _tell(text: str) -> None:
    """Show what is being done, on a terminal."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
