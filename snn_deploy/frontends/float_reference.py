"""The torch module as the reference of what is true in real numbers."""

from collections.abc import Callable

import numpy as np
from torch import nn

from snn_deploy.checkpoints import InputSpec
from snn_deploy.datasets import Samples
from snn_deploy.ir.evaluate import evaluate
from snn_deploy.ir.graph import Array, Graph
from snn_deploy.validation import Agreement, Comparison

from .oracle import observe_outputs, torch_values
from .tracing import trace

_BATCH = 50
_BATCH_BYTES = 2**26
"""What the widest value of all steps of a batch may take in float64; torch holds a few at a time,
and gathers what a convolution sees."""


def trace_as(module: nn.Module, spec: InputSpec, name: str) -> Graph:
    """Return the graph of one step of a module that reads what the specification says.

    Raises:
        TraceError: as `trace`.
    """
    return trace(
        module,
        spec.shape,
        name=name,
        steps=spec.steps or None,
        sequence=spec.sequence,
        kind=spec.kind,
    )


def compare_with_torch(
    module: nn.Module, graph: Graph, samples: Samples, spec: InputSpec
) -> Agreement:
    """Compare a traced graph with the module that it is of, spike for spike.

    Both compute in float64: a spike is a comparison, and sums of different order differ by so
    little there that no potential falls between them. A difference is a wrong trace.
    """
    x = samples.normalised(spec).astype(np.float64)
    comparison = Comparison("torch module", "trace, float64")
    spiking = [node.name for node in graph.spiking]
    pairs = zip(torch_values(module, graph, x), evaluate(graph, x, keep=spiking), strict=True)
    for step, (expected, observed) in enumerate(pairs):
        comparison.add_step(step, expected, {name: observed[name] for name in expected})
    comparison.add_samples(len(samples))
    return comparison.result()


def float_outputs(
    module: nn.Module, graph: Graph, samples: Samples, spec: InputSpec, done: Callable[[int], None]
) -> Array:
    """Return what the module reads out for every sample, in float64: [N, classes].

    float64 because the accuracy of a spiking network is otherwise a matter of rounding: in float32
    a few samples in ten thousand change class with the batch size and the machine.

    Args:
        module: the network.
        graph: its trace, for T and the name of the output.
        samples: to run.
        spec: how they become the network's input.
        done: told how many samples are done.
    """
    outputs: list[Array] = []
    count = 0
    for batch in samples.batches(_batch_size(graph)):
        found = observe_outputs(module, graph, batch.normalised(spec).astype(np.float64))
        outputs.append(found[graph.outputs[0]])
        count += len(batch)
        done(count)
    return np.concatenate(outputs)


def _batch_size(graph: Graph) -> int:
    widest = 8 * graph.steps * max(node.type.size for node in graph.nodes)
    return max(1, min(_BATCH, _BATCH_BYTES // widest))
