"""MS-ResNet as a graph, made node by node: geometry and, where wanted, trained weights."""

from collections.abc import Mapping, Sequence

import numpy as np

from snn_deploy.ir.builder import GraphBuilder
from snn_deploy.ir.graph import Array, Graph
from snn_deploy.ir.ops import Add, AvgPool, BatchNorm, Conv, Flatten, Input, Lif, Linear

NEURON = Lif(membrane_keep=0.25, threshold=0.5)


class MSResNetGraph:
    """Weights are ones that take no memory unless a state dict is given."""

    def __init__(
        self, name: str, shape: tuple[int, ...], weights: Mapping[str, Array] | None = None
    ) -> None:
        self.weights = weights
        self.builder = GraphBuilder(name)
        self.last = self.builder.add("x", Input(shape))

    def conv(self, name: str, source: str, outputs: int, kernel: int, stride: int, pad: int) -> str:
        """A convolution, and its batch norm where there are weights."""
        fan_in = self.builder.type(source).shape[0]
        shape = (outputs, fan_in, kernel, kernel)
        weight = self.given(f"{name}.weight", shape)
        op = Conv((stride, stride), (pad, pad), (1, 1))
        y = self.builder.add(name, op, source, weight=weight)
        if self.weights is None:
            return y
        head, _, index = name.rpartition(".")
        bn = f"{head}.{int(index) + 1}.bn"
        keys = {
            "weight": "weight",
            "bias": "bias",
            "mean": "running_mean",
            "variance": "running_var",
        }
        arrays = {role: self.weights[f"{bn}.{key}"] for role, key in keys.items()}
        return self.builder.add(bn, BatchNorm(1e-5), y, **arrays)

    def given(self, key: str, shape: tuple[int, ...]) -> Array:
        """A parameter of the state dict, or ones."""
        if self.weights is not None:
            return self.weights[key]
        return np.broadcast_to(np.float32(1), shape)

    def block(self, name: str, outputs: int, stride: int, pooled: bool) -> None:
        """One residual block; its shortcut projects where the shape changes."""
        x = self.last
        inputs = self.builder.type(x).shape[0]
        y = self.builder.add(f"{name}.residual_function.0", NEURON, x)
        y = self.conv(f"{name}.residual_function.1", y, outputs, 3, stride, 1)
        y = self.builder.add(f"{name}.residual_function.3", NEURON, y)
        y = self.conv(f"{name}.residual_function.4", y, outputs, 3, 1, 1)
        if stride != 1 or inputs != outputs:
            if pooled:
                pool = AvgPool((stride, stride), (stride, stride), (0, 0))
                x, stride = self.builder.add(f"{name}.shortcut.pool", pool, x), 1
            x = self.conv(f"{name}.shortcut.0", x, outputs, 1, stride, 0)
        self.last = self.builder.add(f"{name}.add", Add(), y, x)

    def stages(
        self, blocks: Sequence[int], channels: Sequence[int], strides: Sequence[int], pooled: bool
    ) -> None:
        """All residual blocks."""
        for stage, (count, outputs, stride) in enumerate(
            zip(blocks, channels, strides, strict=True), start=2
        ):
            for i in range(count):
                self.block(f"conv{stage}_x.{i}", outputs, stride if i == 0 else 1, pooled)

    def finish(self, classes: int, steps: int) -> Graph:
        """Last neurons, global average, classifier."""
        y = self.builder.add("lif", NEURON, self.last)
        channels, *size = self.builder.type(y).shape
        y = self.builder.add("pool", AvgPool(tuple(size), tuple(size), (0, 0)), y)
        y = self.builder.add("flat", Flatten(), y)
        bias = self.given("fc.bias", (classes,))
        weight = self.given("fc.weight", (classes, channels))
        y = self.builder.add("fc", Linear(), y, weight=weight, bias=bias)
        return self.builder.finish(y, steps=steps)


def cifar(depth: int, steps: int, weights: Mapping[str, Array] | None = None) -> Graph:
    """The thin CIFAR-10 network of depth 6n + 2."""
    network = MSResNetGraph(f"ms_resnet{depth}", (3, 32, 32), weights)
    network.last = network.conv("conv1.0", network.last, 16, 3, 1, 1)
    network.stages([(depth - 2) // 6] * 3, (16, 32, 64), (1, 2, 2), pooled=False)
    return network.finish(10, steps)


def imagenet(depth: int, steps: int) -> Graph:
    """The ImageNet network of 18, 34 or 104 layers at 224 x 224."""
    blocks = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 104: (3, 8, 32, 8)}[depth]
    network = MSResNetGraph(f"ms_resnet{depth}", (3, 224, 224))
    if depth == 104:
        for i, stride in enumerate((2, 1, 1)):
            network.last = network.conv(f"conv1.{i}", network.last, 64, 3, stride, 1)
    else:
        network.last = network.conv("conv1.0", network.last, 64, 7, 2, 3)
    network.stages(blocks, (64, 128, 256, 512), (2, 2, 2, 2), pooled=depth == 104)
    return network.finish(1000, steps)
