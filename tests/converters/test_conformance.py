"""Every network in every form of every converter makes the reference's spikes."""

from collections.abc import Callable
from itertools import zip_longest

import numpy as np
import pytest

from snn_deploy.ir.evaluate import evaluate, read_out
from snn_deploy.ir.graph import Graph
from snn_deploy.ir.spec import FOLDED, QUANTIZED, verify
from snn_deploy.quantization.graph import QuantGraph
from snn_deploy.registry import CONVERTERS, converter
from snn_deploy.validation import Comparison
from tests.networks import FLOAT, INTEGER, stimulus

Build = Callable[[], Graph]

FAST = ["onnx"]

NETWORKS = [pytest.param(build, id=name) for name, build in {**INTEGER, **FLOAT}.items()]


@pytest.mark.parametrize("build", NETWORKS)
def test_the_networks_are_worth_running(build: Build) -> None:
    """They are legal, and in every layer some neurons fire, or tell, and some do not."""
    graph = build()
    verify(graph, QUANTIZED if isinstance(graph, QuantGraph) else FOLDED)
    spikes = {node.name: [] for node in graph.spiking}
    for values in evaluate(graph, stimulus(graph)):
        for name, seen in spikes.items():
            seen.append(values[name] != 0)
    rates = {name: float(np.mean(seen)) for name, seen in spikes.items()}
    assert all(0.05 < rate < 0.95 for rate in rates.values()), rates


def test_one_network_saturates() -> None:
    graph = INTEGER["saturation"]()
    *_, last = evaluate(graph, stimulus(graph))
    assert np.abs(last["stem"].astype(np.int64)).max() < 2**17, "currents stay below 2^23"
    assert np.abs(last["stem"].astype(np.int64)).max() * 64 * graph.steps > 2**23


def test_slow_converters_have_a_conformance_of_their_own() -> None:
    """Lava takes seconds to start: its cases share a few runs, in tests/converters/lava."""
    assert CONVERTERS.keys() - set(FAST) == {"lava", "net"}


@pytest.mark.parametrize("name", FAST)
@pytest.mark.parametrize("build", [pytest.param(b, id=n) for n, b in INTEGER.items()])
def test_every_layer_and_step_agrees(build: Build, name: str) -> None:
    graph = build()
    assert isinstance(graph, QuantGraph)
    x = stimulus(graph)
    executors = converter(name).executors(graph, converter(name).lower(graph))
    if not executors:
        pytest.skip(f"the runtime of {name} is not installed")
    expected = read_out(graph, evaluate(graph, x))
    for executor in executors:
        comparison = Comparison(executor.backend, executor.form)
        runs = zip_longest(evaluate(graph, x), executor.run(x, graph.steps))
        for step, (values, observed) in enumerate(runs):
            comparison.add_step(step, values, observed)
        result = comparison.result()
        assert result.equal, result
        assert result.layers == len(graph.nodes)
        assert result.steps == graph.steps
        observed = executor.infer(x, graph.steps)
        assert observed.keys() == expected.keys()
        assert all(np.array_equal(observed[n], expected[n]) for n in expected)
