"""Integer graphs that SANA-FE can express: dense, convolutional, residual, and its own network."""

import subprocess
from pathlib import Path

import numpy as np

from snn_deploy.ir.builder import GraphBuilder
from snn_deploy.ir.evaluate import evaluate
from snn_deploy.ir.graph import Array
from snn_deploy.ir.ops import Add, Conv, Flatten, Input, IntegerLif, Linear, Reset
from snn_deploy.quantization.graph import QuantGraph

SEED = 20
FIRING = 0.8
"""Potentials below a threshold: what is charged in a step exceeds it in one case of five."""


class Growing:
    """A graph of integers that grows layer by layer; `at` is the last one."""

    def __init__(self, shape: tuple[int, ...], steps: int, rate: float, seed: int = SEED) -> None:
        self.rng = np.random.default_rng(seed)
        self.builder = GraphBuilder("grown")
        self.at = self.builder.add("input", Input(shape, "spike", static=False))
        self.x = (self.rng.random((steps, *shape)) < rate).astype(np.int8)

    def conv(self, name: str, channels: int, *, source: str = "", stride: int = 1) -> str:
        """Add a convolution of 3 x 3 that is padded by 1."""
        source = source or self.at
        fan_in = self.builder.type(source).shape[0]
        weight = self.rng.integers(-60, 68, (channels, fan_in, 3, 3)).astype(np.int8)
        op = Conv((stride, stride), (1, 1), (1, 1))
        self.at = self.builder.add(name, op, source, weight=weight)
        return self.at

    def linear(self, name: str, outputs: int) -> str:
        """Add a layer of all to all."""
        if len(self.builder.type(self.at).shape) > 1:
            self.at = self.builder.add(f"{name}.flat", Flatten(), self.at)
        (inputs,) = self.builder.type(self.at).shape
        weight = self.rng.integers(-60, 68, (outputs, inputs)).astype(np.int8)
        self.at = self.builder.add(name, Linear(), self.at, weight=weight)
        return self.at

    def add(self, name: str, *sources: str) -> str:
        """Add a sum."""
        self.at = self.builder.add(name, Add(), *sources)
        return self.at

    def lif(self, name: str, decay: int, reset: Reset = "hard") -> str:
        """Add neurons whose threshold a part of the currents exceeds."""
        values = [step[self.at] for step in evaluate(self.finish(self.at), self.x[:, None])]
        level = max(1, int(np.quantile(np.stack(values), FIRING)))
        threshold = np.array([level * 64], np.int32)
        op = IntegerLif(4096, decay, reset)
        self.at = self.builder.add(name, op, self.at, threshold=threshold)
        return self.at

    def finish(self, *outputs: str) -> QuantGraph:
        """Return what there is."""
        return integers(self.builder, outputs or (self.at,), len(self.x), 127)


def integers(
    builder: GraphBuilder, outputs: tuple[str, ...], steps: int, limit: int, bits: int = 8
) -> QuantGraph:
    """Return what was built; every unit is 1."""
    graph = builder.finish(*outputs, steps=steps)
    scales = {node.name: np.ones(1) for node in graph.nodes}
    parts = (graph.name, graph.nodes, graph.outputs, graph.params, graph.steps, graph.readout)
    return QuantGraph(*parts, scales=scales, weight_bits=bits, input_limit=limit)


def dense(steps: int = 24) -> tuple[QuantGraph, Array]:
    """Return 300 inputs and layers of 400, 300 and 40 neurons, with three leaks and both resets."""
    net = Growing((300,), steps, 0.1)
    net.linear("fc1", 400)
    net.lif("lif1", 2048)
    net.linear("fc2", 300)
    net.lif("lif2", 1023, "soft")
    net.linear("fc3", 40)
    net.lif("lif3", 4095)
    net.linear("out", 10)
    return net.finish(), net.x


def convolutional(steps: int = 16) -> tuple[QuantGraph, Array]:
    """Return convolutions of stride 1 and 2, and a dense layer after them."""
    net = Growing((2, 16, 16), steps, 0.1)
    net.conv("conv1", 8)
    net.lif("lif1", 2048)
    net.conv("conv2", 16, stride=2)
    net.lif("lif2", 3072, "soft")
    net.conv("conv3", 16)
    net.lif("lif3", 333)
    net.linear("fc", 10)
    return net.finish(), net.x


def residual(steps: int = 16) -> tuple[QuantGraph, Array]:
    """Return two MS blocks; unrolled, spikes wait up to four steps for their branch."""
    net = Growing((2, 8, 8), steps, 0.15)
    stream = net.conv("stem", 8)
    for block in range(2):
        net.at = stream
        net.lif(f"block{block}.lif1", 2048)
        net.conv(f"block{block}.conv1", 8)
        net.lif(f"block{block}.lif2", 3072)
        stream = net.add(f"block{block}.sum", stream, net.conv(f"block{block}.conv2", 8))
    net.lif("lif", 3072)
    net.linear("fc", 10)
    return net.finish(), net.x


DVS_FILE = "from importlib.resources import files; print(files('sanafe.examples') / '{}')"
DVS_LAYERS = (("conv1", 2), ("conv2", 1), ("conv3", 1), ("conv4", 1), ("dense1", 0))
"""Weights, and the stride of a convolution; without padding."""

DVS_CORES = (1, 4, 16, 16, 4, 1)
"""Of each layer, in SANA-FE's fifth tutorial."""


def dvs(python: Path, steps: int) -> tuple[QuantGraph, Array]:
    """Return the network for gestures that ships with SANA-FE, with the image of its tutorial.

    The image enters through biases; no neuron leaks.
    """
    asked = DVS_FILE.format("dvs_challenge.npz")
    found = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=True)
    arrays = dict(np.load(found.stdout.strip()))
    builder = GraphBuilder("dvs")
    builder.add("input", Input((1, 32, 32), "current"))
    at = _neurons(builder, "lif0", "input", arrays["thresholds"][0])
    for (name, stride), threshold in zip(DVS_LAYERS, arrays["thresholds"][1:], strict=True):
        weight = arrays[name].astype(np.int16)
        if stride:
            op: Conv | Linear = Conv((stride, stride), (0, 0), (1, 1))
            weight = weight.transpose(3, 2, 0, 1)  # rows, columns, inputs, outputs there
        else:
            op, weight = Linear(), weight.T
            at = builder.add("flat", Flatten(), at)
        builder.add(name, op, at, weight=weight)
        at = _neurons(builder, f"{name}.lif", name, threshold)
    x = arrays["inputs"].astype(np.int16).reshape(1, 32, 32)
    return integers(builder, (DVS_LAYERS[-1][0],), steps, 255, 16), x


def _neurons(builder: GraphBuilder, name: str, source: str, threshold: float) -> str:
    scaled = np.array([int(threshold) * 64], np.int32)
    return builder.add(name, IntegerLif(4096, 0), source, threshold=scaled)
