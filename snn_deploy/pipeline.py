"""The journey: a model file becomes an artefact that provably makes the same spikes.

    model.pt -> trace -> Graph -> fold -> Graph -> quantize -> QuantGraph -> lower -> Artifact
             -> prove (every executor, every layer, every step) -> Report

Each arrow is one function of one room; this module only walks from one to the next.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from snn_deploy import registry
from snn_deploy.artifact import Artifact, Converter
from snn_deploy.checkpoints import InputSpec
from snn_deploy.datasets import Samples
from snn_deploy.errors import ModelError, UsageError
from snn_deploy.hardware import Target
from snn_deploy.ir.graph import Array, Graph
from snn_deploy.ir.spec import TRACED, verify
from snn_deploy.ir.text import to_text
from snn_deploy.passes import FOLD, run_passes
from snn_deploy.proof import FloatCheck, Proof, check, check_floats, prove
from snn_deploy.quantization import (
    Calibration,
    QuantGraph,
    QuantizationOptions,
    Quantized,
    calibrate,
    quantize,
)
from snn_deploy.validation import Agreement

if TYPE_CHECKING:
    from snn_deploy.frontends.loading import LoadedModel

Observer = Callable[[str, int, int], None]
"""Called with a stage, what is done of it, and how much there is."""


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What a user may choose of an export.

    Attributes:
        quantization: bits and scales.
        calibration_samples: how many samples set the ranges.
        trace_samples: how many prove the traced graph against the torch module.
        floats: whether the float network is written beside the integer one.
        float_accuracy: whether the torch module classifies the labelled samples too, in float64:
            for a deep network most of the time that thousands of samples take.
    """

    quantization: QuantizationOptions = field(default_factory=QuantizationOptions)
    calibration_samples: int = 64
    trace_samples: int = 2
    floats: bool = False
    float_accuracy: bool = True


@dataclass(frozen=True, slots=True)
class Export:
    """Everything that a journey has made, for the report and for the folder."""

    loaded: "LoadedModel"
    target: Target
    spec: InputSpec
    samples: Samples
    options: ExportOptions
    traced: Graph
    folded: Graph
    quantized: Quantized
    artifact: Artifact
    proof: Proof
    agreement: tuple[Agreement, ...]
    float_outputs: Array | None
    float_checks: tuple[FloatCheck, ...]
    timing_s: Mapping[str, float]

    @property
    def graph(self) -> QuantGraph:
        """The integer graph."""
        return self.quantized.graph

    def stages(self) -> Mapping[str, str]:
        """Return the graph of each stage as text."""
        return {
            "1_traced.txt": to_text(self.traced),
            "2_folded.txt": to_text(self.folded),
            "3_quantized.txt": to_text(self.graph),
        }


def export(
    loaded: "LoadedModel",
    target: Target,
    samples: Samples,
    options: ExportOptions,
    observe: Observer,
    *,
    converter: Converter,
    calibration_samples: Samples | None = None,
) -> Export:
    """Take a loaded model all the way to a proven artefact.

    Args:
        loaded: with the input it expects.
        target: what for.
        samples: real inputs, for the proof and, unless others are given, for calibration.
        options: of the user.
        observe: told of progress.
        converter: the target's own, or another, with its options.
        calibration_samples: instead of some of `samples`.

    Raises:
        ModelError: the network or the data cannot be taken (also TraceError, UnsupportedError).
        ValidationError: two executors disagree; the journey ends there.
    """
    clock = _Clock(observe)
    spec = input_spec(loaded, samples)
    with clock("trace"):
        traced = _trace(loaded, spec)
    spec = replace(spec, steps=traced.steps)
    for given in (samples, calibration_samples or samples):
        given.check(spec)
    with clock("prove the trace", options.trace_samples):
        traced_as = _prove_trace(loaded, traced, samples.first(options.trace_samples), spec)
    with clock("fold"):
        folded = run_passes(traced, FOLD)
    with clock("calibrate"):
        calibration = _calibrate(folded, calibration_samples or samples, spec, options)
    with clock("quantize"):
        quantized = quantize(folded, calibration, options.quantization)
    with clock("lower"):
        artifact = converter.lower(quantized.graph)
        executors = converter.executors(quantized.graph, artifact)
    checks: tuple[FloatCheck, ...] = ()
    if options.floats:
        with clock("float files"):
            artifact, checks = _with_floats(artifact, converter, folded, samples, spec, options)
    floats = None
    if samples.labels is not None and options.float_accuracy:
        with clock("float accuracy", len(samples)):
            floats = _float_outputs(loaded, traced, samples, spec, clock)
    with clock("prove", len(samples)):
        proof = prove(quantized.graph, executors, samples, spec, clock.done)
    return Export(
        loaded,
        target,
        spec,
        samples,
        options,
        traced,
        folded,
        quantized,
        artifact,
        proof,
        (traced_as, *proof.agreement),
        floats,
        checks,
        clock.timing_s,
    )


class _Clock:
    """Times the stages and tells the observer of their progress."""

    def __init__(self, observe: Observer) -> None:
        self._observe = observe
        self._stage = ""
        self._total = 1
        self.timing_s: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str, total: int = 1) -> Iterator[None]:
        self._stage, self._total = stage, total
        self._observe(stage, 0, total)
        started = time.perf_counter()
        yield
        self.timing_s[stage] = time.perf_counter() - started
        self._observe(stage, total, total)

    def done(self, count: int) -> None:
        """Tell how much of the present stage is done."""
        self._observe(self._stage, count, self._total)


def find_converter(name: str) -> Converter:
    """Return a converter by name. Raises UsageError, with the known names, where there is none."""
    if name not in registry.CONVERTERS:
        known = ", ".join(sorted(registry.CONVERTERS))
        raise UsageError(f"no converter '{name}'", f"known converters: {known}")
    return registry.converter(name)


def input_spec(loaded: "LoadedModel", samples: Samples) -> InputSpec:
    """Return what the network says of its input; else the samples' shape, taken as they are."""
    if loaded.input is not None:
        return loaded.input
    if samples.kind != "floats" or samples.shape is None:
        raise UsageError(
            f"{loaded.name} does not say how {samples.kind} become its input",
            "give floating-point samples, already normalised, or a checkpoint with 'input'",
        )
    return InputSpec(samples.shape, (), (), 0, sequence=samples.sequence)


def _trace(loaded: "LoadedModel", spec: InputSpec) -> Graph:
    from snn_deploy.frontends.float_reference import trace_as

    graph = trace_as(loaded.module, spec, loaded.name)
    verify(graph, TRACED)
    if not graph.spiking:
        raise ModelError(
            loaded.name,
            "no spiking neuron was found in it",
            "export a network with neurons that `snn-deploy inspect` lists",
        )
    return graph


def _prove_trace(
    loaded: "LoadedModel", graph: Graph, samples: Samples, spec: InputSpec
) -> Agreement:
    from snn_deploy.frontends.float_reference import compare_with_torch

    agreement = compare_with_torch(loaded.module, graph, samples, spec)
    check(agreement, "the traced graph against the torch module")
    return agreement


def _calibrate(
    graph: Graph, samples: Samples, spec: InputSpec, options: ExportOptions
) -> Calibration:
    found = calibrate(graph, samples.spread(options.calibration_samples).normalised(spec))
    if spec.events is None:
        return found
    # Other recordings may reach what these did not.
    return replace(found, largest={**found.largest, graph.input.name: spec.events.limit})


def _with_floats(
    artifact: Artifact,
    converter: Converter,
    graph: Graph,
    samples: Samples,
    spec: InputSpec,
    options: ExportOptions,
) -> tuple[Artifact, tuple[FloatCheck, ...]]:
    """Return the artefact with the float network's files, and what a run of these has shown."""
    floating = converter.floating
    if floating is None:
        raise UsageError(f"the {converter.name} format holds integers only", "leave --float out")
    made = floating.lower(graph)
    executors = floating.executors(graph, made)
    checks = check_floats(graph, executors, samples.first(options.trace_samples), spec)
    files = {f"float/{name}": content for name, content in made.files.items()}
    return Artifact(dict(artifact.files) | files), checks


def _float_outputs(
    loaded: "LoadedModel", graph: Graph, samples: Samples, spec: InputSpec, clock: _Clock
) -> Array:
    from snn_deploy.frontends.float_reference import float_outputs

    return float_outputs(loaded.module, graph, samples, spec, clock.done)
