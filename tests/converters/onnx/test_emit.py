"""The tables, and the files against ONNX's own judges."""

from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx.reference import ReferenceEvaluator

from snn_deploy.converters.onnx.emit import EMIT, UNSUPPORTED
from snn_deploy.converters.onnx.lower import Form, lower_model
from snn_deploy.converters.onnx.run import infer
from snn_deploy.ir.evaluate import evaluate, read_out
from snn_deploy.ir.graph import Graph
from snn_deploy.ir.ops import SumPool
from snn_deploy.ir.spec import FOLDED, QUANTIZED
from tests.converters.onnx.agreement import agreement
from tests.networks import FLOAT, INTEGER, Network, stimulus

ALL = {**INTEGER, **FLOAT}
FORMS: tuple[Form, ...] = ("step", "sequence")


def test_every_operation_is_written_or_refused() -> None:
    assert EMIT.keys() | UNSUPPORTED.keys() == FOLDED.ops | QUANTIZED.ops
    assert not EMIT.keys() & UNSUPPORTED.keys()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ALL)
def test_onnx_accepts_it(name: str, form: Form) -> None:
    graph = ALL[name]()
    model = lower_model(graph, form)
    onnx.checker.check_model(model, full_check=True)
    onnx.checker.check_model(lower_model(graph, form, probes=True, inline=True), full_check=True)
    assert model.ir_version == 10
    assert {o.domain: o.version for o in model.opset_import} == {"": 21, "ai.snn": 1}
    nodes = [*model.graph.node, *(node for f in model.functions for node in f.node)]
    called = {node.op_type for node in nodes if node.domain == "ai.snn"}
    assert {f.name for f in model.functions} == called


@pytest.mark.parametrize("name", ALL)
def test_the_reference_evaluator_of_onnx_agrees(name: str) -> None:
    graph = ALL[name]()
    x = stimulus(graph, batch=1)
    expected = list(evaluate(graph, x))
    model = lower_model(graph, "sequence", probes=True)
    names = [output.name for output in model.graph.output]
    found = dict(zip(names, ReferenceEvaluator(model).run(None, {"input": x}), strict=True))
    for node in graph.nodes:
        steps = np.stack([values[node.name] for values in expected])
        assert np.array_equal(np.broadcast_to(found[f"probe_{node.name}"], steps.shape), steps)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", FLOAT)
def test_float_networks_with_exact_sums_agree(name: str, form: Form) -> None:
    graph = FLOAT[name]()
    x = stimulus(graph)
    result = agreement(graph, lower_model(graph, form, probes=True), x)
    assert result.equal, result
    assert result.layers == len(graph.nodes)
    expected = read_out(graph, evaluate(graph, x))
    for inline in (False, True):
        found = infer(lower_model(graph, form, inline=inline), x, graph.steps)
        assert all(np.array_equal(found[node], expected[node]) for node in expected)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["dense_cuba", "ms_projection", "sequence", "resets"])
def test_any_batch_and_sequence_length(name: str, form: Form) -> None:
    graph = INTEGER[name]()
    model = lower_model(graph, form)
    lengths = (graph.steps,) if graph.input.op.static else (1, graph.steps + 3)
    for batch in (1, 5):
        for steps in lengths:
            x = stimulus(graph, batch=batch, steps=steps)
            expected = read_out(graph, evaluate(graph, x, steps))
            found = infer(model, x, steps, threads=1)
            assert all(np.array_equal(found[node], expected[node]) for node in expected)


def _dilates(kernel: Sequence[int], lengths: Sequence[int]) -> bool:
    return all(2 * k - 1 <= n for k, n in zip(kernel, lengths, strict=True))


@st.composite
def convolutional(draw: st.DrawFn) -> Graph:
    """Draw a stem and one to three convolutions with neurons of any kind."""
    axes = draw(st.integers(1, 2))
    lengths = [draw(st.integers(5, 11)) for _ in range(axes)]
    net = Network(
        (draw(st.integers(1, 4)), *lengths),
        kind=draw(st.sampled_from(["current", "spike", "graded"])),
        static=draw(st.booleans()),
        limit=draw(st.sampled_from([7, 127, 1000])),
    )
    for layer in range(draw(st.integers(1, 3))):
        channels, *now = net.builder.type(net.at).shape
        groups = draw(st.sampled_from([g for g in (1, 2, channels) if channels % g == 0]))
        kernel = tuple(draw(st.integers(1, min(3, n))) for n in now)
        net.conv(
            f"conv{layer}",
            groups * draw(st.integers(1, 9)),
            kernel,
            stride=draw(st.integers(1, 2)),
            padding=draw(st.integers(0, 2)),
            dilation=draw(st.integers(1, 2)) if _dilates(kernel, now) else 1,
            groups=groups,
            bias=draw(st.booleans()),
            shift=draw(st.none() | st.lists(st.integers(-6, 3), min_size=1, max_size=3)),
        )
        net.lif(
            f"lif{layer}",
            current_decay=draw(st.sampled_from([4096, 4096, 2048, 77])),
            voltage_decay=draw(st.sampled_from([0, 1, 2048, 3072, 4000, 4096])),
            reset=draw(st.sampled_from(["hard", "soft", "none"])),
            at_equality=draw(st.booleans()),
            bias=draw(st.booleans()),
            per_channel=draw(st.booleans()),
        )
        if draw(st.booleans()):
            net.pool(f"pool{layer}", SumPool, 2, 1, 1)
    return net.flatten().linear("head", 3).finish(steps=3)


@settings(max_examples=120)
@given(graph=convolutional(), form=st.sampled_from(FORMS), inline=st.booleans())
def test_random_networks_agree(graph: Graph, form: Form, inline: bool) -> None:
    x = stimulus(graph)
    model = lower_model(graph, form, probes=True, inline=inline)
    result = agreement(graph, model, x)
    assert result.equal, result
