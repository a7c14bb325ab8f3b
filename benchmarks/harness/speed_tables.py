"""What `onnx_speed.py` prints, and what it writes as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from .alone import Peak
from .routes import NATIVE_SEQUENCE, NATIVE_STEP, STOCK_SEQUENCE, STOCK_STEP, Route
from .timing import Timing

WIDTH = 150
_SUMMARISED = {
    NATIVE_SEQUENCE.name: "native seq.",
    NATIVE_STEP.name: "native step",
    STOCK_SEQUENCE.name: "stock seq.",
    STOCK_STEP.name: "stock step",
    Route("float", True, "sequence").name: "float native",
    Route("float", False, "sequence").name: "float stock",
}
"""Contenders, and their titles."""
_SHORT = {"SpikingJelly": "Spiking Jelly", "snnTorch": "snn Torch"}
"""Where a title may be broken."""


@dataclass(frozen=True, slots=True)
class Result:
    """Of one contender.

    Attributes:
        ours: whether an export ran.
        timing: all its turns.
        outputs: how its outputs compare.
        function: the difference in float64, where that was looked at.
        peak: its memory, where that was measured.
    """

    ours: bool
    timing: Timing
    outputs: str
    function: float | None
    peak: Peak | None


@dataclass(frozen=True, slots=True)
class Measured:
    """One network, number of steps and batch.

    Attributes:
        results: by contender.
        left_out: who could not run here, and why.
    """

    network: str
    steps: int
    batch: int
    results: Mapping[str, Result]
    left_out: Mapping[str, str]

    @property
    def theirs(self) -> Sequence[str]:
        """The PyTorch frameworks."""
        return [name for name, result in self.results.items() if not result.ours]

    @property
    def best(self) -> str | None:
        """The fastest of them."""
        return min(self.theirs, key=lambda name: self.results[name].timing.call_s, default=None)

    def ratio(self, name: str, other: str) -> float:
        """Return how many times as fast as another one is."""
        return self.results[other].timing.call_s / self.results[name].timing.call_s

    def ms(self, name: str) -> float:
        """Return milliseconds an image."""
        return 1000 * self.results[name].timing.call_s / self.batch


def show_cell(to: Console, cell: Measured) -> None:
    """Print everyone's times, each beside each framework's."""
    title = f"{cell.network}, T = {cell.steps}, batch of {cell.batch}"
    table = Table(title=f"{title}: milliseconds an image; times as fast as …; memory")
    table.add_column("", no_wrap=True)
    for heading in ("ms", "spread"):
        table.add_column(heading, justify="right")
    for name in cell.theirs:
        table.add_column(_SHORT.get(name, name.removeprefix("torch ")), justify="right")
    table.add_column("best of them", justify="right", style="bold")
    table.add_column("MB", justify="right")
    table.add_column("outputs", no_wrap=True)
    for name, result in cell.results.items():
        ratios = [cell.ratio(name, other) for other in cell.theirs]
        cells = [f"{ratio:.2f}" for ratio in (*ratios, *[min(ratios)] * bool(ratios))]
        fastest, slowest = result.timing.spread_s
        spread = (slowest - fastest) / result.timing.call_s
        memory = f"{result.peak.running_bytes / 1e6:.0f}" if result.peak else ""
        row = (f"{cell.ms(name):.2f}", f"{spread:.0%}", *cells, *[""] * (not ratios), memory)
        table.add_row(name, *row, result.outputs, style="bold" if result.ours else "")
    to.print(table)
    for reason in dict.fromkeys(cell.left_out.values()):
        names = ", ".join(name for name in cell.left_out if cell.left_out[name] == reason)
        to.print(f"left out: {names}; {reason}")


def show_summary(to: Console, cells: Sequence[Measured]) -> None:
    """Print each network's best framework, and how many times as fast as that ours are."""
    title = "Times as fast as the best of PyTorch, integers unless float; below 1, that is faster"
    table = Table(title=title)
    for heading in ("network", "T", "batch", "best of PyTorch", "its ms"):
        table.add_column(heading, justify="left" if heading == "network" else "right", no_wrap=True)
    shown = [name for name in _SUMMARISED if any(name in cell.results for cell in cells)]
    for name in shown:
        table.add_column(_SUMMARISED[name], justify="right")
    table.add_column("MB, ours / its", justify="right", no_wrap=True)
    table.add_column("faster", no_wrap=True)
    for cell in cells:
        if cell.best is None:
            continue
        ratios = [cell.ratio(name, cell.best) if name in cell.results else None for name in shown]
        table.add_row(
            cell.network,
            str(cell.steps),
            str(cell.batch),
            cell.best,
            f"{cell.ms(cell.best):.2f}",
            *(_marked(ratio) for ratio in ratios),
            _memory(cell, cell.best),
            verdict(cell),
        )
    to.print(table)


def verdict(cell: Measured) -> str:
    """Say who is faster: the integer export, as sequence and as step, or the best framework."""
    best = cell.best
    if best is None:
        return ""
    asked = [(NATIVE_SEQUENCE, STOCK_SEQUENCE), (NATIVE_STEP, STOCK_STEP)]
    present = [next((r for r in pair if r.name in cell.results), None) for pair in asked]
    routes = [route for route in present if route is not None]
    won = [route.form for route in routes if cell.ratio(route.name, best) >= 1]
    if not routes or not won:
        return "theirs" if routes else ""
    return "ours" if len(won) == len(routes) else f"ours as {won[0]}"


def _marked(ratio: float | None) -> str:
    if ratio is None:
        return ""
    return f"{ratio:.2f}" if ratio >= 1 else f"[red]{ratio:.2f}[/red]"


def _memory(cell: Measured, best: str) -> str:
    ours = cell.results.get(NATIVE_SEQUENCE.name) or cell.results.get(STOCK_SEQUENCE.name)
    theirs = cell.results[best]
    if ours is None or ours.peak is None or theirs.peak is None:
        return ""
    return f"{ours.peak.running_bytes / 1e6:.0f} / {theirs.peak.running_bytes / 1e6:.0f}"


def plain(cell: Measured) -> Mapping[str, Any]:
    """Return results as JSON has them, every turn included."""
    return {
        "batch": cell.batch,
        "best_of_pytorch": cell.best,
        "faster": verdict(cell),
        "left_out": dict(cell.left_out),
        "contenders": {
            name: {
                "ours": result.ours,
                "ms_per_image": cell.ms(name),
                "times_best_of_pytorch": cell.ratio(name, cell.best) if cell.best else None,
                "spread_ms": [1000 * s / cell.batch for s in result.timing.spread_s],
                "outputs": result.outputs,
                "difference_float64": result.function,
                "memory": asdict(result.peak) if result.peak else None,
                "others": result.timing.others,
                "stolen": result.timing.stolen,
                "turns_counted": len(result.timing.counted),
                "turns_ms": [1000 * turn.call_s / cell.batch for turn in result.timing.turns],
            }
            for name, result in cell.results.items()
        },
    }
