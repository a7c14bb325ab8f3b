"""What published critics ask of energy claims for spiking networks, answered from the counts."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from snn_deploy.ir.graph import Graph
from snn_deploy.ir.ops import MESSAGING
from snn_deploy.simulation import Activity

from .energy import ANALOG, Estimate
from .memory import MEMORY, Widths, crossings, leaks, reads_events, twin_j
from .wording import energy, percent, saving, short_count, three_digits

Verdict = Literal["for the spiking network", "depends on the ANN", "for the ANN", "not stated"]
Done = Literal["yes", "no"]

RATE_STEPS = range(5, 11)
RATE = 0.064
RATE_AT_5 = 0.057
"""Spikes per neuron and step below which a spiking network beats an equivalent quantised ANN. Yan,
Bai, Tang and Wong, arXiv 2409.08290: 6.4 % for T from 5 to 10 in versions 2 and 3, 5.7 % at T = 5
in version 4 (abstracts)."""

PER_SYNAPSE = (0.15, 1.38)
"""Spikes per synapse and inference below which a spiking network competes: with the ANN that reuses
most, and with the one that reuses least; neurons without leak. Dampfhoffer, Mesquida, Valentian and
Anghel, IEEE TETCI 7(3), 2023 (abstract)."""

PER_NEURON = 1.7
"""Spikes per neuron and inference where a rate code breaks even. Davidson and Furber, Frontiers in
Neuroscience 15:651141, 2021, as others quote it; not verified."""

PRE_SILICON_J = 23.6e-12
"""A synaptic operation of Loihi, at least: from simulation before the chip. Davies et al., IEEE
Micro 38(1), 2018, table 2."""

YAN = "Yan et al., arXiv 2409.08290"
DAMPFHOFFER = "Dampfhoffer et al., IEEE TETCI 2023"
DAVIDSON = "Davidson and Furber, Front. Neurosci. 2021: quoted, not verified"
LEMAIRE = "Lemaire et al., ICONIP 2022"
COMMON = "a common error in published estimates"
DAVIES = "Davies et al., IEEE Micro 2018, table 2"


@dataclass(frozen=True, slots=True)
class Check:
    """A question and what this network answers.

    Attributes:
        name: stable.
        question: in words.
        source: who asks.
        threshold: what was published to compare with, in `unit`; empty where nothing was.
        measured: of this network, in `unit`; None where there is no figure.
        unit: of both.
        verdict: whom the figure speaks for, or whether what is asked for was done.
        says: the same in a sentence or two.
    """

    name: str
    question: str
    source: str
    threshold: tuple[float, ...]
    measured: float | None
    unit: str
    verdict: Verdict | Done
    says: str


def examine(
    graph: Graph, activity: Activity, arithmetic: Estimate, memory: Estimate
) -> tuple[Check, ...]:
    """Answer every question.

    Args:
        graph: the one that `activity` was counted on.
        activity: counts.
        arithmetic: the paper's account.
        memory: the memory-aware account.
    """
    return (
        *_of_synapses(graph, activity),
        _of_neurons(graph, activity),
        _of_rate(graph, activity),
        *_of_twin(graph, activity, memory),
        _of_memory(memory),
        _of_first_layer(activity, arithmetic),
        *_of_operations(activity),
        _of_silicon(),
    )


def _of_synapses(graph: Graph, activity: Activity) -> Iterator[Check]:
    layers = [layer for layer in activity.synapses if reads_events(layer)]
    connections = sum(layer.connections for layer in layers)
    if not connections:
        return
    crossed = sum(crossings(layer, activity) for layer in layers) / connections
    best, worst = PER_SYNAPSE
    if _sends_numbers(graph):
        verdict, said = _of_messages()
    elif crossed <= best:
        verdict, said = "for the spiking network", f"fewer than {best}, whatever the ANN reuses"
    elif crossed <= worst:
        verdict = "depends on the ANN"
        said = f"between {best} and {worst}, where it depends on how much the ANN reuses its data"
    else:
        verdict, said = "for the ANN", f"more than {worst}, however little the ANN reuses"
    yield Check(
        "spikes-per-synapse",
        "How many spikes cross a synapse?",
        DAMPFHOFFER,
        () if _sends_numbers(graph) else PER_SYNAPSE,
        crossed,
        "spikes per synapse and inference",
        verdict,
        f"{three_digits(crossed)} in an inference, {said}. {_on_leak(graph)}",
    )


def _on_leak(graph: Graph) -> str:
    leaking = any(leaks(node) for node in graph.spiking)
    return "The bounds are for neurons without leak" + (
        "; these leak, which costs more." if leaking else ", as these are."
    )


def _of_neurons(graph: Graph, activity: Activity) -> Check:
    per_neuron = _rate(activity) * activity.steps
    if _sends_numbers(graph):
        verdict, said = _of_messages()
    elif per_neuron < PER_NEURON:
        verdict = "for the spiking network"
        said = f"below the {PER_NEURON} where a rate code breaks even"
    else:
        verdict, said = "for the ANN", f"not below the {PER_NEURON} where a rate code breaks even"
    return Check(
        "spikes-per-neuron",
        "How often does a neuron fire?",
        DAVIDSON,
        () if _sends_numbers(graph) else (PER_NEURON,),
        per_neuron,
        "spikes per neuron and inference",
        verdict,
        f"{three_digits(per_neuron)} times in an inference, {said}.",
    )


def _of_rate(graph: Graph, activity: Activity) -> Check:
    rate, steps = _rate(activity), activity.steps
    stated = steps in RATE_STEPS and not _sends_numbers(graph)
    threshold = RATE_AT_5 if steps == min(RATE_STEPS) else RATE
    if _sends_numbers(graph):
        verdict, said = _of_messages()
    elif not stated:
        verdict = "not stated"
        said = (
            f"nothing is stated for T = {steps}; for 5 to 10 steps it must be below "
            f"{percent(RATE, 1)}, by a later version below {percent(RATE_AT_5, 1)} at 5"
        )
    elif rate < threshold:
        verdict = "for the spiking network"
        said = f"below the {percent(threshold, 1)} of T = {steps}"
    else:
        verdict, said = "for the ANN", f"not below the {percent(threshold, 1)} of T = {steps}"
    return Check(
        "spike-rate",
        "How many neurons fire at a step?",
        YAN,
        (threshold,) if stated else (),
        rate,
        "spikes per neuron and step",
        verdict,
        f"{percent(rate, 1)}: {said}.",
    )


def _of_messages() -> tuple[Verdict, str]:
    return "not stated", "but messages carry numbers, of which nothing is stated"


def _of_twin(graph: Graph, activity: Activity, memory: Estimate) -> Iterator[Check]:
    """T steps of spikes tell T + 1 values apart: ceil(log2(T + 1)) bits."""
    if memory.ratio is None or _sends_numbers(graph):
        return
    bits = activity.steps.bit_length()
    widths = replace(Widths.of(graph), activations=bits)
    ann_j, snn_j = twin_j(graph, activity, widths), memory.snn_j
    yield Check(
        "fair-twin",
        "What would an ANN of as few bits cost?",
        YAN,
        (ann_j,),
        snn_j,
        "J",
        "for the spiking network" if snn_j < ann_j else "for the ANN",
        f"{activity.steps} steps tell apart what {bits} bits do: with {bits}-bit activations the "
        f"twin costs {energy(ann_j)} by the memory-aware account, zeros not skipped; this network "
        f"{energy(snn_j)}, {saving(ann_j / snn_j)}.",
    )


def _of_memory(memory: Estimate) -> Check:
    accesses = sum(share.energy_j for share in memory.shares if share.name in MEMORY)
    share = accesses / memory.snn_j if memory.snn_j else 0.0
    return Check(
        "memory-accesses",
        "Are memory accesses counted?",
        LEMAIRE,
        (),
        share,
        "fraction of the memory-aware account",
        "yes",
        f"They are {percent(share, 1)} of the memory-aware account; the paper's and the charged "
        "account leave them out.",
    )


def _of_first_layer(activity: Activity, arithmetic: Estimate) -> Check:
    analog = [layer for layer in activity.synapses if layer.reads == "analog"]
    counted = [share for share in arithmetic.shares if share.name == ANALOG]
    share = sum(s.energy_j for s in counted) / arithmetic.snn_j if counted else 0.0
    if not analog:
        says = "There is none: the first layer reads events."
    elif counted:
        macs = short_count(sum(s.operations for s in counted))
        says = f"Its {macs} multiplications are {percent(share, 1)} of the paper's account."
    else:
        says = "The paper's account leaves its multiplications out."
    return Check(
        "first-layer",
        "Is the analog first layer counted?",
        COMMON,
        (),
        share,
        "fraction of the paper's account",
        "yes" if counted or not analog else "no",
        says,
    )


def _of_operations(activity: Activity) -> Iterator[Check]:
    events = sum(layer.events for layer in activity.synapses if layer.sources)
    if not activity.spikes:
        return
    yield Check(
        "synaptic-operations",
        "Are synaptic operations priced, or only spikes?",
        COMMON,
        (),
        events / activity.spikes,
        "synaptic operations per spike",
        "yes",
        f"Operations: a spike here causes {three_digits(events / activity.spikes)} of them.",
    )


def _of_silicon() -> Check:
    return Check(
        "pre-silicon",
        "Are simulated prices told from measured ones?",
        DAVIES,
        (PRE_SILICON_J,),
        None,
        "J per synaptic operation",
        "yes",
        f"The {energy(PRE_SILICON_J)} often quoted for Loihi were simulated before there was a "
        "chip, and are a minimum. The accounts in 45 nm do not use them, and what a chip's prices "
        "rest on stands beside each of them.",
    )


def _rate(activity: Activity) -> float:
    shown = activity.neuron_count * activity.steps * activity.samples
    return activity.spikes / shown if shown else 0.0


def _sends_numbers(graph: Graph) -> bool:
    return any(isinstance(node.op, MESSAGING) for node in graph.nodes)
