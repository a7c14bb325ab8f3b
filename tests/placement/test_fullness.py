"""How full each core is: as counted one synapse at a time, and as placement says of the fullest."""

from dataclasses import replace

import pytest

from snn_deploy.placement import place, usage
from snn_deploy.placement.demand import RESOURCES, UNLIMITED
from tests.placement.chips import CASES, network, small
from tests.placement.slow import Counting


@pytest.mark.parametrize(("target", "name"), CASES)
def test_every_core(target: str, name: str) -> None:
    chip_network, chosen = network(name), small(target)
    assert chosen.chip is not None
    placement = place(chip_network, chosen, effort=50)
    found = usage(chip_network, placement, chosen.chip)
    counted = Counting(chip_network, chosen.chip, placement, {}).run()
    assert found.cores.tolist() == sorted(counted.used)
    for core, used in zip(found.cores.tolist(), found.used.tolist(), strict=True):
        for resource, number, limit in zip(RESOURCES, used, found.limits, strict=True):
            if limit < UNLIMITED:
                assert counted.used[core][resource] == number, (core, resource)
    for i, resource in enumerate(RESOURCES):
        if resource in placement.utilization:
            assert found.used[:, i].max() == placement.utilization[resource].used


@pytest.mark.parametrize(("target", "name"), [CASES[0], CASES[-1]])
def test_the_fullest_resource(target: str, name: str) -> None:
    chip_network, chosen = network(name), small(target)
    assert chosen.chip is not None
    placement = place(chip_network, chosen, effort=0)
    found = usage(chip_network, placement, chosen.chip)
    most = max(use.used / use.limit for use in placement.utilization.values())
    assert max(share for _, share in found.fullest()) == most
    for (resource, share), used in zip(found.fullest(), found.used, strict=True):
        i = RESOURCES.index(resource)
        assert share == used[i] / found.limits[i] <= 1
        assert share == (used / found.limits).max()


def test_the_order_of_slots_does_not_matter() -> None:
    target, name = CASES[0]
    chip_network, chosen = network(name), small(target)
    assert chosen.chip is not None
    placement = place(chip_network, chosen, effort=0)
    assert max(len(placement.of(population)) for population in placement.shapes) > 1
    backwards = replace(placement, slots=placement.slots[::-1])
    found, same = (usage(chip_network, p, chosen.chip) for p in (placement, backwards))
    assert found.used.tolist() == same.used.tolist()
