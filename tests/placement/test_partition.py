"""Tilings: the fewest cores that are possible where that is known, and what is refused."""

import pytest

from snn_deploy.errors import CapacityError
from snn_deploy.placement.demand import RESOURCES, capacity
from snn_deploy.placement.partition import Cut, partition
from tests.placement.chips import CASES, KERNELS, changed, network, small


@pytest.mark.parametrize(("target", "name"), CASES)
def test_every_tile_fits_a_core(target: str, name: str) -> None:
    chosen = small(target)
    parts = partition(network(name), chosen)
    limits = capacity(parts.chip.limits)
    for cut in parts.cuts.values():
        assert (cut.demand <= limits).all()


def test_the_order_is_the_network_s() -> None:
    chip_network = network("ms_projection relay")
    held = [p.name for p in chip_network.populations if p.source is None]
    assert list(partition(chip_network, KERNELS).cuts) == held


def cut_of(name: str, **limits: int) -> Cut:
    chosen = changed("loihi2", threshold_bits=32, bias_bits=32, **limits)
    return partition(network("ms_identity relay"), chosen).cuts[name]


def test_a_population_that_fits_stays_whole() -> None:
    assert cut_of("lif1").tiling == ((0, 8), (0, 8), (0, 8))


@pytest.mark.parametrize(("neurons", "tiles"), [(256, 2), (64, 8)])
def test_as_few_tiles_as_there_can_be(neurons: int, tiles: int) -> None:
    assert cut_of("lif1", allocated_neurons=neurons).tiles == tiles


@pytest.mark.parametrize("neurons", [511, 100, 77])
def test_what_does_not_divide_leaves_small_rests(neurons: int) -> None:
    """512 neurons are cut so that what they take is hardly more than their share of cores."""
    cut = cut_of("lif1", allocated_neurons=neurons)
    assert int(cut.demand[..., RESOURCES.index("neurons")].sum()) == 512
    assert 512 / neurons <= cut.cores < 512 / neurons + 0.15


def test_memory_splits_channels() -> None:
    """A word for each of 72 lists, one for 8 weights, and as much for 8 channels of the relay."""
    cut = cut_of("lif3", synapse_words=150)
    assert cut.tiling == ((0, 3, 6, 8), (0, 8), (0, 8))
    assert cut.demand[..., RESOURCES.index("synapse_words")].ravel().tolist() == [150, 150, 148]


def test_all_that_cannot_fit_is_told_at_once() -> None:
    chosen = changed("loihi2", synapse_words=100, weight_bits=7, threshold_bits=8)
    with pytest.raises(CapacityError) as raised:
        partition(network("ms_identity relay"), chosen)
    told = {(where, what) for where, what, _, _ in raised.value.misfits}
    assert ("lif2", "synapse words for one neuron") in told
    assert ("lif3", "synapse words for one neuron") in told
    assert ("conv1", "bits of a weight") in told
    assert ("lif1", "bits of a threshold") in told
    assert raised.value.remedy == (
        "quantise to fewer --current-bits, quantise to fewer --weight-bits, "
        "let neurons hear and reach fewer others"
    )
    assert str(raised.value).endswith(raised.value.remedy)


def test_the_real_chips_take_the_small_networks() -> None:
    for target, name in CASES:
        if name.split()[0] in ("ms_identity", "vanilla"):
            chosen = changed(target, threshold_bits=32, bias_bits=32)
            assert partition(network(name), chosen).cuts
