"""The two programs, run as a user runs them, in this process or in one of their own."""

import contextlib
import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snn_deploy.cli import export_main, main

ROOT = Path(__file__).parents[2]
NETWORK = "tests.journeys.nets:residual"
SMALL = ("--model", NETWORK, "--samples", "2", "--calibration-samples", "4")
"""A network of our own and few samples: an export takes about a second."""

Program = Callable[[Sequence[str] | None], int]


@dataclass(frozen=True)
class Ended:
    """How a program ended and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line about what is wrong."""
        lines = [line for line in self.err.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1, self.err
        assert lines[0] == self.err.splitlines()[-1], self.err
        assert "Traceback" not in self.err
        assert not self.out
        return lines[0].removeprefix("error: ")

    def json(self) -> Any:
        return json.loads(self.out)


def run(program: Program, *arguments: object) -> Ended:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = program([str(argument) for argument in arguments])
    return Ended(code, out.getvalue(), err.getvalue())


def export(*arguments: object) -> Ended:
    """Run `snn-export`."""
    return run(export_main, *arguments)


def deploy(*arguments: object) -> Ended:
    """Run `snn-deploy`."""
    return run(main, *arguments)


def process(program: str, *arguments: object) -> list[str]:
    """Return the command line of `program` (main or export_main) in a process of its own.

    It takes Ctrl-C even where the tests themselves run in the background, which ignores it.
    """
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        f"from snn_deploy.cli import {program}; sys.exit({program}())"
    )
    return [sys.executable, "-c", code, *map(str, arguments)]


def environment(**more: str) -> dict[str, str]:
    """Return the variables of a plain terminal, 80 columns wide."""
    kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    return {**kept, "PYTHONPATH": str(ROOT), "TERM": "xterm", **more}


def tree(folder: Path) -> set[str]:
    """Return every file and folder below a folder, hidden ones too."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}
