"""A really trained MS-ResNet-20 on real images keeps its accuracy in 8 bits.

The network and the images lie in ../shared/data, which says what is known of them. It was trained
for six epochs only, so that many images are near the border between two classes: of 200, a dozen
change class by any rounding at all, as many for the better as for the worse. On 2,000 images this
quantisation gains 6.
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
MEAN = np.array([0.4914, 0.4822, 0.4465]).reshape(3, 1, 1)
STD = np.array([0.247, 0.243, 0.261]).reshape(3, 1, 1)


def normalised(images: Array) -> Array:
    return ((images / 255 - MEAN) / STD).astype(np.float32)


def outputs(graph: Graph, x: Array) -> Array:
    parts = (read_out(graph, evaluate(graph, x[i : i + 50])) for i in range(0, len(x), 50))
    return np.concatenate([part[graph.outputs[0]] for part in parts])


@pytest.fixture
def graph(shared_data: Path) -> Graph:
    network = build("ms_resnet20", steps=STEPS).eval()
    weights = shared_data / "nets" / "ms_resnet20_cifar10_6epochs.pt"
    network.load_state_dict(torch.load(weights, weights_only=True))
    return run_passes(trace(network, (3, 32, 32), name="ms_resnet20"), FOLD)


@pytest.fixture
def training_images(shared_data: Path) -> Array:
    """Return the first 64, from a sheet of 200 x 50."""
    image = pytest.importorskip("PIL.Image")
    with image.open(shared_data / "cifar10-train-1.webp") as sheet:
        rows = np.asarray(sheet.convert("RGB").crop((0, 0, 50 * 32, 2 * 32)))
    return rows.reshape(2, 32, 50, 32, 3).transpose(0, 2, 4, 1, 3).reshape(-1, 3, 32, 32)[:64]


def test_eight_bits_keep_the_accuracy(
    graph: Graph, training_images: Array, shared_data: Path
) -> None:
    with np.load(shared_data / "cifar10-test-first200.npz") as file:
        x, labels = normalised(file["images"]), file["labels"]
    made = quantize(graph, calibrate(graph, normalised(training_images))).graph
    floats, integers = outputs(graph, x), outputs(made, made.quantize_input(x))
    hits = [int((y.argmax(axis=1) == labels).sum()) for y in (floats, integers)]
    assert hits[0] == 161
    assert abs(hits[1] - hits[0]) <= 3
    assert np.mean(floats.argmax(axis=1) == integers.argmax(axis=1)) > 0.92
    assert (
        np.corrcoef((integers * made.output_scale(made.outputs[0])).ravel(), floats.ravel())[0, 1]
        > 0.99
    )
