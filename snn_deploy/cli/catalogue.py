"""`snn-deploy inspect`, `targets` and `models`: what is there."""

import json as json_format
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options as o
from .given import load_model

if TYPE_CHECKING:
    from snn_deploy.checkpoints import EventBinning, InputSpec
    from snn_deploy.frontends.loading import LoadedModel
    from snn_deploy.frontends.opening import LoadedGraph
    from snn_deploy.ir.graph import Graph, Node

Rows = Sequence[dict[str, Any]]


def targets(json: o.Json = False) -> None:
    """List what a network can be exported for."""
    from snn_deploy import targets as room

    found = [room.load(name) for name in room.names()]
    rows = [
        {"name": t.name, "kind": t.kind, "converter": t.converter, "title": t.title} for t in found
    ]
    _show(rows, json=json)


def models(json: o.Json = False) -> None:
    """List the architectures that can be trained, and that bare state dicts can be of."""
    from snn_deploy import models as room

    rows = [{"name": name, "parameters": room.parameter_count(name)} for name in room.ARCHITECTURES]
    _show(rows, json=json)


def inspect(
    model: o.Model = None,
    shape: Annotated[
        str | None,
        typer.Option(
            "--shape",
            metavar="CxHxW",
            help="Of one sample, e.g. 3x32x32, if the file does not say.",
            rich_help_panel=o.INPUT,
        ),
    ] = None,
    steps: o.Steps = None,
    architecture: o.Architecture = None,
    factory: o.Factory = None,
    trust_pickle: o.TrustPickle = False,
    fires_at_equality: o.FiresAtEquality = False,
    json: o.Json = False,
) -> None:
    """Show a network's layers: shapes, parameters, neurons, operations a step."""
    given = None if shape is None else _shape(shape)
    loaded = load_model(model, architecture, factory, trust_pickle, steps, fires_at_equality)
    spec = _spec(loaded, given, steps)
    graph = _graph(loaded, spec)
    layers = _layers(graph)
    if json:
        _show(layers, json=True)
        return
    _show([_line(layer) for layer in layers], json=False)
    print(_totals(graph, layers, loaded, spec.steps))
    if spec.events is not None:
        print(_events(spec.events))


def _spec(
    loaded: "LoadedModel | LoadedGraph", given: tuple[int, ...] | None, steps: int | None
) -> "InputSpec":
    """Return what the network reads; 0 steps where nothing says how many."""
    from snn_deploy.checkpoints import InputSpec
    from snn_deploy.errors import UsageError
    from snn_deploy.frontends.opening import LoadedGraph

    known = loaded.network.input_shape if isinstance(loaded, LoadedGraph) else None
    told = loaded.input or InputSpec(known or (), (), (), steps or 0)
    shape = given or told.shape
    if not shape:
        raise UsageError(f"{loaded.name} does not say what it reads", "give --shape, e.g. 3x32x32")
    return replace(told, shape=shape)


def _graph(loaded: "LoadedModel | LoadedGraph", spec: "InputSpec") -> "Graph":
    from snn_deploy.frontends.opening import LoadedGraph

    if isinstance(loaded, LoadedGraph):
        return loaded.graph(replace(spec, steps=spec.steps or 1))
    from snn_deploy.frontends.float_reference import trace_as
    from snn_deploy.passes import FOLD, run_passes

    return run_passes(trace_as(loaded.module, spec, loaded.name), FOLD)


def _events(binning: "EventBinning") -> str:
    most = f"up to {binning.limit} are counted" if binning.limit > 1 else "one spike at most"
    steps = f"steps of {binning.step_us:,} microseconds"
    return f"reads events: {steps}, {most} for each pixel, polarity and step"


def _shape(text: str) -> tuple[int, ...]:
    from snn_deploy.errors import UsageError

    parts = text.split("x")
    if len(parts) > 3 or not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise UsageError(
            f"--shape cannot be '{text}'", "give one to three positive numbers, e.g. 3x32x32"
        )
    return tuple(int(part) for part in parts)


def _layers(graph: "Graph") -> Rows:
    from snn_deploy.simulation.geometry import macs, weight_layers

    weighted = {node.name for node in weight_layers(graph)}
    return [
        {
            "layer": node.name,
            "operation": type(node.op).__name__,
            "kind": node.type.kind,
            "shape": list(node.type.shape),
            "parameters": _parameters(graph, node),
            "neurons": node.type.size if node in graph.spiking else 0,
            "macs": macs(graph, node) if node.name in weighted else 0,
        }
        for node in graph.nodes
    ]


def _parameters(graph: "Graph", node: "Node") -> int:
    arrays = [graph.param(node, role) for role in node.op.required + node.op.optional]
    return sum(array.size for array in arrays if array is not None)


def _line(layer: dict[str, Any]) -> dict[str, Any]:
    """Return a layer as a line of the table: what it gives in one word, short titles."""
    return {
        "layer": layer["layer"],
        "op": layer["operation"],
        "gives": "x".join(map(str, layer["shape"])),
        "params": layer["parameters"],
        "neurons": layer["neurons"],
        "macs": layer["macs"],
    }


def _totals(graph: "Graph", layers: Rows, loaded: "LoadedModel | LoadedGraph", steps: int) -> str:
    from snn_deploy.quantization import QuantGraph

    sums = {key: sum(row[key] for row in layers) for key in ("parameters", "neurons", "macs")}
    real = not isinstance(graph, QuantGraph)
    asked = f"T = {graph.steps}" if steps or real else "T as asked for"
    folded = f", {sums['parameters']:,} once batch norm is folded" if real else ", integers"
    return (
        f"\n{graph.name}: {len(graph.spiking)} spiking layers, {sums['neurons']:,} neurons, "
        f"{asked}\n"
        f"{loaded.parameters:,} parameters{folded}\n"
        f"{sums['macs']:,} multiply-accumulates a step, were every input active"
    )


def _show(rows: Rows, *, json: bool) -> None:
    """Print rows as JSON or as a table: text to the left, numbers to the right, nothing cut."""
    if json:
        print(json_format.dumps(rows, indent=2))
        return
    cells = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    right = [isinstance(value, int) for value in rows[0].values()]
    for line in cells:
        padded = [
            text.rjust(width) if number else text.ljust(width)
            for text, width, number in zip(line, widths, right, strict=True)
        ]
        print("  ".join(padded).rstrip())


def _cell(value: object) -> str:
    if isinstance(value, int):
        return f"{value:,}" if value else ""
    return str(value)
