"""Graph -> ModelProto: walk over the nodes, then declare what enters and leaves."""

import json
from collections.abc import Mapping

import numpy as np
from onnx import ModelProto, TensorProto, ValueInfoProto, helper

from snn_deploy.errors import UnsupportedError
from snn_deploy.ir.graph import Graph, Node
from snn_deploy.ir.ops import Input, IntegerLif
from snn_deploy.ir.spec import FOLDED, QUANTIZED, verify
from snn_deploy.quantization.graph import QuantGraph

from .emit import EMIT, UNSUPPORTED
from .emit_fused import emit_fused
from .emit_shapes import input_dtype, input_range
from .function_text import DOMAIN, OPSET, VERSION
from .functions import function, needs_double
from .fusion import fusions
from .lower import Form
from .products import fits_an_operator, product_of
from .pruning import pruned
from .scope import Scope, State, Value

IR_VERSION = 10
"""Goes with opset 21; ONNX Runtime refuses what the onnx package would write by default."""
LARGEST_FILE = 2_000_000_000
"""A protobuf message ends at 2^31 bytes; what is not weights takes little."""
PROBE = "probe_"


def assemble(graph: Graph, form: Form, *, probes: bool) -> ModelProto:
    """Return the model; see `lower_model`."""
    verify(graph, QUANTIZED if isinstance(graph, QuantGraph) else FOLDED)
    double = any(_double(node.op) for node in graph.nodes)
    scope = Scope(graph, form, double, probes)
    _emit_nodes(scope)
    outputs = [_output(scope, name) for name in graph.outputs]
    if form == "step":
        outputs += [_declared(scope, state, state.present) for state in scope.states]
        scope.inputs += [_declared(scope, state, state.past) for state in scope.states]
    if probes:
        outputs += [_probe(scope, node.name) for node in graph.nodes]
    return _model(scope, outputs, probes)


def _emit_nodes(scope: Scope) -> None:
    """Emit node after node; those that are fused, in the place of the last of them."""
    found = fusions(scope.graph) if scope.integer else {}
    fused = {
        node.name: fusion
        for fusion in found.values()
        if fits_an_operator(product_of(scope, fusion.product))
        for node in fusion.nodes
    }
    for node in scope.graph.nodes:
        if type(node.op) in UNSUPPORTED:
            reason = UNSUPPORTED[type(node.op)]
            raise UnsupportedError(node.name, type(node.op).__name__, "onnx", reason)
        fusion = fused.get(node.name)
        if fusion is None:
            _emit(scope, node)
        elif fusion.last is node and not emit_fused(scope, fusion):
            for member in fusion.nodes:
                _emit(scope, member)


def _emit(scope: Scope, node: Node) -> None:
    scope.node = node.name
    scope.values[node.name] = EMIT[type(node.op)](scope, node)


def _double(op: object) -> bool:
    return isinstance(op, IntegerLif) and needs_double(op)


def output_name(graph: Graph, name: str) -> str:
    """Return what the file calls a node that is read out: `output` if it is the only one."""
    return "output" if len(graph.outputs) == 1 else f"output_{name}"


def _output(scope: Scope, name: str) -> ValueInfoProto:
    """Declare a readout: this step's value, or the sum or mean over the steps. [B, *shape]."""
    scope.node = "readout"
    x = scope.laid_out(scope.values[name], last=False)
    x = scope.cast(x, TensorProto.INT32 if scope.integer else TensorProto.FLOAT)
    output = output_name(scope.graph, name)
    if scope.form == "step":
        scope.add("Identity", [x.name], "output", output=output)
    else:
        _over_steps(scope, x, output)
    return helper.make_tensor_value_info(output, x.dtype, ["B", *x.shape])


def _over_steps(scope: Scope, x: Value, output: str) -> None:
    first = scope.constant(np.zeros(1, np.int64), "axis")
    mean = scope.graph.readout == "mean" and not scope.integer
    inputs = [scope.unfolded(x), first]
    if not mean:
        scope.add("ReduceSum", inputs, "sum", output=output, keepdims=0)
        return
    total = scope.add("ReduceSum", inputs, "sum", keepdims=0)
    steps = scope.add("Cast", [scope.time()], "T_real", to=TensorProto.FLOAT)
    scope.add("Div", [total, steps], "mean", output=output)


def _declared(scope: Scope, state: State, name: str) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, state.dtype, ["B", *state.inner])


def _probe(scope: Scope, name: str) -> ValueInfoProto:
    """Give a node's value of every step: [B, *shape], or [T, B, *shape] where steps differ."""
    scope.node = name
    x = scope.laid_out(scope.values[name], last=False)
    tensor = scope.unfolded(x) if x.timed else x.name
    output = f"{PROBE}{name}"
    scope.add("Identity", [tensor], "probe", output=output)
    axes = ("T", "B") if x.timed else ("B",)
    return helper.make_tensor_value_info(output, x.dtype, [*axes, *x.shape])


def _model(scope: Scope, outputs: list[ValueInfoProto], probes: bool) -> ModelProto:
    graph = scope.graph
    size = sum(len(t.raw_data) for t in scope.initializers.values())
    if size > LARGEST_FILE:
        remedy = "split the network, or use narrower weights"
        raise UnsupportedError(graph.name, f"a file of {size:,} bytes", "onnx", remedy)
    proto = helper.make_graph(
        pruned(scope.nodes, {o.name for o in outputs}),
        graph.name,
        scope.inputs,
        outputs,
        list(scope.initializers.values()),
        value_info=scope.shapes,
    )
    opsets = [helper.make_opsetid("", OPSET)]
    neurons = [function(variant, scope.double) for variant in scope.variants]
    opsets += [helper.make_opsetid(DOMAIN, VERSION)] * bool(neurons or scope.functions)
    model = helper.make_model(
        proto,
        ir_version=IR_VERSION,
        opset_imports=opsets,
        functions=[*neurons, *scope.functions],
        producer_name="snn_deploy",
    )
    helper.set_model_props(model, _metadata(scope, probes))
    return model


def _metadata(scope: Scope, probes: bool) -> dict[str, str]:
    """Return what a program needs to run the model; README.md describes the keys."""
    graph = scope.graph
    found: dict[str, object] = {
        "ai.snn.form": scope.form,
        "ai.snn.steps": graph.steps,
        "ai.snn.readout": graph.readout,
        "ai.snn.input": _described_input(scope),
        "ai.snn.output": [
            {
                "name": output_name(graph, name),
                "node": name,
                "shape": ["B", *graph[name].type.shape],
            }
            for name in graph.outputs
        ],
        "ai.snn.state": [_described(state) for state in scope.states],
    }
    if isinstance(graph, QuantGraph):
        found["ai.snn.output_scale"] = {
            output_name(graph, name): graph.output_scale(name).tolist() for name in graph.outputs
        }
    if probes:
        found["ai.snn.probes"] = {
            name: "steps" if value.timed else "same" for name, value in scope.values.items()
        }
    return {k: v if isinstance(v, str) else json.dumps(v) for k, v in found.items()}


def _described_input(scope: Scope) -> Mapping[str, object]:
    graph = scope.graph
    op = graph.input.op
    assert isinstance(op, Input), "Graph.input finds it by its op"
    sequence = scope.form == "sequence" and not op.static
    found: dict[str, object] = {
        "name": "input",
        "static": op.static,
        "kind": op.kind,
        "dtype": TensorProto.DataType.Name(input_dtype(scope)).lower(),
        "layout": ["T"] * sequence + ["B", *"CHW"[: len(op.shape)]],
    }
    if isinstance(graph, QuantGraph):
        found["scale"] = graph.scales[graph.input.name].tolist()
        found["limit"] = graph.input_limit
        found["low"], found["high"] = input_range(graph, op)
    return found


def _described(state: State) -> Mapping[str, object]:
    return {
        "in": state.past,
        "out": state.present,
        "node": state.node,
        "role": state.role,
        "shape": ["B", *state.inner],
        "layout": "channels_last" if state.last else "channels_first",
        "dtype": TensorProto.DataType.Name(state.dtype).lower(),
        "init": state.initial,
    }
