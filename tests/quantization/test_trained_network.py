"""A really trained MS-ResNet-20 on real images keeps its accuracy in 8 bits.

The network and the images lie in ../shared/data, which says what is known of them. It was trained
for six epochs only, so that many images are near the border between two classes: some five in a
hundred change class by any rounding at all, for the better or for the worse. How much the layers
spike is the sharper test: thresholds that are 2 % too high cost 2 % of the spikes.
"""

from pathlib import Path

import numpy as np
import pytest
import torch

from snn_deploy.frontends.tracing import trace
from snn_deploy.ir.evaluate import evaluate, read_out
from snn_deploy.ir.graph import Array, Graph
from snn_deploy.models import build
from snn_deploy.passes import FOLD, run_passes
from snn_deploy.quantization import calibrate, quantize

STEPS = 4
COUNT = 48
MEAN = np.array([0.4914, 0.4822, 0.4465]).reshape(3, 1, 1)
STD = np.array([0.247, 0.243, 0.261]).reshape(3, 1, 1)


def normalised(images: Array) -> Array:
    return ((images / 255 - MEAN) / STD).astype(np.float32)


def run(graph: Graph, x: Array) -> tuple[Array, Array]:
    """Return the readout, [N, classes], and the spikes of every layer."""
    outputs: list[Array] = []
    spikes = np.zeros(len(graph.spiking), np.int64)
    for first in range(0, len(x), 24):
        steps = list(evaluate(graph, x[first : first + 24]))
        outputs.append(read_out(graph, iter(steps))[graph.outputs[0]])
        spikes += [sum(int(values[n.name].sum()) for values in steps) for n in graph.spiking]
    return np.concatenate(outputs), spikes


@pytest.fixture
def graph(shared_data: Path) -> Graph:
    network = build("ms_resnet20", steps=STEPS).eval()
    weights = shared_data / "nets" / "ms_resnet20_cifar10_6epochs.pt"
    network.load_state_dict(torch.load(weights, weights_only=True))
    return run_passes(trace(network, (3, 32, 32), name="ms_resnet20"), FOLD)


def test_eight_bits_keep_the_accuracy(graph: Graph, shared_data: Path) -> None:
    with np.load(shared_data / "cifar10-test-first200.npz") as file:
        images, labels = file["images"], file["labels"][:COUNT]
    x, others = normalised(images[:COUNT]), normalised(images[-16:])
    made = quantize(graph, calibrate(graph, others)).graph
    floats, float_spikes = run(graph, x)
    integers, integer_spikes = run(made, made.quantize_input(x))
    hits = [int((y.argmax(axis=1) == labels).sum()) for y in (floats, integers)]
    assert hits[0] == 42
    assert abs(hits[1] - hits[0]) <= 3
    assert np.mean(floats.argmax(axis=1) == integers.argmax(axis=1)) > 0.9
    assert integer_spikes.sum() == pytest.approx(float_spikes.sum(), rel=0.005)
    np.testing.assert_allclose(integer_spikes, float_spikes, rtol=0.02)
    real = integers * made.output_scale(made.outputs[0])
    assert np.corrcoef(real.ravel(), floats.ravel())[0, 1] > 0.99
