"""Tables and conditions as they are printed."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console

WIDTH = 132
QUIET = 0.08
"""Processors that others may use before a measurement says little."""


def console(width: int = WIDTH) -> Console:
    """Return a console that does not fold a table where its output is a file."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(width=width, highlight=False)


def show_machine(to: Console, conditions: Mapping[str, Any]) -> None:
    """Print on what the numbers were measured."""
    versions = ", ".join(f"{name} {version}" for name, version in conditions["versions"].items())
    to.print(f"{conditions['processor']}, {conditions['processors']} processors")
    to.print(f"Python {conditions['python']}, {versions}")


def show_conditions(to: Console, conditions: Mapping[str, Any]) -> None:
    """Print on what the numbers were measured, and warn if others worked there too."""
    show_machine(to, conditions)
    averages = " ".join(str(x) for x in conditions["load_average"])
    others, stolen = conditions["others"], conditions["stolen"]
    to.print(
        f"load average {averages}; meanwhile others used {others:.2f} processors and the "
        f"hypervisor took {stolen:.2f}"
    )
    if others > QUIET:
        to.print("UNDER LOAD: these numbers say little", style="bold red")
