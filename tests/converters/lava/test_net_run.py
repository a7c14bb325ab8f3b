"""Lava's netx makes the reference's spikes from our files: every layer, every step."""

from collections.abc import Mapping

import numpy as np
import pytest

from snn_deploy.converters.lava.environment import LavaEnvironment
from snn_deploy.ir.evaluate import evaluate
from snn_deploy.ir.graph import Array
from snn_deploy.quantization.graph import QuantGraph
from tests.converters.lava.net_cases import CASES
from tests.converters.lava.netx_runs import run_all
from tests.networks import stimulus

Built = Mapping[str, tuple[QuantGraph, Array]]


@pytest.fixture(scope="module")
def built() -> Built:
    """Every case with two samples, or three."""
    graphs = {name: build() for name, build in CASES.items()}
    return {n: (g, stimulus(g, batch=2 + len(n) % 2)) for n, g in graphs.items()}


@pytest.fixture(scope="module")
def traces(
    lava: LavaEnvironment, built: Built, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Mapping[str, Array]]:
    return run_all(lava, tmp_path_factory.mktemp("netx"), built)


@pytest.mark.parametrize("name", CASES)
def test_every_layer_and_step_agrees(
    name: str, built: Built, traces: Mapping[str, Mapping[str, Array]]
) -> None:
    graph, x = built[name]
    found = traces[name]
    assert found.keys() == {*(node.name for node in graph.spiking), graph.outputs[0]}
    for step, expected in enumerate(evaluate(graph, x)):
        for layer, values in found.items():
            np.testing.assert_array_equal(values[step], expected[layer], f"{layer}, step {step}")


@pytest.mark.parametrize("name", CASES)
def test_the_cases_are_worth_running(name: str, built: Built) -> None:
    """In every neuron layer something happens, and not everything."""
    graph, x = built[name]
    seen = list(evaluate(graph, x))
    for node in graph.spiking:
        rate = float(np.mean([values[node.name] for values in seen]))
        assert 0 < rate < 1, (node.name, rate)
