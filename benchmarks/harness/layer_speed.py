"""How fast single convolutions run, in multiplications a second, beside what the machine can do."""

import statistics
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from snn_deploy.converters.onnx import native
from snn_deploy.converters.onnx.native.build import compiler_command

from .layers import DENSE, RATES, STOCK, TORCH, Layer, events
from .timing import Timing

_CEILING_CALLS = 5


@dataclass(frozen=True, slots=True)
class LayerResult:
    """Timings of one layer by contender."""

    layer: Layer
    timings: Mapping[str, Timing]

    def giga_macs(self, name: str) -> float | None:
        """Return 1e9 multiplications of the dense layer a second; None where nobody was measured.

        It is the same number of them for who looks at spikes alone and does fewer.
        """
        found = self.timings.get(name)
        return self.layer.macs / found.call_s / 1e9 if found else None

    @property
    def torch(self) -> str:
        """The fastest way of torch."""
        return min(TORCH, key=lambda name: self.timings[name].call_s)

    @property
    def even(self) -> float | None:
        """The percentage of spikes at which both native ways take as long, between two measured.

        0 or 100 where event-driven is slower at all of them, or faster.
        """
        if DENSE not in self.timings:
            return None
        dense = self.timings[DENSE].call_s
        times = [self.timings[events(rate)].call_s for rate in RATES]
        slower = next((i for i, time in enumerate(times) if time > dense), None)
        if slower is None:
            return 100
        if slower == 0:
            return 0
        part = (dense - times[slower - 1]) / (times[slower] - times[slower - 1])
        return RATES[slower - 1] + part * (RATES[slower] - RATES[slower - 1])


def ceiling(threads: int) -> float | None:
    """Return the most multiplications a second, in 1e9, that threads reach from registers.

    None where the library uses no AVX-512 VNNI, whose ceiling it is, or no compiler is here.
    """
    library = native.library()
    if library is None or native.instruction_sets(library).chosen != "avx512vnni":
        return None
    source = Path(__file__).with_name("ceiling.cpp")
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "ceiling"
        compiler = compiler_command()
        subprocess.run(
            [*compiler, "-std=c++17", "-O2", "-pthread", source, "-o", program], check=True
        )
        runs = [[program, str(threads)]] * _CEILING_CALLS
        found = [subprocess.run(run, check=True, capture_output=True, text=True) for run in runs]
    return statistics.median(float(run.stdout) for run in found)


def show(to: Console, results: list[LayerResult], most: float | None) -> None:
    """Print all layers."""
    table = Table(title="Convolutions of 3 x 3: 1e9 multiplications a second, were they dense")
    table.add_column("layer", no_wrap=True)
    headings = ("batch", DENSE, "of the ceiling", *(f"{r} % spikes" for r in RATES), "even at")
    for heading in (*headings, "stock", "torch", "which", "dense / torch"):
        table.add_column(heading, justify="right")
    for result in results:
        table.add_row(result.layer.name, *_cells(result, most))
    to.print(table)
    told = "unknown" if most is None else f"{most:.0f} of them from registers, all threads together"
    to.print(f"ceiling: {told}\n")


def _cells(result: LayerResult, most: float | None) -> Iterator[str]:
    dense, torch = result.giga_macs(DENSE), result.giga_macs(result.torch)
    yield str(result.layer.batch)
    yield _number(dense)
    yield f"{dense / most:.0%}" if dense and most else ""
    for rate in RATES:
        yield _number(result.giga_macs(events(rate)))
    yield _share(result.even)
    yield _number(result.giga_macs(STOCK))
    yield _number(torch)
    yield result.torch.removeprefix("torch ")
    yield f"{dense / torch:.2f}" if dense and torch else ""


def _share(percent: float | None) -> str:
    if percent is None:
        return ""
    if percent < RATES[0]:
        return f"< {RATES[0]} %"
    return f"> {RATES[-1]} %" if percent > RATES[-1] else f"{percent:.0f} %"


def _number(value: float | None) -> str:
    return f"{value:.0f}" if value else ""


def plain(result: LayerResult) -> Mapping[str, Any]:
    """Return a layer as JSON has it."""
    return {
        "channels": result.layer.channels,
        "side": result.layer.side,
        "batch": result.layer.batch,
        "macs": result.layer.macs,
        "even_at_percent": result.even,
        "contenders": {
            name: {
                "giga_macs_per_s": result.giga_macs(name),
                "call_s": timing.call_s,
                "spread_s": list(timing.spread_s),
                "others": timing.others,
            }
            for name, timing in result.timings.items()
        },
    }
