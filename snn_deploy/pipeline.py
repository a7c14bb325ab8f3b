"""The journey: a model file becomes an artefact that provably makes the same spikes.

    model.pt -> trace -> Graph -> fold -> Graph -> quantize -> QuantGraph
             -> map -> Mapped -> place -> Placement              where the target is a chip
             -> lower -> Artifact -> prove (every executor, every layer, every step)
             -> simulate -> ChipRun                              where the target is a chip
             -> Report

A file that holds integers already (`.net`) enters as the QuantGraph that it is.

Each arrow is one function of one room; this module only walks from one to the next.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from snn_deploy import registry
from snn_deploy.artifact import Artifact, Converter, Executor
from snn_deploy.checkpoints import InputSpec
from snn_deploy.datasets import Samples
from snn_deploy.errors import ModelError, UsageError
from snn_deploy.frontends.opening import LoadedGraph
from snn_deploy.hardware import Target
from snn_deploy.ir.graph import Array, Graph
from snn_deploy.ir.spec import QUANTIZED, TRACED, verify
from snn_deploy.ir.text import to_text
from snn_deploy.mapping import Mapped, ScheduleExecutor
from snn_deploy.passes import FOLD, run_passes
from snn_deploy.placement import Choice, Placement, fit, known_rates, place
from snn_deploy.proof import FloatCheck, Proof, check, check_floats, prove
from snn_deploy.quantization import (
    Calibration,
    QuantGraph,
    QuantizationOptions,
    Quantized,
    calibrate,
    quantize,
)
from snn_deploy.simulation import chip, measure_rates
from snn_deploy.simulation.chip.result import ChipRun, TierChoice
from snn_deploy.validation import Agreement

if TYPE_CHECKING:
    from snn_deploy.frontends.loading import LoadedModel

Observer = Callable[[str, int, int], None]
"""Called with a stage, what is done of it, and how much there is."""

Stop = Callable[[], bool]
"""Asked now and then; once it says so, what is done is all that will be."""


CHIP_SAMPLES = 8
"""Run on a simulated chip, unless more are asked for: samples differ little in what they cost."""


@dataclass(frozen=True, slots=True)
class ChipOptions:
    """How a chip is simulated.

    Attributes:
        samples: how many; None for all.
        tier: how steps are timed.
        workers: processes that share the samples; None for one a processor.
    """

    samples: int | None = CHIP_SAMPLES
    tier: TierChoice = "auto"
    workers: int | None = None


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What a user may choose of an export.

    Attributes:
        quantization: bits and scales.
        calibration_samples: how many samples set the ranges.
        trace_samples: how many prove the traced graph against the torch module.
        floats: whether the float network is written beside the integer one.
        residual: how a chip carries the shortcuts of a residual network.
        float_accuracy: whether the torch module classifies the labelled samples too, in float64:
            for a deep network most of the time that thousands of samples take.
        chip: how a chip is simulated, where the target is one.
        artifact: whether files are written and run; otherwise the reference counts alone.
    """

    quantization: QuantizationOptions = field(default_factory=QuantizationOptions)
    calibration_samples: int = 64
    trace_samples: int = 2
    floats: bool = False
    residual: Choice = "auto"
    float_accuracy: bool = True
    chip: ChipOptions = field(default_factory=ChipOptions)
    artifact: bool = True


@dataclass(frozen=True, slots=True)
class FloatStages:
    """What a network of real numbers was on its way to integers.

    Attributes:
        loaded: the module.
        traced: one step of the module.
        folded: the same without batch norm.
        agreement: of the trace with the module.
    """

    loaded: "LoadedModel"
    traced: Graph
    folded: Graph
    agreement: Agreement


@dataclass(frozen=True, slots=True)
class Export:
    """Everything that a journey has made, for the report and for the folder.

    `floats`, `float_outputs` and `float_checks` are of networks that began as real numbers;
    `mapped` is of targets that send messages, `placement` and `chip_run` of those that have cores;
    `chip_run` is None, too, where the simulator's package is not installed. `not_run` says
    why the very files of the artefact ran nowhere here; it is empty where they did. `lags` says by
    how many steps each layer of the artefact is behind its input.
    """

    loaded: "LoadedModel | LoadedGraph"
    target: Target
    spec: InputSpec
    samples: Samples
    options: ExportOptions
    floats: FloatStages | None
    quantized: Quantized
    mapped: Mapped | None
    placement: Placement | None
    artifact: Artifact
    proof: Proof
    agreement: tuple[Agreement, ...]
    float_outputs: Array | None
    float_checks: tuple[FloatCheck, ...]
    chip_run: ChipRun | None
    not_run: str
    lags: Mapping[str, int]
    timing_s: Mapping[str, float]

    @property
    def graph(self) -> QuantGraph:
        """The integer graph."""
        return self.quantized.graph

    @property
    def partial(self) -> bool:
        """Whether somebody stopped it before all samples were run."""
        run = self.chip_run
        proved_all = self.proof.activity.samples == len(self.samples)
        return not proved_all or (run is not None and run.partial)

    def stages(self) -> Mapping[str, str]:
        """Return the graph of each stage as text."""
        stages = {"3_quantized.txt": to_text(self.graph)}
        if self.floats is not None:
            stages["1_traced.txt"] = to_text(self.floats.traced)
            stages["2_folded.txt"] = to_text(self.floats.folded)
        if self.mapped is not None:
            stages["4_mapped.txt"] = to_text(self.mapped.graph)
        return stages


def export(
    loaded: "LoadedModel | LoadedGraph",
    target: Target,
    samples: Samples,
    options: ExportOptions,
    observe: Observer,
    *,
    converter: Converter,
    calibration_samples: Samples | None = None,
    stop: Stop = lambda: False,
) -> Export:
    """Take a loaded model all the way to a proven artefact.

    Args:
        loaded: real numbers, or integers already; with the input it expects.
        target: what for.
        samples: real inputs, for the proof and, unless others are given, for calibration.
        options: of the user.
        observe: told of progress.
        converter: the target's own, or another, with its options.
        calibration_samples: instead of some of `samples`.
        stop: asked while samples are run; the export is then of those that were.

    Raises:
        ModelError: the network or the data cannot be taken (also TraceError, UnsupportedError).
        CapacityError: the network does not fit the target's cores; lists all that does not.
        ValidationError: two executors disagree; the journey ends there.
    """
    clock = _Clock(observe)
    spec = input_spec(loaded, samples)
    stages = None
    if isinstance(loaded, LoadedGraph):
        quantized = _read(loaded, spec, samples, options, clock)
    else:
        stages, quantized = _round(loaded, spec, samples, calibration_samples, options, clock)
    spec = replace(spec, steps=quantized.graph.steps)
    mapped, placement = _onto_chip(
        quantized.graph, target, converter, samples, spec, options, clock
    )
    with clock("lower"):
        artifact, own, witnesses = _lower(converter, quantized.graph, mapped, options)
    checks: tuple[FloatCheck, ...] = ()
    if stages is not None and options.floats:
        with clock("float files"):
            artifact, checks = _with_floats(
                artifact, converter, stages.folded, samples, spec, options
            )
    with clock("prove" if options.artifact else "count", len(samples)):
        proof = prove(quantized.graph, (*witnesses, *own), samples, spec, clock.done, stop)
    proved = samples.first(proof.activity.samples)
    outputs = None
    if stages is not None and options.float_accuracy and samples.labels is not None:
        with clock("float accuracy", len(proved)):
            outputs = _float_outputs(stages, proved, spec, clock, stop)
    return Export(
        loaded,
        target,
        spec,
        samples,
        options,
        stages,
        quantized,
        mapped,
        placement,
        artifact,
        proof,
        (*([stages.agreement] if stages else []), *proof.agreement),
        outputs,
        checks,
        _simulate(mapped, placement, target, samples, spec, options.chip, clock, stop),
        "" if own or not options.artifact else converter.missing,
        converter.lags(_written(converter, quantized.graph, mapped)),
        clock.timing_s,
    )


def _read(
    loaded: LoadedGraph,
    spec: InputSpec,
    samples: Samples,
    options: ExportOptions,
    clock: "_Clock",
) -> Quantized:
    """Take the integers of a file as they are."""
    if options.floats:
        raise UsageError(f"{loaded.name} holds integers only", "leave --float out")
    with clock("read"):
        samples.check(spec)
        graph = loaded.graph(spec, samples)
        verify(graph, QUANTIZED)
        _check_neurons(graph)
    return Quantized(graph, ())


def _round(
    loaded: "LoadedModel",
    spec: InputSpec,
    samples: Samples,
    calibration_samples: Samples | None,
    options: ExportOptions,
    clock: "_Clock",
) -> tuple[FloatStages, Quantized]:
    """Make integers of a module."""
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
    return FloatStages(loaded, traced, folded, traced_as), quantized


def _onto_chip(
    graph: QuantGraph,
    target: Target,
    converter: Converter,
    samples: Samples,
    spec: InputSpec,
    options: ExportOptions,
    clock: "_Clock",
) -> tuple[Mapped | None, Placement | None]:
    """Map a network where messages pass between its layers, and place it where there are cores."""
    if target.chip is None and not converter.mapped:
        return None, None
    with clock("map"):
        few = samples.first(options.trace_samples).normalised(spec)
        rates = measure_rates(graph, graph.quantize_input(few))
        mapped = fit(graph, target, options.residual, rates)
    if target.chip is None:
        return mapped, None
    with clock("place"):
        return mapped, place(mapped.network, target, known_rates(mapped, rates))


def _lower(
    converter: Converter, graph: QuantGraph, mapped: Mapped | None, options: ExportOptions
) -> tuple[Artifact, Sequence[Executor], Sequence[Executor]]:
    """Return the files, what runs them here, and what else runs the network that they hold."""
    if not options.artifact:
        return Artifact({}), (), ()
    written = _written(converter, graph, mapped)
    artifact = converter.lower(written)
    own = converter.executors(written, artifact)
    if mapped is None:
        return artifact, own, ()
    others = () if converter.name == "onnx" else registry.witness(graph)
    return artifact, own, (*others, ScheduleExecutor(mapped))


def _simulate(
    mapped: Mapped | None,
    placement: Placement | None,
    target: Target,
    samples: Samples,
    spec: InputSpec,
    options: ChipOptions,
    clock: "_Clock",
    stop: Stop,
) -> ChipRun | None:
    """Run the first samples on the chip, if there is one, and what its simulation needs."""
    if mapped is None or placement is None or not chip.available():
        return None
    from snn_deploy.simulation.chip.running import run_samples

    some = samples if options.samples is None else samples.first(options.samples)
    graph = mapped.network.graph
    batches = (graph.quantize_input(one.normalised(spec)) for one in some.batches(1))
    inputs = (x[0] if graph.static else x[:, 0] for x in batches)
    with clock("simulate", len(some)):
        return run_samples(
            mapped.network,
            placement,
            target,
            inputs,
            asked=len(some),
            tier=options.tier,
            workers=options.workers,
            observe=clock.done,
            stop=stop,
        )


def _written(converter: Converter, graph: QuantGraph, mapped: Mapped | None) -> QuantGraph:
    """Return the graph that a converter takes."""
    return mapped.graph if mapped is not None and converter.mapped else graph


class _Clock:
    """Times the stages and tells the observer of their progress."""

    def __init__(self, observe: Observer) -> None:
        self._observe = observe
        self._stage = ""
        self._total = 1
        self._told = False
        self.timing_s: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str, total: int = 1) -> Iterator[None]:
        self._stage, self._total, self._told = stage, total, False
        self._observe(stage, 0, total)
        started = time.perf_counter()
        yield
        self.timing_s[stage] = time.perf_counter() - started
        if not self._told:
            self._observe(stage, total, total)

    def done(self, count: int) -> None:
        """Tell how much of the present stage is done."""
        self._told = True
        self._observe(self._stage, count, self._total)


def find_converter(name: str) -> Converter:
    """Return a converter by name. Raises UsageError, with the known names, where there is none."""
    if name not in registry.CONVERTERS:
        known = ", ".join(sorted(registry.CONVERTERS))
        raise UsageError(f"no converter '{name}'", f"known converters: {known}")
    return registry.converter(name)


def input_spec(loaded: "LoadedModel | LoadedGraph", samples: Samples) -> InputSpec:
    """Return what the network says of its input; else the samples' shape, taken as they are."""
    if loaded.input is not None:
        return loaded.input
    if isinstance(loaded, LoadedGraph):
        return loaded.input_of(samples, None)
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
    _check_neurons(graph)
    return graph


def _check_neurons(graph: Graph) -> None:
    if not graph.spiking:
        raise ModelError(
            graph.name,
            "no spiking neuron was found in it",
            "export a network with neurons that `snn-deploy inspect` lists",
        )


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
    stages: FloatStages, samples: Samples, spec: InputSpec, clock: _Clock, stop: Stop
) -> Array | None:
    """Return what the module reads out for all samples; None if somebody would not wait for it."""
    from snn_deploy.frontends.float_reference import float_outputs

    def done(count: int) -> None:
        clock.done(count)
        if stop():
            raise _Stopped

    if stop():
        return None
    try:
        return float_outputs(stages.loaded.module, stages.traced, samples, spec, done)
    except _Stopped:
        return None


class _Stopped(Exception):  # noqa: N818 - nothing went wrong
    """Somebody asked to stop."""
