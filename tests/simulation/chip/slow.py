"""A chip, slowly: every neuron and every synapse one by one, every message router by router.

Nothing here knows of geometry, classes or marks. Messages travel from chip step to chip step;
neurons that a message, a bias or their own state wakes are updated, all others are left as they
are; what happens is written down. Of a population's depth it knows when its windows begin.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod

from snn_deploy.hardware import Target
from snn_deploy.ir.graph import Array
from snn_deploy.ir.ops import Conv, Identity, IntegerLif, Linear, SumPool
from snn_deploy.mapping import ChipNetwork, Population, Synapse
from snn_deploy.placement import Placement, Slot
from snn_deploy.placement.mesh import mesh

Fan = Sequence[Sequence[tuple[int, int]]]
"""By neuron of the source: number of the target's neuron, and weight, of each synapse."""

Fans = Mapping[str, Fan]
"""By name of a layer of synapses."""

LIMIT = 2**23 - 1
HOST = -1
"""As a core: the host's input."""


def fans_of(network: ChipNetwork) -> Fans:
    return {synapse.name: fan_out(network, synapse) for synapse in network.synapses}


def fan_out(network: ChipNetwork, synapse: Synapse) -> Fan:
    """List all synapses of a layer, those of weight zero too."""
    source, target, op = synapse.source_shape, synapse.target_shape, synapse.op
    if isinstance(op, Identity):
        return [[(n, 1)] for n in range(prod(source))]
    weight = network.weight(synapse)
    exponent = network.exponent(synapse)
    powers = [0] if exponent is None else exponent.tolist()
    if isinstance(op, Linear):
        assert weight is not None
        rows = weight.tolist()
        return [
            [(o, rows[o][i] << powers[o % len(powers)]) for o in range(prod(target))]
            for i in range(prod(source))
        ]
    return _windows(op, weight, source, powers)


def _windows(
    op: Conv | SumPool, weight: Array | None, source: Sequence[int], powers: Sequence[int]
) -> Fan:
    channels, *lengths = source
    if isinstance(op, Conv):
        assert weight is not None
        outputs, kernel, dilation, groups = len(weight), weight.shape[2:], op.dilation, op.groups
    else:
        outputs, kernel, dilation, groups = channels, op.kernel, (1,) * len(op.kernel), channels
    axes = list(zip(lengths, kernel, op.stride, op.padding, dilation, strict=True))
    places = [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in axes]
    fan: list[list[tuple[int, int]]] = [[] for _ in range(prod(source))]
    for q, place in enumerate(product(*map(range, places))):
        for tap, taps in enumerate(product(*map(range, kernel))):
            at = [
                y * s + k * d - p for y, k, (_, _, s, p, d) in zip(place, taps, axes, strict=True)
            ]
            if not all(0 <= y < n for y, n in zip(at, lengths, strict=True)):
                continue
            y = number(at, lengths)
            for o in range(outputs):
                group = o // (outputs // groups)
                for i in range(channels // groups):
                    w = 1 if weight is None else int(weight[o, i].flat[tap])
                    w <<= powers[o % len(powers)]
                    entering = group * (channels // groups) + i
                    fan[entering * prod(lengths) + y].append((o * prod(places) + q, w))
    return fan


def number(place: Sequence[int], shape: Sequence[int]) -> int:
    """Return the place of a neuron in C order."""
    found = 0
    for at, length in zip(place, shape, strict=True):
        found = found * length + at
    return found


@dataclass(frozen=True)
class Neurons:
    """Numbers of a population, one for each neuron: of its spikes, and of its relay."""

    own: Sequence[int]
    threshold: Sequence[int]
    shift: Sequence[int]
    added: Sequence[int]


@dataclass
class Step:
    """What happens on the chip in a step.

    Attributes:
        sent: by node, the numbers of the neurons that send, and what.
        updated: by population, the neurons.
        summed: by population that is read out, the currents of those that were updated.
    """

    sent: dict[str, dict[int, int]] = field(default_factory=dict)
    updated: dict[str, set[int]] = field(default_factory=dict)
    summed: dict[str, dict[int, int]] = field(default_factory=dict)


class Live:
    """A chip with one sample as its input, over and over."""

    def __init__(self, network: ChipNetwork, fans: Fans, x: Array, *, waits: bool = True) -> None:
        """Take a sample, [*shape] or [T, *shape]. `waits`: nobody works before the input came."""
        self.network, self.fans, self.waits = network, fans, waits
        self.window = network.graph.steps
        self.frames = [x] * self.window if network.graph.static else list(x[: self.window])
        self.arriving: defaultdict[tuple[int, str], dict[int, int]] = defaultdict(dict)
        self.state: dict[str, list[list[int]]] = {}
        self.neurons: dict[str, Neurons] = {}
        self.told = self._host()
        self.register = {p.name: self._register(p) for p in network.populations}

    def run(self, steps: int) -> Iterator[Step]:
        for c in range(steps):
            did = Step()
            for population in self.network.populations:
                if not population.hosted and not (self.waits and c < population.depth):
                    self._compute(population, c, did)
            for node, values in did.sent.items():
                for synapse in self.network.outgoing[node]:
                    if self.network.by_name[synapse.target].hosted:
                        continue
                    heard = self.arriving[c + 1 + synapse.delay, synapse.target]
                    self._deliver(synapse, values, heard)
            yield did

    def _deliver(self, synapse: Synapse, values: Mapping[int, int], heard: dict[int, int]) -> None:
        fan = self.fans[synapse.name]
        for neuron, value in values.items():
            for target, weight in fan[neuron]:
                heard[target] = heard.get(target, 0) + weight * value

    def _host(self) -> dict[str, dict[int, int]]:
        """Return what the host computes once: by population, what it writes there."""
        told: defaultdict[str, dict[int, int]] = defaultdict(dict)
        for population in self.network.populations:
            if population.source is not None:
                values = dict(enumerate(self.frames[0].ravel().tolist()))
            elif population.hosted:
                bias = _spread(self.network.bias(population), population.size)
                currents = [told[population.name].get(n, 0) + b for n, b in enumerate(bias)]
                (node,) = population.sends
                values = dict(enumerate(self._relay(node, currents)))
            else:
                continue
            for synapse in self.network.outgoing[population.sends[0]]:
                if population.hosted or self.network.by_name[synapse.target].hosted:
                    self._deliver(synapse, values, told[synapse.target])
        return told

    def _register(self, population: Population) -> list[int]:
        """Return what the bias register of each neuron holds, in units of a current."""
        bias = _spread(self.network.bias(population), population.size)
        told = self.told.get(population.name, {})
        return [b + told.get(n, 0) for n, b in enumerate(bias)]

    def _relay(self, node: str, currents: Sequence[int]) -> list[int]:
        graph = self.network.graph
        shift = _spread(graph.param(node, "shift"), len(currents))
        bias = _spread(graph.param(node, "bias"), len(currents))
        return [_rounded(x, s) + b for x, s, b in zip(currents, shift, bias, strict=True)]

    def _compute(self, population: Population, c: int, did: Step) -> None:
        """Update the neurons of a population that anything wakes."""
        name = population.name
        did.sent |= {node: {} for node in population.sends}
        if population.source is not None:
            frame = self.frames[c % self.window].ravel().tolist()
            did.sent[population.source] = {n: v for n, v in enumerate(frame) if v}
            return
        if (c - population.depth) % self.window == 0 or name not in self.state:
            self.state[name] = [[0, 0, 0] for _ in range(population.size)]
        heard = self.arriving.pop((c, name), {})
        neurons = self._neurons(population)
        did.updated[name], did.summed[name] = set(), {}
        for n, (state, register) in enumerate(
            zip(self.state[name], self.register[name], strict=True)
        ):
            biased = (register << 6) + neurons.own[n] != 0 or neurons.added[n] != 0
            if n in heard or biased or any(state):
                did.updated[name].add(n)
                self._update(population, n, heard.get(n, 0) + register, did)

    def _update(self, population: Population, n: int, x: int, did: Step) -> None:
        neurons, state = self._neurons(population), self.state[population.name][n]
        if population.neuron is not None:
            op = self.network.graph[population.neuron].op
            assert isinstance(op, IntegerLif)
            if _fires(op, state, x, neurons.own[n], neurons.threshold[n]):
                did.sent[population.neuron][n] = 1
        if population.relay is not None:
            value = _rounded(x, neurons.shift[n]) + neurons.added[n]
            did.sent[population.relay] |= {n: value} if value else {}
        if population.output is not None:
            state[2] += x
            did.summed[population.name][n] = x

    def _neurons(self, population: Population) -> Neurons:
        if population.name not in self.neurons:
            self.neurons[population.name] = Neurons(
                self._param(population.neuron, "bias", population.size),
                self._param(population.neuron, "threshold", population.size),
                self._param(population.relay, "shift", population.size),
                self._param(population.relay, "bias", population.size),
            )
        return self.neurons[population.name]

    def _param(self, node: str | None, role: str, size: int) -> list[int]:
        return _spread(None if node is None else self.network.graph.param(node, role), size)


def _fires(op: IntegerLif, state: list[int], x: int, bias: int, threshold: int) -> bool:
    u, v, _ = state
    u = _towards_zero(u * (4096 - op.current_decay), 4096) + (x << 6)
    v = _towards_zero(v * (4096 - op.voltage_decay), 4096) + u + bias
    v = min(max(v, -LIMIT), LIMIT)
    fires = v > threshold
    if fires and op.reset != "none":
        v = 0 if op.reset == "hard" else v - threshold - op.at_equality
    # All of a current that decays in one step is gone before anybody reads it.
    state[0], state[1] = 0 if op.current_decay == 4096 else u, v
    return fires


def _towards_zero(a: int, b: int) -> int:
    return abs(a) // b * (1 if a > 0 else -1)


def _rounded(x: int, shift: int) -> int:
    if shift >= 0:
        return x << shift
    half = 1 << (-shift - 1)
    return (abs(x) + half >> -shift) * (1 if x > 0 else -1)


def _spread(values: Array | None, size: int) -> list[int]:
    """Return a number for each neuron: of [1], [C] or one each."""
    if values is None:
        return [0] * size
    listed = values.ravel().tolist()
    return [listed[n * len(listed) // size] for n in range(size)]


@dataclass
class Recount:
    """A chip step, counted.

    Attributes:
        spikes, graded, updates, sent: by tile.
        events: by tile and how their synapses are stored.
        received: messages, by core.
        hosted: messages of the host.
        links: flits, by direction, row and column.
        sending, receiving: picoseconds, by core.
        leaving: by core, in the order in which neurons send: picoseconds of work since the one
            before, cores that it goes to, flits of a message.
        rest: picoseconds of work after the last, by core.
    """

    spikes: Counter[Slot] = field(default_factory=Counter)
    graded: Counter[Slot] = field(default_factory=Counter)
    updates: Counter[Slot] = field(default_factory=Counter)
    sent: Counter[Slot] = field(default_factory=Counter)
    events: Counter[tuple[Slot, str]] = field(default_factory=Counter)
    received: Counter[int] = field(default_factory=Counter)
    hosted: int = 0
    links: Counter[tuple[str, int, int]] = field(default_factory=Counter)
    sending: Counter[int] = field(default_factory=Counter)
    receiving: Counter[int] = field(default_factory=Counter)
    leaving: defaultdict[int, list[tuple[int, list[int], int]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    rest: Counter[int] = field(default_factory=Counter)


class Recounting:
    """Counts what happens in a step, on a placement."""

    def __init__(
        self, network: ChipNetwork, fans: Fans, placement: Placement, target: Target
    ) -> None:
        assert target.chip is not None
        self.network, self.fans, self.placement = network, fans, placement
        self.chip = target.chip
        self.grid = mesh(self.chip.limits, placement.chips)
        self.where: dict[str, dict[int, Slot]] = defaultdict(dict)
        self.inside: dict[Slot, list[int]] = {}
        self.heard: dict[tuple[str, int], Counter[tuple[Slot, str]]] = {}
        for slot in placement.slots:
            self.inside[slot] = self._neurons(slot)
            self.where[slot.population] |= dict.fromkeys(self.inside[slot], slot)

    def _neurons(self, slot: Slot) -> list[int]:
        ends = [
            (s.channels[1], s.rows[1], s.columns[1]) for s in self.placement.of(slot.population)
        ]
        box = [max(end) for end in zip(*ends, strict=True)]
        spans = (range(*slot.channels), range(*slot.rows), range(*slot.columns))
        cores = self.placement.core_of(slot.population).ravel()
        found = [number(place, box) for place in product(*spans)]
        assert all(cores[n] == slot.core for n in found)
        return found

    def count(self, did: Step) -> Recount:
        found = Recount()
        for core in sorted({slot.core for slot in self.placement.slots}):
            clock = 0
            for slot in self.placement.slots:
                if slot.core == core:
                    clock = self._tile(slot, clock, did, found)
            found.rest[core] = clock
            found.sending[core] += clock
        for population in self.network.populations:
            if population.source is not None and not population.hosted:
                for neuron in sorted(did.sent[population.source]):
                    self._send(population.source, neuron, None, 0, found)
        return found

    def _tile(self, slot: Slot, clock: int, did: Step, found: Recount) -> int:
        times = self.chip.latency
        population = self.network.by_name[slot.population]
        for neuron in self.inside[slot]:
            clock += ps(times.neuron_access_s)
            if neuron in did.updated.get(population.name, ()):
                found.updates[slot] += 1
                clock += ps(times.neuron_update_s)
            for node in (population.neuron, population.relay):
                if node is not None and neuron in did.sent.get(node, ()):
                    kind = found.spikes if node == population.neuron else found.graded
                    kind[slot] += 1
                    self._send(node, neuron, slot, clock + ps(times.send_s), found)
                    clock = 0
        return clock

    def _send(self, node: str, neuron: int, slot: Slot | None, clock: int, found: Recount) -> None:
        """Send a neuron's messages: one to each core where anybody hears it."""
        times, network = self.chip.latency, self.chip.network
        here = HOST if slot is None else slot.core
        spike = self.network.graph[node].type.kind == "spike"
        flits = network.spike_flits if spike else network.graded_flits
        heard = self._heard(node, neuron)
        found.events.update(heard)
        work: Counter[int] = Counter()
        for (there, kind), events in heard.items():
            work[there.core] += events * ps(getattr(times, f"{kind}_event_s"))
        for core, picoseconds in work.items():
            found.received[core] += 1
            found.receiving[core] += ps(times.axon_in_s) + picoseconds
            self._walk(here, core, flits, found)
            if slot is None:
                found.hosted += 1
                found.sending[HOST] += ps(times.host_message_s)
            else:
                found.sent[slot] += 1
                found.sending[here] += ps(times.axon_out_s)
        found.leaving[here].append((clock, sorted(work), flits))
        found.sending[here] += clock

    def _heard(self, node: str, neuron: int) -> Counter[tuple[Slot, str]]:
        """Return the events of a message, by tile and kind: one synapse after the other, once."""
        if (node, neuron) not in self.heard:
            self.heard[node, neuron] = Counter(
                (self.where[synapse.target][target], stored(synapse))
                for synapse in self.network.outgoing[node]
                if not self.network.by_name[synapse.target].hosted
                for target, _ in self.fans[synapse.name][neuron]
            )
        return self.heard[node, neuron]

    def _walk(self, here: int, there: int, flits: int, found: Recount) -> None:
        row, column = (0, 0) if here == HOST else self._router(here)
        to_row, to_column = self._router(there)
        while column != to_column:
            east = to_column > column
            found.links["east" if east else "west", row, column] += flits
            column += 1 if east else -1
        while row != to_row:
            south = to_row > row
            found.links["south" if south else "north", row, column] += flits
            row += 1 if south else -1

    def _router(self, core: int) -> tuple[int, int]:
        return int(self.grid.row[core]), int(self.grid.column[core])


def stored(synapse: Synapse) -> str:
    if isinstance(synapse.op, Linear):
        return "dense"
    return "sparse" if isinstance(synapse.op, Identity) else "conv"


def ps(seconds: float) -> int:
    return round(seconds * 10**12)
