"""Placements of small networks, counted anew one synapse at a time."""

import numpy as np
import pytest

from snn_deploy import targets
from snn_deploy.errors import CapacityError, UsageError
from snn_deploy.placement import place
from snn_deploy.placement.mesh import mesh
from tests.placement.chips import CASES, KERNELS, changed, network, small
from tests.placement.slow import Counting, walked

EFFORT = 300
RATES = {"lif1": 0.5, "stem_lif": 0.125, "stream.relay": 0.75}


@pytest.mark.parametrize(("target", "name"), CASES)
def test_every_count_is_that_of_single_synapses(target: str, name: str) -> None:
    """Rates are sums of powers of two, so messages are exact, in whatever order they are added."""
    chip_network, chosen = network(name), small(target)
    assert chosen.chip is not None
    placement = place(chip_network, chosen, RATES, effort=EFFORT)
    counted = Counting(chip_network, chosen.chip, placement, RATES).run()

    for population in chip_network.populations:
        if population.hosted or population.source is not None:
            assert not placement.of(population.name)
        else:
            assert (counted.owners[population.name] == 1).all()
    assert set(counted.used) == {slot.core for slot in placement.slots}
    assert placement.cores_used == len(counted.used)
    for resource, most in placement.utilization.items():
        each = {core: used[resource] for core, used in counted.used.items()}
        assert most.used == max(each.values()), resource
        assert each[most.worst_core] == most.used, resource
        assert most.used <= most.limit, resource

    grid = mesh(chosen.chip.limits, placement.chips)
    loads = walked(grid, counted.messages)
    away = sum(n for (a, b), n in counted.messages.items() if a != b)
    assert placement.ways.mean_hops == sum(loads.values()) / away
    assert placement.ways.max_link_load == max(loads.values())
    assert placement.ways.cost == sum(
        n * int(abs(grid.x[a] - grid.x[b]) + abs(grid.y[a] - grid.y[b]))
        for (a, b), n in counted.messages.items()
    )


@pytest.mark.parametrize(("target", "name"), [CASES[0], CASES[-1]])
def test_the_same_arguments_give_the_same_placement(target: str, name: str) -> None:
    chip_network, chosen = network(name), small(target)
    first, again, other = (
        place(chip_network, chosen, seed=seed, effort=EFFORT) for seed in (1, 1, 2)
    )
    assert first == again
    assert first.slots != other.slots
    assert first.cores_used == other.cores_used


@pytest.mark.parametrize("effort", [0, 1, 20, 400])
@pytest.mark.parametrize("begin", ["best", "sequential", "random"])
def test_swaps_never_make_it_worse(effort: int, begin: str) -> None:
    found = place(network("ms_projection relay"), KERNELS, effort=effort, begin=begin)
    assert found.ways.cost <= found.ways_before.cost
    if effort == 0:
        assert found.ways == found.ways_before
    if effort == 400:
        assert found.ways.cost < found.ways_before.cost


def test_the_curve_is_better_than_the_order_of_the_layers_and_than_chance() -> None:
    chip_network = network("ms_projection relay")
    best, sequential, random = (
        place(chip_network, KERNELS, effort=0, begin=begin).ways.cost
        for begin in ("best", "sequential", "random")
    )
    assert best <= sequential < random


def test_the_core_of_a_neuron() -> None:
    """Of [C, H, W] and of a vector that is a flattened [C, H, W]."""
    for name, population in (("ms_identity relay", "lif2"), ("flattened_neurons relay", "lif1")):
        chip_network = network(name)
        placement = place(chip_network, KERNELS, effort=0)
        cores = placement.core_of(population)
        assert cores.shape == chip_network.by_name[population].shape
        assert set(np.unique(cores)) == {slot.core for slot in placement.of(population)}
        sizes = {core: int((cores == core).sum()) for core in np.unique(cores)}
        for core, size in sizes.items():
            held = sum(slot.neurons for slot in placement.of(population) if slot.core == core)
            assert size == held
        first = placement.of(population)[0]
        corner = cores.reshape(-1)[0]
        assert (first.channels[0], first.rows[0], first.columns[0]) == (0, 0, 0)
        assert corner == first.core


def test_cores_of_several_chips() -> None:
    placement = place(network("ms_identity relay"), KERNELS, effort=0)
    assert placement.cores == placement.chips * 6 >= placement.cores_used > 6
    assert placement.utilization["neurons"].limit == 120
    assert "thresholds" not in placement.utilization  # Loihi 2 has no such table


def test_small_populations_share_a_core() -> None:
    """On the real chip all of this network is on two cores, in eight groups at most."""
    placement = place(network("ms_identity relay"), changed("loihi2", threshold_bits=32))
    assert placement.cores_used < len({slot.population for slot in placement.slots})
    assert placement.utilization["neuron_groups"].used > 1


def test_one_neuron_layer_on_one_core_sends_nothing() -> None:
    placement = place(network("biases relay"), changed("loihi2", chips=1, decay_bits=13))
    assert placement.cores_used == 1
    assert (placement.ways.cost, placement.ways.mean_hops, placement.ways.max_link_load) == (0,) * 3


def test_too_many_cores() -> None:
    with pytest.raises(CapacityError) as raised:
        place(
            network("ms_identity relay"), changed("loihi2", chips=1, cores=2, allocated_neurons=99)
        )
    (misfit,) = raised.value.misfits
    assert misfit[1] == "chips"
    assert misfit[2] > misfit[3] == 1
    assert "the largest system of 1 chips has 2" in str(raised.value)


def test_a_runtime_has_no_cores() -> None:
    with pytest.raises(UsageError, match="onnx has no cores"):
        place(network("ms_identity relay"), targets.load("onnx"))
