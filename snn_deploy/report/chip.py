"""A network on a chip, as the report says it: cores, shortcuts, latency."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from .sections import ChipSection, CoresSection
from .wording import count, percent

RESOURCES: Mapping[str, str] = {
    "neurons": "neurons",
    "synapse_words": "synapse memory, words",
    "core_words": "core memory, words",
    "input_axons": "input axons",
    "output_axons": "output axons",
    "axon_map_words": "axon map, words",
    "axon_memory_words": "axon memory, words",
    "delay_slots": "delay slots",
    "neuron_groups": "neuron groups",
    "neuron_formats": "neuron formats",
    "thresholds": "thresholds",
    "synapse_formats": "synapse formats",
}
"""What people call the resources of a core."""


def chip_tree(chip: ChipSection | None, steps: int) -> dict[str, Any]:
    """Return the sections `placement` and `latency` of report.json, where there are any."""
    if chip is None:
        return {}
    cores = chip.cores
    placed = (
        {}
        if cores is None
        else {
            "cores_used": cores.used,
            "cores": cores.available,
            "chips": cores.chips,
            "mean_hops": cores.mean_hops,
            "max_link_load": cores.max_link_load,
            "utilization": {name: asdict(use) for name, use in cores.utilization.items()},
            "layers": dict(cores.layers),
        }
    )
    return {
        "placement": {
            "populations": chip.populations,
            "synapses": chip.synapses,
            "longest_delay_steps": chip.longest_delay,
            "strategy": dict(chip.strategy),
            **placed,
        },
        "latency": {"steps": steps, "offset_steps": chip.latency},
    }


def chip_lines(chip: ChipSection, steps: int) -> Iterator[str]:
    """Yield lines for a terminal."""
    if chip.cores is not None:
        yield f"cores      {where(chip.cores)}; {fullest(chip.cores)}"
    if chip.strategy:
        yield f"shortcuts  {shortcuts(chip)}"
    yield f"latency    {latency(chip, steps)}"


def where(cores: CoresSection) -> str:
    """Return e.g. `54 of 120 on 1 chip`."""
    chips = "1 chip" if cores.chips == 1 else f"{count(cores.chips)} chips"
    return f"{count(cores.used)} of {count(cores.available)} on {chips}"


def fullest(cores: CoresSection) -> str:
    """Return which resource is used most, and where."""
    name, use = max(cores.utilization.items(), key=lambda item: item[1].used / item[1].limit)
    share = percent(use.used / use.limit, 0)
    return f"fullest: {RESOURCES.get(name, name)}, {share} on core {use.worst_core}"


def shortcuts(chip: ChipSection) -> str:
    """Return how the stages carry their shortcuts, those of one kind together."""
    kinds = dict.fromkeys(chip.strategy.values())
    stages = {kind: [s for s, how in chip.strategy.items() if how == kind] for kind in kinds}
    if len(kinds) == 1:
        (kind,) = kinds
        return f"{_HOW[kind]} in {_stages(len(chip.strategy))}"
    return "; ".join(f"{_HOW[kind]} in {', '.join(names)}" for kind, names in stages.items())


def _stages(number: int) -> str:
    return "the only stage" if number == 1 else f"all {number} stages"


_HOW = {
    "relay": "relayed as graded messages",
    "unroll": "unrolled into delayed spikes",
}


def latency(chip: ChipSection, steps: int) -> str:
    """Return when a sample's result is there, and how often one is."""
    return (
        f"a sample enters every {steps} steps and is read out after {steps + chip.latency}; "
        f"layers lag by up to {chip.latency}"
    )
