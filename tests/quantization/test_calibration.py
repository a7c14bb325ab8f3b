"""What calibration sees."""

import numpy as np
import pytest

from snn_deploy.ir.builder import GraphBuilder
from snn_deploy.ir.evaluate import evaluate
from snn_deploy.ir.graph import Graph
from snn_deploy.ir.ops import Input, Lif, Linear
from snn_deploy.quantization import calibrate
from tests.networks import FLOAT, stimulus


@pytest.mark.parametrize("batch", [1, 3, 16])
@pytest.mark.parametrize("name", FLOAT)
def test_largest_and_means(name: str, batch: int) -> None:
    """Over all samples, steps and places, whatever the batches."""
    graph = FLOAT[name]()
    x = stimulus(graph, batch=5)
    found = calibrate(graph, x, batch=batch)
    steps = list(evaluate(graph, x))
    assert found.samples == 5
    assert found.largest.keys() == found.means.keys() == {node.name for node in graph.nodes}
    for node in graph.nodes:
        values = np.stack([s[node.name] for s in steps]).astype(np.float64)
        assert found.largest[node.name] == np.abs(values).max()
        over = tuple(axis for axis in range(values.ndim) if axis != 2)
        np.testing.assert_allclose(found.means[node.name], values.mean(axis=over), rtol=1e-6)
        assert found.means[node.name].shape == node.type.shape[:1]


def counts(static: bool) -> Graph:
    builder = GraphBuilder("counts")
    builder.add("input", Input((2,), "graded", static=static))
    builder.add("fc", Linear(), "input", weight=np.eye(2, dtype=np.float32))
    builder.add("lif", Lif(0.5), "fc")
    return builder.finish("lif", steps=3)


@pytest.mark.parametrize(
    ("x", "integers"),
    [
        ([[0, 1], [7, 300]], True),
        ([[0.0, -4.0], [2.0, 1.0]], True),
        ([[0.0, 0.5], [2.0, 1.0]], False),
    ],
)
def test_integer_inputs_are_noticed(x: list[list[float]], integers: bool) -> None:
    found = calibrate(counts(static=True), np.array(x))
    assert found.integer_input is integers


def test_sequences_have_their_samples_on_the_second_axis() -> None:
    x = np.zeros((3, 7, 2), np.uint8)
    x[2, 6, 1] = 9
    found = calibrate(counts(static=False), x, batch=4)
    assert found.samples == 7
    assert found.largest["input"] == 9
    assert found.means["input"].tolist() == [0, 9 / 21]


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="input of shape"):
        calibrate(counts(static=True), np.zeros((4, 3)))
