"""Small networks that every executor must agree on: each op, each neuron, each residual block.

`INTEGER` and `FLOAT` map a name to a function that builds the network; `stimulus` gives it
something to see. Weights are random but the same in every run. Thresholds are set where a part of
the neurons fires, by evaluating what has been built so far. The numbers of the float networks are
multiples of small powers of two: every sum is exact, so every executor must make the same spikes.
"""

from collections.abc import Callable, Mapping

import numpy as np

from snn_deploy.ir.builder import GraphBuilder
from snn_deploy.ir.evaluate import evaluate
from snn_deploy.ir.graph import Array, Graph
from snn_deploy.ir.ops import (
    Add,
    AvgPool,
    Conv,
    Delay,
    Delta,
    Flatten,
    Input,
    IntegerLif,
    Kind,
    Lif,
    Linear,
    MaxPool,
    Reset,
    Sigma,
    SigmaDelta,
    SumPool,
)
from snn_deploy.quantization.graph import QuantGraph

STEPS = 4
BATCH = 2
SEED = 20


def stimulus(graph: Graph, batch: int = BATCH, seed: int = SEED, steps: int | None = None) -> Array:
    """Return an input that suits the graph: [B, *shape], or [T, B, *shape] of a sequence."""
    op = graph.input.op
    assert isinstance(op, Input), "a graph's input is an Input"
    axes = (batch,) if op.static else (steps or graph.steps, batch)
    rng = np.random.default_rng(seed)
    shape = (*axes, *op.shape)
    if not isinstance(graph, QuantGraph):
        return (rng.integers(-8, 9, shape) / 8).astype(np.float32)
    limit = graph.input_limit
    if op.kind == "spike":
        return rng.integers(0, 2, shape).astype(np.int8)
    low = 0 if op.kind == "graded" else -limit
    return rng.integers(low, limit + 1, shape).astype(np.int8 if limit < 128 else np.int16)


class Network:
    """Builds a network layer by layer; `at` is the layer added last."""

    def __init__(
        self,
        shape: tuple[int, ...] = (3, 8, 8),
        *,
        integer: bool = True,
        kind: Kind = "current",
        static: bool = True,
        limit: int = 127,
        seed: int = SEED,
    ) -> None:
        self.rng = np.random.default_rng(seed)
        self.builder = GraphBuilder("network")
        self.integer = integer
        self.limit = limit
        self.at = self.builder.add("input", Input(shape, kind, static))

    def finish(self, *outputs: str, steps: int = STEPS) -> Graph:
        graph = self.builder.finish(*(outputs or (self.at,)), steps=steps)
        if not self.integer:
            return graph
        return QuantGraph(
            graph.name,
            graph.nodes,
            graph.outputs,
            graph.params,
            graph.steps,
            graph.readout,
            scales={node.name: np.ones(1) for node in graph.nodes},
            weight_bits=16 if any(a.dtype == np.int16 for a in graph.params.values()) else 8,
            input_limit=self.limit,
        )

    def conv(
        self,
        name: str,
        outputs: int,
        kernel: tuple[int, ...] = (3, 3),
        *,
        source: str = "",
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = False,
        shift: list[int] | None = None,
        wide: bool = False,
    ) -> "Network":
        fan_in = self.builder.type(source or self.at).shape[0] // groups
        axes = len(kernel)
        op = Conv((stride,) * axes, (padding,) * axes, (dilation,) * axes, groups)
        arrays = {"weight": self._weight((outputs, fan_in, *kernel), wide)}
        return self._add(name, op, source, arrays, bias, shift)

    def linear(
        self, name: str, outputs: int, *, bias: bool = False, shift: list[int] | None = None
    ) -> "Network":
        arrays = {"weight": self._weight((outputs, *self.builder.type(self.at).shape), False)}
        return self._add(name, Linear(), "", arrays, bias, shift)

    def _weight(self, shape: tuple[int, ...], wide: bool) -> Array:
        if not self.integer:
            return (self.rng.integers(-8, 11, shape) / 16).astype(np.float32)
        most = 30000 if wide else 127
        return self.rng.integers(-most, most + 1, shape).astype(np.int16 if wide else np.int8)

    def _add(
        self,
        name: str,
        op: Conv | Linear,
        source: str,
        arrays: dict[str, Array],
        bias: bool,
        shift: list[int] | None,
    ) -> "Network":
        outputs = len(arrays["weight"])
        if bias and self.integer:
            arrays["bias"] = self.rng.integers(-200, 201, outputs).astype(np.int32)
        elif bias:
            arrays["bias"] = (self.rng.integers(-8, 9, outputs) / 16).astype(np.float32)
        if shift is not None:
            arrays["shift"] = np.resize(np.array(shift, np.int8), 1 if len(shift) == 1 else outputs)
        self.at = self.builder.add(name, op, source or self.at, **arrays)
        return self

    def lif(
        self,
        name: str,
        *,
        source: str = "",
        current_decay: int = 4096,
        voltage_decay: int = 3072,
        reset: Reset = "hard",
        at_equality: bool = False,
        bias: bool = False,
        per_channel: bool = False,
        per_neuron: bool = False,
    ) -> "Network":
        """Add an integer neuron; `per_neuron` is a bias of its own for every one."""
        source = source or self.at
        level = self._level(source, per_channel)
        threshold = np.maximum(level.astype(np.int64), 1) * 64 - at_equality
        arrays = {"threshold": threshold.astype(np.int32)}
        if bias:
            channels = self.builder.type(source).shape[0]
            arrays["bias"] = self.rng.integers(0, 65, channels).astype(np.int32) * 16
        if per_neuron:
            shape = self.builder.type(source).shape
            arrays["bias"] = self.rng.integers(0, 65, shape).astype(np.int32) * 16
        op = IntegerLif(current_decay, voltage_decay, reset, at_equality)
        self.at = self.builder.add(name, op, source, **arrays)
        return self

    def delta(self, name: str, threshold: int, *, bias: bool = False) -> "Network":
        """Add a delta encoder; threshold and bias in units of its input."""
        return self._messenger(name, Delta(), np.array([threshold]) << 12, bias, ())

    def sigma_delta(
        self,
        name: str,
        *,
        bias: bool = False,
        per_channel: bool = False,
        per_neuron: bool = False,
        exponent: int = 6,
    ) -> "Network":
        """Add sigma-delta neurons that speak up now and then."""
        shape = self.builder.type(self.at).shape
        threshold = np.maximum(np.abs(self._level(self.at, per_channel)), 1).astype(np.int64)
        full = shape if per_neuron else shape[:1]
        return self._messenger(name, SigmaDelta(exponent), threshold, bias or per_neuron, full)

    def _messenger(
        self,
        name: str,
        op: Delta | SigmaDelta,
        threshold: Array,
        bias: bool,
        shape: tuple[int, ...],
    ) -> "Network":
        arrays = {"threshold": threshold.astype(np.int32)}
        if bias:
            arrays["bias"] = self.rng.integers(-99, 100, shape or 1).astype(np.int32) << 12
        self.at = self.builder.add(name, op, self.at, **arrays)
        return self

    def sigma(self, name: str) -> "Network":
        self.at = self.builder.add(name, Sigma(), self.at)
        return self

    def delay(self, name: str, steps: list[int]) -> "Network":
        (size,) = self.builder.type(self.at).shape
        delays = np.resize(np.array(steps, np.int8), 1 if len(steps) == 1 else size)
        self.at = self.builder.add(name, Delay(), self.at, steps=delays)
        return self

    def neuron(self, name: str, op: Lif) -> "Network":
        """Add a float neuron."""
        self.at = self.builder.add(name, op, self.at)
        return self

    def _level(self, source: str, per_channel: bool) -> Array:
        """Return what the upper third of the values reaches, [1] or [C]."""
        graph = self.finish(source)
        x = stimulus(graph)
        values = np.stack([step[source] for step in evaluate(graph, x)])
        values = np.moveaxis(values, 2, 0).reshape(values.shape[2], -1)
        return np.quantile(values if per_channel else values.reshape(1, -1), 0.67, axis=1)

    def pool(
        self,
        name: str,
        op: type[SumPool | MaxPool | AvgPool],
        kernel: int,
        stride: int,
        padding: int,
    ) -> "Network":
        axes = len(self.builder.type(self.at).shape) - 1
        pooling = op((kernel,) * axes, (stride,) * axes, (padding,) * axes)
        self.at = self.builder.add(name, pooling, self.at)
        return self

    def add(self, name: str, *sources: str) -> "Network":
        self.at = self.builder.add(name, Add(), *sources)
        return self

    def flatten(self, name: str = "flat") -> "Network":
        self.at = self.builder.add(name, Flatten(), self.at)
        return self

    def head(self) -> "Network":
        """Pool over the whole map and classify."""
        size = self.builder.type(self.at).shape[-1]
        return self.pool("pool", SumPool, size, size, 0).flatten().linear("head", 10, bias=True)


def stem(channels: int = 8, **options: int) -> Network:
    """Return an analog stem with its neuron, at [C, 8, 8]."""
    return Network(**options).conv("stem", channels, padding=1, bias=True).lif("stem_lif")


def ms_identity() -> Graph:
    net = Network().conv("stem", 8, padding=1, bias=True)
    net.lif("lif1").conv("conv1", 8, padding=1, bias=True)
    net.lif("lif2").conv("conv2", 8, padding=1, shift=[4])
    net.add("stream", "stem", "conv2").lif("lif3").conv("conv3", 8, padding=1, shift=[5])
    return net.add("stream2", "stream", "conv3").lif("lif4").head().finish()


def ms_projection() -> Graph:
    """The shortcut convolution reads the stream of integers and rounds it to the next scale."""
    net = Network().conv("stem", 8, padding=1, bias=True)
    net.lif("lif1").conv("conv1", 16, stride=2, padding=1)
    net.lif("lif2").conv("conv2", 16, padding=1, shift=[4])
    net.conv("shortcut", 16, (1, 1), source="stem", stride=2, shift=[-7], bias=True)
    net.add("stream", "conv2", "shortcut").lif("lif3").conv("conv3", 16, padding=1, shift=[5])
    net.add("stream2", "stream", "conv3")
    net.conv("shortcut2", 8, (1, 1), source="stream2", stride=2, shift=[-6, -9, -7])
    return net.lif("lif4").head().finish()


def ms_spiking_projection() -> Graph:
    net = Network().conv("stem", 8, padding=1, bias=True)
    net.lif("lif1").conv("conv1", 16, stride=2, padding=1)
    net.lif("lif2").conv("conv2", 16, padding=1, shift=[2])
    net.lif("shortcut_lif", source="stem").conv("shortcut", 16, (1, 1), stride=2, shift=[4])
    return net.add("stream", "conv2", "shortcut").lif("lif3").head().finish()


def sew() -> Graph:
    """Spikes are added to spikes: small counts go into the next convolution."""
    net = stem()
    net.conv("conv1", 8, padding=1).lif("lif1").conv("conv2", 8, padding=1).lif("lif2")
    net.add("sew", "stem_lif", "lif2").conv("conv3", 8, padding=1).lif("lif3")
    net.conv("conv4", 8, padding=1).lif("lif4")
    return net.add("sew2", "sew", "lif4").head().finish()


def vanilla() -> Graph:
    """A spike is added to a current before the neuron."""
    net = stem()
    net.conv("conv1", 8, padding=1).lif("lif1").conv("conv2", 8, padding=1)
    net.conv("one", 8, (1, 1), source="stem_lif", shift=[2])
    return net.add("sum", "conv2", "one").lif("lif2").head().finish()


def conv1d() -> Graph:
    net = Network((4, 32)).conv("conv1", 8, (5,), stride=2, padding=2, bias=True).lif("lif1")
    net.conv("conv2", 12, (3,), padding=2, dilation=2).lif("lif2")
    net.pool("max", MaxPool, 2, 2, 0).conv("conv3", 8, (3,)).lif("lif3")
    return net.pool("sum", SumPool, 3, 3, 0).flatten().linear("head", 5).finish()


def dense_cuba() -> Graph:
    """Dense layers with a synaptic current that decays, and a sequence of spikes."""
    net = Network((40,), kind="spike", static=False)
    net.linear("fc1", 32, shift=[-2]).lif("lif1", current_decay=1024, voltage_decay=512)
    net.linear("fc2", 24, shift=[-1]).lif("lif2", current_decay=3072, voltage_decay=128)
    net.linear("fc3", 16).lif("lif3", current_decay=2048, voltage_decay=2048, reset="soft")
    return net.linear("fc4", 8).lif("lif4", current_decay=0, voltage_decay=0).finish(steps=8)


def resets() -> Graph:
    net = stem()
    net.conv("conv1", 8, padding=1).lif("soft", reset="soft", voltage_decay=1000)
    net.conv("conv2", 8, padding=1).lif("none", reset="none", voltage_decay=3072)
    net.conv("conv3", 8, padding=1).lif("hard", voltage_decay=1)
    return net.head().finish()


def at_equality() -> Graph:
    net = stem(4).conv("conv1", 6, padding=1).lif("hard", at_equality=True)
    return net.conv("conv2", 6).lif("soft", reset="soft", at_equality=True).head().finish()


def leaks() -> Graph:
    """From a neuron that forgets all to one that forgets nothing."""
    net = stem(4).conv("conv1", 6, padding=1).lif("all", voltage_decay=4096)
    net.conv("conv2", 6, padding=1).lif("nothing", voltage_decay=0)
    return net.conv("conv3", 6, padding=1).lif("half", voltage_decay=2048).head().finish()


def biases() -> Graph:
    net = stem().conv("conv1", 12, padding=1).lif("lif1", bias=True, per_channel=True)
    return net.conv("conv2", 8, padding=1, bias=True).lif("lif2", bias=True).head().finish()


def shifts() -> Graph:
    """Shifts to the left, to the right and none, channel by channel; thresholds too."""
    net = stem(8).conv("conv1", 12, padding=1, shift=[0, 1, -1, 3, -4], bias=True)
    net.lif("lif1", per_channel=True).conv("conv2", 8, shift=[-3])
    return net.lif("lif2", per_channel=True).flatten().linear("head", 10, shift=[2, -2]).finish()


def strides() -> Graph:
    net = stem(8).conv("conv1", 9, (3, 5), stride=2, padding=2).lif("lif1")
    net.conv("conv2", 8, (2, 2), dilation=2).lif("lif2")
    return net.flatten().linear("head", 10).finish()


def groups() -> Graph:
    net = stem(8).conv("conv1", 16, padding=1, groups=4).lif("lif1")
    return net.conv("depthwise", 16, padding=1, groups=16, bias=True).lif("lif2").head().finish()


def max_pools() -> Graph:
    """The maximum of currents and of spikes, with windows that overlap and reach outside."""
    net = Network((3, 12, 12)).conv("stem", 8, padding=1).pool("max1", MaxPool, 3, 2, 1)
    net.lif("lif1").pool("max2", MaxPool, 2, 1, 1).conv("conv1", 8).lif("lif2")
    return net.head().finish()


def sum_pools() -> Graph:
    """Counts of spikes go into convolutions, counts up to 9 and up to 225."""
    net = Network((3, 16, 16)).conv("stem", 8, padding=1).lif("lif1")
    net.pool("sum1", SumPool, 3, 1, 1).conv("conv1", 8, padding=1).lif("lif2")
    net.pool("sum2", SumPool, 15, 1, 2).conv("conv2", 8, (2, 2)).lif("lif3")
    return net.flatten().linear("head", 4).finish()


def sum_of_currents() -> Graph:
    net = Network().conv("stem", 8, padding=1).pool("sum", SumPool, 2, 2, 1).lif("lif1")
    return net.head().finish()


def large_counts() -> Graph:
    """Counts above a byte, and a convolution in groups whose sums float32 cannot hold."""
    net = Network((2, 20, 20)).conv("stem", 4, padding=1).lif("lif1")
    net.pool("sum1", SumPool, 17, 1, 0)
    net.conv("conv1", 8, groups=2, wide=True, shift=[-8]).lif("lif2")
    return net.flatten().linear("head", 4).finish()


def wide_weights() -> Graph:
    net = stem(8).conv("conv1", 8, padding=1, wide=True, shift=[-9]).lif("lif1")
    return net.conv("conv2", 8, wide=True, shift=[-8]).lif("lif2").head().finish()


def saturation() -> Graph:
    """Potentials reach the end of the register and stay there."""
    net = Network().conv("stem", 8, padding=1).lif("lif1", voltage_decay=0, reset="none")
    return net.head().finish(steps=8)


def wide_input() -> Graph:
    net = Network(limit=2000).conv("stem", 8, padding=1, shift=[-4]).lif("lif1")
    return net.head().finish()


def sequence() -> Graph:
    net = Network((2, 8, 8), static=False).conv("conv1", 8, padding=1, bias=True).lif("lif1")
    net.conv("conv2", 8, padding=1, shift=[6])
    return net.add("stream", "conv1", "conv2").lif("lif2").head().finish(steps=5)


def events() -> Graph:
    """A sequence of spikes, as an event camera makes them; the first layer reads bytes."""
    net = Network((8, 8, 8), kind="spike", static=False).conv("conv1", 8, padding=1).lif("lif1")
    return net.head().finish(steps=5)


def graded_input() -> Graph:
    net = Network((8, 8, 8), kind="graded").conv("conv1", 8, padding=1).lif("lif1")
    return net.head().finish()


def dense_static() -> Graph:
    return Network((30,)).linear("fc1", 20, bias=True).lif("lif1").linear("fc2", 5).finish()


def two_outputs() -> Graph:
    net = stem().conv("conv1", 6, padding=1).lif("lif1")
    return net.finish("lif1", "stem_lif", "conv1", "stem")


def neuron_first() -> Graph:
    """A neuron reads the input itself, and is read out."""
    return Network((2, 6, 6)).lif("lif1").conv("conv1", 4).lif("lif2").finish()


def biases_of_neurons() -> Graph:
    """Every neuron of a map has a bias of its own."""
    net = Network().conv("stem", 6, padding=1).lif("lif1", per_neuron=True)
    net.conv("conv1", 4, stride=2).lif("lif2", current_decay=1024, per_neuron=True)
    return net.head().finish()


def sigma_delta() -> Graph:
    """Frames of a film; only what changes is told. A number may leave the encoder on any step."""
    net = Network((2, 6, 6), static=False).delta("delta", 90, bias=True)
    net.conv("conv1", 4, padding=1).sigma_delta("sd1", bias=True)
    net.conv("conv2", 6, stride=2).sigma_delta("sd2", per_channel=True, per_neuron=True)
    net.flatten().linear("fc1", 8, shift=[-2]).sigma_delta("sd3", exponent=3)
    return net.linear("head", 3, bias=True).sigma("sigma").finish(steps=6)


def sigma_delta_still() -> Graph:
    """An image: the first step tells it, then there is nothing more to say."""
    net = Network((12,)).delta("delta", 20).linear("fc1", 9).sigma_delta("sd1", bias=True)
    net.linear("fc2", 9).lif("lif").linear("head", 4)
    return net.finish("head", "sd1")


def delays() -> Graph:
    """Spikes, numbers and the network's own input arrive later, some after the last step."""
    net = Network((12,), kind="spike", static=False).delay("late_input", [0, 1, 3])
    net.linear("fc1", 10).lif("lif1", current_decay=2048).delay("late1", [2, 0, 5, 1, 9])
    net.linear("fc2", 8, bias=True).delay("late_current", [1, 0]).lif("lif2")
    return net.delay("late2", [2]).linear("head", 4).finish("head", "late2", steps=7)


def delays_of_an_image() -> Graph:
    net = Network((10,)).delay("late_input", [0, 2]).linear("fc1", 8).lif("lif1")
    return net.delay("all_late", [1]).linear("head", 4).finish()


INTEGER: Mapping[str, Callable[[], Graph]] = {
    build.__name__: build
    for build in (
        ms_identity,
        ms_projection,
        ms_spiking_projection,
        sew,
        vanilla,
        conv1d,
        dense_cuba,
        dense_static,
        resets,
        at_equality,
        leaks,
        biases,
        shifts,
        strides,
        groups,
        max_pools,
        sum_pools,
        sum_of_currents,
        large_counts,
        wide_weights,
        saturation,
        wide_input,
        sequence,
        events,
        graded_input,
        two_outputs,
        neuron_first,
        biases_of_neurons,
        sigma_delta,
        sigma_delta_still,
        delays,
        delays_of_an_image,
    )
}


def _float_network(*neurons: Lif, static: bool = True) -> Graph:
    """Return convolutions with these neurons, an average pool and a dense layer."""
    net = Network((2, 6, 6), integer=False, static=static).conv("stem", 4, padding=1, bias=True)
    for number, op in enumerate(neurons):
        net.neuron(f"lif{number}", op).conv(f"conv{number}", 4, padding=1, bias=True)
    net.neuron("last", Lif(0.5)).pool("pool", AvgPool, 2, 2, 0)
    return net.flatten().linear("head", 5, bias=True).finish()


def float_hard() -> Graph:
    return _float_network(Lif(0.25, threshold=0.5), Lif(0.5, strict=False), Lif(0.5, v_reset=-0.5))


def float_soft() -> Graph:
    return _float_network(
        Lif(0.5, reset="soft"), Lif(1.0, threshold=2.0, reset="soft", strict=False)
    )


def float_none() -> Graph:
    return _float_network(Lif(0.5, reset="none"), Lif(0.5, bias=0.25, v_initial=0.5))


def float_delayed() -> Graph:
    soft = Lif(0.5, reset="soft", delayed_reset=True)
    loose = Lif(0.5, reset="soft", delayed_reset=True, strict=False, v_initial=0.25)
    return _float_network(soft, loose, Lif(0.5, delayed_reset=True, v_reset=0.25))


def float_synapse() -> Graph:
    return _float_network(
        Lif(0.5, synapse_keep=0.5, membrane_gain=0.5, synapse_gain=2.0),
        Lif(0.5, synapse_keep=0.25, reset="soft"),
        Lif(0.5, synapse_gain=0.5, threshold=0.25),
    )


def float_sequence() -> Graph:
    return _float_network(Lif(0.25, threshold=0.5), Lif(0.5, synapse_keep=0.5), static=False)


def float_pools() -> Graph:
    net = Network((2, 8, 8), integer=False).conv("stem", 4, padding=1).neuron("lif1", Lif(0.5))
    net.pool("sum", SumPool, 3, 2, 1).pool("max", MaxPool, 2, 1, 1).pool(
        "average", AvgPool, 2, 1, 1
    )
    net.conv("conv1", 8, groups=2).neuron("lif2", Lif(0.5)).pool("all", SumPool, 4, 4, 0)
    return net.flatten().linear("head", 5).finish()


def float_residual() -> Graph:
    net = Network((2, 6, 6), integer=False).conv("stem", 4, padding=1).neuron("lif1", Lif(0.25))
    net.conv("conv1", 4, padding=1).add("stream", "stem", "conv1").neuron("lif2", Lif(0.25))
    return net.add("sew", "lif1", "lif2").conv("conv2", 3).finish()


FLOAT: Mapping[str, Callable[[], Graph]] = {
    build.__name__: build
    for build in (
        float_hard,
        float_soft,
        float_none,
        float_delayed,
        float_synapse,
        float_sequence,
        float_pools,
        float_residual,
    )
}
