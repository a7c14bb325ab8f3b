"""The command line: `snn-export MODEL --target T` and `snn-deploy VERB`."""

from collections.abc import Sequence

import typer

from . import options as o
from .building import build_ops
from .catalogue import inspect, models, targets
from .comparing import compare
from .ending import guarded
from .journey import export, simulate, validate
from .training import train

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)
app.command("export", no_args_is_help=True)(export)
app.command("validate", no_args_is_help=True)(validate)
app.command("simulate", no_args_is_help=True)(simulate)
app.command("inspect", no_args_is_help=True)(inspect)
app.command("compare", no_args_is_help=True)(compare)
app.command("train", no_args_is_help=True)(train)
app.command("targets")(targets)
app.command("models")(models)
app.command("build-ops")(build_ops)

exporter = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
exporter.command(no_args_is_help=True)(export)


@app.callback()
def _about(version: o.Version = False) -> None:
    """Take trained spiking networks off the GPU, with the same spikes everywhere."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `snn-deploy`; return its exit code."""
    return guarded(app, "snn-deploy", arguments)


def export_main(arguments: Sequence[str] | None = None) -> int:
    """Run `snn-export`; return its exit code."""
    return guarded(exporter, "snn-export", arguments)
