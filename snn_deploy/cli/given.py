"""What was typed for `export` and `validate`, and what it asks for."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snn_deploy.errors import UsageError

from . import options as o
from .inputs import AskedInput, asked_input, input_of

if TYPE_CHECKING:
    from snn_deploy.artifact import Converter
    from snn_deploy.datasets import Samples
    from snn_deploy.frontends.loading import LoadedModel
    from snn_deploy.frontends.opening import LoadedGraph
    from snn_deploy.hardware import Target
    from snn_deploy.pipeline import ChipOptions, ExportOptions
    from snn_deploy.quantization import QuantizationOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One field an option of `export`, in the order of `--help`."""

    model: o.Model = None
    data: o.Data
    samples: o.SampleCount = None
    calibration: o.Calibration = None
    calibration_samples: o.CalibrationCount = 64
    steps: o.Steps = None
    mean: o.Mean = None
    std: o.Std = None
    event_step_us: o.EventStep = None
    event_limit: o.EventLimit = None
    event_shape: o.EventShape = None
    architecture: o.Architecture = None
    factory: o.Factory = None
    trust_pickle: o.TrustPickle = False
    fires_at_equality: o.FiresAtEquality = False
    weight_bits: o.WeightBits = 8
    per_channel: o.PerChannel = False
    input_bits: o.InputBits = 8
    current_bits: o.CurrentBits = None
    form: o.Form = None
    inline: o.Inline = False
    floats: o.Floats = False
    residual: o.ResidualStreams = "auto"
    lava_samples: o.LavaSamples = None
    chip_samples: o.ChipSamples = None
    tier: o.SimulationTier = "auto"
    workers: o.Workers = None
    float_accuracy: o.FloatAccuracy = True
    target: o.TargetName = "onnx"
    to: o.Converter = None
    output: o.Output = None
    force: o.Force = False
    keep_stages: o.KeepStages = False
    json: o.Json = False
    quiet: o.Quiet = False
    version: o.Version = False

    @property
    def folder(self) -> Path:
        """The export folder."""
        if self.output is not None:
            return self.output
        name = self.model.stem if self.model else (self.factory or "").rpartition(":")[2]
        return Path("build") / f"{name}-{Path(self.target).stem}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenToValidate(Given):
    """As `export`, with no folder unless one is named."""

    output: o.ReportOutput = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenToSimulate(GivenToValidate):
    """As `validate`, for a chip; no file is written for it or run."""

    target: o.ChipName = "loihi2"


FOR_FILES = (
    "chip_samples",
    "form",
    "inline",
    "floats",
    "lava_samples",
    "float_accuracy",
    "to",
    "keep_stages",
)
"""Fields that are of no use where no file is written or run."""


def takes(
    given: type[Given], *without: str
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command, for Typer, one option for each field, but for some."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(given)
        kept = [p for name, p in signature.parameters.items() if name not in without]
        command.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
        command.__annotations__ = {f.name: f.type for f in fields(given) if f.name not in without}
        return command

    return decorate


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked for, found: all that can be wrong before a file is opened."""

    target: "Target"
    converter: "Converter"
    options: "ExportOptions"
    input: AskedInput


def plan(given: Given) -> Plan:
    """Look up what was asked for. Raises UsageError where there is no such thing."""
    from snn_deploy.pipeline import ExportOptions, find_converter
    from snn_deploy.placement import CHOICES

    if given.model is None and given.factory is None:
        raise UsageError("no MODEL was given", "name a checkpoint, or a function with --model")
    target = find_target(given.target)
    converter = _configured(find_converter(given.to or target.converter), given)
    if given.residual not in CHOICES:
        raise UsageError(f"--residual cannot be '{given.residual}'", f"give {', '.join(CHOICES)}")
    simulating = isinstance(given, GivenToSimulate)
    options = ExportOptions(
        _quantization(given, target, converter),
        given.calibration_samples,
        floats=given.floats,
        residual=given.residual,
        float_accuracy=given.float_accuracy and not simulating,
        chip=_chip(given, target, simulating),
        artifact=not simulating,
    )
    return Plan(target, converter, options, asked_input(given))


def _chip(given: Given, target: "Target", simulating: bool) -> "ChipOptions":
    """Return how a chip is simulated: an export shows it a few samples, `simulate` all."""
    from snn_deploy.errors import MissingDependencyError
    from snn_deploy.pipeline import CHIP_SAMPLES, ChipOptions
    from snn_deploy.simulation import chip
    from snn_deploy.simulation.chip.result import TIER_CHOICES

    tier = next((tier for tier in TIER_CHOICES if tier == given.tier), None)
    if tier is None:
        raise UsageError(f"--tier cannot be '{given.tier}'", f"give {', '.join(TIER_CHOICES)}")
    if not simulating:
        return ChipOptions(given.chip_samples or CHIP_SAMPLES, tier, given.workers)
    if target.chip is None:
        raise UsageError(f"{target.name} has no cores to simulate", "give --target loihi2 or loihi")
    if not chip.available():
        raise MissingDependencyError("the chip simulator", "numba", "chip")
    return ChipOptions(None, tier, given.workers)


def _quantization(given: Given, target: "Target", converter: "Converter") -> "QuantizationOptions":
    """Return the user's choice; where there is none, what the target's registers hold."""
    from snn_deploy.quantization import QuantizationOptions

    names = [field.name for field in fields(QuantizationOptions) if hasattr(given, field.name)]
    chosen = {name: getattr(given, name) for name in names if getattr(given, name) is not None}
    registers = dict(converter.registers)
    if target.chip is not None:
        limits = target.chip.limits
        # A bias can be doubled by its exponent; what the host writes for each sample cannot.
        current_bits = limits.bias_bits + (limits.message_bits > 1)
        registers["current_bits"] = min(current_bits, registers.get("current_bits", current_bits))
        registers["sum_bits"] = limits.state_bits
    return QuantizationOptions(**registers | chosen)


def find_target(name: str) -> "Target":
    """Return a target that ships, or the one in a TOML file.

    Raises:
        UsageError: there is none, and these are; or all that is wrong with the file.
    """
    from snn_deploy import targets

    if name.endswith(".toml"):
        return _target_in(Path(name))
    if name not in targets.names():
        raise UsageError(f"there is no target '{name}'", f"known: {', '.join(targets.names())}")
    return targets.load(name)


def _target_in(path: Path) -> "Target":
    from snn_deploy import targets

    try:
        if not path.exists():
            raise UsageError(f"there is no file '{path}'", "give the path of a target's file")
        if not path.is_file():
            raise UsageError(f"'{path}' is no file", "give the path of a target's file")
        return targets.load_file(path)
    except OSError as error:
        raise UsageError(
            f"'{path}' cannot be read: {error.strerror}", "give another file, or mend this one"
        ) from error
    except ValueError as error:
        raise UsageError(str(error), "targets/README.md says what such a file holds") from error


_CONVERTERS = {
    "forms": ("--form", "onnx"),
    "inline": ("--inline", "onnx"),
    "limit": ("--lava-samples", "lava"),
}
"""By field of a converter, the option that sets it, and a converter that has it."""


def _configured(converter: "Converter", given: Given) -> "Converter":
    """Return the converter with the options that are its own."""
    chosen: dict[str, Any] = {}
    if given.form is not None:
        if given.form not in ("step", "sequence"):
            raise UsageError(f"--form cannot be '{given.form}'", "give step or sequence")
        chosen["forms"] = (given.form,)
    if given.inline:
        chosen["inline"] = True
    if given.lava_samples is not None:
        chosen["limit"] = given.lava_samples
    unknown = chosen.keys() - {field.name for field in fields(converter)}  # type: ignore[arg-type]
    if unknown:
        options = " and ".join(sorted(_CONVERTERS[name][0] for name in unknown))
        others = " or ".join(sorted({f"--to {_CONVERTERS[name][1]}" for name in unknown}))
        raise UsageError(
            f"the {converter.name} converter has no {options}", f"leave it out, or give {others}"
        )
    return replace(converter, **chosen)  # type: ignore[type-var]


def load_model(
    path: Path | None,
    architecture: str | None,
    factory: str | None,
    trust_pickle: bool,
    steps: int | None,
    at_equality: bool,
) -> "LoadedModel | LoadedGraph":
    """Read a network by what the command line says of it."""
    from snn_deploy.frontends.opening import open_model

    loaded = open_model(
        path,
        architecture=architecture,
        factory=factory,
        trust_pickle=trust_pickle,
        steps=steps,
        at_equality=at_equality,
    )
    return replace(loaded, name=as_text(loaded.name))


def as_text(name: str) -> str:
    """Return a name as UTF-8 can hold it; a file's may be any bytes."""
    return name.encode(errors="replace").decode()


def load_network(given: Given, asked: Plan, samples: "Samples") -> "LoadedModel | LoadedGraph":
    """Read the network that was named, with the input that it has on these samples."""
    loaded = load_model(
        given.model,
        given.architecture,
        given.factory,
        given.trust_pickle,
        given.steps,
        given.fires_at_equality,
    )
    return replace(loaded, input=input_of(asked.input, loaded, samples, given.steps))


_FOR_REAL_NUMBERS = {
    "calibration": "--calibration",
    "calibration_samples": "--calibration-samples",
    "architecture": "--arch",
    "factory": "--model",
    "trust_pickle": "--trust-pickle",
    "weight_bits": "--weight-bits",
    "per_channel": "--per-channel",
    "input_bits": "--input-bits",
    "current_bits": "--current-bits",
    "floats": "--float",
}


def check_for_integers(given: Given) -> None:
    """Refuse what has no meaning for a file that holds integers already, all of it at once.

    Raises:
        UsageError: names the options.
    """
    usual = {field.name: field.default for field in fields(given)}
    chosen = [o for name, o in _FOR_REAL_NUMBERS.items() if getattr(given, name) != usual[name]]
    if chosen:
        raise UsageError(
            f"{given.model} holds integers already, nothing is left for {', '.join(chosen)}",
            "leave that out",
        )
