"""What was typed for `export` and `validate`, and what it asks for."""

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snn_deploy.errors import UsageError

from . import options as o

if TYPE_CHECKING:
    from snn_deploy.artifact import Converter
    from snn_deploy.checkpoints import InputSpec
    from snn_deploy.datasets import Samples
    from snn_deploy.frontends.loading import LoadedModel
    from snn_deploy.hardware import Target
    from snn_deploy.pipeline import ExportOptions


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
    architecture: o.Architecture = None
    factory: o.Factory = None
    trust_pickle: o.TrustPickle = False
    weight_bits: o.WeightBits = 8
    per_channel: o.PerChannel = False
    input_bits: o.InputBits = 8
    current_bits: o.CurrentBits = 15
    form: o.Form = None
    inline: o.Inline = False
    floats: o.Floats = False
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
        return Path("build") / f"{name}-{self.target}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenToValidate(Given):
    """As `export`, with no folder unless one is named."""

    output: o.ReportOutput = None


def takes(given: type[Given]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command, for Typer, one option for each field."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        command.__signature__ = inspect.signature(given)  # type: ignore[attr-defined]
        command.__annotations__ = {field.name: field.type for field in fields(given)}
        return command

    return decorate


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked for, found: all that can be wrong before a file is opened."""

    target: "Target"
    converter: "Converter"
    options: "ExportOptions"
    scaling: tuple[tuple[float, ...], tuple[float, ...]] | None


def plan(given: Given) -> Plan:
    """Look up what was asked for. Raises UsageError where there is no such thing."""
    from snn_deploy.pipeline import ExportOptions, find_converter
    from snn_deploy.quantization import QuantizationOptions

    if given.model is None and given.factory is None:
        raise UsageError("no MODEL was given", "name a checkpoint, or a function with --model")
    target = find_target(given.target)
    converter = _configured(find_converter(given.to or target.converter), given)
    names = [field.name for field in fields(QuantizationOptions) if hasattr(given, field.name)]
    quantization = QuantizationOptions(**{name: getattr(given, name) for name in names})
    options = ExportOptions(quantization, given.calibration_samples, floats=given.floats)
    return Plan(target, converter, options, _scaling(given))


def find_target(name: str) -> "Target":
    """Return a target. Raises UsageError, with the known names, where there is none."""
    from snn_deploy import targets

    if name not in targets.names():
        raise UsageError(f"there is no target '{name}'", f"known: {', '.join(targets.names())}")
    return targets.load(name)


def _configured(converter: "Converter", given: Given) -> "Converter":
    """Return the converter with the options that are its own."""
    chosen: dict[str, Any] = {}
    if given.form is not None:
        if given.form not in ("step", "sequence"):
            raise UsageError(f"--form cannot be '{given.form}'", "give step or sequence")
        chosen["forms"] = (given.form,)
    if given.inline:
        chosen["inline"] = True
    unknown = chosen.keys() - {field.name for field in fields(converter)}  # type: ignore[arg-type]
    if unknown:
        options = " and ".join(sorted({"forms": "--form"}.get(n, f"--{n}") for n in unknown))
        raise UsageError(
            f"the {converter.name} converter has no {options}", "leave it out, or give --to onnx"
        )
    return replace(converter, **chosen)  # type: ignore[type-var]


def _scaling(given: Given) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    if given.mean is None and given.std is None:
        return None
    if given.mean is None or given.std is None:
        lacking = "--mean" if given.mean is None else "--std"
        raise UsageError(f"{lacking} is missing", "give --mean and --std together")
    mean, std = _numbers("--mean", given.mean), _numbers("--std", given.std)
    if len(mean) != len(std):
        raise UsageError(
            f"--mean has {len(mean)} numbers, --std {len(std)}", "give one a channel in both"
        )
    if not all(0 <= value <= 1 for value in mean):
        raise UsageError(
            f"--mean {given.mean} is not between 0 and 1",
            "bytes are divided by 255 first: divide --mean and --std by 255 too",
        )
    if not min(std) > 0:
        raise UsageError(f"--std {given.std} is not above zero", "give positive numbers")
    return mean, std


def _numbers(option: str, text: str) -> tuple[float, ...]:
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = (math.nan,)
    if not all(map(math.isfinite, values)):
        raise UsageError(
            f"{option} cannot be '{text}'", "give numbers with commas between: 0.49,0.48,0.45"
        )
    return values


def load_model(
    path: Path | None,
    architecture: str | None,
    factory: str | None,
    trust_pickle: bool,
    steps: int | None,
) -> "LoadedModel":
    """Read a network by what the command line says of it."""
    from snn_deploy.frontends.loading import load

    loaded = load(
        path, architecture=architecture, factory=factory, trust_pickle=trust_pickle, steps=steps
    )
    return replace(loaded, name=as_text(loaded.name))


def as_text(name: str) -> str:
    """Return a name as UTF-8 can hold it; a file's may be any bytes."""
    return name.encode(errors="replace").decode()


def load_network(given: Given, asked: Plan, samples: "Samples") -> "LoadedModel":
    """Read the network that was named, with the input that it has on these samples."""
    loaded = load_model(
        given.model, given.architecture, given.factory, given.trust_pickle, given.steps
    )
    return replace(loaded, input=_input(given, asked, loaded, samples))


def _input(given: Given, asked: Plan, loaded: "LoadedModel", samples: "Samples") -> "InputSpec":
    """Return what the file says of its input, or else what the options and the samples say."""
    from snn_deploy.checkpoints import InputSpec

    told = loaded.input or InputSpec(samples.values.shape[1:], (), (), given.steps or 0)
    are_bytes = samples.values.dtype.kind == "u"
    if asked.scaling is not None:
        if not are_bytes:
            raise UsageError(
                f"--mean and --std are for bytes, {samples.source} holds floating point",
                "leave them out and give samples that are normalised already",
            )
        mean, std = asked.scaling
        if len(mean) != told.shape[0]:
            raise UsageError(
                f"--mean has {len(mean)} numbers, the samples have {told.shape[0]} channels",
                "give one number a channel in --mean and --std",
            )
        return replace(told, mean=mean, std=std)
    if are_bytes and not told.std:
        raise UsageError(
            f"{loaded.name} does not say how bytes become its input",
            "give --mean and --std, or samples in floating point that are normalised already",
        )
    return told
