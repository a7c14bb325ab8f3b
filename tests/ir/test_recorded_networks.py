"""Trained Loihi networks with spikes that others recorded: ours are the same, all of them.

The files and what is known of them: ../shared/data/README.md section 2. The numbers in a `.net`
file and their meaning: ../shared/reference/lava-loihi.md sections 2 and 3.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snn_deploy.ir.builder import GraphBuilder
from snn_deploy.ir.evaluate import evaluate
from snn_deploy.ir.graph import Array, Graph
from snn_deploy.ir.ops import Conv, Input, IntegerLif, Linear
from snn_deploy.ir.spec import QUANTIZED, verify

h5py = pytest.importorskip("h5py")

Layers = Mapping[str, Any]


def integers(dataset: Any, dtype: type = np.int32) -> Array:
    """Return what a data set holds; all of these files hold integers, stored as float32."""
    values = np.asarray(dataset)
    assert (values == np.rint(values)).all()
    return values.astype(dtype)


def neuron(builder: GraphBuilder, name: str, source: str, layer: Any, at_equality: bool) -> str:
    """Append a layer's neurons: vThMant counts units of 64, the bias enters the potential."""
    constants = layer["neuron"]
    op = IntegerLif(
        current_decay=int(constants["iDecay"][()]),
        voltage_decay=int(constants["vDecay"][()]),
        at_equality=at_equality,
    )
    threshold = 64 * int(constants["vThMant"][()]) - at_equality
    bias = 64 * integers(layer["bias"]) if "bias" in layer else None
    return builder.add(name, op, source, threshold=np.array([threshold], np.int32), bias=bias)


def oxford(layers: Layers, steps: int) -> Graph:
    """200-256-200, dense; recorded when slayer's neurons still fired at equality."""
    builder = GraphBuilder("oxford")
    at = builder.add("input", Input((200,), "spike", static=False))
    for name in ("0", "1"):
        at = builder.add(
            f"fc{name}", Linear(), at, weight=integers(layers[name]["weight"], np.int16)
        )
        at = neuron(builder, f"lif{name}", at, layers[name], at_equality=True)
    return builder.finish(at, steps=steps)


def test_every_spike_of_the_oxford_network(shared_data: Path) -> None:
    steps = 2000
    with h5py.File(shared_data / "nets" / "oxford_cuba.net") as file:
        graph = oxford(file["layer"], steps)
    verify(graph, QUANTIZED)
    given = np.load(shared_data / "nets" / "oxford_cuba.input.npy")
    recorded = np.load(shared_data / "nets" / "oxford_cuba.ground_truth.npy").astype(np.int64)
    x = np.zeros((steps, 1, 200), np.int8)
    x[np.rint(given[:, 2]).astype(np.int64), 0, given[:, 0].astype(np.int64)] = 1
    spikes = np.array([values["lif1"][0] for values in evaluate(graph, x)])
    step, place = np.nonzero(spikes)
    # The recorder let every layer's spikes arrive one step later.
    found = set(zip((step + 2).tolist(), place.tolist(), strict=True))
    expected = set(zip(recorded[:, 2].tolist(), recorded[:, 0].tolist(), strict=True))
    assert len(expected) == len(recorded) == 10_178
    assert found == expected


def tiny(layers: Layers, steps: int) -> Graph:
    """Two convolutions of kernel 5 and stride 2, with biases."""
    builder = GraphBuilder("tiny")
    at = builder.add("input", Input((3, 16, 16), "spike", static=False))
    for name in ("1", "2"):
        layer = layers[name]
        op = Conv(*(tuple(layer[key][:].tolist()) for key in ("stride", "padding", "dilation")))
        weight = integers(layer["weight"], np.int8)[..., 0]
        at = builder.add(f"conv{name}", op, at, weight=weight)
        at = neuron(builder, f"lif{name}", at, layer, at_equality=False)
    return builder.finish(at, steps=steps)


def test_every_spike_of_the_tiny_network(shared_data: Path) -> None:
    """The recorder gave no bias at its first step, when nothing was put in either: we start after.

    Everything is at rest then, so that leaving the step out is exact.
    """

    def recorded(name: str) -> Array:
        """[B, C, H, W, T] -> [T - 1, B, C, H, W]"""
        values = np.moveaxis(np.load(shared_data / "nets" / f"tiny_conv_lif.{name}.npy"), -1, 0)
        assert not values[0].any()
        return integers(values[1:])

    x = recorded("input")
    with h5py.File(shared_data / "nets" / "tiny_conv_lif.net") as file:
        graph = tiny(file["layer"], len(x))
        bias = file["layer"]["1"]["bias"][:]
    verify(graph, QUANTIZED)
    np.testing.assert_array_equal(
        bias, np.load(shared_data / "nets" / "tiny_conv_lif.layer1_bias.npy")
    )
    steps = list(evaluate(graph, x))
    assert len(steps) == 15
    for node, name in (("conv1", "current"), ("lif1", "layer1"), ("lif2", "output")):
        np.testing.assert_array_equal([values[node] for values in steps], recorded(name), node)
    counts = [sum(int(values[node].sum()) for values in steps) for node in ("lif1", "lif2")]
    assert counts == [1633, 92]
