"""What the tests of this converter share: a model against the reference, value by value."""

from itertools import zip_longest

from onnx import ModelProto

from snn_deploy.converters.onnx.run import run
from snn_deploy.ir.evaluate import evaluate
from snn_deploy.ir.graph import Array, Graph
from snn_deploy.validation import Agreement, Comparison


def agreement(graph: Graph, model: ModelProto, x: Array) -> Agreement:
    """Compare all probes of a model with the reference."""
    comparison = Comparison("onnxruntime", "")
    runs = zip_longest(evaluate(graph, x), run(model, x, graph.steps, threads=1))
    for step, (values, observed) in enumerate(runs):
        comparison.add_step(step, values, observed)
    return comparison.result()
