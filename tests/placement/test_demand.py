"""What leaves a tile, against the core tables of Intel's compiler, and what a core has."""

from typing import Any

import numpy as np
import pytest

from snn_deploy.placement.demand import RESOURCES, UNLIMITED, Reader, capacity, demand
from snn_deploy.placement.geometry import Axis, Connection, Tiling
from snn_deploy.placement.layers import Incoming, Layer, delay_slots
from snn_deploy.placement.storage import Stored
from tests.placement.chips import chip_of

# Of YOLO-KP's convolutions, from the first on: side, channels, kernel, stride, tile (columns,
# rows, channels), and how many words of axon map and axon memory the compiler printed, of 16,000.
YOLO: list[tuple[Any, ...]] = [
    (224, 16, 3, 2, (8, 28, 16), 1.40, 0.70),
    (112, 32, 3, 2, (8, 14, 32), 0.70, 0.35),
    (56, 64, 3, 2, (4, 14, 64), 0.35, 0.17),
    (28, 128, 3, 2, (4, 7, 128), 0.17, 0.35),
    (28, 256, 3, 1, (4, 7, 128), 0.17, 0.17),
    (14, 256, 3, 2, (8, 7, 64), 0.35, 2.80),
    (14, 512, 3, 1, (8, 7, 64), 0.35, 0.35),
    (14, 256, 1, 1, (2, 7, 256), 0.09, 0.35),
    (14, 512, 3, 1, (8, 7, 64), 0.35, 0.17),
    (14, 48, 1, 1, (4, 14, 48), None, None),
]


def tiles(side: int, channels: int, tile: tuple[int, int, int]) -> Tiling:
    columns, rows, depth = tile
    return (
        (*range(0, channels, depth), channels),
        (*range(0, side, rows), side),
        (*range(0, side, columns), side),
    )


@pytest.mark.parametrize("place", range(len(YOLO) - 1))
def test_what_leaves_the_cores_of_yolo(place: int) -> None:
    """The map is what was printed; our axon memory is no less, and a few percent of all."""
    side, channels, _, _, tile, axon_map, axon_memory = YOLO[place]
    after, outputs, kernel, stride, reading, _, _ = YOLO[place + 1]
    axis = Axis(side, after, kernel, stride, kernel // 2)
    connection = Connection((channels, side, side), (outputs, after, after), 1, (axis, axis))
    reader = Reader("0", connection, tiles(after, outputs, reading))
    layer = Layer((channels, side, side), (), 8)
    found = demand(chip_of("loihi2"), layer, [reader], tiles(side, channels, tile))
    table = dict(zip(RESOURCES, np.moveaxis(found, -1, 0), strict=True))
    assert abs(table["axon_map_words"].max() / 160 - axon_map) <= 0.0051
    assert table["axon_memory_words"].max() / 160 >= axon_memory - 0.005
    assert table["axon_memory_words"].max() / 160 < 5
    assert (table["core_words"] == sum(
        table[name] for name in ("neurons", "axon_map_words", "axon_memory_words")
    )).all()  # fmt: skip


def test_capacities() -> None:
    loihi2, loihi = (dict(zip(RESOURCES, capacity(chip_of(n).limits), strict=True))
                     for n in ("loihi2", "loihi"))  # fmt: skip
    assert (loihi2["neurons"], loihi["neurons"]) == (4095, 1024)
    assert (loihi2["output_axons"], loihi["output_axons"]) == (UNLIMITED, 4096)
    assert (loihi2["core_words"], loihi["core_words"]) == (20_000, UNLIMITED)
    assert (loihi2["thresholds"], loihi["thresholds"]) == (UNLIMITED, 16)


@pytest.mark.parametrize(
    ("delay", "slots"), [(0, 8), (6, 8), (7, 16), (14, 16), (15, 32), (30, 32), (31, 64), (62, 64)]
)
def test_delay_slots(delay: int, slots: int) -> None:
    assert delay_slots(delay, chip_of("loihi").limits) == slots
    assert delay_slots(delay, chip_of("loihi2").limits) == slots


def test_labels_are_counted_by_tile() -> None:
    """4 channels with 3 thresholds; 2 x 2 x 2 neurons with a bias exponent each."""
    chip = chip_of("loihi")
    axis = Axis(2, 2)
    stored = Stored(Connection((2, 2, 2), (2, 2, 2), 1, (axis, axis)), 8, delayed=False)
    by_channel = Layer((4, 1, 1), (), 8, thresholds=(7, 7, 8, 9))
    by_neuron = Layer((2, 2, 2), (Incoming(stored, (3, 4)),), 8, exponents=(0, 1, 1, 1, 2, 2, 2, 2))
    thresholds, exponents, formats = (
        RESOURCES.index(name) for name in ("thresholds", "neuron_formats", "synapse_formats")
    )
    cut = demand(chip, by_channel, [], ((0, 2, 4), (0, 1), (0, 1)))
    assert cut[..., thresholds].ravel().tolist() == [1, 2]
    whole = demand(chip, by_neuron, [], ((0, 2), (0, 2), (0, 2)))
    assert (whole[..., exponents].item(), whole[..., formats].item()) == (3, 2)
    apart = demand(chip, by_neuron, [], ((0, 1, 2), (0, 2), (0, 2)))
    assert apart[..., exponents].ravel().tolist() == [2, 1]
    assert apart[..., formats].ravel().tolist() == [1, 1]
