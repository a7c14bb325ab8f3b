"""What the values of a network look like on real inputs."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from snn_deploy.ir.evaluate import walk
from snn_deploy.ir.graph import Array, Graph
from snn_deploy.ir.ops import Input


@dataclass(frozen=True, slots=True)
class Calibration:
    """Statistics of every node over samples and steps.

    Attributes:
        largest: magnitude by node.
        means: by node, [C] (or [N]): over samples, steps and space.
        integer_input: whether the inputs were integers already (event counts).
        samples: how many were seen.
    """

    largest: Mapping[str, float]
    means: Mapping[str, Array]
    integer_input: bool
    samples: int


def calibrate(graph: Graph, x: Array, *, batch: int = 16) -> Calibration:
    """Run a float graph over samples and collect statistics.

    x: float [N, *shape] for a static input, [T, N, *shape] for a sequence.

    Raises:
        ValueError: x does not fit the graph.
    """
    axis = 0 if isinstance(graph.input.op, Input) and graph.input.op.static else 1
    count = x.shape[axis]
    largest = {node.name: 0.0 for node in graph.nodes}
    sums: dict[str, Array] = {}
    for first in range(0, count, batch):
        part = np.take(x, range(first, min(first + batch, count)), axis=axis).astype(np.float32)
        for name, value in walk(graph, part):
            largest[name] = max(largest[name], _magnitude(value))
            mean = _channel_sum(value)
            sums[name] = sums[name] + mean if name in sums else mean
    means = {name: total / (graph.steps * count) for name, total in sums.items()}
    return Calibration(largest, means, bool((x == np.rint(x)).all()), count)


def _magnitude(value: Array) -> float:
    """Return the largest absolute value, without a second array of that size."""
    return max(float(value.max()), -float(value.min()))


def _channel_sum(value: Array) -> Array:
    """Sum over samples of the mean over space.  [B, C, *L] -> [C]."""
    per_sample = value.reshape(*value.shape[:2], -1).mean(axis=2, dtype=np.float64)
    return np.asarray(per_sample.sum(axis=0))
