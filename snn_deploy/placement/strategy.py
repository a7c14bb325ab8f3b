"""Which stages of a residual network relay their shortcut and which are unrolled, on a chip."""

from typing import Literal

from snn_deploy.errors import CapacityError, MappingError, UsageError
from snn_deploy.hardware import Target
from snn_deploy.mapping import Mapped, Messages, Residual, map_graph, stages_of
from snn_deploy.quantization.graph import QuantGraph

from .totals import Rates, needs, total

Choice = Residual | Literal["auto"]
CHOICES: tuple[Choice, ...] = ("auto", "relay", "unroll")

MESSAGE_OPERATIONS = 6
"""What a message costs, in synaptic operations: 69.3 + 111 pJ to send one against 24 to 35.5 pJ an
operation, fitted to Loihi boards (`targets/README.md`, sana-fe). None was published for Loihi 2."""

SAME_CORES = 0.02
"""Numbers of cores that differ by less are equal: they are those that tiles need at least, and
packing takes some 5 % more."""

_UNLIMITED = 2**31
_NOWHERE = (float("inf"), 0.0)

Cost = tuple[float, float]
"""Cores, and synaptic operations a step with messages counted as such."""


def messages_of(target: Target) -> Messages:
    """Return what the messages of a target can do; those of a simulation have no limits."""
    if target.chip is None:
        return Messages(target.name, graded=True, max_delay=_UNLIMITED)
    limits = target.chip.limits
    graded = limits.message_bits > 1
    return Messages(target.name, graded, limits.max_delay, limits.bias_bits)


def fit(graph: QuantGraph, target: Target, choice: Choice, rates: Rates | None = None) -> Mapped:
    """Map an integer graph for a target, with the residual strategy that is asked for.

    auto: stage by stage, from the first on, the one of fewer cores; of about equal ones, that of
    fewer operations and messages. Without cores to count, or where both fail, relay.

    Args:
        graph: quantised.
        target: a chip, or the simulation.
        choice: for all stages.
        rates: messages per neuron and step, by node of the graph.

    Raises:
        MappingError: all that the target cannot express.
        UsageError: relays are asked for, and messages carry no value.
    """
    messages = messages_of(target)
    if not messages.graded:
        if choice == "relay":
            raise UsageError(
                f"{target.name} has spikes only, a relay sends values",
                "give --residual unroll, or take loihi2",
            )
        choice = "unroll"
    names = [stage.name for stage in stages_of(graph, messages)]
    if choice != "auto" or target.chip is None:
        residual: Residual = "unroll" if choice == "unroll" else "relay"
        return map_graph(graph, messages, dict.fromkeys(names, residual))
    chosen: dict[str, Residual] = dict.fromkeys(names, "relay")
    best = map_graph(graph, messages, chosen)
    lowest = _cost(best, target, rates)
    for name in names:
        try:
            other = map_graph(graph, messages, chosen | {name: "unroll"})
        except MappingError:
            continue
        cost = _cost(other, target, rates)
        if _cheaper(cost, lowest):
            best, lowest, chosen = other, cost, chosen | {name: "unroll"}
    return best


def _cost(mapped: Mapped, target: Target, rates: Rates | None) -> Cost:
    try:
        needed = total(needs(mapped.network, target, known_rates(mapped, rates)).values())
    except CapacityError:
        return _NOWHERE
    return needed.cores, needed.operations + MESSAGE_OPERATIONS * needed.messages


def _cheaper(one: Cost, other: Cost) -> bool:
    """Say whether one costs less: fewer cores, or about as many and less work."""
    if one[0] < other[0] * (1 - SAME_CORES):
        return True
    return one[0] <= other[0] * (1 + SAME_CORES) and one[1] < other[1]


def known_rates(mapped: Mapped, rates: Rates | None) -> Rates:
    """Return the rates of a graph's values as those of the nodes that send them."""
    network = mapped.network
    found = {node: network.meaning(node) for node in network.sender}
    return {node: rates[name] for node, name in found.items() if rates and name in rates}
