"""How many cores do deep networks take, and how far do their messages go?

    python benchmarks/placement.py [--networks NAME ...] [--targets NAME ...] [--pilotnet FILE]
                                   [--effort ROUNDS] [--json FILE]

Maps quantised networks for chips and places them. The same tiles on the same number of cores are
then placed core after core in the order of the layers, and at random: what is gained is gained by
the order alone. A chip whose messages are spikes only gets networks whose shortcuts spike.
README.md has the conditions, and where PilotNet's file is from.
"""

import argparse
import json
import textwrap
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import machine, tables
from harness.networks import CIFAR10, IMAGENET, lively, samples
from rich.table import Table

from snn_deploy import targets
from snn_deploy.errors import CapacityError, MappingError
from snn_deploy.frontends.tracing import trace
from snn_deploy.hardware import Target
from snn_deploy.mapping import ChipNetwork, Residual, map_graph, stages_of
from snn_deploy.passes import FOLD, run_passes
from snn_deploy.placement import Placement, place
from snn_deploy.placement.placing import Begin
from snn_deploy.placement.strategy import messages_of
from snn_deploy.quantization import calibrate, quantize
from snn_deploy.quantization.graph import QuantGraph

if TYPE_CHECKING:
    from snn_deploy.models.ms_resnet import Shortcut

Result = dict[str, Any]

NETWORKS = (
    "ms_resnet20",
    "ms_resnet110",
    "ms_resnet482",
    "ms_resnet18",
    "ms_resnet34",
    "ms_resnet104",
)
LARGE = NETWORKS[3:]
"""Read images of 224 x 224."""

STEPS = 4
CALIBRATION_IMAGES = 4
REFUSAL = 400
"""Characters of an error that are shown; the JSON has all of it."""

BEGINNINGS: Mapping[str, Begin] = {"ours": "best", "sequential": "sequential", "random": "random"}
INTELS_CORES = {"pilotnet": 74}
"""Of Intel's own compiler, on one Loihi 2; the input layer has 13 of them. Source: the output in
lava-dl's tutorials/lava/lib/dl/netx/pilotnet_snn/benchmark.ipynb."""


def main() -> None:
    """Place, print a table, write JSON where asked for."""
    given = _arguments()
    console, before, results = tables.console(), machine.now(), []
    for target in map(targets.load, given.targets):
        for name, graph in _subjects(given, target):
            results.append(measure(name, target, graph, given.effort))
            console.print(_lines(results[-1]))
    console.print(_table(results))
    after = machine.now()
    conditions = {
        **machine.described("numpy", "snn-deploy"),
        "effort": given.effort,
        "others": after.others_since(before),
        "stolen": after.stolen_since(before),
    }
    tables.show_conditions(console, conditions)
    if given.json:
        found = {"conditions": conditions, "networks": results}
        given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--networks", nargs="*", default=NETWORKS, choices=NETWORKS, metavar="NAME")
    parser.add_argument(
        "--targets", nargs="+", default=("loihi2", "loihi"), choices=("loihi2", "loihi")
    )
    parser.add_argument("--pilotnet", type=Path, metavar="FILE", help="PilotNet-LIF's network.net")
    parser.add_argument("--effort", type=int, metavar="ROUNDS", help="instead of what is usual")
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser.parse_args()


def _subjects(given: argparse.Namespace, target: Target) -> Iterator[tuple[str, QuantGraph]]:
    """Yield integer networks by name."""
    if given.pilotnet:
        yield "pilotnet", pilotnet(given.pilotnet)
    for name in given.networks:
        if messages_of(target).graded:
            yield name, _quantized(name, None)
        else:
            yield f"{name}, spiking", _quantized(name, "spiking")


def _quantized(name: str, shortcut: "Shortcut | None") -> QuantGraph:
    """Return a random network that fires, as integers."""
    like = IMAGENET if name in LARGE else CIFAR10
    subject = lively(name, STEPS, like=like, images=CALIBRATION_IMAGES, shortcut=shortcut)
    traced = trace(subject.module, subject.input.shape, name=name, steps=STEPS)
    folded = run_passes(traced, FOLD)
    calibration = calibrate(folded, samples(subject.input, CALIBRATION_IMAGES))
    return quantize(folded, calibration).graph


def pilotnet(path: Path) -> QuantGraph:
    """Return Intel's PilotNet-LIF; an image enters the neurons of its first layer."""
    from snn_deploy.frontends.netx import read
    from snn_deploy.frontends.netx.building import Entering, integer_graph

    return integer_graph(read(path), "pilotnet", Entering((3, 66, 200), steps=16))


def measure(name: str, target: Target, graph: QuantGraph, effort: int | None) -> Result:
    """Place a network in every order."""
    how: Residual = "relay" if messages_of(target).graded else "unroll"
    result: Result = {"name": name, "target": target.name, "strategy": how}
    try:
        network = _mapped(graph, target, how)
        found = {order: _placed(network, target, order, effort) for order in BEGINNINGS}
    except (CapacityError, MappingError) as error:
        return result | {"refused": str(error)}
    return result | _described(network, found)


def _mapped(graph: QuantGraph, target: Target, how: Residual) -> ChipNetwork:
    messages = messages_of(target)
    strategy = {stage.name: how for stage in stages_of(graph, messages)}
    return map_graph(graph, messages, strategy).network


def _placed(
    network: ChipNetwork, target: Target, order: str, effort: int | None
) -> tuple[Placement, float]:
    started = time.perf_counter()
    rounds = effort if order == "ours" else 0
    placement = place(network, target, effort=rounds, begin=BEGINNINGS[order])
    return placement, time.perf_counter() - started


def _described(network: ChipNetwork, found: Mapping[str, tuple[Placement, float]]) -> Result:
    ours, seconds = found["ours"]
    return {
        "neurons": sum(slot.neurons for slot in ours.slots),
        "synapses": len(network.synapses),
        "tiles": len(ours.slots),
        "cores_used": ours.cores_used,
        "cores": ours.cores,
        "chips": ours.chips,
        "utilization": {name: asdict(used) for name, used in ours.utilization.items()},
        "seconds": seconds,
        "ways": {order: asdict(placement.ways) for order, (placement, _) in found.items()},
    }


def _lines(result: Result) -> str:
    """Return what was refused, and what fills the fullest cores."""
    lines = [f"{result['name']} on {result['target']}:"]
    if "refused" in result:
        lines.append(f"  refused: {textwrap.shorten(result['refused'], REFUSAL)}")
    full = {
        name: used["used"] / used["limit"] for name, used in result.get("utilization", {}).items()
    }
    most = sorted(full, key=full.__getitem__, reverse=True)[:3]
    lines += [f"  {name}: {full[name]:.0%} of a core at most" for name in most]
    if result["name"] in INTELS_CORES and result["target"] == "loihi2":
        lines.append(f"  Intel's compiler takes {INTELS_CORES[result['name']]} cores")
    return "\n".join(lines)


def _table(results: Sequence[Result]) -> Table:
    table = Table(title="Messages of a step: 0.25 spikes a neuron, a message a relay")
    for title in ("network", "target", "order"):
        table.add_column(title)
    for title in ("neurons", "cores", "chips", "cost", "mean hops", "max link", "seconds"):
        table.add_column(title, justify="right")
    for result in results:
        if "ways" not in result:
            table.add_row(result["name"], result["target"], "does not fit", end_section=True)
            continue
        for order, ways in result["ways"].items():
            ours, last = order == "ours", order == "random"
            first = (result["name"], result["target"]) if ours else ("", "")
            counts = [f"{result[key]:,}" for key in ("neurons", "cores_used", "chips")]
            table.add_row(
                *first,
                order,
                *(counts if ours else [""] * 3),
                f"{ways['cost']:,.0f}",
                f"{ways['mean_hops']:.2f}",
                f"{ways['max_link_load']:,.0f}",
                f"{result['seconds']:.1f}" if ours else "",
                end_section=last,
            )
    return table


if __name__ == "__main__":
    main()
