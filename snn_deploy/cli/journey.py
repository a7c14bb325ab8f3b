"""`export`, `validate`, `simulate`: one journey, with or without an artefact at its end."""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from .console import progress, show
from .ending import INTERRUPTED
from .given import (
    FOR_FILES,
    Given,
    GivenToSimulate,
    GivenToValidate,
    Plan,
    as_text,
    check_for_integers,
    load_network,
    plan,
    takes,
)
from .stopping import stoppable

if TYPE_CHECKING:
    from snn_deploy.pipeline import Export
    from snn_deploy.report import Report


@takes(Given)
def export(**options: Any) -> None:
    """Export a trained spiking network, prove that it makes the same spikes, and report."""
    from snn_deploy.delivery import check_destination, write_folder
    from snn_deploy.dossier import files_of, report_of

    given = Given(**options)
    asked = plan(given)
    check_destination(given.folder, force=given.force)
    made = _journey(given, asked)
    report = report_of(made, _command())
    files = files_of(made, report, keep_stages=given.keep_stages)
    write_folder(files, given.folder, force=given.force)
    _tell(given, report, exported=given.folder, report_page=given.folder / "report.html")


@takes(GivenToValidate)
def validate(**options: Any) -> None:
    """Make the whole journey on all of the data; write the report alone, and only with -o.

    Ctrl-C ends it early: the report is of what was done by then, and says so.
    """
    _report_on(GivenToValidate(**options))


@takes(GivenToSimulate, *FOR_FILES)
def simulate(**options: Any) -> None:
    """Run a network on a simulated chip: counts, time, energy; no artefact is written or run.

    Ctrl-C ends it early: the report is of what was done by then, and says so.
    """
    _report_on(GivenToSimulate(**options))


def _report_on(given: GivenToValidate) -> None:
    from snn_deploy.delivery import check_destination, write_folder
    from snn_deploy.dossier import report_files, report_of

    asked = plan(given)
    page = None
    if given.output is not None:
        check_destination(given.output, force=given.force, report_only=True)
        page = given.output / "report.html"
    with stoppable() as stop:
        made = _journey(given, asked, stop)
    report = report_of(made, _command())
    if given.output is not None:
        write_folder(report_files(report), given.output, force=given.force, report_only=True)
    _tell(given, report, report_page=page)
    if made.partial:
        raise typer.Exit(INTERRUPTED)


def _journey(given: Given, asked: Plan, stop: Callable[[], bool] = lambda: False) -> "Export":
    from snn_deploy import datasets, pipeline
    from snn_deploy.frontends.opening import holds_integers

    integers = holds_integers(given.model)
    if integers:
        check_for_integers(given)
    samples = datasets.load(given.data, integers=integers)
    calibration = datasets.load(given.calibration) if given.calibration else None
    with progress(quiet=given.quiet, plain=not given.json) as observe:
        observe("load", 0, 1)
        loaded = load_network(given, asked, samples)
        observe("load", 1, 1)
        return pipeline.export(
            loaded,
            asked.target,
            samples.first(given.samples) if given.samples else samples,
            asked.options,
            observe,
            converter=asked.converter,
            calibration_samples=calibration,
            stop=stop,
        )


def _command() -> str:
    return as_text(shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]))


def _tell(
    given: Given,
    report: "Report",
    *,
    exported: Path | None = None,
    report_page: Path | None = None,
) -> None:
    """Print the report as JSON; or warnings, summary and, last, where to find what was made."""
    if given.json:
        print(report.to_json(), end="")
        return
    if given.quiet:
        return
    warnings = [f"warning    {warning}" for warning in report.all_warnings]
    places = [("exported", exported), ("report", report_page)]
    made = [f"{name:<10} {place}" for name, place in places if place is not None]
    show([*warnings, *report.summary().splitlines(), *made])
