"""Activities and reports made for tests."""

import numpy as np

from snn_deploy.ir.graph import Array, Graph
from snn_deploy.placement import Used
from snn_deploy.report import (
    AccuracySection,
    ChipSection,
    CoresSection,
    ModelSection,
    QuantizationSection,
    QuantizedLayer,
    Report,
    TargetSection,
    charged,
    describe,
    examine,
    judge,
    lemaire,
    measure,
    paper,
)
from snn_deploy.simulation import Activity, ActivityCounter, NeuronActivity, Spread, StageActivity
from snn_deploy.validation import Agreement

from .networks import cifar

CORES = CoresSection(
    used=7,
    available=240,
    chips=2,
    utilization={"neurons": Used(900, 1000, 3), "synapse_words": Used(95, 100, 5)},
    mean_hops=1.25,
    max_link_load=1234.5,
    layers={"lif1": 4, "lif2": 3},
)
CHIP = ChipSection(12, 15, {"conv2_x": "relay", "conv3_x": "unroll"}, 6, 22, CORES)


def uniform(graph: Graph, every: int = 5) -> Activity:
    """One sample in which every fifth neuron (rate 0.2) fires at each step."""
    values: dict[str, Array] = {}
    for node in graph.nodes:
        flat = np.ones(node.type.size, np.uint8)
        if node in graph.spiking:
            flat = (np.arange(node.type.size) % every == 0).astype(np.uint8)
        values[node.name] = flat.reshape(1, *node.type.shape)
    counter = ActivityCounter(graph)
    for t in range(graph.steps):
        counter.add(t, values)
    counter.add_samples(1)
    return counter.activity()


def firing(*layers: tuple[str, str, int, list[int]], steps: int = 4) -> Activity:
    """An activity of (name, stage, neurons, spikes of each sample)."""
    neurons = tuple(
        NeuronActivity(name, stage, (count,), (sum(spikes), *[0] * (steps - 1)), Spread.of(spikes))
        for name, stage, count, spikes in layers
    )
    stages = []
    for stage in dict.fromkeys(layer[1] for layer in layers):
        members = [layer for layer in layers if layer[1] == stage]
        by_sample = [sum(column) for column in zip(*(m[3] for m in members), strict=True)]
        total = sum(member[2] for member in members)
        stages.append(StageActivity(stage, len(members), total, Spread.of(by_sample)))
    by_sample = [sum(column) for column in zip(*(layer[3] for layer in layers), strict=True)]
    return Activity(len(by_sample), steps, neurons, tuple(stages), (), 0, tuple(by_sample))


def report(depth: int = 8) -> Report:
    """A report with every section, of the thin CIFAR network."""
    graph = cifar(depth, steps=4)
    activity = uniform(graph)
    arithmetic, memory = paper(activity), lemaire(graph, activity)
    layers = [QuantizedLayer(s.name, 0.01, -3, 0.004) for s in activity.synapses]
    return Report(
        tool_version="0.1.0",
        model=ModelSection(
            f"ms_resnet{depth}",
            "ab" * 32,
            f"ms_resnet{depth}",
            272_474,
            activity.neuron_count,
            len(activity.neurons),
            4,
            (3, 32, 32),
        ),
        target=TargetSection("onnx", "runtime", "cd" * 32),
        quantization=QuantizationSection(8, 0, tuple(layers)),
        accuracy=AccuracySection(200, 0.8, 0.795),
        spikes=describe(activity),
        claim=judge(activity),
        agreement=(Agreement("onnxruntime", "integer, step", 41, 4, 100, 96_412_000, 0),),
        paper=arithmetic,
        charged=charged(activity),
        lemaire=memory,
        criticism=examine(graph, activity, arithmetic, memory),
        neurobench=measure(graph, activity),
        timing_s={"trace": 0.4, "quantize": 5.8},
        command="snn-export model.pt --target onnx",
    )
