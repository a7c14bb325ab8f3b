"""The reference's spikes in Lava's fixed-point simulation: all layers, all steps, no tolerance."""

from pathlib import Path

import numpy as np
import pytest

from snn_deploy.converters.lava import LavaConverter
from snn_deploy.converters.lava.environment import LavaEnvironment
from snn_deploy.converters.lava.executors import LavaExecutor
from snn_deploy.errors import ExecutorError
from snn_deploy.ir.evaluate import evaluate, read_out
from snn_deploy.ir.graph import Array
from snn_deploy.mapping import Residual, lay_out
from snn_deploy.quantization import QuantizationOptions, calibrate, quantize
from snn_deploy.quantization.graph import QuantGraph
from snn_deploy.validation import Agreement, Comparison
from tests.converters.lava.mapped import NETWORKS, mapped
from tests.mapping.wiring import random_network, random_stimulus
from tests.networks import INTEGER, stimulus

IN_A_ROW = 3


def executor(lava: LavaEnvironment, graph: QuantGraph) -> LavaExecutor:
    artifact = LavaConverter().lower(graph)
    return LavaExecutor(lava, lay_out(graph), artifact, limit=None)


def compare(
    lava: LavaEnvironment, graph: QuantGraph, residual: Residual, x: Array
) -> tuple[Agreement, set[str]]:
    """Run a graph and compare all that is seen of it; return which layers were."""
    runs = executor(lava, mapped(graph, residual))
    comparison = Comparison(runs.backend, runs.form)
    seen: set[str] = set()
    steps = zip(evaluate(graph, x), runs.run(x, graph.steps), strict=True)
    for t, (expected, observed) in enumerate(steps):
        comparison.add_step(t, expected, observed)
        seen |= observed.keys()
    expected = read_out(graph, evaluate(graph, x))
    observed = runs.infer(x, graph.steps)
    assert observed.keys() == expected.keys()
    assert all(np.array_equal(observed[name], expected[name]) for name in expected)
    return comparison.result(), seen


@pytest.mark.parametrize(
    ("name", "residual"),
    [*((name, "relay") for name in NETWORKS), ("residual", "unroll"), ("additions", "unroll")],
)
def test_samples_in_a_row(lava: LavaEnvironment, name: str, residual: Residual) -> None:
    graph = NETWORKS[name]()
    assert isinstance(graph, QuantGraph)
    agreement, seen = compare(lava, graph, residual, stimulus(graph, IN_A_ROW))
    assert agreement.equal, agreement
    assert agreement.steps == graph.steps
    assert seen >= {node.name for node in graph.spiking}


@pytest.mark.slow
def test_networks_wired_at_random(lava: LavaEnvironment) -> None:
    """Twelve of those that `tests/mapping/test_random.py` runs in NumPy."""
    for seed in range(12):
        graph = random_network(seed)
        x = random_stimulus(graph, np.random.default_rng(seed), IN_A_ROW)
        agreement, seen = compare(lava, graph, "unroll" if seed % 2 else "relay", x)
        assert agreement.equal, (seed, agreement)
        assert seen >= {node.name for node in graph.spiking}


def test_the_networks_are_worth_running() -> None:
    """In every layer some neurons fire and some do not."""
    for name, build in NETWORKS.items():
        graph = build()
        values = list(evaluate(graph, stimulus(graph, IN_A_ROW)))
        for node in graph.spiking:
            rate = np.mean([step[node.name] for step in values])
            assert 0.02 < rate < 0.98, f"{name}, {node.name}: {rate}"


def test_a_sum_of_too_many_bits_names_its_process(lava: LavaEnvironment) -> None:
    graph = INTEGER["ms_projection"]()
    assert isinstance(graph, QuantGraph)
    runs = executor(lava, mapped(graph))
    with pytest.raises(ExecutorError, match=r"process 'shortcut\.sum' failed: OverflowError"):
        runs.infer(stimulus(graph), graph.steps)


def test_another_number_of_steps_is_refused(lava: LavaEnvironment) -> None:
    graph = mapped(INTEGER["dense_static"]())
    with pytest.raises(ValueError, match="has 4 steps, 5 are asked for"):
        next(executor(lava, graph).run(stimulus(graph), 5))


@pytest.mark.slow
@pytest.mark.parametrize("residual", ["relay", "unroll"])
def test_a_trained_network(lava: LavaEnvironment, residual: Residual) -> None:
    """The MS-ResNet-20 that ships, on two real images."""
    pytest.importorskip("torch")
    from snn_deploy.datasets import load as load_samples
    from snn_deploy.frontends.loading import load
    from snn_deploy.frontends.tracing import trace
    from snn_deploy.passes import FOLD, run_passes

    models = Path(__file__).parents[3] / "models"
    loaded = load(models / "checkpoints" / "ms_resnet20_cifar10.pt")
    assert loaded.input is not None
    spec = loaded.input
    samples = load_samples(models / "samples" / "cifar10_100.npz")
    traced = trace(loaded.module, spec.shape, name="ms_resnet20", steps=spec.steps)
    folded = run_passes(traced, FOLD)
    calibration = calibrate(folded, samples.first(16).normalised(spec))
    graph = quantize(folded, calibration, QuantizationOptions()).graph
    x = graph.quantize_input(samples.first(2).normalised(spec))
    agreement, seen = compare(lava, graph, residual, x)
    assert agreement.equal, agreement
    assert seen >= {node.name for node in graph.spiking}
