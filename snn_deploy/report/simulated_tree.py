"""A simulated chip in report.json and on a terminal."""

from collections.abc import Iterator, Mapping
from math import fsum
from typing import Any

from snn_deploy.simulation.chip.result import DIRECTIONS

from .pricing import Charge, ChipEnergy
from .simulated import (
    HOST,
    Link,
    SimulatedCore,
    SimulatedLayer,
    SimulatedStep,
    Simulation,
    Wait,
)
from .wording import energy, seconds

BUSIEST = 10
"""So many links, and cores that steps waited for, are listed."""


def latency_tree(simulation: Simulation) -> dict[str, Any]:
    """Return what the section `latency` has to say of a run."""
    return {
        "step_s": {"mean": simulation.step_s, "max": simulation.longest_s},
        "barrier_s": simulation.barrier_s,
        "inference_s": simulation.inference_s,
        "readout_s": simulation.readout_s,
        "tier": simulation.tier,
    }


def energy_tree(spent: ChipEnergy) -> dict[str, Any]:
    """Return what the section `energy` has to say of a chip."""
    chip = {
        "dynamic_j": spent.dynamic_j,
        "static_j": spent.static_j,
        "barrier_j": spent.barrier_j,
        "host_j": spent.host_j,
        "total_j": spent.total_j,
        "charges": [_charge(charge) for charge in spent.charges],
    }
    return {"chip": chip, "evidence": dict(spent.evidence)}


def simulation_tree(simulation: Simulation) -> dict[str, Any]:
    """Return the section `simulation`: means of an inference, but for samples and steps waited."""
    return {
        "samples": simulation.samples,
        "asked": simulation.asked,
        "partial": simulation.partial,
        "spikes": simulation.spikes,
        "graded": simulation.graded,
        "updates": simulation.updates,
        "messages": simulation.messages,
        "hosted": simulation.hosted,
        "hops": simulation.hops,
        "synaptic_events": dict(simulation.events),
        "layers": [_layer(layer) for layer in simulation.layers],
        "cores": [_core(core) for core in simulation.cores],
        "links": _links(simulation),
        "steps": [_step(step) for step in simulation.steps],
        "waited_for": [_wait(wait) for wait in simulation.waits[:BUSIEST]],
    }


def simulation_lines(simulation: Simulation) -> Iterator[str]:
    """Yield lines for a terminal."""
    spent = simulation.energy
    parts = {
        "dynamic": spent.dynamic_j,
        "static": spent.static_j,
        "barriers": spent.barrier_j,
        "host": spent.host_j,
    }
    shown = ", ".join(f"{name} {energy(joules)}" for name, joules in parts.items() if joules)
    part = f" of {simulation.asked}" if simulation.partial else ""
    noun = "sample" if simulation.samples == 1 else "samples"
    stopped = ", stopped by hand" if simulation.partial else ""
    yield (
        f"chip       {energy(spent.total_j)} an inference ({shown}); "
        f"{simulation.samples}{part} {noun}, {simulation.tier}{stopped}"
    )
    yield (
        f"step       {seconds(simulation.step_s)}, {seconds(simulation.inference_s)} an inference; "
        f"the slowest is {most_waited(simulation)}"
    )


def most_waited(simulation: Simulation) -> str:
    """Return e.g. `core 17, for what it receives (12 of 16 steps)`."""
    wait = simulation.waits[0]
    number = simulation.samples * len(simulation.steps)
    return f"{core_name(wait.core)}, {why(wait)} ({wait.steps} of {number} steps)"


def core_name(core: int) -> str:
    """Return e.g. `core 17`."""
    return "the host" if core == HOST else f"core {core}"


def why(wait: Wait) -> str:
    """Return what a core was busy with where steps waited for it."""
    if wait.core == HOST:
        return "for its input"
    if 2 * wait.receiving > wait.steps:
        return "for what it receives"
    return "for its own neurons"


def _charge(charge: Charge) -> dict[str, Any]:
    unit = "_w" if charge.constant.endswith("_w") else "_j"
    return {
        "name": charge.constant.removesuffix(unit),
        "count": charge.count,
        f"price{unit}": charge.price,
        "energy_j": charge.energy_j,
        "evidence": charge.evidence,
    }


def _layer(layer: SimulatedLayer) -> dict[str, Any]:
    return {
        "name": layer.name,
        "neurons": layer.neurons,
        "cores": layer.cores,
        "spikes": layer.spikes,
        "graded": layer.graded,
        "updates": layer.updates,
        "messages": layer.messages,
        "synaptic_events": dict(layer.events),
        "energy_j": short(layer.energy.total_j),
    }


def _core(core: SimulatedCore) -> dict[str, Any]:
    full = (
        {} if core.fullest is None else {"fullest": core.fullest[0], "use": short(core.fullest[1])}
    )
    return {
        "core": core.core,
        "chip": core.chip,
        "row": core.row,
        "column": core.column,
        "layers": list(core.layers),
        "neurons": core.neurons,
        **full,
        "synaptic_events": short(core.events),
        "sent": short(core.sent),
        "received": short(core.received),
        "neurons_s": short(core.neurons_s),
        "messages_s": short(core.messages_s),
        "blocked_s": short(core.blocked_s),
        "queued_s": short(core.queued_s),
        "energy_j": short(core.energy_j),
    }


def _links(simulation: Simulation) -> dict[str, Any]:
    links = simulation.links
    return {
        "used": len(links),
        "flits": {d: fsum(x.flits for x in links if x.direction == d) for d in DIRECTIONS},
        "between_chips": fsum(link.flits for link in links if link.far),
        "busiest": [_link(link) for link in links[:BUSIEST]],
    }


def _link(link: Link) -> dict[str, Any]:
    return {
        "row": link.row,
        "column": link.column,
        "direction": link.direction,
        "flits": link.flits,
        "between_chips": link.far,
    }


def _step(step: SimulatedStep) -> dict[str, Any]:
    times = {"mean_s": short(step.mean_s), "max_s": short(step.max_s)}
    return times | {"waited_for": _wait(step.slowest)}


def _wait(wait: Wait) -> dict[str, Any]:
    who: Mapping[str, Any] = {"host": True} if wait.core == HOST else {"core": wait.core}
    return {**who, "steps": wait.steps, "receiving": wait.receiving}


def short(value: float) -> float:
    """Return a value in six digits: long lists shall not fill a file with digits of no meaning."""
    return float(f"{value:.6g}")
