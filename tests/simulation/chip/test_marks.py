"""What neurons do, against neurons that are left alone unless something wakes them."""

import numpy as np
import pytest

from snn_deploy.ir.graph import Array
from snn_deploy.ir.ops import IntegerLif, Linear
from snn_deploy.mapping import ChipNetwork, lay_out, run
from snn_deploy.quantization.graph import QuantGraph
from snn_deploy.simulation.chip.machine import GRADED, SPIKE, UPDATED, machine
from snn_deploy.simulation.chip.marks import Marker
from tests.networks import Network
from tests.simulation.chip.circuits import NAMES, OTHERS, Case, case, random_case
from tests.simulation.chip.placements import ON, together
from tests.simulation.chip.slow import Live, Step, fans_of


def marked(network: ChipNetwork, x: Array) -> dict[str, Array]:
    """Return the marks of a sample by population, [T, N]."""
    on = machine(network, together(network, ON["loihi2"]), ON["loihi2"])
    marks = Marker(network, on).mark(x)
    return {
        name: array.reshape(len(array), -1)
        for name, array in zip(on.populations, marks, strict=True)
    }


def in_network_steps(network: ChipNetwork, x: Array) -> list[dict[str, Step]]:
    """Return what the slow chip does for each step of the network, by population."""
    steps = network.graph.steps
    did = list(Live(network, fans_of(network), x).run(steps + network.latency))
    return [{p.name: did[t + p.depth] for p in network.populations} for t in range(steps)]


@pytest.mark.parametrize("name", [*NAMES, *OTHERS])
def test_marks_are_what_the_slow_chip_does(name: str) -> None:
    assert_same(case(name))


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("first", range(0, 40, 8))
def test_random_wirings(first: int, binary: bool) -> None:
    found = [random_case(seed, binary=binary) for seed in range(first, first + 8)]
    for each in found:
        if each is not None:
            assert_same(each)
    assert any(each is not None for each in found)


def assert_same(of: Case) -> None:
    network, x = of.network, of.x
    marks = marked(network, x)
    told = 0
    for t, did in enumerate(in_network_steps(network, x)):
        for name, array in marks.items():
            population = network.by_name[name]
            expected = np.zeros(population.size, np.uint8)
            expected[[*did[name].updated.get(name, ())]] |= UPDATED
            for node in population.sends:
                spike = network.graph[node].type.kind == "spike"
                expected[[*did[name].sent[node]]] |= SPIKE if spike else GRADED
            assert np.array_equal(array[t], expected), (name, t)
            told += int(np.count_nonzero(expected))
    assert told


@pytest.mark.parametrize("name", [*NAMES, *OTHERS])
def test_neurons_that_are_not_updated_do_nothing(name: str) -> None:
    """The slow chip never touches them, and yet its values are those of the schedule."""
    network, x = case(name).network, case(name).x
    batch = x[None] if network.graph.static else x[:, None]
    live = in_network_steps(network, x)
    for did, expected in zip(live, run(network, batch, network.graph.steps), strict=True):
        for population in network.populations:
            if population.hosted:
                continue
            step = did[population.name]
            for meant, node in network.shown(population).items():
                values = np.zeros(population.size, np.int64)
                told = step.sent[node] if node in step.sent else step.summed[population.name]
                values[[*told]] = [*told.values()]
                assert np.array_equal(values, expected[meant].ravel()), (meant, population.name)


@pytest.mark.parametrize("name", [*NAMES, *OTHERS])
def test_neurons_that_send_are_updated(name: str) -> None:
    network = case(name).network
    for population, array in marked(network, case(name).x).items():
        if network.by_name[population].source is None:
            sends = (array & (SPIKE | GRADED)) != 0
            assert (array[sends] & UPDATED).all(), population


def neuron(weights: list[int], **neurons: int) -> ChipNetwork:
    """Return one neuron that hears spikes, fires above 4 and is read out; three steps."""
    net = Network((len(weights),), kind="spike", static=False)
    net.builder.add("fc", Linear(), "input", weight=np.array([weights], np.int8))
    op = IntegerLif(neurons.get("current", 4096), neurons.get("voltage", 2048))
    threshold = np.array([4 * 64], np.int32)
    net.at = net.builder.add("lif", op, "fc", threshold=threshold)
    graph = net.finish(steps=3)
    assert isinstance(graph, QuantGraph)
    return lay_out(graph)


def spikes(*steps: tuple[int, ...]) -> Array:
    return np.array(steps, np.int8)


def by_hand(network: ChipNetwork, x: Array) -> dict[str, list[list[int]]]:
    return {name: array.tolist() for name, array in marked(network, x).items()}


def test_one_neuron_two_synapses_three_steps() -> None:
    """Of 3 it keeps half: 4.5 is above 4, it fires and holds nothing; its sum is held on."""
    assert by_hand(neuron([3, -2]), spikes((1, 0), (1, 0), (0, 0))) == {
        "input": [[SPIKE, 0], [SPIKE, 0], [0, 0]],
        "lif": [[UPDATED], [UPDATED | SPIKE], [0]],
        "lif.readout": [[0], [UPDATED], [UPDATED]],
    }


def test_events_that_cancel_or_weigh_nothing_are_events() -> None:
    assert by_hand(neuron([2, -2, 0]), spikes((1, 1, 0), (0, 0, 0), (0, 0, 1))) == {
        "input": [[SPIKE, SPIKE, 0], [0, 0, 0], [0, 0, SPIKE]],
        "lif": [[UPDATED], [0], [UPDATED]],
        "lif.readout": [[0], [0], [0]],
    }


@pytest.mark.parametrize(
    ("current", "voltage", "after"),
    [(4096, 4096, [UPDATED, 0]), (2048, 4096, [UPDATED, UPDATED]), (4095, 4096, [UPDATED, 0])],
    ids=["forgets all", "keeps half of its current", "keeps of its current what rounds to 0"],
)
def test_what_a_neuron_holds(current: int, voltage: int, after: list[int]) -> None:
    """After a spike at the first step. What it holds is updated once more, to become nothing."""
    marks = by_hand(neuron([1], current=current, voltage=voltage), spikes((1,), (0,), (0,)))
    assert marks["lif"][0] == [UPDATED]
    # Its potential is still there when the second step begins, and so is its current.
    assert [marks["lif"][1][0], marks["lif"][2][0]] == after


def test_samples_do_not_touch_each_other() -> None:
    chip_case = case("dense_cuba relay")
    network = chip_case.network
    on = machine(network, together(network, ON["loihi2"]), ON["loihi2"])
    marker = Marker(network, on)
    silence = np.zeros_like(chip_case.x)
    first = marker.mark(chip_case.x)
    assert not any(array.any() for array in marker.mark(silence))
    for one, again in zip(first, marker.mark(chip_case.x), strict=True):
        assert np.array_equal(one, again)
