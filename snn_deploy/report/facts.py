"""What is known of the keys of report.json: words, unit, and which way is better."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from .reading import Key, Leaf

Unit = Literal["number", "count", "fraction", "joules", "seconds", "bytes"]
Better = Literal["lower", "higher"]


@dataclass(frozen=True, slots=True)
class Fact:
    """What a key means.

    Attributes:
        group: the heading it stands under.
        label: of a series, with {} where the entry's name goes; nothing where the path says it.
        unit: of a number; a fraction is one of 1, and fractions differ by points.
        better: None where neither way is.
        detail: says again, or in small, what others say; shown to who asks for all.
        sums: adds up over the samples, so that it is judged between equally many alone.
        modelled: rests on the constants of the target and on how it was simulated.
    """

    group: str
    label: str
    unit: Unit = "number"
    better: Better | None = None
    detail: bool = False
    sums: bool = False
    modelled: bool = False


ACCURACY, SPIKES, ENERGY, TIME = "accuracy", "spikes", "energy", "time"
PLACEMENT, QUANTISATION, OPERATIONS = "placement", "quantised", "operations"
SIMULATION, CRITICISM, AGREEMENT = "simulation", "criticism", "agreement"
NETWORK, OTHER, TOOL = "network", "other", "the tool"

GROUPS = (
    *(ACCURACY, SPIKES, ENERGY, TIME, PLACEMENT, QUANTISATION, OPERATIONS),
    *(SIMULATION, CRITICISM, AGREEMENT, NETWORK, OTHER, TOOL),
)
"""In the order in which they are shown."""

_GROUP_OF = {
    "accuracy": ACCURACY,
    "spikes": SPIKES,
    "claim": SPIKES,
    "energy": ENERGY,
    "latency": TIME,
    "placement": PLACEMENT,
    "quantization": QUANTISATION,
    "neurobench": OPERATIONS,
    "simulation": SIMULATION,
    "criticism": CRITICISM,
    "agreement": AGREEMENT,
    "model": NETWORK,
    "target": NETWORK,
    "timing": TOOL,
    "tool": TOOL,
    "schema": TOOL,
    "partial": TOOL,
}
"""By section, of keys about which nothing else is known."""

_UNIT_OF: Mapping[str, Unit] = {"_j": "joules", "_s": "seconds", "_bytes": "bytes"}
"""By the ending of a key, which names its unit everywhere."""


def _account(key: str, name: str) -> Mapping[str, Fact]:
    """Return the keys of one account of energy."""
    return {
        f"energy.{key}.snn_j": Fact(ENERGY, name, "joules", "lower"),
        f"energy.{key}.ann_j": Fact(ENERGY, f"{name}: ANN twin", "joules", detail=True),
        f"energy.{key}.ratio": Fact(ENERGY, f"{name}: ANN over SNN", "number", "higher"),
    }


def _firing(series: str, noun: str) -> Mapping[str, Fact]:
    """Return the keys of stages or layers that fire."""
    return {
        f"{series}.*.per_neuron_per_inference": Fact(SPIKES, noun, "number", "lower"),
        f"{series}.*.neurons": Fact(SPIKES, f"{noun}: neurons", "count", detail=True),
        f"{series}.*.spikes": Fact(
            SPIKES, f"{noun}: of all samples", "count", "lower", detail=True, sums=True
        ),
        f"{series}.*.rate": Fact(SPIKES, f"{noun}: a step", "fraction", "lower", detail=True),
        f"{series}.*.*": Fact(SPIKES, "", detail=True),
    }


FACTS: Mapping[str, Fact] = {
    "accuracy.float": Fact(ACCURACY, "float", "fraction", "higher"),
    "accuracy.integer": Fact(ACCURACY, "integer", "fraction", "higher"),
    "accuracy.samples": Fact(ACCURACY, "samples", "count", detail=True),
    "spikes.per_neuron_per_inference": Fact(SPIKES, "per neuron, inference", "number", "lower"),
    "spikes.total": Fact(SPIKES, "of all samples", "count", "lower", detail=True, sums=True),
    "spikes.samples": Fact(SPIKES, "samples", "count", detail=True),
    "claim.verdict": Fact(SPIKES, "verdict"),
    "claim.energy_ratio.verdict": Fact(ENERGY, "verdict on the ratio"),
    "claim.energy_ratio.**": Fact(ENERGY, "", detail=True),
    "claim.**": Fact(SPIKES, "", detail=True),
    **_firing("spikes.stages", "stage {}"),
    **_firing("spikes.layers", "layer {}"),
    **_account("paper", "paper's account"),
    **_account("charged", "charged account"),
    **_account("lemaire", "memory-aware account"),
    "energy.chip.total_j": Fact(ENERGY, "on the chip", "joules", "lower", modelled=True),
    **{
        f"energy.chip.{part}_j": Fact(
            ENERGY, f"on the chip: {part}", "joules", "lower", modelled=True
        )
        for part in ("dynamic", "static", "barrier", "host")
    },
    "energy.chip.charges.*.energy_j": Fact(ENERGY, "for {}", "joules", "lower", modelled=True),
    "energy.chip.charges.**": Fact(ENERGY, "", detail=True, modelled=True),
    "energy.chip.**.*_j": Fact(ENERGY, "", "joules", "lower", modelled=True),
    "energy.chip.**": Fact(ENERGY, "", modelled=True),
    "energy.evidence.*": Fact(ENERGY, "rests on {} constants", "fraction", modelled=True),
    "latency.steps": Fact(TIME, "steps of a sample", "count"),
    "latency.offset_steps": Fact(TIME, "steps that layers lag", "count", "lower"),
    "latency.step_s.mean": Fact(TIME, "chip step, mean", "seconds", "lower", modelled=True),
    "latency.step_s.max": Fact(TIME, "chip step, longest", "seconds", "lower", modelled=True),
    "latency.inference_s": Fact(TIME, "inference", "seconds", "lower", modelled=True),
    "latency.readout_s": Fact(TIME, "until the readout", "seconds", "lower", modelled=True),
    "latency.barrier_s": Fact(TIME, "barrier of a step", "seconds", "lower", modelled=True),
    "latency.**.*_s": Fact(TIME, "", "seconds", "lower", modelled=True),
    "latency.tier": Fact(TIME, "tier", detail=True),
    **{
        f"simulation.{name}": Fact(SIMULATION, f"{words} an inference", "count", "lower")
        for name, words in (
            ("spikes", "spikes"),
            ("graded", "graded messages"),
            ("updates", "neuron updates"),
            ("messages", "messages"),
            ("hosted", "messages of the host"),
            ("hops", "hops"),
        )
    },
    "simulation.synaptic_events.*": Fact(SIMULATION, "{} synaptic events", "count", "lower"),
    "simulation.layers.*.energy_j": Fact(SIMULATION, "layer {}", "joules", "lower", modelled=True),
    "simulation.links.between_chips": Fact(SIMULATION, "hops between chips", "count", "lower"),
    **{
        f"simulation.{section}.**": Fact(SIMULATION, "", detail=True)
        for section in ("layers", "cores", "links", "steps", "waited_for")
    },
    **{
        f"simulation.{name}": Fact(SIMULATION, "", "count", detail=True)
        for name in ("samples", "asked", "partial")
    },
    "partial": Fact(TOOL, "", detail=True),
    "placement.cores_used": Fact(PLACEMENT, "cores", "count", "lower"),
    "placement.chips": Fact(PLACEMENT, "chips", "count", "lower"),
    "placement.cores": Fact(PLACEMENT, "cores of these chips", "count", detail=True),
    "placement.populations": Fact(PLACEMENT, "populations", "count"),
    "placement.synapses": Fact(PLACEMENT, "layers of synapses", "count"),
    "placement.longest_delay_steps": Fact(PLACEMENT, "longest delay, steps", "count"),
    "placement.mean_hops": Fact(PLACEMENT, "hops of a message", "number", "lower"),
    "placement.max_link_load": Fact(PLACEMENT, "load of the busiest link", "number", "lower"),
    "placement.strategy.*": Fact(PLACEMENT, "shortcuts of {}"),
    "placement.utilization.**": Fact(PLACEMENT, "", "count", detail=True),
    "placement.layers.*": Fact(PLACEMENT, "cores of {}", "count", detail=True),
    "quantization.weight_bits": Fact(QUANTISATION, "bits of a weight", "count"),
    "quantization.saturated": Fact(
        QUANTISATION, "values at their limit", "count", "lower", sums=True
    ),
    "quantization.layers.*.weight_error": Fact(QUANTISATION, "error of {}", "number", "lower"),
    "quantization.layers.**": Fact(QUANTISATION, "", detail=True),
    "neurobench.Footprint": Fact(OPERATIONS, "memory of parameters", "bytes", "lower"),
    "neurobench.ConnectionSparsity": Fact(OPERATIONS, "weights of zero", "fraction", "higher"),
    "neurobench.ActivationSparsity": Fact(OPERATIONS, "silent neurons", "fraction", "higher"),
    "neurobench.SynapticOperations.Effective_ACs": Fact(
        OPERATIONS, "accumulates a sample", "count", "lower"
    ),
    "neurobench.SynapticOperations.Effective_MACs": Fact(
        OPERATIONS, "multiplications a sample", "count", "lower"
    ),
    "neurobench.SynapticOperations.Dense": Fact(OPERATIONS, "if nothing were zero", "count"),
    "criticism.*.verdict": Fact(CRITICISM, "{}"),
    "criticism.**": Fact(CRITICISM, "", detail=True),
    "agreement.*.mismatches": Fact(AGREEMENT, "{}: values that differ", "count", "lower"),
    "agreement.**": Fact(AGREEMENT, "", "count", detail=True),
    "model.parameters": Fact(NETWORK, "parameters", "count"),
    "model.neurons": Fact(NETWORK, "neurons", "count"),
    "model.spiking_layers": Fact(NETWORK, "spiking layers", "count"),
    "model.steps": Fact(NETWORK, "steps (T)", "count"),
    "model.**": Fact(NETWORK, "", detail=True),
    "target.**": Fact(NETWORK, "", detail=True),
    "timing.*": Fact(TOOL, "{}", "seconds", detail=True),
    "tool.version": Fact(TOOL, "version", detail=True),
    "schema": Fact(TOOL, "schema", detail=True),
}
"""By key: `*` is any name, `**` any number of them. The first that fits counts."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """A key with what is known of it.

    Attributes:
        fact: guessed from the key where it is not known.
        label: what people read.
        entry: the name of a layer, a stage and the like; None of what is there once.
        series: the same for all keys that differ in that name alone.
    """

    fact: Fact
    label: str
    entry: str | None
    series: str


def meaning(key: Key, leaf: Leaf) -> Meaning:
    """Return what a value means; of an unknown key, as much as its names tell."""
    for pattern, matcher, fact in _matchers().get(key[0], ()):
        found = matcher.fullmatch(_SEPARATOR.join(key))
        if found is not None:
            entry = found.groupdict().get("entry")
            if entry is None:
                return _listed(fact, fact.label or leaf.path, key, leaf)
            label = fact.label.format(entry) or leaf.path
            return Meaning(fact, label, entry, _series(key, pattern))
    return _listed(Fact(_GROUP_OF.get(key[0], OTHER), "", _unit(key, leaf)), leaf.path, key, leaf)


def _listed(fact: Fact, label: str, key: Key, leaf: Leaf) -> Meaning:
    """Return a meaning whose entry, if there is one, is that of a list."""
    entries = [name for name, place in zip(key, leaf.series, strict=True) if place == "*"]
    return Meaning(fact, label, entries[-1] if entries else None, ".".join(leaf.series))


def _series(key: Key, pattern: str) -> str:
    place = pattern.split(".").index("*")
    return ".".join((*key[:place], "*", *key[place + 1 :]))


def is_known(key: Key) -> bool:
    """Say whether reports of this version can have a key, one of these here by its name."""
    return any(
        "**" not in pattern and matcher.fullmatch(_SEPARATOR.join(key))
        for pattern, matcher, _ in _matchers().get(key[0], ())
    )


def is_known_section(key: Key) -> bool:
    """Say whether reports of this version can have keys that begin so."""
    for pattern in FACTS:
        names = pattern.split(".")[: len(key)]
        alike = all(known in ("*", name) for known, name in zip(names, key, strict=False))
        if len(names) == len(key) and alike:
            return True
    return False


def _unit(key: Key, leaf: Leaf) -> Unit:
    for ending, unit in _UNIT_OF.items():
        if key[-1].endswith(ending):
            return unit
    return "count" if isinstance(leaf.value, int) else "number"


_SEPARATOR = "\0"
"""No name holds it: `reading` gives printable ones."""


@cache
def _matchers() -> Mapping[str, Sequence[tuple[str, re.Pattern[str], Fact]]]:
    """Return the facts by section."""
    found: dict[str, list[tuple[str, re.Pattern[str], Fact]]] = {}
    for pattern, fact in FACTS.items():
        section, *_ = pattern.split(".")
        found.setdefault(section, []).append((pattern, _matcher(pattern), fact))
    return found


def _matcher(pattern: str) -> re.Pattern[str]:
    *before, last = pattern.split(".")
    name = f"[^{_SEPARATOR}]"
    pieces = {"**": f"(?:{name}+{_SEPARATOR})*", "*": f"(?P<entry>{name}+){_SEPARATOR}"}
    ends = {"**": ".+", "*": f"{name}+" if "*" in before else f"(?P<entry>{name}+)"}

    def part(text: str) -> str:
        return re.escape(text).replace(r"\*", f"{name}*")

    inner = [pieces.get(text, part(text) + _SEPARATOR) for text in before]
    return re.compile("".join([*inner, ends.get(last, part(last))]))
