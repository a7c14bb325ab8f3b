"""The torch module's own answers, in float64: the same whatever the batch, and what is held."""

import numpy as np
import pytest
import torch

from snn_deploy.checkpoints import InputSpec
from snn_deploy.datasets import Samples
from snn_deploy.frontends import float_reference
from snn_deploy.frontends.float_reference import float_outputs
from snn_deploy.frontends.oracle import observe, observe_outputs
from snn_deploy.frontends.tracing import trace
from snn_deploy.ir.graph import Graph
from snn_deploy.models import build

SPEC = InputSpec((3, 16, 16), (), (), 3)


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    torch.manual_seed(20)
    made = build("ms_resnet20", steps=3).eval()
    for name, p in made.named_parameters():
        if name.endswith("bn.weight"):
            torch.nn.init.constant_(p, 0.7)
    return made


@pytest.fixture(scope="module")
def graph(network: torch.nn.Module) -> Graph:
    return trace(network, SPEC.shape, name="net")


@pytest.fixture
def samples(rng: np.random.Generator) -> Samples:
    return Samples("samples", rng.standard_normal((5, *SPEC.shape)).astype(np.float32), None)


def test_outputs_alone_are_the_same(
    network: torch.nn.Module, graph: Graph, samples: Samples
) -> None:
    x = samples.normalised(SPEC).astype(np.float64)
    expected = observe(network, graph, x)
    found = observe_outputs(network, graph, x)
    assert found.keys() == expected.outputs.keys() == {"fc"}
    np.testing.assert_array_equal(found["fc"], expected.outputs["fc"])
    assert {spikes.dtype for spikes in expected.spikes.values()} == {np.dtype(np.uint8)}


@pytest.mark.parametrize(
    ("kilobytes", "done"), [(10_000, [5]), (2 * 8 * 3 * 16 * 16 * 16 / 1000, [2, 4, 5]), (1, None)]
)
def test_batches_fit_a_budget(
    kilobytes: float,
    done: list[int] | None,
    network: torch.nn.Module,
    graph: Graph,
    samples: Samples,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The widest value, 16 x 16 x 16 numbers of 8 bytes, is counted at all of 3 steps."""
    expected = float_outputs(network, graph, samples, SPEC, lambda _: None)
    monkeypatch.setattr(float_reference, "_BATCH_BYTES", int(1000 * kilobytes))
    seen: list[int] = []
    found = float_outputs(network, graph, samples, SPEC, seen.append)
    assert seen == (done or [1, 2, 3, 4, 5])
    np.testing.assert_allclose(found, expected, rtol=1e-12)
