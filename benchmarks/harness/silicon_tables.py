"""What `silicon.py` finds, as tables: measured beside simulated, errors in percent."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table

from . import pilotnet

Result = dict[str, Any]

OURS, INTELS = "ours", "Intel's, numbered from the output"
INPUT_FIRST, ANYWHERE, COLUMNS = "from the input", "anywhere", "column by column"
"""Intel's cores, numbered or arranged otherwise; or as in the log, going through columns."""


def of_loihi2(result: Result) -> Iterator[Table]:
    """Yield the tables of PilotNet."""
    tiers = [*result["allocations"][INTELS]["tiers"]]
    yield _counts(result)
    yield _predicted(result, tiers)
    yield _frames(result, tiers)
    yield _fitted(result, tiers)
    yield _sensitivity(result, tiers)
    yield _buffers(result, tiers)


def of_loihi(result: Result) -> Iterator[Table]:
    """Yield the tables of the branches."""
    yield _series(result)
    yield _held_out(result)
    yield _slopes(result)


def _counts(result: Result) -> Table:
    table = _table(
        "LOIHI 2, COUNTS: synaptic events of a step. Measured: read from a plot",
        ["PilotNet-LIF"],
        [
            "all cores",
            "error",
            "busiest core",
            "error",
            "pJ an event",
            "error",
            "messages",
            "cores",
        ],
    )
    measured_j = pilotnet.DYNAMIC_J / pilotnet.STEPS / pilotnet.EVENTS
    events, busiest = _thousands(pilotnet.EVENTS), _thousands(pilotnet.BUSIEST_EVENTS)
    table.add_row("measured", events, "", busiest, "", _pj(measured_j), "", "", "74")
    for name in (OURS, INTELS):
        found = result["allocations"][name]
        table.add_row(
            name,
            *_against(found["events"], pilotnet.EVENTS, _thousands),
            *_against(found["busiest_events"], pilotnet.BUSIEST_EVENTS, _thousands),
            *_against(found["dynamic_j"] / pilotnet.STEPS / found["events"], measured_j, _pj),
            _thousands(found["messages"]),
            str(found["cores"]),
        )
    return table


def _frames(result: Result, tiers: Sequence[str]) -> Table:
    table = _table(
        "LOIHI 2, FRAMES on Intel's cores: the image brighter, of 80 units",
        ["by"],
        [
            "all cores",
            "error",
            "busiest core",
            "error",
            "mJ",
            "error",
            *(f"us, {t}" for t in tiers),
        ],
    )
    for found in result["frames"]:
        table.add_row(
            f"{found['brighter_by']:+d}",
            *_against(found["events"], pilotnet.EVENTS, _thousands),
            *_against(found["busiest_events"], pilotnet.BUSIEST_EVENTS, _thousands),
            *_against(found["dynamic_j"], pilotnet.DYNAMIC_J, _mj),
            *(_us(found["step_s"][tier]) for tier in tiers),
        )
    return table


def _predicted(result: Result, tiers: Sequence[str]) -> Table:
    table = _table(
        "LOIHI 2, PREDICTED: no constant was fitted to this measurement but the static power",
        ["cores", "tier"],
        ["step us", "error", "another board's", "dynamic mJ", "error", "total mJ", "error"],
    )
    table.add_row(
        "measured",
        "",
        f"{_us(pilotnet.STEP_S)} ({_span(pilotnet.SHORTEST_S, pilotnet.LONGEST_S)})",
        "",
        _us(pilotnet.OTHER_STEP_S),
        _mj(pilotnet.DYNAMIC_J),
        "",
        _mj(pilotnet.TOTAL_J),
        end_section=True,
    )
    table.caption = "ours are other cores than were measured: what differs there is no error"
    for name, found in result["allocations"].items():
        for tier in tiers:
            table.add_row(*_prediction(name, tier, found, first=tier == tiers[0]))
    return table


def _prediction(name: str, tier: str, found: Result, *, first: bool) -> Iterator[str]:
    timed = found["tiers"][tier]
    step_s = timed["step_s"]
    yield name if first else ""
    yield tier
    yield f"{_us(step_s)} ({_span(timed['shortest_step_s'], timed['longest_step_s'])})"
    yield _errors(timed["step_s_of_arrangements"], pilotnet.STEP_S)
    yield _errors(timed["step_s_of_arrangements"], pilotnet.OTHER_STEP_S)
    yield from _against(found["dynamic_j"], pilotnet.DYNAMIC_J, _mj) if first else ("", "")
    total_j = found["dynamic_j"] + pilotnet.STATIC_W * step_s * pilotnet.STEPS
    yield from _against(total_j, pilotnet.TOTAL_J, _mj)


def _errors(ends: Sequence[float], truth: float) -> str:
    least, most = (_error(end, truth) for end in ends)
    return least if least == most else f"{least} .. {most}"


def _fitted(result: Result, tiers: Sequence[str]) -> Table:
    table = _table(
        "LOIHI 2, FITTED on Intel's cores: a number to a time, one to an energy; no error is left",
        ["tier"],
        ["all times x", "or ns a conv event", "steps us", "error", "energies x", "or pJ"],
    )
    fitted = result["fitted"]
    energy = f"{fitted['energy_factor']:.2f}", f"{fitted['conv_event_j'] * 1e12:.1f}"
    for tier in tiers:
        fit = fitted[tier]
        ends = fit["shortest_step_s"], fit["longest_step_s"]
        measured = pilotnet.SHORTEST_S, pilotnet.LONGEST_S
        errors = [_error(end, truth) for end, truth in zip(ends, measured, strict=True)]
        table.add_row(
            tier,
            f"{fit['factor']:.2f}",
            f"{fit['conv_event_s'] * 1e9:.2f}",
            _span(*ends),
            ", ".join(errors),
            *(energy if tier == tiers[0] else ("", "")),
        )
    return table


def _sensitivity(result: Result, tiers: Sequence[str]) -> Table:
    table = _table(
        "LOIHI 2, SENSITIVITY on Intel's cores: by how many percent a number grows with a constant "
        "by one",
        ["constant"],
        ["dynamic energy", *(f"step, {tier}" for tier in tiers)],
    )
    shares, slower = result["energy_shares"], result["time_elasticities"]
    for stem in _stems(shares, slower[tiers[0]]):
        energy = shares.get(f"{stem}_j")
        times = [slower[tier].get(f"{stem}_s") for tier in tiers]
        if any(abs(x or 0) >= 0.005 for x in (energy, *times)):
            table.add_row(stem, *("" if x is None else f"{x:.2f}" for x in (energy, *times)))
    return table


def _stems(*tables_of: Mapping[str, float]) -> Sequence[str]:
    """Return the names of constants without their units."""
    return [*dict.fromkeys(name.rpartition("_")[0] for table in tables_of for name in table)]


def _buffers(result: Result, tiers: Sequence[str]) -> Table:
    timed = [tier for tier in tiers if tier != "ideal"]
    table = _table("LOIHI 2, BUFFERS on Intel's cores: step us", ["constant"], ["size", *timed])
    for found in result["buffers"]:
        steps = (_us(found["step_s"][tier]) for tier in timed)
        table.add_row(found["constant"], str(found["size"]), *steps)
    return table


def _series(result: Result) -> Table:
    rate, given = result["fitted"]["rate"], result["fitted"]["input_output_j"]
    table = _table(
        "LOIHI, FITTED: input and output of an inference and the rate, two numbers to seven "
        f"({given * 1e6:.1f} uJ, {rate:.2%}); uJ an inference",
        ["branches"],
        [
            "neurons",
            "cores",
            "drawn",
            "beyond idle",
            "stepping",
            "fitted",
            "error",
            "step us",
            "sim.",
        ],
    )
    for one in result["series"]:
        table.add_row(
            str(one["branches"]),
            f"{one['neurons']:,}",
            str(one["cores"]),
            *(f"{one[key] * 1e6:.1f}" for key in ("total_j", "subtracted_j", "stepping_j")),
            *_against(one["fitted_j"], one["stepping_j"], lambda j: f"{j * 1e6:.1f}", digits=1),
            f"{one['step_s'] * 1e6:.0f}",
            f"{one['simulated_step_s'] * 1e6:.0f}",
        )
    return table


def _held_out(result: Result) -> Table:
    table = _table(
        "LOIHI, HELD OUT: fitted to some of seven, the others predicted; of the stepping energy",
        ["fitted to"],
        ["choices", "median error", "worst", "worst of", "rates"],
    )
    for one in result["held_out"]:
        table.add_row(
            f"{one['known']} of 7",
            str(one["choices"]),
            f"{one['median_error']:.1%}",
            f"{one['worst_error']:.1%}",
            ", ".join(map(str, one["worst_known"])),
            " .. ".join(f"{rate:.1%}" for rate in one["rates"]),
        )
    smallest = result["smallest_three"]["errors"]
    errors = ", ".join(f"{n}: {error:+.1%}" for n, error in smallest.items())
    table.caption = f"fitted to 0, 1 and 2: {errors}"
    return table


def _slopes(result: Result) -> Table:
    table = _table("LOIHI, SLOPE: nJ of one more neuron in a step", ["what"], ["nJ"])
    for name, slope in result["slopes_j"].items():
        label = f"simulated at {name}" if name.endswith("%") else name
        table.add_row(label, f"{slope * 1e9:.3f}")
    return table


def _table(title: str, words: Sequence[str], numbers: Sequence[str]) -> Table:
    table = Table(title=title)
    for word in words:
        table.add_column(word)
    for number in numbers:
        table.add_column(number, justify="right")
    return table


def _against(
    value: float, truth: float, shown: Callable[[float], str], digits: int = 0
) -> tuple[str, str]:
    return shown(value), _error(value, truth, digits)


def _error(value: float, truth: float, digits: int = 0) -> str:
    return f"{100 * (value / truth - 1):+.{digits}f} %"


def _us(seconds: float) -> str:
    return f"{seconds * 1e6:.1f}"


def _span(least: float, most: float) -> str:
    return f"{least * 1e6:.0f} .. {most * 1e6:.0f}"


def _mj(joules: float) -> str:
    return f"{joules * 1e3:.3f}"


def _pj(joules: float) -> str:
    return f"{joules * 1e12:.1f}"


def _thousands(number: float) -> str:
    return f"{number / 1e3:,.0f} k"
