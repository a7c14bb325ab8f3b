"""Words of memory: what Intel's compiler printed, and lists counted by hand."""

import numpy as np
import pytest

from snn_deploy.placement.geometry import Axis, Connection
from snn_deploy.placement.storage import Stored, common_exponent, synapse_words, weight_bits
from tests.placement.chips import chip_of

LOIHI2, LOIHI = chip_of("loihi2"), chip_of("loihi")

# Of YOLO-KP, on Loihi 2: kernel, input channels, channels of a core, neurons of a core, and what
# the compiler printed in percent: synapses, axon map, axon memory, total. The bits of the weights
# are not printed; 4 to 6 make the synapses what they are.
YOLO = [
    (1, 512, 48, 14 * 4 * 48, 6, 19.20, 16.80, 0.00, 42.26),
    (3, 256, 64, 7 * 8 * 64, 5, 86.40, 0.35, 0.17, 87.47),
    (1, 512, 256, 7 * 2 * 256, 5, 67.20, 0.09, 0.35, 72.04),
    (3, 256, 64, 7 * 8 * 64, 5, 86.40, 0.35, 0.35, 87.61),
    (3, 256, 64, 7 * 8 * 64, 4, 72.00, 0.35, 2.80, 78.05),
    (3, 128, 128, 7 * 4 * 128, 5, 79.20, 0.17, 0.17, 81.57),
    (3, 64, 128, 7 * 4 * 128, 5, 39.60, 0.17, 0.35, 50.03),
    (3, 32, 64, 14 * 4 * 64, 5, 10.80, 0.35, 0.17, 26.99),
    (3, 16, 32, 14 * 8 * 32, 5, 3.60, 0.70, 0.35, 21.65),
    (3, 3, 16, 28 * 8 * 16, 4, 0.34, 1.40, 0.70, 19.88),
]


def convolution(kernel: int, inputs: int, outputs: int, *, bits: int, groups: int = 1) -> Stored:
    axis = Axis(28, 28, kernel, 1, kernel // 2)
    return Stored(
        Connection((inputs, 28, 28), (outputs, 28, 28), groups, (axis, axis)), bits, delayed=False
    )


@pytest.mark.parametrize("row", YOLO)
def test_the_core_tables_of_yolo(row: tuple[float, ...]) -> None:
    kernel, inputs, outputs, neurons, bits, *percent = row
    stored = convolution(int(kernel), int(inputs), int(outputs), bits=int(bits))
    (words,) = synapse_words(LOIHI2, stored, ((0, int(outputs)), (0, 28), (0, 28))).ravel()
    synapses, axon_map, axon_memory, total = percent
    limits = LOIHI2.limits
    assert limits.synapse_words == 16_000
    assert limits.core_words == 20_000
    assert round(100 * int(words) / limits.synapse_words, 2) == synapses
    axons = (axon_map + axon_memory) / 100 * 16_000
    # Two numbers with two decimals each lie behind the axons: 0.02 points of the total.
    assert 100 * (neurons + words + axons) / limits.core_words == pytest.approx(total, abs=0.02)


@pytest.mark.parametrize(
    ("inputs", "neurons", "bits", "words"),
    [
        (2560, 100, 5, 61_440),  # PilotNet-LIF, refused whole
        (2560, 17, 5, 12_800),  # and in six parts
        (2560, 9, 5, 3 * 2560),
        (2560, 1, 5, 1 * 2560),
        (100, 50, 6, 1300),
        (50, 10, 5, 150),
        (10, 1, 6, 10),
        (2560, 100, 6, 66_560),  # PilotNet-SDNN
        (2560, 17, 6, 12_800),
        (100, 50, 8, 1500),
        (256, 200, 8, 14_592),  # Oxford
        (200, 256, 8, 14_600),
        (2048, 512, 5, 247_808),  # DVS Gesture
    ],
)
def test_the_lists_of_dense_layers(inputs: int, neurons: int, bits: int, words: int) -> None:
    stored = Stored(Connection((inputs, 1, 1), (neurons, 1, 1), 1, None), bits, delayed=False)
    assert synapse_words(LOIHI2, stored, ((0, neurons), (0, 1), (0, 1))).tolist() == [[[words]]]


@pytest.mark.parametrize(
    ("kernel", "inputs", "outputs", "bits", "words"),
    [
        (3, 64, 64, 4, 2880),  # PilotNet-LIF
        (3, 48, 64, 4, 2160),
        (3, 36, 48, 5, 1620),
        (3, 24, 36, 4, 864),
        (3, 3, 24, 5, 81),
        (3, 48, 64, 5, 2592),  # PilotNet-SDNN
    ],
)
def test_the_kernels_of_pilotnet(
    kernel: int, inputs: int, outputs: int, bits: int, words: int
) -> None:
    stored = convolution(kernel, inputs, outputs, bits=bits)
    tiling = ((0, outputs), (0, 14, 28), (0, 28))
    assert (synapse_words(LOIHI2, stored, tiling) == words).all()


def test_a_kernel_of_groups_is_one_for_each() -> None:
    """8 groups of 4 to 8 channels; 12 channels are a group and a half."""
    stored = convolution(3, 32, 64, bits=8, groups=8)
    found = synapse_words(LOIHI2, stored, ((0, 12, 64), (0, 28), (0, 28)))
    assert found.ravel().tolist() == [9 * 4 * (2 + 2), 9 * 4 * (2 + 6 * 2)]


def test_a_list_on_loihi() -> None:
    """100 weights of 8 bits: 64 with a head take 9 words, 36 with a head 5."""
    stored = Stored(Connection((10, 1, 1), (100, 1, 1), 1, None), 8, delayed=False)
    assert synapse_words(LOIHI, stored, ((0, 100), (0, 1), (0, 1))).item() == 10 * (9 + 5)
    delayed = Stored(stored.connection, 8, delayed=True)
    assert synapse_words(LOIHI, delayed, ((0, 100), (0, 1), (0, 1))).item() == 10 * (15 + 9)
    seven = Stored(stored.connection, 7, delayed=False)  # there is no field of 7 bits
    assert synapse_words(LOIHI, seven, ((0, 100), (0, 1), (0, 1))).item() == 10 * (9 + 5)


def test_a_shared_kernel_on_loihi() -> None:
    """One row, a kernel of 3, one channel to 4: inputs reach 1, 2, 3, 2 or 1 outputs.

    A tile of 4 x 5 neurons has indices of 6 bits: 14 bits a synapse, lists of 4, 8 and 12 synapses
    take 2, 2 and 3 words. At the border of the map the first input reaches two outputs.
    """
    rows, columns = Axis(1, 1), Axis(20, 18, 3)
    stored = Stored(Connection((1, 1, 20), (4, 1, 18), 1, (rows, columns)), 8, delayed=False)
    found = synapse_words(LOIHI, stored, ((0, 4), (0, 1), (0, 5, 10, 18)))
    assert found.ravel().tolist() == [2 + 2 + 3 + 2 + 2] * 3


@pytest.mark.parametrize(
    ("weights", "bits", "exponent"),
    [
        ([0, 0], 1, 0),
        ([0, 1], 1, 0),
        ([-1, 0], 1, 0),
        ([-1, 1], 2, 0),
        ([0, 255], 8, 0),
        ([-128, 127], 8, 0),
        ([-127, -128], 8, 0),
        ([-6, 4], 3, 1),
        ([-8, 8], 2, 3),
        ([-129, 3], 9, 0),
        ([0, 64], 1, 6),
    ],
)
def test_the_bits_that_weights_need(weights: list[int], bits: int, exponent: int) -> None:
    array = np.array(weights, np.int16)
    assert weight_bits(array) == bits
    assert common_exponent(array) == exponent
