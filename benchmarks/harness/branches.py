"""Networks that grow while their input and output stay, on Loihi, and what was measured of them.

Measured by P. Blouw, X. Choo, E. Hunsberger and C. Eliasmith (NICE 2019) on a Wolf Mountain board;
their logs are in abr/power_benchmarks, logs/running/loihi_I08O08C*. N branches of ten layers of 256
neurons, all to all, between a layer that has 8 cores and another that has 8; 29 sums are read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from snn_deploy.hardware import Target
from snn_deploy.ir.builder import GraphBuilder
from snn_deploy.ir.graph import Array
from snn_deploy.ir.ops import Add, Input, IntegerLif, Linear
from snn_deploy.mapping import ChipNetwork, map_graph
from snn_deploy.placement import Placement, Slot, Ways
from snn_deploy.placement.layers import on_cores
from snn_deploy.placement.strategy import messages_of
from snn_deploy.quantization.graph import QuantGraph
from snn_deploy.report.pricing import price
from snn_deploy.simulation.chip.machine import SPIKE, UPDATED, machine
from snn_deploy.simulation.chip.result import ChipRun
from snn_deploy.simulation.chip.run import Simulator

STEPS, LAYERS, WIDTH, OUTPUTS = 10, 10, 256, 29
CORES = {"first": 8, "out": 8}
"""Others have one."""
NEURON_STEPS = STEPS * LAYERS * WIDTH
"""Of a branch in an inference."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A network of the series: inferences a second, and what the board drew while it ran."""

    inferences_per_s: float
    running_w: float


SERIES: Mapping[int, Measured] = {
    0: Measured(125.8, 0.1075),
    1: Measured(114.7, 0.1079),
    2: Measured(114.4, 0.1100),
    4: Measured(114.3, 0.1135),
    6: Measured(114.3, 0.1173),
    8: Measured(114.0, 0.1209),
    10: Measured(114.0, 0.1248),
}
"""By branches; means of three runs."""

IDLE_W = 0.0296
"""After booting."""
AWAKE_W = 0.0963
"""Before and after a run, with a network on the chip that does not step: 96.0 to 96.5 mW in the
first run of each of the seven. The difference are the x86 cores, which the first run wakes."""


def stepping_j(branches: int) -> float:
    """Return what an inference took beyond the same time without stepping."""
    measured = SERIES[branches]
    return (measured.running_w - AWAKE_W) / measured.inferences_per_s


def subtracted_j(branches: int) -> float:
    """Return "dynamic" energy as it was published: beyond the idle board."""
    measured = SERIES[branches]
    return (measured.running_w - IDLE_W) / measured.inferences_per_s


def network(branches: int, target: Target) -> ChipNetwork:
    """Return a network of the series with random weights; thresholds mean nothing here."""
    builder, rng = GraphBuilder(f"branches{branches}"), np.random.default_rng(0)
    builder.add("input", Input((WIDTH,), "current", static=True))

    def weighted(name: str, source: str, outputs: int = WIDTH) -> str:
        weight = rng.integers(-127, 128, (outputs, WIDTH)).astype(np.int8)
        return builder.add(name, Linear(), source, weight=weight)

    def neurons(name: str, source: str) -> str:
        threshold = np.array([1 << 6], np.int32)
        return builder.add(name, IntegerLif(4096, 1024), source, threshold=threshold)

    first = neurons("first", "input")
    heard = []
    for branch in range(branches):
        at = first
        for layer in range(LAYERS):
            at = neurons(f"lif{branch}_{layer}", weighted(f"fc{branch}_{layer}", at))
        heard.append(weighted(f"last{branch}", at))
    total = heard[0] if heard else weighted("last", first)
    for branch, more in enumerate(heard[1:], 1):
        total = builder.add(f"sum{branch}", Add(), total, more)
    graph = builder.finish(weighted("read", neurons("out", total), OUTPUTS), steps=STEPS)
    scales = {node.name: np.ones(1) for node in graph.nodes}
    quantized = QuantGraph(
        graph.name, graph.nodes, graph.outputs, graph.params, graph.steps, graph.readout,
        scales=scales, weight_bits=8, input_limit=1,
    )  # fmt: skip
    return map_graph(quantized, messages_of(target), {}).network


def place(chip_network: ChipNetwork, target: Target) -> Placement:
    """Return every layer on a core of its own, the first and the last on eight."""
    slots: list[Slot] = []
    shapes = {p.name: p.shape for p in chip_network.populations if on_cores(p)}
    for name, (neurons,) in shapes.items():
        parts = CORES.get(name, 1)
        ends = [neurons * part // parts for part in range(parts + 1)]
        first = len(slots)
        slots += [
            Slot(name, span, (0, 1), (0, 1), core)
            for core, span in enumerate(pairwise(ends), first)
        ]
    assert target.chip is not None, "a placement is of a chip"
    unknown = Ways(0, 0, 0)
    cores = target.chip.limits.cores
    return Placement(target.name, tuple(slots), len(slots), cores, 1, {}, unknown, unknown, shapes)


@dataclass(frozen=True, slots=True)
class Simulated:
    """A network of the series, simulated.

    Attributes:
        neurons, cores: how many.
        silent_j: an inference, all neurons updated at every step, none of them firing.
        firing_j: what it takes more where every neuron fires at every step; counts are linear.
        silent_step_s, firing_step_s: of the ideal tier.
    """

    neurons: int
    cores: int
    silent_j: float
    firing_j: float
    silent_step_s: float
    firing_step_s: float

    def energy_j(self, rate: float) -> float:
        """Return the energy of an inference at so many spikes a neuron and step."""
        return self.silent_j + rate * self.firing_j

    def step_s(self, rate: float) -> float:
        """Return the most that a step takes: the slowest core is below the line between both."""
        return self.silent_step_s + rate * (self.firing_step_s - self.silent_step_s)


def simulate(branches: int, target: Target) -> Simulated:
    """Simulate a network of the series, silent and with every neuron firing."""
    chip_network = network(branches, target)
    placement = place(chip_network, target)
    silent, silent_s = _priced(chip_network, placement, target, firing=False)
    firing, firing_s = _priced(chip_network, placement, target, firing=True)
    neurons = sum(slot.neurons for slot in placement.slots)
    cores = placement.cores_used
    return Simulated(neurons, cores, silent, firing - silent, silent_s, firing_s)


def _priced(
    chip_network: ChipNetwork, placement: Placement, target: Target, *, firing: bool
) -> tuple[float, float]:
    """Return joules of an inference, without those of time, and seconds of a step."""
    made = machine(chip_network, placement, target)
    sends = {sender.population for sender in made.senders} if firing else set()
    marks = [
        np.full((STEPS, *box), UPDATED | SPIKE * (population in sends), np.uint8)
        for population, box in enumerate(made.boxes)
    ]
    counts, times = Simulator(made, "ideal").simulate(marks)
    run = ChipRun(
        slots=made.slots, cores=made.cores, latency=chip_network.latency, chips=1, counts=counts,
        times=times, asked=1,
    )  # fmt: skip
    energy = price(run, target)
    return energy.dynamic_j + energy.barrier_j, float(times.step_s.mean())


@dataclass(frozen=True, slots=True)
class Fit:
    """What two parameters are fitted to: input and output of an inference, and the rate."""

    input_output_j: float
    rate: float

    def energy_j(self, simulated: Simulated) -> float:
        """Return what an inference takes beyond the same time without stepping."""
        return self.input_output_j + simulated.energy_j(self.rate)


def fit(simulated: Mapping[int, Simulated], known: Sequence[int]) -> Fit:
    """Fit to the networks with so many branches, by least squares."""
    of = [simulated[branches] for branches in known]
    system: Array = np.array([[1.0, s.firing_j] for s in of])
    left = np.array([stepping_j(n) - s.silent_j for n, s in zip(known, of, strict=True)])
    (input_output, rate), *_ = np.linalg.lstsq(system, left)
    return Fit(float(input_output), float(rate))


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Predictions of networks that a fit did not see: relative errors, by size."""

    known: tuple[int, ...]
    rate: float
    errors: Mapping[int, float]


def held_out(simulated: Mapping[int, Simulated], size: int) -> list[HeldOut]:
    """Fit to every choice of so many networks, and predict the others."""
    found = []
    for known in combinations(SERIES, size):
        fitted = fit(simulated, known)
        others = [n for n in SERIES if n not in known]
        errors = {n: fitted.energy_j(simulated[n]) / stepping_j(n) - 1 for n in others}
        found.append(HeldOut(known, fitted.rate, errors))
    return found


def slope_j(values: Mapping[int, float]) -> float:
    """Return what a neuron takes more in a step: the line through all networks with branches."""
    sizes = np.array([n for n in values if n])
    return float(np.polyfit(sizes, [values[n] for n in sizes], 1)[0]) / NEURON_STEPS
