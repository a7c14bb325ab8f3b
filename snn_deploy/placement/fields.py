"""What no division over cores can cure: numbers that do not fit the fields of a chip."""

from collections.abc import Iterator, Sequence

import numpy as np

from snn_deploy.hardware import Limits
from snn_deploy.ir.graph import Array
from snn_deploy.ir.ops import IntegerLif
from snn_deploy.mapping.network import ChipNetwork, Population, Synapse

from .layers import CURRENT_SHIFT, bias_exponents, bias_of, on_cores
from .storage import common_exponent, weight_bits

Misfit = tuple[str, str, int, int]
"""Where, what it needs, how much of it, how much there is."""

REMEDIES = {
    "bits of a message": "take a chip whose messages carry values",
    "steps of delay": "relay the stream, on a chip whose messages carry values",
    "bits of a weight": "quantise to fewer --weight-bits",
    "powers of two of a weight": "quantise to fewer --current-bits",
    "bits of a bias": "quantise to fewer --current-bits",
    "bits of a threshold": "quantise to fewer --current-bits",
    "bits of a threshold below its unit": "use neurons that fire above their threshold, not at it",
    "bits of a decay": "use neurons that keep a part of their potential",
    "bytes of state": "use neurons with fewer states",
}
"""By what is needed, what would help."""

SMALLER = "let neurons hear and reach fewer others"
"""What helps where a core cannot hold a neuron."""


def field_misfits(network: ChipNetwork, limits: Limits) -> Iterator[Misfit]:
    """Yield every number of a network that its field cannot hold."""
    for population in network.populations:
        if on_cores(population) or population.source is not None:
            yield from _of_messages(network, population, limits)
        if population.neuron is not None and on_cores(population):
            yield from _of_neurons(network, population, limits)
    for synapse in network.synapses:
        if not network.sender[synapse.source].hosted:
            yield from _of_synapse(network, synapse, limits)


def remedy(misfits: Sequence[Misfit]) -> str:
    """Return what would help against misfits, in a line."""
    return ", ".join(dict.fromkeys(REMEDIES.get(what, SMALLER) for _, what, _, _ in misfits))


def _of_messages(network: ChipNetwork, population: Population, limits: Limits) -> Iterator[Misfit]:
    for node in population.sends:
        if any(s.graded for s in network.outgoing[node]) and not population.hosted:
            given = node == population.source
            bits = 1 + network.graph.input_limit.bit_length() if given else limits.state_bits
            if bits > limits.message_bits:
                yield node, "bits of a message", bits, limits.message_bits


def _of_synapse(network: ChipNetwork, synapse: Synapse, limits: Limits) -> Iterator[Misfit]:
    if synapse.delay > limits.max_delay:
        yield synapse.name, "steps of delay", synapse.delay, limits.max_delay
    weight, exponent = network.weight(synapse), network.exponent(synapse)
    if weight is None:
        return
    bits = weight_bits(weight)
    if bits > limits.weight_bits:
        yield synapse.name, "bits of a weight", bits, limits.weight_bits
    # A power of two that all weights share moves to the exponent only where it must.
    wide = int(np.abs(weight.astype(np.int64)).max(initial=0)).bit_length() >= limits.weight_bits
    power = int(0 if exponent is None else exponent.max()) + wide * common_exponent(weight)
    if power > limits.weight_exponent:
        yield synapse.name, "powers of two of a weight", power, limits.weight_exponent


def _of_neurons(network: ChipNetwork, population: Population, limits: Limits) -> Iterator[Misfit]:
    node = population.neuron
    assert node is not None, "asked for populations with neurons"
    op, bias = network.graph[node].op, bias_of(network, population)
    assert isinstance(op, IntegerLif), "the layout lets no other neurons fire"
    for decay in (op.current_decay - 1, op.voltage_decay):
        # -1 is a current that is kept whole: all bits of the field say 1, and one more.
        bits = limits.decay_bits + 1 if decay < 0 else decay.bit_length()
        if bits > limits.decay_bits:
            yield node, "bits of a decay", bits, limits.decay_bits
    bits = _mantissa_bits(bias, limits)
    if bits > limits.bias_bits:
        yield node, "bits of a bias", bits, limits.bias_bits
    yield from _of_threshold(op, node, network.graph.params[f"{node}.threshold"], bias, limits)
    states = 1 + (op.current_decay < 4096) + (population.output is not None)
    if states * limits.state_bits > 8 * limits.state_bytes:
        yield node, "bytes of state", states * limits.state_bits // 8, limits.state_bytes


def _of_threshold(
    op: IntegerLif, node: str, threshold: Array, bias: Array, limits: Limits
) -> Iterator[Misfit]:
    """A threshold counts units of 2^6; less is lost, unless potentials count so too."""
    unit = 1 << CURRENT_SHIFT
    # The field has no sign: what is below zero needs a bit more than there is.
    bits = max(
        int(t).bit_length() if t >= 0 else limits.threshold_bits + 1
        for t in threshold.ravel() >> CURRENT_SHIFT
    )
    if bits > limits.threshold_bits:
        yield node, "bits of a threshold", bits, limits.threshold_bits
    whole = {op.current_decay, op.voltage_decay} <= {0, 4096} and not (bias % unit).any()
    if (threshold % unit).any() and not whole:
        yield node, "bits of a threshold below its unit", CURRENT_SHIFT, 0


def _mantissa_bits(bias: Array, limits: Limits) -> int:
    """Return the bits that the widest bias needs, its sign included, with the best exponent."""
    exponent = bias_exponents(bias, limits)
    lost = bias % (1 << exponent) != 0
    zeros = np.array([common_exponent(b) for b in bias[:, None]])
    mantissa = np.abs(bias) >> np.where(lost, np.minimum(zeros, exponent), exponent)
    return 1 + int(mantissa.max(initial=0)).bit_length()
