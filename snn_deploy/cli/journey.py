"""`export` and `validate`: one journey, with or without an artefact at its end."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .console import progress, show
from .given import (
    Given,
    GivenToValidate,
    Plan,
    as_text,
    check_for_integers,
    load_network,
    plan,
    takes,
)

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
    """Make the whole journey on all of the data; write the report alone, and only with -o."""
    from snn_deploy.delivery import check_destination, write_folder
    from snn_deploy.dossier import report_files, report_of

    given = GivenToValidate(**options)
    asked = plan(given)
    if given.output is None:
        _tell(given, report_of(_journey(given, asked), _command()))
        return
    check_destination(given.output, force=given.force, report_only=True)
    report = report_of(_journey(given, asked), _command())
    write_folder(report_files(report), given.output, force=given.force, report_only=True)
    _tell(given, report, report_page=given.output / "report.html")


def _journey(given: Given, asked: Plan) -> "Export":
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
