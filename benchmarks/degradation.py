"""Does a spiking residual network learn less when it is deeper? Three blocks under one budget.

    python benchmarks/degradation.py [TRAIN.npz TEST.npz] [--depths N ...] [--updates N]
        [--json FILE] [--plot FILE]

Trains the vanilla spiking ResNet, SEW-ResNet and MS-ResNet at several depths: the same images in
the same order, the same number of updates, the same recipe, neurons and batch norms; only blocks
differ. A network that is done lies in the folder and is not trained again, so an interrupted study
goes on. README.md has the conditions; models/README.md has what came out.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import machine, tables
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from snn_deploy import datasets
from snn_deploy.datasets import Samples
from snn_deploy.training import Progress as State
from snn_deploy.training import TrainingConfig, train

FAMILIES = {
    "spiking_resnet": "vanilla spiking ResNet",
    "sew_resnet": "SEW-ResNet",
    "ms_resnet": "MS-ResNet",
}
DEPTHS = (20, 56, 110)
CLASSES = 10
WINDOW = 25
"""Updates whose mean loss is a figure: one batch's is too noisy."""

Result = dict[str, Any]


def main() -> None:
    """Train what is missing, print the table, write JSON and the plot where asked for."""
    arguments = _arguments()
    if not arguments.training.exists():
        print(f"{arguments.training} is not there: examples/cifar10_to_npz.py makes it")
        return
    wanted = [
        (family, depth)
        for depth in sorted(arguments.depths)
        for family in arguments.families
        if f"{family}{depth}" not in arguments.leave_out
    ]
    training = _images(arguments.training).first(arguments.updates * arguments.batch)
    test = _images(arguments.test).first(arguments.test_images)
    results = list(_studied(wanted, training, test, arguments))
    conditions = {
        **machine.described("torch", "snn-deploy"),
        "updates": arguments.updates,
        "batch": arguments.batch,
        "training_images": len(training),
        "test_images": len(test),
        "steps": arguments.steps,
        "seed": arguments.seed,
    }
    _show(results, conditions)
    if arguments.json:
        found = {"conditions": conditions, "networks": results}
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if arguments.plot:
        _plot(results, conditions, arguments.plot)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    data = Path("build/data")
    for name, metavar in (("training", "TRAIN.npz"), ("test", "TEST.npz")):
        made = data / f"cifar10_{name.removesuffix('ing')}.npz"
        parser.add_argument(name, type=Path, nargs="?", default=made, metavar=metavar)
    parser.add_argument("--families", nargs="+", default=list(FAMILIES), choices=FAMILIES)
    parser.add_argument("--depths", nargs="+", type=int, default=DEPTHS, metavar="N")
    parser.add_argument("--leave-out", nargs="+", default=(), metavar="NAME", help="sew_resnet482")
    parser.add_argument("--updates", type=int, default=200, help="of the weights, one pass")
    parser.add_argument("--batch", type=int, default=24, help="images an update")
    parser.add_argument("--test-images", type=int, default=1000, help="the first ones of TEST.npz")
    parser.add_argument("--steps", type=int, default=2, help="T")
    parser.add_argument("--seed", type=int, default=1, help="of weights, order, augmentation")
    parser.add_argument("--folder", type=Path, default=Path("build/degradation"))
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--plot", type=Path, metavar="FILE", help=".svg or .png; needs matplotlib")
    return parser.parse_args()


def _images(path: Path) -> Samples:
    samples = datasets.load(path)
    if not isinstance(samples, Samples) or samples.labels is None:
        sys.exit(f"{path} has no labelled images")
    return samples


def _studied(
    wanted: Sequence[tuple[str, int]],
    training: Samples,
    test: Samples,
    arguments: argparse.Namespace,
) -> Iterable[Result]:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=tables.console(), transient=True) as bars:
        for family, depth in wanted:
            config = TrainingConfig(
                architecture=f"{family}{depth}",
                classes=CLASSES,
                steps=arguments.steps,
                epochs=1,
                batch=arguments.batch,
                warmup_epochs=0.1,
                seed=arguments.seed,
            )
            bar = bars.add_task(config.architecture, total=len(training))

            def show(done: int, bar: Any = bar) -> None:
                bars.update(bar, completed=done)

            yield _trained(config, training, test, arguments.folder, show) | {
                "family": family,
                "depth": depth,
            }
            bars.remove_task(bar)


@dataclass(slots=True)
class _Losses:
    """The loss of every update, from the running mean that a training run tells."""

    show: Any
    each: list[float] = field(default_factory=list)
    _sum: float = 0.0

    def __call__(self, state: State) -> None:
        total = state.loss * state.images
        self.each.append((total - self._sum) / (state.images / (len(self.each) + 1)))
        self._sum = total
        self.show(state.images)


def _trained(
    config: TrainingConfig, training: Samples, test: Samples, folder: Path, show: Any
) -> Result:
    """Return what a network's training came to, from its folder where it has been done."""
    place = folder / config.architecture
    done = place / "result.json"
    key = config.recipe() | {"images": len(training), "test_images": len(test)}
    if done.exists():
        known: Result = json.loads(done.read_text(encoding="utf-8"))
        if known.pop("recipe") == json.loads(json.dumps(key)):
            return known
        sys.exit(f"{place} is of another budget; remove it or choose another --folder")
    place.mkdir(parents=True, exist_ok=True)
    # A run of one epoch that is saved is over, and its losses went with the process.
    (place / "last.pt").unlink(missing_ok=True)
    losses = _Losses(show)
    train(config, training, test, place, losses)
    line = json.loads((place / "log.jsonl").read_text(encoding="utf-8"))
    result = {
        "losses": [round(loss, 4) for loss in losses.each],
        "test_accuracy": line["test_accuracy"],
        "train_accuracy": line["train_accuracy"],
    }
    done.write_text(json.dumps(result | {"recipe": key}) + "\n", encoding="utf-8")
    return result


def _windows(losses: Sequence[float]) -> list[float]:
    return [statistics.fmean(losses[i : i + WINDOW]) for i in range(0, len(losses), WINDOW)]


def _show(results: Sequence[Result], conditions: Mapping[str, Any]) -> None:
    console = tables.console()
    budget = "{updates} updates of {batch} images, T = {steps}".format(**conditions)
    table = Table(title=f"Learning by depth under one budget: {budget}")
    table.add_column("network")
    for title in ("layers", "first loss", "last loss", "test accuracy"):
        table.add_column(title, justify="right")
    for result in sorted(results, key=lambda r: (list(FAMILIES).index(r["family"]), r["depth"])):
        windows = _windows(result["losses"])
        table.add_row(
            FAMILIES[result["family"]],
            str(result["depth"]),
            f"{windows[0]:.3f}",
            f"{windows[-1]:.3f}",
            f"{100 * result['test_accuracy']:.1f} %",
        )
    console.print(table)
    console.print(
        f"losses: means over the first and the last {WINDOW} updates; guessing gives 2.303, 10 %; "
        f"accuracy on {conditions['test_images']} test images"
    )
    tables.show_machine(console, conditions)


def _plot(results: Sequence[Result], conditions: Mapping[str, Any], path: Path) -> None:
    """Accuracy over depth, and the loss of the deepest networks over updates."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        sys.exit("the plot needs matplotlib: pip install matplotlib")
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    by_depth, by_update = figure.subplots(1, 2)
    deepest = max(result["depth"] for result in results)
    for number, (family, title) in enumerate(FAMILIES.items()):
        own = sorted((r for r in results if r["family"] == family), key=lambda r: r["depth"])
        color = f"C{number}"
        depths = [result["depth"] for result in own]
        accuracy = [100 * result["test_accuracy"] for result in own]
        by_depth.plot(depths, accuracy, "o-", color=color, label=title)
        for result in own:
            if result["depth"] == deepest:
                losses = _windows(result["losses"])
                updates = [WINDOW * (i + 0.5) for i in range(len(losses))]
                by_update.plot(updates, losses, color=color, label=title)
    by_depth.set(xscale="log", xlabel="layers", ylabel="CIFAR-10 test accuracy, %", ylim=(0, None))
    ticks = sorted({result["depth"] for result in results})
    by_depth.set_xticks(ticks, [str(tick) for tick in ticks])
    by_depth.minorticks_off()
    by_depth.axhline(100 / CLASSES, color="grey", linestyle=":", linewidth=1)
    by_depth.legend(frameon=False)
    by_update.set(xlabel="updates", ylabel="training loss", title=f"{deepest} layers")
    budget = "{updates} updates of {batch} images, T = {steps}".format(**conditions)
    by_depth.set_title(budget)
    for axes in (by_depth, by_update):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)


if __name__ == "__main__":
    main()
