"""What the two simulators are compared on, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from snn_deploy.hardware import Target
from snn_deploy.ir.graph import Array

from . import sanafe_graphs as graphs
from .sanafe_compare import Workload, of_graph, of_lists
from .sanafe_lists import Lists, hot, near, scattered
from .sanafe_mapped import Mapped, mapped

GRAPHS: Mapping[str, Mapping[str, int]] = {
    "dense": {"lif1": 2, "lif2": 3, "lif3": 1, "out": 1},
    "convolutional": {"lif1": 8, "lif2": 4, "lif3": 2, "fc": 1},
    "residual": {
        "block0.lif1": 2,
        "block0.lif2": 2,
        "block1.lif1": 1,
        "block1.lif2": 4,
        "lif": 1,
        "fc": 1,
    },
}
"""Cores of each population."""


@dataclass(frozen=True, slots=True)
class Random:
    """A random network.

    Attributes:
        make: it.
        steps: to compare counts.
        cycles: steps to compare times: Booksim moves every flit.
    """

    make: Callable[[], Lists]
    steps: int
    cycles: int


RANDOM: Mapping[str, Random] = {
    "one core": Random(lambda: scattered(1000, 100, 1, 0.05), 50, 10),
    "two cores": Random(lambda: scattered(1000, 50, 2, 0.1), 50, 10),
    "few messages": Random(lambda: scattered(1000, 20, 32, 0.01), 50, 20),
    "32 cores": Random(lambda: scattered(1000, 20, 32, 0.05), 50, 20),
    "32 cores, many messages": Random(lambda: scattered(1000, 40, 32, 0.2), 20, 10),
    "128 cores": Random(lambda: scattered(1280, 20, 128, 0.05), 50, 20),
    "128 cores, many messages": Random(lambda: scattered(2560, 40, 128, 0.2), 20, 5),
    "one synapse each": Random(lambda: scattered(4000, 1, 100, 0.1), 50, 10),
    "neighbours": Random(lambda: near(6400, 30, 64, 0.05, 150), 20, 5),
    "near neighbours": Random(lambda: near(6400, 30, 128, 0.1, 40), 20, 5),
    "hot core of 16": Random(lambda: hot(1600, 20, 16, 0.1, 0.3), 20, 10),
    "hot core of 64": Random(lambda: hot(2000, 10, 64, 0.05, 0.7), 50, 10),
    "A packed": Random(lambda: net_a(10), 20, 3),
    "A spread": Random(lambda: net_a(127), 20, 3),
}

DVS = "DVS gestures"
DVS_STEPS = 1000
DVS_CYCLES = 20
NAMES = (*GRAPHS, *RANDOM, DVS)


def net_a(cores: int, rate: float = 0.05) -> Lists:
    """Return 10,000 neurons with 1,000,000 synapses anywhere."""
    return scattered(10_000, 100, cores, rate)


def workload(name: str, target: Target, python: Path, *, cycles: bool = False) -> Workload:
    """Return a workload by its name.

    Args:
        name: of NAMES.
        target: Loihi.
        python: one that has SANA-FE, and with it the DVS network.
        cycles: as many steps as its cycle tier can do.
    """
    assert target.chip is not None, "Loihi is a chip"
    if name in RANDOM:
        random = RANDOM[name]
        return of_lists(name, random.make(), target.chip, random.cycles if cycles else random.steps)
    if name == DVS:
        return dvs(target, python, DVS_CYCLES if cycles else DVS_STEPS)
    graph, x = getattr(graphs, name)()
    return of_graph(name, mapped(graph, target, GRAPHS[name]), x)


def dvs(target: Target, python: Path, steps: int) -> Workload:
    """Return SANA-FE's DVS network as a workload."""
    placed, x = placed_dvs(target, python, steps)
    return of_graph(DVS, placed, x)


def placed_dvs(target: Target, python: Path, steps: int) -> tuple[Mapped, Array]:
    """Return SANA-FE's DVS network and its image.

    As in its tutorial, all synapses are stored as dense.
    """
    chip = target.chip
    assert chip is not None, "Loihi is a chip"
    energy, latency = chip.energy, chip.latency
    alike = replace(
        chip,
        energy=replace(energy, conv_event_j=energy.dense_event_j),
        latency=replace(latency, conv_event_s=latency.dense_event_s),
    )
    layers = ("lif0", *(f"{name}.lif" for name, _ in graphs.DVS_LAYERS))
    cores = dict(zip(layers, graphs.DVS_CORES, strict=True))
    # Biases act there in step 1, here once the host's image has come two steps far.
    graph, x = graphs.dvs(python, steps + 2)
    return mapped(graph, replace(target, chip=alike), cores), x
