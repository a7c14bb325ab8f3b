"""Random networks of integers, the same for the same seed: what the native operators may meet.

`Network` builds them; here is drawn what it builds. Nothing overflows, because how far each value
can reach is kept up with, and what would go further is not added.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from snn_deploy.ir.graph import Array, Graph, Node
from snn_deploy.ir.ops import Add, Conv, Flatten, Kind, Linear, MaxPool, Op, Reset, SumPool
from snn_deploy.ir.shapes import ShapeError
from tests.converters.onnx.native.chances import Chances
from tests.networks import Network

MOST_STEPS = 5
NEURON = 1 << 21
"""A current that a neuron without leaks adds up over all steps, 64 times, within 32 bits."""
STREAM = 1 << 29
"""Of any value: two of them can be added."""
SMALL = 1 << 17
"""Of what a delta encoder reads."""
WORK = 1 << 18
"""Multiplications of a layer, for one sample and step."""


def random_graph(seed: int) -> Graph:
    """Return a network of one layer or some."""
    return Growth(seed).finish()


class Growth:
    """A network that gets one layer after the other, each where there is room for it."""

    def __init__(self, seed: int) -> None:
        self.chance = chance = Chances(np.random.default_rng(seed))
        kind: Kind = chance.one_of("current", "spike", "graded")
        limit = chance.one_of(7, 127, 127, 255, 1000, 30000)
        axes = chance.one_of(0, 1, 2, 2)
        shape = (chance.channels(), *(chance.between(1, 20 // axes) for _ in range(axes)))
        self.steps = chance.between(1, MOST_STEPS)
        self.net = Network(shape, kind=kind, static=chance.of(0.5), limit=limit, seed=seed)
        self.reach: dict[str, int] = {"input": 1 if kind == "spike" else limit}
        """The largest magnitude of each value."""

    def finish(self) -> Graph:
        """Let it grow, and name what is read out."""
        acts: list[Callable[[], None]] = [
            *[self._layer] * 6,
            *[self._residual] * 5,
            *[self._neuron] * 2,
            *(self._addition, self._addition, self._pool, self._pool, self._flatten, self._memory),
        ]
        self._layer()
        for _ in range(self.chance.between(0, 7)):
            self.chance.one_of(*acts)()
        # What is read out is added up over the steps.
        names = [name for name, reach in self.reach.items() if reach * self.steps < 1 << 31]
        others = self.chance.shuffled(names)[: self.chance.one_of(0, 0, 1, 2)]
        outputs = dict.fromkeys([names[-1], *others])
        graph = self.net.finish(*outputs, steps=self.steps)
        return reordered(graph, self.chance) if self.chance.of(0.5) else graph

    def _name(self, label: str) -> str:
        return f"{label}{len(self.reach)}"

    def _add(self, name: str, reach: int, op: Op, *sources: str, **arrays: Array | None) -> str:
        self.net.at = self.net.builder.add(name, op, *sources, **arrays)
        self.reach[name] = reach
        return name

    def _shape(self, name: str) -> tuple[int, ...]:
        return self.net.builder.type(name).shape

    def _source(self, most: int = STREAM, axes: range = range(3)) -> str | None:
        """Return a value that goes no further and has as many axes, mostly one of the last."""
        fitting = [
            name
            for name, reach in self.reach.items()
            if reach <= most and len(self._shape(name)) - 1 in axes
        ]
        return self.chance.one_of(*fitting[-3:], *fitting[-1:], *fitting) if fitting else None

    def _layer(self) -> None:
        product = self._product(self._source() or "input")
        if self.chance.of(0.7):
            self._lif(product)

    def _neuron(self) -> None:
        self._lif(self._source(NEURON))

    def _product(self, source: str) -> str:
        """Append one of any shape, if it is not too much work."""
        inputs, *lengths = self._shape(source)
        outputs = self.chance.channels()
        if not lengths:
            return self._multiplied(source, Linear(), (outputs, inputs))
        groups = self.chance.groups(inputs)
        while True:
            axes = [self.chance.window(length) for length in lengths]
            kernel, stride, padding, dilation = zip(*axes, strict=True)
            shape = (groups * max(1, outputs // groups), inputs // groups, *kernel)
            if self._work(source, shape) <= WORK:
                break
            outputs //= 2
        return self._multiplied(source, Conv(stride, padding, dilation, groups), shape)

    def _work(self, source: str, shape: tuple[int, ...]) -> int:
        if shape[0] * shape[1] == 1:
            return 0
        return int(np.prod(self._shape(source)[1:]) * np.prod(shape))

    def _multiplied(self, source: str, op: Conv | Linear, shape: tuple[int, ...]) -> str:
        weight = self.chance.weight(shape)
        while (sums := self.reach[source] * _magnitudes(weight)).max() >= 1 << 31:
            weight = (weight / 2).astype(np.int8)
        most = self.chance.one_of(NEURON, NEURON, NEURON, STREAM) // 2
        shift = self.chance.shift(sums, most)
        bias = self.chance.bias(len(weight), most)
        reach = sums if shift is None else np.ceil(sums * 2.0**shift)
        if bias is not None:
            reach = reach + np.abs(bias)
        arrays = {"weight": weight, "shift": shift, "bias": bias}
        return self._add(self._name("product"), int(reach.max()), op, source, **arrays)

    def _lif(self, source: str | None) -> None:
        """Append a neuron where the current is not too large for one."""
        if source is None or self.reach[source] > NEURON:
            return
        name = self._name("lif")
        reset: Reset = self.chance.one_of("hard", "soft", "none")
        self.net.lif(
            name,
            source=source,
            current_decay=4096 if self.chance.of(0.6) else self.chance.decay(),
            voltage_decay=self.chance.decay(),
            reset=reset,
            at_equality=self.chance.of(0.3),
            per_channel=self.chance.of(0.5),
        )
        params = self.net.builder.params
        params[f"{name}.threshold"] = self.chance.threshold(params[f"{name}.threshold"])
        bias = self.chance.neuron_bias(self._shape(source))
        if bias is not None:
            params[f"{name}.bias"] = bias
        self.reach[name] = 1

    def _residual(self) -> None:
        """Add a product to something of its shape, with readers of either before and after."""
        kept = self._source() or "input"
        product = self._product_like(kept)
        if product is None:
            return
        if self.chance.of(0.2):
            self._lif(product)
        if self.chance.of(0.25):
            kept = self._product_like(product) or kept
        total = self._sum(self.chance.shuffled([kept, product]))
        if self.chance.of(0.1):
            self._lif(product)
        for _ in range(self.chance.one_of(0, 1, 1, 1, 2)):
            self._lif(total)

    def _product_like(self, wanted: str) -> str | None:
        """Append a product of some value, of the shape that this one has."""
        outputs, *lengths = self._shape(wanted)
        names = [name for name in self.reach if len(self._shape(name)) == 1 + len(lengths)]
        for source in self.chance.shuffled(names)[:4]:
            inputs, *given = self._shape(source)
            axes = [self.chance.matching(*pair) for pair in zip(given, lengths, strict=True)]
            fitting = [axis for axis in axes if axis]
            if len(fitting) < len(axes):
                continue
            op: Conv | Linear = Linear()
            shape: tuple[int, ...] = (outputs, inputs)
            if lengths:
                groups = self.chance.groups(int(np.gcd(inputs, outputs)))
                kernel, stride, padding, dilation = zip(*fitting, strict=True)
                op = Conv(stride, padding, dilation, groups)
                shape = (outputs, inputs // groups, *kernel)
            if self._work(source, shape) <= WORK:
                return self._multiplied(source, op, shape)
        return None

    def _addition(self) -> None:
        """Add values that are there, one of them perhaps twice."""
        shape = self._shape(self._source() or "input")
        alike = [name for name in self.reach if self._shape(name) == shape]
        self._sum([self.chance.one_of(*alike) for _ in range(self.chance.one_of(2, 2, 3))])

    def _sum(self, sources: list[str]) -> str | None:
        reach = sum(self.reach[name] for name in sources)
        return self._add(self._name("sum"), reach, Add(), *sources) if reach <= 2 * STREAM else None

    def _pool(self) -> None:
        source = self._source(STREAM >> 4, range(1, 3))
        if source is None:
            return
        kernel, stride = self.chance.one_of(1, 2, 2, 3), self.chance.one_of(1, 2, 3)
        op: type[SumPool | MaxPool] = SumPool if self.chance.of(0.5) else MaxPool
        self.net.at, name = source, self._name("pool")
        try:
            self.net.pool(name, op, kernel, stride, self.chance.one_of(0, 0, kernel // 2))
        except ShapeError:
            return
        self.reach[name] = self.reach[source] * (kernel * kernel if op is SumPool else 1)

    def _flatten(self) -> None:
        source = self._source(axes=range(1, 3))
        if source is not None:
            self._add(self._name("flat"), self.reach[source], Flatten(), source)

    def _memory(self) -> None:
        """Append what runs on stock operators: running sums, delays, messages."""
        label = self.chance.one_of("sigma", "delay", "delta", "speaker")
        most = {"sigma": STREAM >> 4, "delay": STREAM, "delta": SMALL, "speaker": SMALL}[label]
        source = self._source(most, range(1) if label == "delay" else range(3))
        if source is None:
            return
        self.net.at, name, reach = source, self._name(label), self.reach[source]
        if label == "sigma":
            self.net.sigma(name)
        elif label == "delay":
            self.net.delay(name, self.chance.one_of([0, 1], [2], [1, 0, 3, 1]))
        elif label == "delta":
            self.net.delta(name, max(1, reach // 4), bias=self.chance.of(0.5))
        else:
            self.net.sigma_delta(name, bias=self.chance.of(0.5), per_channel=self.chance.of(0.5))
        grown = {"sigma": MOST_STEPS, "delay": 1, "delta": 256, "speaker": 2 * MOST_STEPS}[label]
        self.reach[name] = reach * grown + (1 << 20) * (label in {"delta", "speaker"})


def _magnitudes(weight: Array) -> Array:
    """Return the sum of magnitudes for each output."""
    return np.abs(weight.astype(np.int64)).reshape(len(weight), -1).sum(axis=1)


def reordered(graph: Graph, chance: Chances) -> Graph:
    """Return the same network with its nodes in another order that is possible."""
    found: dict[str, Node] = {}
    waiting = list(graph.nodes)
    while waiting:
        ready = [node for node in waiting if found.keys() >= set(node.inputs)]
        node = chance.one_of(*ready)
        found[node.name] = node
        waiting.remove(node)
    return dataclasses.replace(graph, nodes=tuple(found.values()))
