"""A trace is right where the graph makes the spikes that the torch module makes."""

import warnings
from typing import Any

import numpy as np
from torch import nn

from snn_deploy.frontends.oracle import observe
from snn_deploy.frontends.tracing import trace
from snn_deploy.ir.evaluate import evaluate, read_out
from snn_deploy.ir.graph import Array, Graph

with warnings.catch_warnings():
    # norse 1.1.0 uses torch.jit.script, which torch 2.13 says is deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    import norse.torch as norse

__all__ = ["agree", "norse", "run"]


def run(graph: Graph, x: Array) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return the spikes [T, B, ...] of every neuron node, and the outputs [B, ...]."""
    steps = list(evaluate(graph, x))
    spikes = {node.name: np.stack([v[node.name] for v in steps]) for node in graph.spiking}
    return spikes, read_out(graph, iter(steps))


def agree(module: nn.Module, shape: tuple[int, ...], x: Array, **how: Any) -> Graph:
    """Trace; every spike and the result must be the module's, and some neurons fire, some not."""
    graph = trace(module, shape, name="tested", **how)
    observed = observe(module, graph, x)
    spikes, outputs = run(graph, x)
    assert spikes.keys() == observed.spikes.keys()
    for name, expected in observed.spikes.items():
        np.testing.assert_array_equal(spikes[name], expected, err_msg=name)
        assert 0 < expected.mean() < 1, f"{name} tells nothing: rate {expected.mean()}"
    for name, result in observed.outputs.items():
        # Sums of float64 in another order; 1e-6 where a forward fills a float32 tensor.
        np.testing.assert_allclose(outputs[name], result, rtol=1e-6, atol=1e-6)
    return graph
