"""The tables of `simulator.py`."""

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any

from rich.console import Group
from rich.table import Table

from .sanafe_speed import exponent

Row = Mapping[str, Any]
Rows = Sequence[Row]


def ratios(row: Row) -> str:
    """Return the tiers of a workload as parts of SANA-FE's cycle tier, in one line."""
    return f"{row['name']}: " + ", ".join(f"{name} {at:.3f}" for name, at in _ratios(row).items())


def _ratios(row: Row) -> Mapping[str, float]:
    cycle = row["theirs"]["cycle"]
    found = {
        "simple": row["theirs"]["simple"],
        "detailed": row["theirs"]["detailed"],
        "ideal": row["ours"]["ideal"],
        "contention": row["ours"]["contention"],
        "cycle": row["ours"]["cycle"],
        "contention, ended": row["ended"]["contention"],
        "cycle, ended": row["ended"]["cycle"],
    }
    return {name: seconds / cycle for name, seconds in found.items()}


def _agreement(rows: Rows) -> Table:
    table = _table("Ours and SANA-FE", "network", "synapses", "steps")
    for title in ("spikes", "events", "messages", "hops", "updates", "joules", "times"):
        table.add_column(title, justify="right")
    for row in rows:
        counts = row["counts"]
        names = ("spikes", "synaptic events", "messages", "hops", "updates")
        table.add_row(
            row["name"],
            f"{row['synapses']:,}",
            f"{row['steps']:,}",
            *(_both(*counts[name]) for name in names),
            f"{row['energy_error']:.0e}",
            f"{row['step_error']:.0e}",
        )
    table.caption = (
        "One number: both have it, in every step. Joules and ideal times: relative differences."
    )
    return table


def _both(ours: int, theirs: int) -> str:
    return f"{ours:,}" if ours == theirs else f"{ours:,} / {theirs:,}"


def _times(rows: Rows) -> Table:
    table = _table("Times as parts of SANA-FE's cycle tier, without the barrier", "network")
    titles = ("cores", "messages", "simple", "detailed", "ideal", "contention", "cycle")
    for title in (*titles, "contention, ended", "cycle, ended", "varies"):
        table.add_column(title, justify="right")
    for row in rows:
        parts = [f"{part:.3f}" for part in _ratios(row).values()]
        counts = (f"{row['cores']}", f"{row['messages']:,}")
        table.add_row(row["name"], *counts, *parts, f"{row['varies']:.1%}")
    table.add_section()
    for title, of in (("off by, mean", fmean), ("off by, most", max)):
        off = [of(abs(_ratios(row)[name] - 1) for row in rows) for name in _ratios(rows[0])]
        table.add_row(title, "", "", *(f"{part:.1%}" for part in off))
    off = [fmean(_with_barrier(row, name) for row in rows) for name in _ratios(rows[0])]
    table.add_row("with the barrier, mean", "", "", *(f"{part:.1%}" for part in off))
    table.caption = (
        "SANA-FE: simple, detailed. Ours: ideal, contention, cycle; ended: as it ends steps."
    )
    return table


def _with_barrier(row: Row, name: str) -> float:
    """Return how far a tier is off where every step ends with the barrier."""
    cycle = row["theirs"]["cycle"]
    return abs(_ratios(row)[name] - 1) * cycle / (cycle + row["barrier_s"])


def _speed(rows: Rows) -> Table:
    table = _table("Millions of synaptic events a processor second", "network", "contender")
    for title in ("median", "slowest", "fastest", "others"):
        table.add_column(title, justify="right")
    for row in rows:
        rates = [f"{row[key] / 1e6:.2f}" for key in ("events_per_s", "slowest", "fastest")]
        table.add_row(row["name"], row["contender"], *rates, f"{row['others']:.2f}")
    return table


def _memory(rows: Rows) -> Table:
    table = _table("Bytes a synapse", "network", "synapses", "ours", "SANA-FE")
    for row in rows:
        theirs = f"{row['theirs']:,.0f}" if "theirs" in row else ""
        table.add_row(row["name"], f"{row['synapses']:,}", f"{row['ours']:.1f}", theirs)
    return table


def _growth(rows: Rows) -> Table:
    table = _table("Time and synaptic events", "over", "at", "events", "idle ms", "busy ms")
    for over in ("firing rate", "neurons"):
        part = [row for row in rows if row["over"] == over]
        for row in part:
            times = (f"{row[key] * 1e3:.1f}" for key in ("idle_s", "processor_s"))
            table.add_row(over, row["at"], f"{row['events']:,}", *times)
        table.add_row("", "exponent", f"{exponent(part):.2f}", end_section=True)
    table.caption = (
        "Idle: the same network, silent. Fitted: busy less idle over firing rates, busy over sizes."
    )
    return table


def _alone(rows: Rows) -> Group:
    sizes = _table("Deep networks on Loihi 2", "network", "steps", "neurons", "cores", "chips")
    costs = _table("What each stage costs", "network", "stage", "seconds", "processors", "peak GB")
    for title in ("events", "messages", "mean step"):
        sizes.add_column(title, justify="right")
    for row in rows:
        counts = (f"{row[key]:,}" for key in ("steps", "neurons", "cores", "chips"))
        times = (f"{row['events']:,}", f"{row['messages']:,}", f"{row['step_s'] * 1e6:.0f} us")
        sizes.add_row(row["name"], *counts, *times)
        for stage, cost in row["stages"].items():
            used = cost["processor_s"] / max(cost["wall_s"], 1e-9)
            numbers = (f"{cost['wall_s']:.2f}", f"{used:.1f}", f"{cost['peak_bytes'] / 1e9:.2f}")
            costs.add_row(row["name"], stage, *numbers)
        costs.add_section()
    return Group(sizes, costs)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title)
    for column in columns:
        table.add_column(column)
    return table


SHOW: Mapping[str, Callable[[Rows], Table | Group]] = {
    "agreement": _agreement,
    "times": _times,
    "speed": _speed,
    "memory": _memory,
    "growth": _growth,
    "alone": _alone,
}
