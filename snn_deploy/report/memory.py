"""Energy of one inference with its memory accesses, by the terms of Lemaire et al., ICONIP 2022.

An Analytical Estimation of Spiking Neural Networks Energy Efficiency, arXiv 2210.13107, as its
authors implement it: LEAT-EDGE/qualia-plugin-snn, `postprocessing/EnergyEstimationMetric.py`. Where
the two differ, and where a residual network goes beyond both, README.md says what is done.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Self

from snn_deploy.ir.graph import Graph, Node
from snn_deploy.ir.ops import (
    NEURONS,
    Add,
    Conv,
    Flatten,
    Identity,
    IntegerLif,
    Lif,
    Op,
    SigmaDelta,
)
from snn_deploy.quantization.graph import QuantGraph
from snn_deploy.simulation import Activity, NeuronActivity, SynapseActivity
from snn_deploy.simulation.geometry import varying_additions

from .energy import Estimate, Share
from .horowitz import (
    LARGEST_BITS,
    SMALLEST_BITS,
    WIDE_BITS,
    access_j,
    add_j,
    multiply_j,
)
from .wording import count

QUEUE_EVENTS = 64
"""What the queue in front of a layer holds; the plugin's own example (`fifo_size`)."""

EVENT_BITS = ADDRESS_BITS = BIAS_BITS = 32
"""Addresses are the 32-bit integers of the paper, biases those of our graphs."""

WEIGHTS = "weights"
POTENTIALS = "potentials and sums"
NUMBERS = "inputs and outputs"
BIASES = "biases"
ARITHMETIC = "arithmetic"
ADDRESSING = "addressing"
KINDS = (WEIGHTS, POTENTIALS, NUMBERS, BIASES, ARITHMETIC, ADDRESSING)
"""Names of the shares: the first four are memory, by the paper's own parts."""

MEMORY = frozenset(KINDS[:4])


@dataclass(frozen=True, slots=True)
class Widths:
    """Bits of each number. activations: of the ANN twin; sums: of currents and streams too."""

    weights: int = 8
    potentials: int = 24
    sums: int = 32
    inputs: int = 8
    activations: int = 8

    @classmethod
    def of(cls, graph: Graph) -> Self:
        """Return the widths of an integer graph; a float one is priced as 32-bit integers."""
        if not isinstance(graph, QuantGraph):
            return cls(*[WIDE_BITS] * 5)
        return cls(weights=graph.weight_bits, inputs=8 if graph.input_limit < 2**7 else 16)


def lemaire(graph: Graph, activity: Activity, widths: Widths | None = None) -> Estimate:
    """Estimate with every access to a memory and every address.

    theta is how many inputs of a layer are not zero over all T steps, E how many connections these
    cross, both counted exactly; N how many sums the layer has. A layer that reads events:

        read inputs theta, weights E, biases T N; read, and write, potentials or sums E + T N
        accumulate E + T N; addresses E, and in a convolution 2 theta multiply-accumulates

    and its neurons: write the spikes, reset each, multiply T N for the leak. A layer that reads
    real numbers does what the ANN twin's does, at every step, or once where they never change. With
    C connections, borders left out:

        read inputs C (a dense layer each once), weights C, biases N; write N
        multiply and accumulate C, accumulate N
        addresses inputs + N + output channels x kernel (a dense layer C)

    Args:
        graph: the one that `activity` was counted on.
        activity: counts.
        widths: of its numbers; those of the graph unless given.
    """
    widths = widths or Widths.of(graph)
    added = (_of_addition(n, activity.steps, widths.sums) for n in varying_additions(graph))
    shares = chain(
        _of_layers(graph, activity, widths), _of_neurons(graph, activity, widths), *added
    )
    twin = twin_j(graph, activity, widths)
    return Estimate(_merged(shares), twin, _assumes(graph, activity, widths), _LEFT_OUT)


def twin_j(graph: Graph, activity: Activity, widths: Widths) -> float:
    """Return what one pass of the ANN with the same layers costs by the same prices."""
    bits = widths.activations
    layers = (_of_numbers(graph, s, 1, (bits, bits), widths) for s in activity.synapses)
    added = (_of_addition(n, 1, bits) for n in graph.nodes if isinstance(n.op, Add))
    biases = (_of_biases(graph, layer.name, layer.neurons) for layer in activity.neurons)
    return sum(share.energy_j for share in chain(*layers, *added, *biases))


def _of_layers(graph: Graph, activity: Activity, widths: Widths) -> Iterator[Share]:
    feeding = set(_feeding(graph, activity).values())
    for layer in activity.synapses:
        if reads_events(layer):
            held = widths.potentials if layer.name in feeding else widths.sums
            yield from _of_events(graph, layer, activity, held, widths)
            continue
        passes = 1 if layer.once else activity.steps
        before = widths.inputs if _reads_input(graph, layer) else widths.sums
        yield from _of_numbers(graph, layer, passes, (before, widths.sums), widths)


def _of_events(
    graph: Graph, layer: SynapseActivity, activity: Activity, held: int, widths: Widths
) -> Iterator[Share]:
    """Yield a layer that only inputs that are not zero cost anything; `held`: bits of its sums."""
    node, weight = graph[layer.name], graph.weight(layer.name)
    theta, crossed = _events(layer, activity), crossings(layer, activity)
    updates = float(activity.steps * node.type.size)
    product = multiply_j(max(widths.sums, widths.weights)) if _carries_numbers(layer) else 0.0
    yield Share(NUMBERS, theta, access_j(QUEUE_EVENTS, EVENT_BITS))
    yield Share(WEIGHTS, crossed, access_j(weight.size, widths.weights))
    yield Share(POTENTIALS, 2 * (crossed + updates), access_j(node.type.size, held))
    yield Share(ARITHMETIC, crossed, product + add_j(held))
    yield Share(ARITHMETIC, updates, add_j(held))
    yield Share(ADDRESSING, crossed, add_j(ADDRESS_BITS))
    if isinstance(node.op, Conv):
        yield Share(ADDRESSING, 2 * theta, multiply_j(ADDRESS_BITS) + add_j(ADDRESS_BITS))
    yield from _of_biases(graph, layer.name, updates)


def _events(layer: SynapseActivity, activity: Activity) -> float:
    """Return how often an inference has an input that is not zero; what stays comes every step."""
    again = activity.steps if layer.once else 1
    return again * (layer.active + layer.repeats) / max(activity.samples, 1)


def crossings(layer: SynapseActivity, activity: Activity) -> float:
    """Return how many connections the events of an inference cross, borders left out."""
    return _events(layer, activity) * layer.events / layer.active if layer.active else 0.0


def _of_numbers(
    graph: Graph, layer: SynapseActivity, passes: int, bits: tuple[int, int], widths: Widths
) -> Iterator[Share]:
    """Yield a dense pass, `passes` times; `bits` of what it reads and of what it writes."""
    node, weight, (before, after) = graph[layer.name], graph.weight(layer.name), bits
    outputs = float(passes * node.type.size)
    crossed = float(passes * layer.connections)
    convolves = isinstance(node.op, Conv)
    addressed = layer.inputs + node.type.size + weight[:, 0].size
    product = multiply_j(max(before, widths.weights))
    reads = crossed if convolves else float(passes * layer.inputs)
    yield Share(NUMBERS, reads, access_j(layer.inputs, before))
    yield Share(NUMBERS, outputs, access_j(node.type.size, after))
    yield Share(WEIGHTS, crossed, access_j(weight.size, widths.weights))
    yield Share(ARITHMETIC, crossed, product + add_j(widths.sums))
    yield Share(ARITHMETIC, outputs, add_j(widths.sums))
    yield Share(ADDRESSING, passes * addressed if convolves else crossed, add_j(ADDRESS_BITS))
    yield from _of_biases(graph, layer.name, outputs)


def _of_biases(graph: Graph, name: str, reads: float) -> Iterator[Share]:
    bias = graph.param(name, "bias")
    if bias is not None:
        yield Share(BIASES, reads, access_j(bias.size, BIAS_BITS))


def _of_neurons(graph: Graph, activity: Activity, widths: Widths) -> Iterator[Share]:
    fed = _feeding(graph, activity)
    for counted in activity.neurons:
        yield from _of_neuron_layer(graph, counted, activity, widths)
        if counted.name not in fed:
            yield from _of_hearing(counted.neurons, activity.steps, widths)


def _of_neuron_layer(
    graph: Graph, counted: NeuronActivity, activity: Activity, widths: Widths
) -> Iterator[Share]:
    """Yield what any neurons cost: spikes and resets, leaks, states beyond the potential."""
    spikes = counted.spikes / max(activity.samples, 1)
    updates = float(activity.steps * counted.neurons)
    node, bits = graph[counted.name], widths.potentials
    yield Share(NUMBERS, spikes, access_j(QUEUE_EVENTS, EVENT_BITS))
    yield Share(ARITHMETIC, spikes, add_j(bits))
    yield Share(ARITHMETIC, leaks(node) * updates, multiply_j(bits) + add_j(bits))
    yield Share(POTENTIALS, 2 * (_states(node) - 1) * updates, access_j(counted.neurons, bits))
    yield from _of_biases(graph, counted.name, updates)


def _of_hearing(neurons: int, steps: int, widths: Widths) -> Iterator[Share]:
    """Yield what neurons cost that read a current, instead of holding the sums of a layer."""
    updates = float(steps * neurons)
    yield Share(NUMBERS, updates, access_j(neurons, widths.sums))
    yield Share(POTENTIALS, 2 * updates, access_j(neurons, widths.potentials))
    yield Share(ARITHMETIC, updates, add_j(widths.potentials))


def _of_addition(node: Node, passes: int, bits: int) -> Iterator[Share]:
    """Yield a residual addition: all inputs read, their sum written, one address each."""
    size, inputs = passes * node.type.size, len(node.inputs)
    yield Share(NUMBERS, (inputs + 1) * size, access_j(node.type.size, bits))
    yield Share(ARITHMETIC, (inputs - 1) * size, add_j(bits))
    yield Share(ADDRESSING, size, add_j(ADDRESS_BITS))


def _reads_input(graph: Graph, layer: SynapseActivity) -> bool:
    source = graph[graph[layer.name].inputs[0]]
    while isinstance(source.op, Flatten | Identity):
        source = graph[source.inputs[0]]
    return source == graph.input


def reads_events(layer: SynapseActivity) -> bool:
    """Say whether a layer reads what comes now and then, so that only that costs anything."""
    return layer.reads in ("spike", "graded", "message")


def _carries_numbers(layer: SynapseActivity) -> bool:
    """Say whether events are more than one; those of a camera come one by one."""
    return layer.reads == "message" or (layer.reads == "graded" and bool(layer.sources))


def _feeding(graph: Graph, activity: Activity) -> dict[str, str]:
    """Return the layer whose events move a neuron layer's potentials, by the latter's name."""
    readers: dict[str, list[Node]] = {}
    for node in graph.nodes:
        for source in node.inputs:
            readers.setdefault(source, []).append(node)
    found = {}
    for layer in activity.synapses:
        heard = readers.get(layer.name, [])
        if reads_events(layer) and len(heard) == 1 and isinstance(heard[0].op, NEURONS):
            found[heard[0].name] = layer.name
    return found


def leaks(node: Node) -> int:
    """Return how many of a neuron's state variables are multiplied at a step."""
    return sum(keep not in (0, 1) for keep in _kept(node.op))


def _states(node: Node) -> int:
    """Return how many numbers a neuron keeps from step to step: its potential, and perhaps more."""
    _, current = _kept(node.op)
    return 2 if current or isinstance(node.op, SigmaDelta) else 1


def _kept(op: Op) -> tuple[float, float]:
    """Return what a step leaves of the potential and of the synaptic current."""
    if isinstance(op, IntegerLif):
        return 1 - op.voltage_decay / 4096, 1 - op.current_decay / 4096
    return (op.membrane_keep, op.synapse_keep) if isinstance(op, Lif) else (1.0, 0.0)


def _merged(shares: Iterable[Share]) -> tuple[Share, ...]:
    """Return one share a kind, at the mean price of its operations."""
    operations, joules = dict.fromkeys(KINDS, 0.0), dict.fromkeys(KINDS, 0.0)
    for share in shares:
        operations[share.name] += share.operations
        joules[share.name] += share.energy_j
    return tuple(
        Share(kind, number, joules[kind] / number) for kind, number in operations.items() if number
    )


def _assumes(graph: Graph, activity: Activity, widths: Widths) -> tuple[str, ...]:
    reads = {layer.reads for layer in activity.synapses}
    dense = (
        "Layers that read real numbers (the analog first ones, shortcuts on the stream) are "
        "multiply-accumulates at every step, once where they never change; an input and a weight "
        "are read for each.",
    )
    numbers = (
        "Pooled spikes and messages carry numbers: each that is not zero is a multiplication for "
        "every connection.",
    )
    return (
        "An access to a memory costs 13.2 pJ and 1.09e-5 pJ for each bit it holds, in 45 nm; an "
        "addition 0.03 pJ at 8 bits and 0.1 pJ at 32, a multiplication 0.2 and 3.1 pJ, between "
        "them in proportion to the wider operand (Lemaire et al. 2022, after Horowitz 2014).",
        _on_sizes(graph, activity, widths),
        f"{widths.weights}-bit weights, {widths.potentials}-bit potentials, {widths.sums}-bit sums "
        f"and streams; a queue of {QUEUE_EVENTS} events before each layer.",
        "For each connection that a spike crosses, counted exactly, a weight is read, a potential "
        "read, increased and written, and an address computed.",
        "At every step each potential is read and written, and multiplied where it leaks; each "
        "residual addition reads its inputs and writes their sum.",
        *(dense if reads & {"analog", "stream"} else ()),
        *(numbers if any(_carries_numbers(layer) for layer in activity.synapses) else ()),
        f"The ANN twin has the same weights and {widths.activations}-bit activations. It reads an "
        "input and a weight for every multiplication, without the reuse of real accelerators.",
    )


def _on_sizes(graph: Graph, activity: Activity, widths: Widths) -> str:
    """Say where the line is only extended."""
    sizes = [graph.weight(layer.name).size * widths.weights for layer in activity.synapses]
    sizes += [layer.neurons * widths.potentials for layer in activity.neurons]
    small = sum(size < SMALLEST_BITS for size in sizes)
    large = sum(size > LARGEST_BITS for size in sizes)
    return (
        f"That price was fitted to memories of 8 kB to 1 MB; of {count(len(sizes))} memories of "
        f"weights and potentials here, {count(small)} are smaller, for which it is too dear, and "
        f"{count(large)} are larger."
    )


_LEFT_OUT = (
    "reuse of weights, inputs and potentials in registers, from which the ANN gains most",
    "pooling, delays and relays",
    "moving spikes between cores, memory outside the chip, control, clock and leakage",
)
