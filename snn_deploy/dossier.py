"""What an export folder holds beside the artefact: report, manifest, golden samples."""

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib import metadata
from typing import Any

import numpy as np

from snn_deploy.datasets import Recordings
from snn_deploy.delivery import MANIFEST, MANIFEST_SCHEMA, REPORT
from snn_deploy.errors import ModelError
from snn_deploy.frontends.opening import LoadedGraph
from snn_deploy.ir.evaluate import Values, evaluate, read_out
from snn_deploy.ir.graph import Array
from snn_deploy.ir.ops import MESSAGING
from snn_deploy.pipeline import Export
from snn_deploy.placement import Placement, usage
from snn_deploy.report import (
    AccuracySection,
    ChipSection,
    CoresSection,
    ModelSection,
    QuantizationSection,
    QuantizedLayer,
    Report,
    Simulation,
    TargetSection,
    charged,
    describe,
    describe_run,
    examine,
    judge,
    lemaire,
    measure,
    paper,
    render,
)

GOLDEN_SAMPLES = 4

_INPUT_RULE = (
    "x = (byte / 255 - mean) / std in float32, or x as it is; "
    "integer = clip(round_half_even(x / scale), -limit, limit) in float64"
)

_EVENT_RULE = (
    "integer[step, polarity, y, x] = min(events.limit, events of that pixel and polarity with "
    "t // events.step_us = step), t in microseconds from the beginning of the recording; events "
    "after the last step are left out; with one channel both polarities count in it"
)


def report_of(export: Export, command: str | None = None) -> Report:
    """Return the report of an export; `command` is what was typed."""
    activity = export.proof.activity
    arithmetic, memory = paper(activity), lemaire(export.graph, activity)
    return Report(
        tool_version=version(),
        model=_model(export),
        target=TargetSection(export.target.name, export.target.kind, export.target.sha256),
        quantization=_quantization(export),
        accuracy=_accuracy(export),
        spikes=describe(activity),
        claim=None if _messaging(export) else judge(activity),
        agreement=export.agreement,
        chip=_chip(export),
        simulated=_simulated(export),
        paper=arithmetic,
        charged=charged(activity),
        lemaire=memory,
        criticism=examine(export.graph, activity, arithmetic, memory),
        neurobench=measure(export.graph, activity),
        timing_s=export.timing_s,
        warnings=tuple(_warnings(export)),
        command=command,
        partial=export.partial,
    )


def _warnings(export: Export) -> Iterator[str]:
    """Yield what the report's own numbers do not show."""
    done, asked = export.proof.activity.samples, len(export.samples)
    if done < asked:
        yield f"Stopped by hand: all figures are of the first {done:,} of {asked:,} samples."
    if export.placement is not None and export.chip_run is None:
        yield (
            "The chip was not simulated, so there is no time and no energy of it; that needs the "
            "package 'numba': install snn-deploy[chip]."
        )
    if export.not_run:
        yield (
            f"Nothing here could run the files for {export.target.name}: that they make the same "
            f"spikes is not proved. {export.not_run}"
        )
    if export.samples.labels is not None and not _gives_classes(export):
        shape = list(export.proof.outputs.shape[1:])
        yield f"Its output of shape {shape} is no list of classes: no accuracy was measured."
    if names := _messaging(export):
        yield (
            f"{len(names)} of {len(export.graph.spiking)} neuron layers are sigma-delta: what is "
            "counted as their spikes are messages, which carry numbers, so that the claim of one "
            "spike per neuron is not judged."
        )
    yield from _of_samples(export)
    yield from (str(found) for found in export.float_checks if found.flips)


def _messaging(export: Export) -> list[str]:
    return [node.name for node in export.graph.nodes if isinstance(node.op, MESSAGING)]


def _of_samples(export: Export) -> Iterator[str]:
    """Yield a warning where floating-point samples look as if nobody had normalised them."""
    values, spec = export.samples.values, export.spec
    if export.samples.kind != "floats" or not spec.std:
        return
    assert isinstance(values, np.ndarray), "floats lie in an array"
    low = min(-mean / std for mean, std in zip(spec.mean, spec.std, strict=True))
    high = max((1 - mean) / std for mean, std in zip(spec.mean, spec.std, strict=True))
    smallest, largest = float(values.min()), float(values.max())
    if largest > 2 * high or smallest < 2 * low or (smallest >= 0 and low < 0):
        yield (
            f"Floating-point samples are taken as normalised; these lie between {smallest:.3g} and "
            f"{largest:.3g}, this network's images between {low:.3g} and {high:.3g}."
        )


def files_of(export: Export, report: Report, *, keep_stages: bool) -> Mapping[str, bytes]:
    """Return every file of the export folder by its relative path."""
    files = dict(export.artifact.files)
    files |= report_files(report)
    files["golden/golden.npz"] = golden(export)
    if keep_stages:
        files |= {f"stages/{name}": text.encode() for name, text in export.stages().items()}
    files[MANIFEST] = _json(_manifest(export, files))
    return files


def report_files(report: Report) -> dict[str, bytes]:
    """Return the report as data and as a page."""
    return {REPORT: report.to_json().encode(), "report.html": render(report).encode()}


def version() -> str:
    """Return the installed version of this program."""
    return metadata.version("snn-deploy")


def golden(export: Export) -> bytes:
    """Return a few samples as .npz, all integers; a device must reproduce these numbers exactly.

    `input` [N, *shape] as the artefact takes it, [T, N, *shape] where it changes from step to step;
    int64 `output/<name>` [N, *shape], summed over the steps; int64 `spikes/<layer>` [N], over all
    steps and neurons of the layer, where a message that is not zero counts as one. Where the
    samples are event recordings, `events/x`, `y`, `p`, `t` and `offset` are what `input` was
    counted from.
    """
    graph, samples = export.graph, export.samples.first(GOLDEN_SAMPLES)
    x = graph.quantize_input(samples.normalised(export.spec))
    spikes = {node.name: np.zeros(len(samples), np.int64) for node in graph.spiking}
    steps = evaluate(graph, x, keep={*spikes, *graph.outputs})
    sums = read_out(graph, _counting(steps, spikes))
    arrays = {"input": x}
    if isinstance(samples.values, Recordings):
        arrays |= {f"events/{name}": array for name, array in samples.values.packed().items()}
    arrays |= {f"output/{name}": array.astype(np.int64) for name, array in sums.items()}
    arrays |= {f"spikes/{name}": array for name, array in spikes.items()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _counting(steps: Iterator[Values], spikes: Mapping[str, Array]) -> Iterator[Values]:
    """Hand the steps on, one at a time, and add the spikes of each to the counts."""
    for values in steps:
        for name, count in spikes.items():
            count += np.count_nonzero(values[name].reshape(len(count), -1), axis=1)
        yield values


def _model(export: Export) -> ModelSection:
    activity, events = export.proof.activity, export.spec.events
    return ModelSection(
        name=export.loaded.name,
        source_sha256=export.loaded.source_sha256 or None,
        architecture=export.loaded.described,
        parameters=export.loaded.parameters,
        neurons=activity.neuron_count,
        spiking_layers=len(export.graph.spiking),
        steps=export.graph.steps,
        input_shape=export.spec.shape,
        event_step_us=events.step_us if events else None,
        event_limit=events.limit if events else None,
    )


def _quantization(export: Export) -> QuantizationSection:
    layers = tuple(
        QuantizedLayer(layer.name, layer.scale, layer.shift, layer.weight_error)
        for layer in export.quantized.layers
    )
    return QuantizationSection(export.graph.weight_bits, export.proof.saturated, layers)


def _gives_classes(export: Export) -> bool:
    return export.proof.outputs.ndim == 2


def _accuracy(export: Export) -> AccuracySection | None:
    labels = export.samples.labels
    if labels is None or not _gives_classes(export):
        return None
    labels = labels[: len(export.proof.outputs)]
    classes = export.proof.outputs.shape[1]
    if labels.max() >= classes:
        raise ModelError(
            export.samples.source,
            f"has a label {labels.max()}, the network has {classes} classes",
            f"number the classes from 0 to {classes - 1}, or give no 'labels'",
        )
    floats = export.float_outputs
    return AccuracySection(
        len(labels),
        None if floats is None else float((floats.argmax(axis=1) == labels).mean()),
        float((export.proof.outputs.argmax(axis=1) == labels).mean()),
    )


def _chip(export: Export) -> ChipSection | None:
    if export.mapped is None:
        return None
    network = export.mapped.network
    return ChipSection(
        populations=len(network.populations),
        synapses=len(network.synapses),
        strategy=export.mapped.strategy,
        longest_delay=max((synapse.delay for synapse in network.synapses), default=0),
        latency=network.latency,
        cores=None if export.placement is None else _cores(export.placement),
    )


def _cores(placement: Placement) -> CoresSection:
    held = {slot.population: set[int]() for slot in placement.slots}
    for slot in placement.slots:
        held[slot.population].add(slot.core)
    return CoresSection(
        used=placement.cores_used,
        available=placement.cores,
        chips=placement.chips,
        utilization=placement.utilization,
        mean_hops=placement.ways.mean_hops,
        max_link_load=placement.ways.max_link_load,
        layers={name: len(cores) for name, cores in held.items()},
    )


def _simulated(export: Export) -> Simulation | None:
    run, mapped, placement = export.chip_run, export.mapped, export.placement
    if run is None or not run.counts.samples:
        return None
    assert mapped is not None, "what was simulated was mapped"
    assert placement is not None, "what was simulated was placed"
    assert export.target.chip is not None, "only chips are simulated"
    network = mapped.network
    order = [population.name for population in network.populations]
    full = usage(network, placement, export.target.chip)
    return describe_run(run, export.target, order, full)


def _latency(export: Export) -> dict[str, Any]:
    """Return by how many steps of the artefact's runtime what each layer does comes late."""
    layers = {"layer_offset_steps": dict(export.lags)} if export.lags else {}
    offset = max(export.lags.values(), default=0)
    return {"steps": export.graph.steps, "offset_steps": offset, **layers}


def _manifest(export: Export, files: Mapping[str, bytes]) -> dict[str, Any]:
    graph = export.graph
    return {
        "schema": MANIFEST_SCHEMA,
        "tool": {"name": "snn-deploy", "version": version()},
        "source": {"name": export.loaded.name, "sha256": export.loaded.source_sha256 or None},
        "target": export.target.name,
        "options": _options(export),
        "input": _input(export),
        "steps": graph.steps,
        "readout": graph.readout,
        "outputs": [
            {
                "name": name,
                "shape": list(graph[name].type.shape),
                "scale": graph.output_scale(name).tolist(),
            }
            for name in graph.outputs
        ],
        "tensors": {
            node.name: {
                "kind": node.type.kind,
                "shape": list(node.type.shape),
                "scale": graph.scales[node.name].tolist(),
            }
            for node in graph.nodes
        },
        "latency": _latency(export),
        "golden": {
            "file": "golden/golden.npz",
            "samples": min(GOLDEN_SAMPLES, len(export.samples)),
        },
        "files": [
            {"name": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in sorted(files.items())
        ],
    }


def _options(export: Export) -> dict[str, Any]:
    """Return what was chosen; of a file of integers, all others choose nothing."""
    if not isinstance(export.loaded, LoadedGraph):
        return asdict(export.options)
    shortcuts = {} if export.mapped is None else {"residual": export.options.residual}
    return {"at_equality": export.loaded.network.at_equality, **shortcuts}


def _input(export: Export) -> dict[str, Any]:
    """Return what enters the artefact and how it is made from bytes, real numbers or events."""
    graph, spec = export.graph, export.spec
    common = {
        "name": graph.input.name,
        "shape": list(spec.shape),
        "sequence": spec.sequence,
        "dtype": str(graph.quantize_input(np.zeros(spec.shape)).dtype),
        "scale": graph.scales[graph.input.name].tolist(),
        "limit": graph.input_limit,
    }
    if spec.events is not None:
        return common | {"events": asdict(spec.events), "rule": _EVENT_RULE}
    return common | {"mean": list(spec.mean), "std": list(spec.std), "rule": _INPUT_RULE}


def _json(tree: Mapping[str, Any]) -> bytes:
    return (json.dumps(tree, indent=2, allow_nan=False) + "\n").encode()
