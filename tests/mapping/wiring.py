"""Networks wired at random: any value may be read again, by anything that takes it."""

import numpy as np

from snn_deploy.ir.builder import GraphBuilder
from snn_deploy.ir.graph import Array
from snn_deploy.ir.ops import Add, Conv, Flatten, Input, IntegerLif, Linear, MaxPool, SumPool
from snn_deploy.quantization import QuantGraph

SHAPE = (2, 5, 4)


def random_network(seed: int) -> QuantGraph:
    """Return a network of 4 to 13 layers; the same for a seed."""
    return Wiring(seed).grow(int(np.random.default_rng(seed).integers(4, 14)))


class Wiring:
    """A graph that grows."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.builder = GraphBuilder(f"random{seed}")
        kind = self.rng.choice(["current", "spike"])
        static = kind == "current" or bool(self.rng.integers(2))
        self.builder.add("input", Input(SHAPE, kind, static))
        self.count = 0

    def grow(self, nodes: int) -> QuantGraph:
        self.conv("input", 2)
        for _ in range(nodes):
            step = self.rng.choice([self.neuron, self.product, self.sum, self.sum, self.pool])
            step()
        self.neuron()
        last = self.values("spike", "graded")[-1]
        flat = self.builder.add("flat", Flatten(), last)
        size = self.builder.type(flat).size
        self.builder.add("head", Linear(), flat, weight=self.weights(3, size))
        return self.finish()

    def finish(self) -> QuantGraph:
        plain = self.builder.finish("head", steps=int(self.rng.integers(1, 5)))
        scales = {node.name: np.ones(1) for node in plain.nodes}
        parts = (plain.name, plain.nodes, plain.outputs, plain.params, plain.steps)
        return QuantGraph(*parts, scales=scales, input_limit=1 if self.spikes else 7)

    @property
    def spikes(self) -> bool:
        return self.builder.type("input").kind == "spike"

    def values(self, *kinds: str) -> list[str]:
        return [n for n, node in self.builder.nodes.items() if node.type.kind in kinds]

    def any_of(self, *kinds: str) -> str:
        found = [name for name in self.values(*kinds) if name != "input"] or ["input"]
        return str(self.rng.choice(found[-4:]))

    def name(self, kind: str) -> str:
        self.count += 1
        return f"{kind}{self.count}"

    def weights(self, *shape: int) -> Array:
        return self.rng.integers(-3, 4, shape).astype(np.int8)

    def conv(self, source: str, channels: int) -> None:
        fan_in = self.builder.type(source).shape[0]
        right = self.builder.type(source).kind == "current" and source != "input"
        shift = np.array([-3 if right else self.rng.integers(0, 2)], np.int8)
        bias = self.rng.integers(-4, 5, channels).astype(np.int32)
        op = Conv((1, 1), (1, 1), (1, 1))
        weight = self.weights(channels, fan_in, 3, 3)
        self.builder.add(self.name("conv"), op, source, weight=weight, shift=shift, bias=bias)

    def product(self) -> None:
        """A convolution of spikes, of counts, or of a current, which rounds."""
        self.conv(self.any_of("spike", "graded", "current"), 2)

    def neuron(self) -> None:
        reset = self.rng.choice(["hard", "soft", "none"])
        decay = int(self.rng.choice([4096, 3072, 1000]))
        threshold = np.array([int(self.rng.integers(1, 20)) * 64], np.int32)
        op = IntegerLif(4096 if self.rng.integers(2) else 2048, decay, reset)
        self.builder.add(self.name("lif"), op, self.any_of("current"), threshold=threshold)

    def sum(self) -> None:
        kinds = ("current",) if self.rng.integers(2) else ("spike", "graded")
        one, other = self.any_of(*kinds), self.any_of(*kinds)
        if self.builder.type(one).shape == self.builder.type(other).shape and one != "input":
            self.builder.add(self.name("add"), Add(), one, other)

    def pool(self) -> None:
        source = self.any_of("spike")
        if source == "input":
            return
        kind = MaxPool if self.rng.integers(2) else SumPool
        self.builder.add(self.name("pool"), kind((3, 3), (1, 1), (1, 1)), source)


def random_stimulus(graph: QuantGraph, rng: np.random.Generator, batch: int) -> Array:
    axes = (batch,) if graph.static else (graph.steps, batch)
    low = 0 if graph.input_limit == 1 else -graph.input_limit
    return rng.integers(low, graph.input_limit + 1, (*axes, *SHAPE)).astype(np.int8)
