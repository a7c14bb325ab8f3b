"""The four parts of every pass's test."""

from collections.abc import Callable

import numpy as np

from snn_deploy.ir.evaluate import evaluate
from snn_deploy.ir.graph import Graph
from snn_deploy.ir.spec import verify
from snn_deploy.ir.text import to_text
from snn_deploy.passes import Pass
from tests.networks import stimulus

Golden = Callable[[str, str], None]


def assert_pass(step: Pass, graph: Graph, golden: Golden, case: str) -> Graph:
    """Check a pass on a graph and return what it makes of it.

    The text before and after is the golden file's; every output has the same numbers; a second
    run changes nothing; the graph that went in is as it was.
    """
    verify(graph, step.takes)
    before, arrays = to_text(graph), dict(graph.params)
    result = step(graph)
    verify(result, step.gives)
    golden(f"{step.name}_{case}.txt", f"{before}\n{to_text(result)}")
    assert_same_numbers(graph, result)
    assert step(result) is result, "twice gives what once gives, and says so"
    assert to_text(graph) == before
    assert all(graph.params[key] is array for key, array in arrays.items())
    return result


def assert_same_numbers(graph: Graph, other: Graph) -> None:
    """Run both in float64. What only rounds differently stays within 1e-12 of the largest value."""
    x = stimulus(graph).astype(np.float64)
    for expected, found in zip(evaluate(graph, x), evaluate(other, x), strict=True):
        for name, renamed in zip(graph.outputs, other.outputs, strict=True):
            size = max(1.0, float(np.abs(expected[name]).max()))
            np.testing.assert_allclose(found[renamed], expected[name], rtol=0, atol=1e-12 * size)
