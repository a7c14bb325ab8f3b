"""The network for event cameras: its size, its one path, and the weights that ship."""

from pathlib import Path

import numpy as np
import pytest
import torch

from snn_deploy.frontends.float_reference import trace_as
from snn_deploy.frontends.loading import LoadedModel, load
from snn_deploy.ir.graph import Graph
from snn_deploy.ir.ops import Conv, Lif, Linear
from snn_deploy.models import build, input_shape
from snn_deploy.passes import FOLD, run_passes
from tests.frontends.agreement import agree

CHECKPOINT = Path(__file__).parents[2] / "models" / "checkpoints" / "conv_snn_nmnist.pt"


@pytest.fixture(scope="module")
def shipped() -> LoadedModel:
    return load(CHECKPOINT)


@pytest.fixture(scope="module")
def folded(shipped: LoadedModel) -> Graph:
    assert shipped.input is not None
    return run_passes(trace_as(shipped.module, shipped.input, "net"), FOLD)


def test_its_size() -> None:
    network = build("conv_snn_nmnist", classes=11)
    assert sum(p.numel() for p in network.parameters()) == 66_250 + 65
    assert input_shape("conv_snn_nmnist") == (2, 34, 34)
    assert input_shape("ms_resnet20") is None
    assert network(torch.zeros(12, 3, 2, 34, 34)).shape == (3, 11)


def test_one_layer_after_the_other(folded: Graph) -> None:
    """Every node reads the one before it, and every synapse reads spikes."""
    for before, node in zip(folded.nodes, folded.nodes[1:], strict=False):
        assert node.inputs == (before.name,)
        if isinstance(node.op, Conv | Linear):
            assert before.type.kind == "spike"
    ops = [type(node.op) for node in folded.nodes if isinstance(node.op, Conv | Linear | Lif)]
    assert ops == [Conv, Lif] * 3 + [Linear, Lif, Linear]


def test_what_ships(shipped: LoadedModel) -> None:
    assert shipped.architecture == "conv_snn_nmnist"
    assert shipped.input is not None
    assert (shipped.input.shape, shipped.input.steps) == ((2, 34, 34), 12)
    assert shipped.input.events is not None
    assert (shipped.input.events.step_us, shipped.input.events.limit) == (26_000, 1)
    assert shipped.metrics["test_recordings"] == 200


def test_it_is_traced_as_it_runs(shipped: LoadedModel, rng: np.random.Generator) -> None:
    x = (rng.random((12, 2, 2, 34, 34)) < 0.1).astype(np.float64)
    agree(shipped.module, (2, 34, 34), x, steps=12, sequence=True)
