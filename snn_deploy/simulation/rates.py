"""How often neurons send, measured: what placement weighs its traffic by."""

from collections.abc import Mapping

import numpy as np

from snn_deploy.ir.evaluate import walk
from snn_deploy.ir.graph import Array
from snn_deploy.quantization.graph import QuantGraph


def measure_rates(graph: QuantGraph, x: Array) -> Mapping[str, float]:
    """Return by node how many of its values are not zero, a value and step: what would be sent.

    x: integers, [B, *shape] for a static input, [T, B, *shape] for a sequence.
    """
    active: dict[str, int] = {}
    seen: dict[str, int] = {}
    for name, value in walk(graph, x):
        active[name] = active.get(name, 0) + int(np.count_nonzero(value))
        seen[name] = seen.get(name, 0) + value.size
    return {name: active[name] / seen[name] for name in seen}
