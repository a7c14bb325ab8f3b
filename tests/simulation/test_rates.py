"""How often nodes send, against a count of the same values."""

import numpy as np
import pytest

from snn_deploy.ir.evaluate import evaluate
from snn_deploy.quantization import QuantGraph
from snn_deploy.simulation import measure_rates
from tests.networks import INTEGER, stimulus


@pytest.mark.parametrize("name", ["ms_identity", "sequence", "two_outputs"])
def test_rates(name: str) -> None:
    graph = INTEGER[name]()
    assert isinstance(graph, QuantGraph)
    x = stimulus(graph)
    steps = list(evaluate(graph, x))
    found = measure_rates(graph, x)
    assert found.keys() == {node.name for node in graph.nodes}
    for node in graph.nodes:
        values = np.stack([values[node.name] for values in steps])
        assert found[node.name] == np.count_nonzero(values) / values.size
    assert all(0 < found[node.name] < 1 for node in graph.spiking)
