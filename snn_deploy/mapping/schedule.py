"""Runs a chip network in NumPy, chip step by chip step, as a chip would: the schedule itself.

Samples follow one another without a gap. A population computes at every chip step, before its
first window and after its last one too, from whatever its bias and its synapses give it; all that
keeps samples apart is the reset at the beginning of each window and the balance of the delays. So
an error in either shows in the values, and nothing here could hide it.
"""

from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np

from snn_deploy.errors import ModelError
from snn_deploy.ir.evaluate import Values
from snn_deploy.ir.graph import Array
from snn_deploy.ir.kernels import convolve, linear, magnitude, rescale, sum_pool
from snn_deploy.ir.ops import Conv, Identity, IntegerLif, Linear
from snn_deploy.ir.states import IntegerState

from .network import ChipNetwork, Population, Synapse

CURRENT_LIMIT = 2**23
"""A dendritic accumulator and the register u have 24 bits, sign included."""

IN_A_ROW = 4
"""How many samples of a batch follow one another on the same neurons, where there are as many."""


def run(network: ChipNetwork, x: Array, steps: int, *, bias_bits: int = 32) -> Iterator[Values]:
    """Yield what every population sent, step by step of the network, delays removed.

    Args:
        network: laid out.
        x: integers, [B, *shape] for a static input, [T, B, *shape] for a sequence.
        steps: T, the window.
        bias_bits: of the registers that the host writes into, sign included.

    Yields:
        By node of the graph before mapping, [B, ...]: spikes uint8, messages of relays int32, and
        what reaches the outputs.

    Raises:
        ModelError: a current leaves the 24 bits of its register, or what the host writes the bits
            of a bias; the text names the population.
    """
    frames = np.broadcast_to(x, (steps, *x.shape)) if network.graph.static else x[:steps]
    streams = _Streams(frames)
    chip = _Chip(network, steps, streams.steps, 2 ** (bias_bits - 1) - 1)
    kept: dict[str, list[list[Array]]] = {}
    for c in range(streams.steps + network.latency):
        for population, values in chip.step(streams.frame(c)):
            t = c - population.depth
            if not 0 <= t < streams.steps:
                continue
            for name, value in values.items():
                windows = kept.setdefault(name, [[] for _ in range(steps)])
                windows[t % steps].append(value)
    for t in range(steps):
        yield {
            name: streams.joined(windows[t], network.graph[name].type.shape)
            for name, windows in kept.items()
        }


class _Streams:
    """A batch as several streams side by side, each of a few samples one after the other."""

    def __init__(self, frames: Array) -> None:
        self.window, self.batch = frames.shape[:2]
        self.row = min(IN_A_ROW, self.batch)
        self.width = -(-self.batch // self.row)
        self.frames = frames
        self.steps = self.window * self.row

    def frame(self, c: int) -> Array:
        """Return what enters at a chip step, [streams, *shape]; after the last sample, again it."""
        place = min(c, self.steps - 1)
        first = (place // self.window) * self.width
        wanted = np.minimum(np.arange(first, first + self.width), self.batch - 1)
        return np.asarray(self.frames[place % self.window][wanted])

    def joined(self, rows: list[Array], shape: tuple[int, ...]) -> Array:
        """Return the values of all samples at one step of the network, in their order."""
        return np.concatenate(rows)[: self.batch].reshape(self.batch, *shape)


class _Chip:
    """Populations with their states, and the messages that are on their way."""

    def __init__(self, network: ChipNetwork, window: int, streamed: int, bias_limit: int) -> None:
        self.network = network
        self.bias_limit = bias_limit
        self.window = window
        self.streamed = streamed
        self.c = -1
        self.states: dict[str, IntegerState] = {}
        longest = {
            node: 1 + max((s.delay for s in synapses), default=0)
            for node, synapses in network.outgoing.items()
        }
        self.sent: dict[str, deque[Array]] = {n: deque(maxlen=size) for n, size in longest.items()}

    def step(self, frame: Array) -> Iterator[tuple[Population, Values]]:
        """Advance a chip step; yield every population with what it sent or summed, by meaning."""
        self.c += 1
        computed = [(p, self._compute(p, frame)) for p in self.network.populations]
        for population, values in computed:
            for node in population.sends:
                self.sent[node].append(values[node])
            shown = self.network.shown(population)
            yield population, {meant: values[node] for meant, node in shown.items()}

    def _compute(self, population: Population, frame: Array) -> dict[str, Array]:
        if population.source is not None:
            return {population.source: frame.astype(np.int32)}
        x = self._current(population, len(frame))
        values: dict[str, Array] = {}
        if population.neuron is not None:
            values[population.neuron] = self._fire(population, population.neuron, x)
        if population.relay is not None:
            values[population.relay] = self._relayed(population.relay, x)
        if population.output is not None:
            values.setdefault(population.output, x)
        return values

    def _current(self, population: Population, streams: int) -> Array:
        """Return what has arrived, plus the bias: int32 [streams, *shape]."""
        synapses = self.network.incoming[population.name]
        hosted = [s for s in synapses if self.network.sender[s.source].hosted]
        written = self._arrived(population, hosted, streams)
        bias = self.network.bias(population)
        if bias is not None:
            written += bias.reshape(-1, *(1,) * (len(population.shape) - 1))
        if hosted:
            self._check(population, written, self.bias_limit, "the host's bias register")
        x = written + self._arrived(population, [s for s in synapses if s not in hosted], streams)
        self._check(population, x, CURRENT_LIMIT - 1, "the register of 24 bits")
        return np.clip(x, -CURRENT_LIMIT, CURRENT_LIMIT)

    def _arrived(self, population: Population, synapses: Sequence[Synapse], streams: int) -> Array:
        """Return the sum of what synapses deliver in this step: int32 [streams, *shape]."""
        total = np.zeros((streams, *population.shape), np.int32)
        for synapse in synapses:
            messages = self.sent[synapse.source]
            if len(messages) > synapse.delay:
                delivered = deliver(self.network, synapse, messages[-1 - synapse.delay])
                total += delivered.reshape(total.shape)
        return total

    def _check(self, population: Population, x: Array, limit: int, register: str) -> None:
        """Raise ModelError where values of a sample leave a register."""
        if population.hosted or magnitude(x) <= limit or not self._in_a_window(population):
            return
        raise ModelError(
            population.name,
            f"a current of {magnitude(x):,} leaves {register}, which holds {limit:,}",
            "lower --current-bits",
        )

    def _in_a_window(self, population: Population) -> bool:
        return 0 <= self.c - population.depth < self.streamed

    def _fire(self, population: Population, node: str, x: Array) -> Array:
        """Charge and fire; a window begins with u = v = 0."""
        graph = self.network.graph
        if self.c % self.window == population.depth % self.window or node not in self.states:
            op = graph[node].op
            assert isinstance(op, IntegerLif), "the layout put it there"
            threshold = graph.params[f"{node}.threshold"]
            self.states[node] = IntegerState(op, threshold, graph.param(node, "bias"))
        state = self.states[node]
        spikes = state.step(x)
        u = x << 6 if state.current is None else state.current
        self._check(population, u, CURRENT_LIMIT - 1, "the neurons' register u of 24 bits")
        return spikes

    def _relayed(self, node: str, x: Array) -> Array:
        graph = self.network.graph
        shift, bias = graph.param(node, "shift"), graph.param(node, "bias")
        if shift is not None:
            x = rescale(x, _along(shift, x))
        return x if bias is None else x + _along(bias, x)


def deliver(network: ChipNetwork, synapse: Synapse, messages: Array) -> Array:
    """Return what a synapse makes of the messages of one step: [B, *source] -> [B, *target].

    Raises:
        OverflowError: a sum can leave 32 bits.
    """
    if isinstance(synapse.op, Identity):
        return messages.astype(np.int32)
    weight = network.weight(synapse)
    if isinstance(synapse.op, Linear):
        assert weight is not None, "a layer's synapse has its weight"
        y = linear(messages.reshape(len(messages), -1), weight)
    elif isinstance(synapse.op, Conv):
        assert weight is not None, "a layer's synapse has its weight"
        y = convolve(messages, weight, synapse.op)
    else:
        y = sum_pool(messages, synapse.op)
    exponent = network.exponent(synapse)
    return y if exponent is None else rescale(y, _along(exponent, y))


def _along(array: Array, like: Array) -> Array:
    return array.reshape(-1, *(1,) * (like.ndim - 2))
