"""What `benchmarks/silicon.py` rests on: networks and cores as they were measured, counts, fits."""

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from snn_deploy import targets
from snn_deploy.hardware import Target
from snn_deploy.ir.evaluate import evaluate
from snn_deploy.ir.graph import Array
from snn_deploy.ir.ops import Conv
from snn_deploy.mapping import map_graph
from snn_deploy.placement import Placement, place
from snn_deploy.placement.strategy import messages_of
from snn_deploy.quantization.graph import QuantGraph
from snn_deploy.simulation.chip.machine import machine
from snn_deploy.simulation.chip.marks import Marker
from snn_deploy.simulation.chip.run import Simulator
from tests.frontends.netx.conftest import site_packages
from tests.simulation.chip.placements import NOWHERE

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"

CORES = {
    "lif0": (13, 3168),
    "lif1": (25, 3072),
    "lif2": (13, 2160),
    "lif3": (3, 2688),
    "lif4": (3, 2048),
    "lif5": (2, 2048),
    "lif7": (12, 9),
    "lif8": (1, 50),
    "lif9": (1, 10),
    "dense10": (1, 1),
}
"""Of each layer of PilotNet, and neurons of the fullest, as Intel's compiler printed them. It shows
8 neurons for the 12 cores of the first vector, which has 100."""
SHAPES = {
    "lif0": (3, 66, 200),
    "lif1": (24, 32, 99),
    "lif2": (36, 15, 49),
    "lif3": (48, 7, 24),
    "lif4": (64, 4, 22),
    "lif5": (64, 2, 20),
    "lif7": (100,),
    "lif8": (50,),
    "lif9": (10,),
    "dense10": (1,),
}


@pytest.fixture
def pilotnet(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("harness.pilotnet")


@pytest.fixture
def branches(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("harness.branches")


@pytest.fixture(scope="module")
def recorded() -> Path:
    """The folder of PilotNet's recordings that comes with lava-dl."""
    found = site_packages()
    if found is None:
        pytest.skip("needs lava-dl: run `make lava`, or set SNN_DEPLOY_LAVA_PYTHON")
    folder = found / "tests" / "lava" / "lib" / "dl" / "netx" / "gts" / "pilotnet_lif"
    if not folder.is_dir():
        pytest.skip(f"lava-dl is installed without its recordings, there is no {folder}")
    return folder


def test_intels_cores(pilotnet: ModuleType) -> None:
    like = Placement("loihi2", (), 0, 120, 1, {}, NOWHERE, NOWHERE, SHAPES)
    found = pilotnet.on_intels_cores(like)
    assert found.cores_used == len({slot.core for slot in found.slots}) == 74
    by_layer = {name: [slot.neurons for slot in found.of(name)] for name in SHAPES}
    assert {name: (len(held), max(held)) for name, held in by_layer.items()} == CORES
    assert [slot.core for slot in found.of("dense10")] == [0]
    assert [slot.core for slot in pilotnet.on_intels_cores(like, "input").of("dense10")] == [73]
    anywhere = [slot.core for slot in pilotnet.on_intels_cores(like, seed=1).slots]
    assert len(set(anywhere)) == 74
    assert max(anywhere) < 120
    columns = pilotnet.column_by_column(found)
    assert {slot.columns[1] - slot.columns[0] for slot in columns.slots} == {1}
    assert np.array_equal(columns.core_of("lif1"), found.core_of("lif1"))


def test_the_image_spikes_as_it_was_recorded(pilotnet: ModuleType, recorded: Path) -> None:
    """The recorder put all potentials back to rest after 17 steps."""
    frame = pilotnet.load(recorded / "network.net", pilotnet.read_image(recorded / "image.npy"))
    truth = np.load(recorded / "input.npy").transpose(3, 2, 1, 0)
    graph = replace(frame.graph, steps=17)
    compared = 0
    for values, expected in zip(evaluate(graph, frame.x[None]), truth, strict=False):
        np.testing.assert_array_equal(values["lif0"][0], expected)
        compared += expected.size
    assert compared == 673_200


def test_events_do_not_depend_on_cores(pilotnet: ModuleType, recorded: Path) -> None:
    """All that spikes reach, one convolution after the other, without the simulator's classes."""
    frame = pilotnet.load(recorded / "network.net", pilotnet.read_image(recorded / "image.npy"))
    target = targets.load("loihi2")
    network = map_graph(frame.graph, messages_of(target), {}).network
    ours = place(network, target, effort=0)
    expected = sum(reached(frame.graph, frame.x))
    marks = Marker(network, machine(network, ours, target)).mark(frame.x)
    for placement in (ours, pilotnet.on_intels_cores(ours)):
        counts, _ = Simulator(machine(network, placement, target), "ideal").simulate(marks)
        assert counts.events.sum() == expected


def reached(graph: QuantGraph, x: Array) -> Iterator[int]:
    """Yield how many synapses the spikes of each layer meet in each step."""
    readers = {
        graph[n.inputs[0]].name: n for n in graph.nodes if f"{n.name}.weight" in graph.params
    }
    fans = {source: fan(graph, node.name) for source, node in readers.items()}
    for values in evaluate(graph, x[None]):
        for source, synapses in fans.items():
            spikes = values[source][0]
            yield int((spikes.reshape(synapses.shape) * synapses).sum(dtype=np.int64))


def fan(graph: QuantGraph, name: str) -> Array:
    """Return synapses of each neuron that a layer reads: int64 [C, H, W] or [N]."""
    weight, op = graph.params[f"{name}.weight"], graph[name].op
    source = graph[graph[name].inputs[0]].type.shape
    found = np.zeros(source, np.int64)
    if not isinstance(op, Conv):
        return found + len(weight)
    rows, columns = (padded(n, p) for n, p in zip(source[1:], op.padding, strict=True))
    height, width = graph[name].type.shape[1:]
    for y, x in np.ndindex(height, width):
        for dy, dx in np.ndindex(*weight.shape[2:]):
            row, column = rows[y * op.stride[0] + dy], columns[x * op.stride[1] + dx]
            if row >= 0 and column >= 0:
                found[:, row, column] += len(weight)
    return found


def padded(length: int, padding: int) -> list[int]:
    outside = [-1] * padding
    return [*outside, *range(length), *outside]


def test_a_branch_by_hand(branches: ModuleType) -> None:
    """Joules of an inference, every one of them: 12 layers of 256, 29 sums, 27 cores, 10 steps."""
    target = without_hops(targets.load("loihi"))
    found = branches.simulate(1, target)
    assert target.chip is not None
    cost = target.chip.energy
    neurons, layers = 12 * 256 + 29, 12
    active = cost.neuron_access_j + cost.neuron_update_j
    assert found.neurons == neurons
    assert found.cores == 27
    assert found.silent_j == pytest.approx(10 * (neurons * active + 27 * cost.barrier_j))
    messages = 256 * (1 + 9 + 8 + 1)
    events = 256 * 256 * 11 + 256 * 29
    spikes_j = layers * 256 * cost.send_j
    messages_j = messages * (cost.axon_out_j + cost.axon_in_j)
    events_j = events * cost.dense_event_j
    assert found.firing_j == pytest.approx(10 * (spikes_j + messages_j + events_j))


def without_hops(target: Target) -> Target:
    assert target.chip is not None
    energy = replace(target.chip.energy, hop_x_j=0.0, hop_y_j=0.0)
    return replace(target, chip=replace(target.chip, energy=energy))


def test_a_fit_finds_what_a_series_was_made_of(
    branches: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = targets.load("loihi")
    simulated = {n: branches.simulate(n, target) for n in (0, 1, 2, 4)}
    series = made_of(branches, simulated, input_output_j=50e-6, rate=0.07)
    monkeypatch.setattr(branches, "SERIES", series)
    fitted = branches.fit(simulated, (0, 4))
    assert (fitted.input_output_j, fitted.rate) == pytest.approx((50e-6, 0.07))
    held_out = branches.held_out(simulated, 2)
    assert len(held_out) == 6
    assert {len(one.errors) for one in held_out} == {2}
    assert all(abs(error) < 1e-9 for one in held_out for error in one.errors.values())
    energies = {n: branches.stepping_j(n) for n in series}
    assert branches.slope_j(energies) == pytest.approx(
        branches.slope_j({n: s.energy_j(0.07) for n, s in simulated.items()})
    )


def made_of(
    branches: ModuleType, simulated: Mapping[int, object], input_output_j: float, rate: float
) -> Mapping[int, object]:
    """Return what would be measured at 100 inferences a second."""
    fit = branches.Fit(input_output_j, rate)
    return {
        n: branches.Measured(100.0, branches.AWAKE_W + 100.0 * fit.energy_j(one))
        for n, one in simulated.items()
    }
