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
from snn_deploy.ir.evaluate import Values, evaluate, read_out
from snn_deploy.ir.graph import Array
from snn_deploy.pipeline import Export
from snn_deploy.report import (
    AccuracySection,
    ModelSection,
    QuantizationSection,
    QuantizedLayer,
    Report,
    TargetSection,
    charged,
    describe,
    judge,
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
    return Report(
        tool_version=version(),
        model=_model(export),
        target=TargetSection(export.target.name, export.target.kind),
        quantization=_quantization(export),
        accuracy=_accuracy(export),
        spikes=describe(activity),
        claim=judge(activity),
        agreement=export.agreement,
        paper=paper(activity),
        charged=charged(activity),
        neurobench=measure(export.graph, activity),
        timing_s=export.timing_s,
        warnings=tuple(_warnings(export)),
        command=command,
    )


def _warnings(export: Export) -> Iterator[str]:
    """Yield what the report's own numbers do not show."""
    if not export.proof.agreement:
        yield (
            f"Nothing here could run the files for {export.target.name}: that they make the same "
            "spikes is not proved."
        )
    if export.samples.labels is not None and not _gives_classes(export):
        shape = list(export.proof.outputs.shape[1:])
        yield f"Its output of shape {shape} is no list of classes: no accuracy was measured."
    yield from _of_samples(export)
    yield from (str(found) for found in export.float_checks if found.flips)


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
    steps and neurons of the layer. Where the samples are event recordings, `events/x`, `y`, `p`,
    `t` and `offset` are what `input` was counted from.
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
            count += values[name].reshape(len(count), -1).sum(axis=1, dtype=np.int64)
        yield values


def _model(export: Export) -> ModelSection:
    activity, events = export.proof.activity, export.spec.events
    return ModelSection(
        name=export.loaded.name,
        source_sha256=export.loaded.source_sha256 or None,
        architecture=export.loaded.architecture or type(export.loaded.module).__name__,
        parameters=sum(p.numel() for p in export.loaded.module.parameters()),
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


def _manifest(export: Export, files: Mapping[str, bytes]) -> dict[str, Any]:
    graph = export.graph
    return {
        "schema": MANIFEST_SCHEMA,
        "tool": {"name": "snn-deploy", "version": version()},
        "source": {"name": export.loaded.name, "sha256": export.loaded.source_sha256 or None},
        "target": export.target.name,
        "options": asdict(export.options),
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
        "latency": {"steps": graph.steps, "offset_steps": 0},
        "golden": {
            "file": "golden/golden.npz",
            "samples": min(GOLDEN_SAMPLES, len(export.samples)),
        },
        "files": [
            {"name": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in sorted(files.items())
        ],
    }


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
