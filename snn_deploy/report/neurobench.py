"""The metrics of NeuroBench's algorithm track, by its definitions and names.

Yik et al., The NeuroBench framework for benchmarking neuromorphic computing algorithms and systems,
Nature Communications 2025; definitions as in neurobench 2 (`benchmark/` of its repository).
"""

from dataclasses import dataclass

import numpy as np

from snn_deploy.ir.graph import Graph
from snn_deploy.ir.ops import Conv, Linear
from snn_deploy.simulation import Activity, SynapseActivity


@dataclass(frozen=True, slots=True)
class NeuroBench:
    """Static and workload metrics; operations are of one sample, all its steps.

    Attributes:
        footprint_bytes: of all parameters as they are stored, zeros included.
        connection_sparsity: share of zero weights of convolutions and linear layers.
        activation_sparsity: share of neuron outputs, over all steps, that are not spikes.
        effective_macs: operations with neither weight nor input zero, in layers whose inputs were
            not all -1, 0 or 1.
        effective_acs: the same in layers whose inputs were.
        dense: operations if nothing were zero, padding left out.
    """

    footprint_bytes: int
    connection_sparsity: float
    activation_sparsity: float
    effective_macs: float
    effective_acs: float
    dense: float


def measure(graph: Graph, activity: Activity) -> NeuroBench:
    """Return the metrics of the graph that is deployed and what it did on samples."""
    weights = [graph.weight(n) for n in graph.nodes if isinstance(n.op, Conv | Linear)]
    held = sum(weight.size for weight in weights)
    zero = held - sum(int(np.count_nonzero(weight)) for weight in weights)
    shown = activity.neuron_count * activity.steps * activity.samples
    # A layer is judged over the whole run, not call by call, so that batches make no difference.
    multiplying = [layer for layer in activity.synapses if layer.multi_valued_events]
    adding = [layer for layer in activity.synapses if not layer.multi_valued_events]
    return NeuroBench(
        footprint_bytes=sum(array.nbytes for array in graph.params.values()),
        connection_sparsity=zero / held if held else 0.0,
        activation_sparsity=1 - activity.spikes / shown if shown else 1.0,
        effective_macs=_per_sample(activity, multiplying),
        effective_acs=_per_sample(activity, adding),
        dense=float(
            sum(s.connections * (1 if s.once else activity.steps) for s in activity.synapses)
        ),
    )


def _per_sample(activity: Activity, layers: list[SynapseActivity]) -> float:
    events = sum(layer.effective_events for layer in layers)
    return events / activity.samples if activity.samples else 0.0
