"""`snn-deploy compare`: what got better or worse between two reports."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from snn_deploy.delivery import MANIFEST, REPORT
from snn_deploy.errors import ConditionError, UsageError

from . import options as o
from .console import show
from .given import as_text

if TYPE_CHECKING:
    from snn_deploy.report.comparison import Comparison
    from snn_deploy.report.conditions import Outcome
    from snn_deploy.report.reading import Written

PAGE = "comparison.html"

_CONDITIONS = "Conditions"
_HEAD_BYTES = 4096


def compare(
    before: Annotated[
        Path, typer.Argument(metavar="BEFORE", help="A report.json, or the folder that holds one.")
    ],
    after: Annotated[Path, typer.Argument(metavar="AFTER", help="The later one, likewise.")],
    fail_if: Annotated[
        list[str] | None,
        o.option(
            "--fail-if",
            metavar="EXPR",
            help="End with exit code 8 if this holds; may be given again. E.g. "
            "'accuracy.integer < 0.83', 'delta.accuracy.integer < -0.005', "
            "'energy.paper.snn_j > 1.1 * before.energy.paper.snn_j': figures are named as in "
            "report.json.",
            panel=_CONDITIONS,
        ),
    ] = None,
    tolerance: Annotated[
        float,
        o.real(
            "--tolerance",
            0,
            1,
            "Real numbers are the same within this, relatively; integers only if equal.",
            _CONDITIONS,
        ),
    ] = 1e-9,
    everything: Annotated[
        bool, o.option("--all", help="Show what did not change, and details.", panel=o.OUTPUT)
    ] = False,
    output: Annotated[
        str | None,
        o.option(
            "--output",
            "-o",
            metavar="PATH",
            help=f"Write a page, too: the file, or a folder for {PAGE}.",
            panel=o.OUTPUT,
        ),
    ] = None,
    force: o.Force = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Compare two reports: what got better, what got worse, and what else differs."""
    from snn_deploy.report import comparison as room
    from snn_deploy.report.conditions import decide
    from snn_deploy.report.grammar import parse

    conditions = [parse(expression) for expression in fail_if or ()]
    page = None if output is None else _destination(output, force)
    reports = _read(before), _read(after)
    outcomes = decide(conditions, *reports)
    comparison = room.compare(*reports, tolerance)
    if page is not None:
        _write(comparison, outcomes, page)
    if json:
        print(room.to_json(comparison, outcomes), end="")
    elif not quiet:
        _tell(comparison, outcomes, page, everything)
    _fail(outcomes)


def _read(path: Path) -> "Written":
    """Read a report, at most so much of it as a report can have."""
    from snn_deploy.report.reading import LARGEST_BYTES, read

    file = path / REPORT if path.is_dir() else path
    try:
        with file.open("rb") as stream:
            content = stream.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"'{file}' cannot be read: {error.strerror}",
            f"give a {REPORT}, or a folder that holds one",
        ) from error
    return read(content, as_text(str(file)))


def _destination(output: str, force: bool) -> Path:
    """Return the file to write. Raises UsageError where it must not be written."""
    path = Path(output)
    folder = output.endswith(("/", os.sep)) or path.is_dir() or not path.suffix
    page = path / PAGE if folder else path
    held = [name for name in (MANIFEST, REPORT) if (page.parent / name).exists()]
    if held:
        raise UsageError(
            f"{page.parent} holds an export or a report ({', '.join(held)})",
            "choose another folder with -o",
        )
    if not page.exists():
        return page
    if not page.is_file() or not _is_ours(page):
        raise UsageError(f"{page} is no page of ours", "choose another place with -o")
    if not force:
        raise UsageError(f"{page} is there already", "give --force to replace it")
    return page


def _is_ours(page: Path) -> bool:
    from snn_deploy.report.comparison_page import is_page

    with page.open("rb") as stream:
        return is_page(stream.read(_HEAD_BYTES))


def _write(comparison: "Comparison", outcomes: Sequence["Outcome"], page: Path) -> None:
    """Write the page beside its place, then rename it; a failure leaves no half of it."""
    from snn_deploy.report.comparison_page import render

    content = render(comparison, outcomes).encode(errors="replace")
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(prefix=f".{page.name}.", dir=page.parent)
        try:
            with open(handle, "wb") as stream:
                stream.write(content)
            Path(draft).chmod(0o644)
            Path(draft).replace(page)
        finally:
            Path(draft).unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"{page} cannot be written ({error.strerror})",
            "free space, or choose another place with -o",
        ) from error


def _tell(
    comparison: "Comparison", outcomes: Sequence["Outcome"], page: Path | None, everything: bool
) -> None:
    """Print the comparison; a terminal gets all but the table wrapped."""
    from snn_deploy.report import comparison_text as text

    show(text.opening(comparison))
    for line in text.table(comparison, everything=everything):
        print(line)
    show(text.closing(comparison, outcomes))
    if page is not None:
        show([f"page       {page}"])


def _fail(outcomes: Sequence["Outcome"]) -> None:
    """Raise ConditionError where a condition holds."""
    from snn_deploy.report.comparison_text import figures_of

    held = [(outcome.expression, figures_of(outcome)) for outcome in outcomes if outcome.holds]
    if held:
        raise ConditionError(held)
