"""State, metadata, inlined files, and what is refused."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from snn_deploy.converters.onnx import OnnxConverter, assemble, lower_model
from snn_deploy.converters.onnx.lower import Form
from snn_deploy.converters.onnx.run import Session, infer, run
from snn_deploy.errors import GraphError, UnsupportedError
from snn_deploy.ir.builder import GraphBuilder
from snn_deploy.ir.evaluate import evaluate, read_out
from snn_deploy.ir.graph import Graph
from snn_deploy.ir.ops import BatchNorm, Input, Lif
from tests.house.tree import run_python
from tests.networks import FLOAT, INTEGER, Network, stimulus

FORMS: tuple[Form, ...] = ("step", "sequence")
STATEFUL = ["dense_cuba", "resets", "ms_identity", "float_delayed", "float_synapse"]


def build(name: str) -> Graph:
    return {**INTEGER, **FLOAT}[name]()


@pytest.mark.parametrize("name", STATEFUL)
def test_a_saved_state_goes_on_where_it_was(name: str) -> None:
    graph = build(name)
    x = stimulus(graph)
    frames = x if not graph.input.op.static else [x] * graph.steps
    model = lower_model(graph, "step")
    session = Session(model, threads=1)
    state, seen = session.start(2), []
    for t in range(graph.steps):
        if t == 2:  # another program, which has nothing but the saved tensors
            state = {
                key: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape)
                for key, a in state.items()
            }
            session = Session(model, threads=1)
        values, state = session.step(frames[t], state)
        seen.append(values["output"])
    expected = [values[graph.outputs[0]] for values in evaluate(graph, x)]
    assert all(np.array_equal(a, b) for a, b in zip(seen, expected, strict=True))


@pytest.mark.parametrize("name", STATEFUL)
def test_one_batch_leaves_no_trace_in_the_next(name: str) -> None:
    graph = build(name)
    x = stimulus(graph)
    session = Session(lower_model(graph, "step"), threads=1)
    first, second = session.infer(x, graph.steps), session.infer(x, graph.steps)
    assert all(np.array_equal(first[key], second[key]) for key in first)


def test_the_metadata_say_how_to_run_it() -> None:
    graph = INTEGER["dense_cuba"]()
    model = lower_model(graph, "step")
    properties = {p.key: p.value for p in model.metadata_props}
    assert properties["ai.snn.form"] == "step"
    assert properties["ai.snn.steps"] == "8"
    assert properties["ai.snn.readout"] == "mean"
    assert json.loads(properties["ai.snn.output_scale"]) == {"output": [1 / 8]}
    entry = json.loads(properties["ai.snn.input"])
    assert entry["limit"] == 127
    assert entry["scale"] == [1.0]
    assert (entry["low"], entry["high"]) == (0, 1)
    states = json.loads(properties["ai.snn.state"])
    assert states[0] == {
        "in": "past_lif1.v",
        "out": "present_lif1.v",
        "node": "lif1",
        "role": "v",
        "shape": ["B", 32],
        "layout": "channels_last",
        "dtype": "int32",
        "init": 0,
    }
    inputs = {value.name: value.type.tensor_type for value in model.graph.input}
    outputs = {value.name: value.type.tensor_type for value in model.graph.output}
    for state in states:
        assert inputs[state["in"]] == outputs[state["out"]]
        dims = [d.dim_param or d.dim_value for d in inputs[state["in"]].shape.dim]
        assert dims == state["shape"]


def test_a_float_state_starts_where_the_neuron_does() -> None:
    model = lower_model(FLOAT["float_none"](), "step")
    states = Session(model).states
    assert [s["init"] for s in states if s["node"] == "lif1"] == [0.5]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", [*STATEFUL, "large_counts", "sequence"])
def test_an_inlined_file_holds_standard_operators_only(name: str, form: Form) -> None:
    graph = build(name)
    model = lower_model(graph, form, inline=True)
    onnx.checker.check_model(model, full_check=True)
    assert not model.functions
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 21)]
    assert not [n for n in model.graph.node if n.domain or n.op_type == "Constant"]
    x = stimulus(graph)
    expected = read_out(graph, evaluate(graph, x))
    found = infer(model, x, graph.steps, threads=1)
    assert all(np.array_equal(found[key], expected[key]) for key in expected)
    if form == "sequence":
        (output,) = ReferenceEvaluator(model).run(None, {"input": x})
        assert np.array_equal(output, expected[graph.outputs[0]])


def test_equal_neurons_share_their_constants_when_inlined() -> None:
    model = lower_model(INTEGER["ms_identity"](), "step", inline=True)
    scalars = [onnx.numpy_helper.to_array(t) for t in model.graph.initializer]
    sixty_four = [a for a in scalars if a.shape == () and a.dtype == np.int32 and a == 64]
    assert len(sixty_four) == 1


def test_the_converter_gives_a_file_for_each_form(tmp_path: Path) -> None:
    graph = INTEGER["sew"]()
    files = OnnxConverter().lower(graph).files
    assert list(files) == ["model.step.onnx", "model.sequence.onnx"]
    assert files == OnnxConverter().lower(graph).files
    assert list(OnnxConverter(forms=("sequence",)).lower(graph).files) == ["model.sequence.onnx"]
    inlined = OnnxConverter(forms=("step",), inline=True).lower(graph).files["model.step.onnx"]
    assert not onnx.load_from_string(inlined).functions
    path = tmp_path / "model.onnx"
    path.write_bytes(files["model.step.onnx"])
    x = stimulus(graph)
    assert np.array_equal(
        infer(path, x, graph.steps)["head"], read_out(graph, evaluate(graph, x))["head"]
    )


def test_one_body_serves_all_decays_of_a_file() -> None:
    """`resets` needs float64 for one layer, `sew` needs it for none."""
    kinds = {}
    for name in ("resets", "sew"):
        (body, *_) = lower_model(INTEGER[name](), "step").functions
        kinds[name] = {n.attribute[0].i for n in body.node if n.op_type == "Cast"}
    assert onnx.TensorProto.DOUBLE in kinds["resets"]
    assert onnx.TensorProto.DOUBLE not in kinds["sew"]


def test_spikes_stay_bytes_and_no_convolution_of_integers_is_used() -> None:
    model = lower_model(INTEGER["sew"](), "sequence", probes=True, inline=True)
    types = {v.name: v.type.tensor_type.elem_type for v in model.graph.output}
    assert types["probe_sew2"] == onnx.TensorProto.UINT8
    operators = [node.op_type for node in model.graph.node]
    assert "ConvInteger" not in operators
    assert operators.count("Conv") == 1, "the analog stem alone is a float convolution"


def test_steps_of_a_static_sequence_are_fixed() -> None:
    graph = INTEGER["dense_static"]()
    x = stimulus(graph)
    with pytest.raises(ValueError, match="the file has 4 steps, 9 are asked for"):
        infer(lower_model(graph, "sequence"), x, 9)
    expected = read_out(graph, evaluate(graph, x, 9))
    assert np.array_equal(infer(lower_model(graph, "step"), x, 9)["fc2"], expected["fc2"])
    longer = lower_model(dataclasses.replace(graph, steps=9), "sequence")
    assert np.array_equal(infer(longer, x, 9)["fc2"], expected["fc2"])


def test_what_run_refuses() -> None:
    graph = INTEGER["dense_cuba"]()
    x = stimulus(graph)
    with pytest.raises(ValueError, match="lowered with probes"):
        list(run(lower_model(graph, "step"), x, 2))
    with pytest.raises(ValueError, match="the model takes 0 to 1"):
        infer(lower_model(graph, "step"), x + 1, 2)
    with pytest.raises(ValueError, match="input of 8 steps, 9 are asked for"):
        infer(lower_model(graph, "sequence"), x, 9)
    strange = onnx.helper.make_model(
        lower_model(graph, "step", inline=True).graph,
        ir_version=10,
        opset_imports=[onnx.helper.make_opsetid("", 21)],
    )
    with pytest.raises(ValueError, match=r"ai\.snn\.form"):
        Session(strange)


def test_a_traced_graph_is_refused() -> None:
    builder = GraphBuilder("traced")
    builder.add("input", Input((4,)))
    ones = np.ones(4, np.float32)
    builder.add("bn", BatchNorm(1e-5), "input", weight=ones, bias=ones, mean=ones, variance=ones)
    with pytest.raises(GraphError, match="BatchNorm is not legal in a folded graph"):
        lower_model(builder.finish("bn", steps=1), "step")


def test_a_delayed_reset_that_is_due_at_the_start_is_refused() -> None:
    net = Network((4,), integer=False).linear("fc", 4)
    late = Lif(0.5, reset="soft", delayed_reset=True, v_initial=2.0)
    with pytest.raises(UnsupportedError) as caught:
        lower_model(net.neuron("late", late).finish(), "step")
    assert caught.value.node == "late"


def test_sums_beyond_every_type_are_refused() -> None:
    graph = Network((4,)).linear("fc", 4).finish()
    weight = np.full((4, 4), 2**52, np.int64)
    graph = dataclasses.replace(graph, params={"fc.weight": weight})
    with pytest.raises(UnsupportedError, match="no type holds them exactly"):
        lower_model(graph, "step")


def test_a_file_beyond_protobuf_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assemble, "LARGEST_FILE", 1000)
    with pytest.raises(UnsupportedError, match="a file of"):
        lower_model(INTEGER["sew"](), "step")


def test_onnx_is_imported_when_something_is_lowered() -> None:
    code = """
import sys
import snn_deploy.converters, snn_deploy.converters.onnx, snn_deploy.converters.onnx.run
assert not {"onnx", "onnxruntime", "torch"} & sys.modules.keys()
"""
    result = run_python(code)
    assert result.returncode == 0, result.stderr


def test_a_missing_package_is_named() -> None:
    code = """
import sys
sys.modules["onnx"] = sys.modules["onnxruntime"] = None
from snn_deploy.converters.onnx import lower_model
from snn_deploy.converters.onnx.run import Session
from snn_deploy.errors import MissingDependencyError
for act in (lambda: lower_model(None, "step"), lambda: Session(b"")):
    try:
        act()
    except MissingDependencyError as error:
        print(error)
"""
    result = run_python(code)
    assert result.stdout.splitlines() == [
        "the onnx converter needs the package 'onnx'; install snn-deploy[onnx]",
        "running a model needs the package 'onnxruntime'; install snn-deploy[onnx]",
    ], result.stderr


def test_deep_networks() -> None:
    """No step of lowering is quadratic in the depth: 480 layers take a moment."""
    net = Network((8, 4, 4)).conv("stem", 8, padding=1).lif("lif")
    threshold = net.builder.params["lif.threshold"]
    for layer in range(480):
        net.conv(f"conv{layer}", 8, padding=1)
        op = net.builder.nodes["lif"].op
        net.at = net.builder.add(f"lif{layer}", op, net.at, threshold=threshold)
    model = lower_model(net.finish(), "step", inline=True)
    assert len([n for n in model.graph.node if n.op_type == "MatMulInteger"]) == 480
