"""Totals, beside those of a placement, and by hand."""

import numpy as np
import pytest

from snn_deploy import targets
from snn_deploy.errors import UsageError
from snn_deploy.placement import Needs, needs, place, total
from tests.placement.chips import CASES, changed, network, small
from tests.placement.slow import edges

ROOMY = changed("loihi2", threshold_bits=32, bias_bits=32)


@pytest.mark.parametrize(("target", "name"), CASES[::4])
def test_operations_and_tiles(target: str, name: str) -> None:
    chip_network, chosen = network(name), small(target)
    found = needs(chip_network, chosen)
    placement = place(chip_network, chosen, effort=0)
    for population, need in found.items():
        operations = 0.0
        for synapse in chip_network.incoming[population]:
            sender = chip_network.sender[synapse.source]
            if not sender.hosted:
                rate = 1.0 if synapse.source == sender.relay else 0.25
                operations += rate * sum(1 for _ in edges(chip_network, synapse))
        assert need.operations == operations
        assert need.tiles == len(placement.of(population))
        assert need.neurons == chip_network.by_name[population].size
    everything = total(found.values())
    assert everything.tiles == len(placement.slots)
    assert placement.cores_used >= everything.cores


def test_messages_by_hand() -> None:
    """On one core each, every neuron sends each reader its messages once."""
    found = needs(network("ms_identity relay"), ROOMY, {"lif1": 0.5, "stem.relay": 0.75})
    assert found["lif1"].messages == 512 * (0.5 + 0.75)
    assert found["lif2"].messages == 512 * 0.25
    assert found["head"] == Needs(10, 1, found["head"].cores, found["head"].synapse_words, 8, 0, 80)
    assert found["head"].cores == 0.125  # a group of eight


def test_totals() -> None:
    one = Needs(1, 2, 0.5, 4, 5, 6.0, 7.0)
    assert total([one, one]) == Needs(2, 4, 1.0, 8, 10, 12.0, 14.0)
    assert total([]) == Needs()
    assert np.isclose(total([one]).cores, 0.5)


def test_a_runtime_has_no_cores() -> None:
    with pytest.raises(UsageError):
        needs(network("ms_identity relay"), targets.load("lava"))
