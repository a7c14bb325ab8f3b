"""The options that several commands share, each said once, in panels for `--help`."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from snn_deploy.errors import UsageError

INPUT = "Input"
QUANTISATION = "Quantisation"
ONNX = "ONNX"
CHIP = "Chip"
OUTPUT = "Output"
TRAINING = "Training"


_ENDLESS = 2**31


def whole(option: str, low: int, high: int, help: str, panel: str, also: int | None = None) -> Any:
    """Return an option that takes a whole number of a range; `also` is one more it may be."""
    beyond = "" if also is None else f", or {also}"
    known = f"of {low} or more" if high == _ENDLESS else f"from {low} to {high}{beyond}"

    def allowed(number: float) -> bool:
        return low <= number <= high or number == also

    return _number(option, int, allowed, f"a whole number {known}", help, panel)


def count(option: str, low: int, help: str, panel: str) -> Any:
    """Return an option that takes a whole number of at least `low`."""
    return whole(option, low, _ENDLESS, help, panel)


def real(option: str, low: float, high: float, help: str, panel: str) -> Any:
    """Return an option that takes a number of a range."""
    known = f"of {low:g} or more" if high == math.inf else f"from {low:g} to {high:g}"

    def allowed(number: float) -> bool:
        return low <= number <= high and math.isfinite(number)

    return _number(option, float, allowed, f"a number {known}", help, panel)


def _number(
    option: str,
    kind: type[int] | type[float],
    allowed: Callable[[float], bool],
    known: str,
    help: str,
    panel: str,
) -> Any:
    def parse(text: str) -> float:
        try:
            number = kind(text)
        except ValueError:
            number = None
        if number is None or not allowed(number):
            raise UsageError(f"{option} cannot be '{text}'", f"give {known}")
        return number

    return typer.Option(option, parser=parse, metavar="N", help=help, rich_help_panel=panel)


def option(name: str, *more: str, help: str, panel: str, metavar: str = "", **rest: Any) -> Any:
    return typer.Option(name, *more, help=help, rich_help_panel=panel, metavar=metavar, **rest)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata

        typer.echo(f"snn-deploy {metadata.version('snn-deploy')}")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option(
        "--version",
        callback=_show_version,
        is_eager=True,
        metavar="",
        help="Show the version and exit.",
    ),
]

Model = Annotated[
    Path | None,
    typer.Argument(
        metavar="MODEL",
        help="A checkpoint, a state dict or a .net file; optional where --model brings weights.",
        show_default=False,
    ),
]

ChipName = Annotated[
    str,
    option(
        "--target",
        "-t",
        metavar="NAME",
        help="The chip: see `snn-deploy targets`; or a file, my_chip.toml.",
        panel=CHIP,
    ),
]

Data = Annotated[
    Path,
    option(
        "--data",
        metavar="FILE",
        help="Real inputs: .npz with 'images', 'sequences' or events, and 'labels' if known.",
        panel=INPUT,
        show_default=False,
    ),
]
SampleCount = Annotated[
    int | None,
    count("--samples", 1, "Run the first N only, instead of all.", INPUT),
]
Calibration = Annotated[
    Path | None,
    option(
        "--calibration",
        metavar="FILE",
        help="Other inputs to set the integer ranges with.",
        panel=INPUT,
    ),
]
CalibrationCount = Annotated[
    int,
    count("--calibration-samples", 1, "How many inputs set the ranges.", INPUT),
]
Steps = Annotated[
    int | None,
    whole("--steps", 1, 10000, "T, the number of time steps; the model's own otherwise.", INPUT),
]
Mean = Annotated[
    str | None,
    option(
        "--mean",
        metavar="X,…",
        help="How bytes become input, if the file does not say: (byte / 255 - mean) / std, "
        "a number a channel, e.g. 0.4914,0.4822,0.4465.",
        panel=INPUT,
    ),
]
Std = Annotated[str | None, option("--std", metavar="X,…", help="Goes with --mean.", panel=INPUT)]
EventStep = Annotated[
    int | None,
    whole(
        "--event-step-us",
        1,
        10**9,
        "How events become input, if the file does not say: microseconds of a step.",
        INPUT,
    ),
]
EventLimit = Annotated[
    int | None,
    whole(
        "--event-limit",
        1,
        2**15 - 1,
        "The highest count of a pixel, polarity and step: 1, binary spikes, if not given.",
        INPUT,
    ),
]
EventShape = Annotated[
    str | None,
    option(
        "--event-shape",
        metavar="PxHxW",
        help="Polarities, rows, columns, if neither file says them: 2x34x34.",
        panel=INPUT,
    ),
]
Architecture = Annotated[
    str | None,
    option(
        "--arch",
        metavar="NAME",
        help="Of a state dict, if its keys do not tell: see `snn-deploy models`.",
        panel=INPUT,
    ),
]
Factory = Annotated[
    str | None,
    option(
        "--model",
        metavar="PKG.MOD:FUNC",
        help="Your own network: a function that returns it. It is imported and called.",
        panel=INPUT,
    ),
]
TrustPickle = Annotated[
    bool,
    option(
        "--trust-pickle",
        help="Load a pickled module. This runs code from the file.",
        panel=INPUT,
    ),
]
FiresAtEquality = Annotated[
    bool,
    option(
        "--fires-at-equality",
        help="Neurons of a .net file fire at their threshold too, not above it only.",
        panel=INPUT,
    ),
]

WeightBits = Annotated[
    int, whole("--weight-bits", 2, 8, "Bits of a weight: 2 to 8, or 16.", QUANTISATION, also=16)
]
PerChannel = Annotated[
    bool,
    option("--per-channel", help="A weight scale for each output channel.", panel=QUANTISATION),
]
InputBits = Annotated[
    int, whole("--input-bits", 2, 8, "Bits of an analog input: 2 to 8.", QUANTISATION)
]
CurrentBits = Annotated[
    int | None,
    whole(
        "--current-bits",
        8,
        18,
        "Bits of a neuron's input over its calibrated range: 8 to 18; 15 unless given, 14 or 13 on "
        "a chip, 11 for a .net file.",
        QUANTISATION,
    ),
]

Form = Annotated[
    str | None,
    option("--form", metavar="FORM", help="Only 'step' or only 'sequence'.", panel=ONNX),
]
Inline = Annotated[
    bool,
    option("--inline", help="Neurons as standard operators, without functions.", panel=ONNX),
]
Floats = Annotated[
    bool,
    option("--float", help="The float network too, beside the integer one.", panel=ONNX),
]

ResidualStreams = Annotated[
    str,
    option(
        "--residual",
        metavar="HOW",
        help="How a chip carries shortcuts: 'relay' (graded messages), 'unroll' (delayed spikes), "
        "or 'auto', stage by stage.",
        panel=CHIP,
    ),
]
LavaSamples = Annotated[
    int | None,
    count("--lava-samples", 1, "How many samples Lava's slow simulation runs; 2 otherwise.", CHIP),
]

ChipSamples = Annotated[
    int | None,
    count("--chip-samples", 1, "How many samples the simulated chip runs; 8 otherwise.", CHIP),
]
SimulationTier = Annotated[
    str,
    option(
        "--tier",
        metavar="TIER",
        help="How steps are timed: 'cycle' (flit by flit), 'contention' (message by message), "
        "'ideal' (the slowest core), or 'auto': cycle up to ten million messages a sample.",
        panel=CHIP,
    ),
]
Workers = Annotated[
    int | None,
    count("--workers", 1, "Processes that share the samples; one a processor otherwise.", CHIP),
]

TargetName = Annotated[
    str,
    option(
        "--target",
        "-t",
        metavar="NAME",
        help="What to export for: see `snn-deploy targets`; or a file, my_chip.toml.",
        panel=OUTPUT,
    ),
]
Converter = Annotated[
    str | None,
    option("--to", metavar="NAME", help="A converter other than the target's own.", panel=OUTPUT),
]
Output = Annotated[
    Path | None,
    option(
        "--output",
        "-o",
        metavar="DIR",
        help="The folder to make: build/<model>-<target> otherwise.",
        panel=OUTPUT,
    ),
]
ReportOutput = Annotated[
    Path | None,
    option(
        "--output",
        "-o",
        metavar="DIR",
        help="A folder to make for report.html and report.json; none otherwise.",
        panel=OUTPUT,
    ),
]
Force = Annotated[bool, option("--force", help="Replace an earlier result.", panel=OUTPUT)]
FloatAccuracy = Annotated[
    bool,
    option(
        "--float-accuracy/--no-float-accuracy",
        help="Measure the float network too; slow on many samples.",
        panel=OUTPUT,
    ),
]
KeepStages = Annotated[
    bool,
    option("--keep-stages", help="Write the graph of each stage as text, too.", panel=OUTPUT),
]
Json = Annotated[bool, option("--json", help="Print JSON, and nothing else.", panel=OUTPUT)]
Quiet = Annotated[bool, option("--quiet", "-q", help="No progress, no summary.", panel=OUTPUT)]
