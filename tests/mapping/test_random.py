"""Random networks, wired in every way that a graph allows, on both kinds of chip."""

import numpy as np
import pytest

from snn_deploy.errors import MappingError
from snn_deploy.ir.evaluate import evaluate
from snn_deploy.mapping import Messages, Residual, map_graph, run, stages_of
from tests.mapping.wiring import random_network, random_stimulus

NETWORKS = 120


@pytest.mark.parametrize("graded", [True, False])
def test_every_value_of_random_networks(graded: bool) -> None:
    compared = refused = relayed = 0
    for seed in range(NETWORKS):
        rng = np.random.default_rng(1000 + seed)
        graph = random_network(seed)
        messages = Messages("chip", graded, max_delay=200)
        choices: list[Residual] = ["relay", "unroll"] if graded else ["unroll"]
        strategy = {s.name: choices[rng.integers(len(choices))] for s in stages_of(graph, messages)}
        try:
            network = map_graph(graph, messages, strategy).network
        except MappingError:
            refused += 1
            continue
        x = random_stimulus(graph, rng, batch=3)
        seen = set()
        reference = evaluate(graph, x)
        for step, expected in enumerate(run(network, x, graph.steps)):
            values = next(reference)
            for name, value in expected.items():
                assert np.array_equal(value, values[name]), (seed, strategy, step, name)
                compared += value.size
                seen.add(name)
        assert seen >= {"head", *(node.name for node in graph.spiking)}, seed
        relayed += "relay" in strategy.values()
    assert compared > 10**5
    assert refused < NETWORKS / 3 if graded else refused < NETWORKS
    assert relayed > 5 or not graded
