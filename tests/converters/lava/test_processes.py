"""Our processes in Lava, and Lava's own as we use them, against numbers worked out by hand."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from snn_deploy.converters.lava.environment import LavaEnvironment
from snn_deploy.converters.lava.lower import LavaConverter
from snn_deploy.ir.graph import Array
from snn_deploy.ir.kernels import convolve, sum_pool
from snn_deploy.ir.ops import Conv, SumPool
from tests.converters.lava.mapped import mapped
from tests.networks import INTEGER

CASES = Path(__file__).with_name("process_cases.py")
WINDOW = 4
SAMPLES = 3

Sent = Mapping[str, Array]


@pytest.fixture(scope="module")
def sent(lava: LavaEnvironment, tmp_path_factory: pytest.TempPathFactory) -> Sent:
    """What every process of `process_cases.py` sent: [SAMPLES * WINDOW, ...] by key."""
    folder = tmp_path_factory.mktemp("processes")
    files = LavaConverter().lower(mapped(INTEGER["dense_static"]())).files
    (folder / "lava_network").mkdir()
    for name, content in files.items():
        if name.startswith("lava_network/"):
            (folder / name).write_bytes(content)
    shutil.copy(CASES, folder)
    lava.run(folder / CASES.name, ["out.npz"], cwd=folder, timeout_s=300)
    with np.load(folder / "out.npz") as found:
        return dict(found)


def windows(sample: list[list[int]]) -> Array:
    """Return what is the same in the window of every sample."""
    return np.array(sample * SAMPLES)


def shown(samples: Array) -> Array:
    """Return each sample, for a window."""
    return np.repeat(samples, WINDOW, axis=0)


def test_a_sample_is_shown_for_a_window(sent: Sent) -> None:
    assert np.array_equal(sent["source/static"], shown(np.array([[1, 2], [3, 4], [5, 6]])))
    image = np.arange(SAMPLES * 12).reshape(SAMPLES, 2, 3, 2)
    assert np.array_equal(sent["source/image"], shown(image))


def test_a_sequence_is_shown_step_by_step(sent: Sent) -> None:
    assert sent["source/sequence"].ravel().tolist() == [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]


def test_delay_lines_are_late(sent: Sent) -> None:
    assert sent["delay/1"].ravel().tolist() == [0, 0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8]
    assert sent["delay/3"].ravel().tolist() == [0, 0, 0, 0, 3, 6, 9, 1, 4, 7, 10, 2]


@pytest.mark.parametrize("depth", range(6))
def test_windows_begin_at_their_depth(sent: Sent, depth: int) -> None:
    """A current of 1 reaches a threshold of 2 at the third step of each window, everywhere."""
    assert sent[f"reset/lava{depth}"].ravel().tolist() == [0, 0, 1, 0] * SAMPLES
    assert sent[f"reset/ours{depth}"].ravel().tolist() == [0, 0, 1, 0] * SAMPLES
    assert sent[f"reset/total{depth}"].ravel().tolist() == [1, 2, 3, 4] * SAMPLES


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("soft", [0, 1, 1, 0], [0, 0, 0, 0]),  # 7, 14 - 10, 11 - 10, 8
        ("none", [0, 1, 1, 1], [0, 0, 0, 0]),  # 7, 14, 21, 28
        ("equality", [0, 1, 0, 1], [0, 0, 0, 0]),  # 7, 14 - 14, 7, 14 - 14
        ("current", [1, 1, 1, 1], [0, 0, 1, 0]),  # u: 64, 96, 112, 120;  v: 64, 160, 272 - 272, 120
        ("potential", [0, 0, 1, 1], [1, 1, 0, 0]),  # +-451, +-(340 + 451), +-(597 + 451), ...
        ("clipped", [0, 0, 0, 0], [0, 1, 1, 1]),  # 2^22 + 448, then 2^23 - 1
    ],
)
def test_neurons(sent: Sent, name: str, first: list[int], second: list[int]) -> None:
    assert np.array_equal(sent[f"neurons/{name}"], windows(np.array([first, second]).T.tolist()))


def test_residual_neurons_send_their_current_on(sent: Sent) -> None:
    assert np.array_equal(sent["sent/soft"], windows([[7, -7]] * WINDOW))
    assert np.array_equal(sent["sent/current"], windows([[15, 1]] * WINDOW))


def test_relays_round_halves_away_from_zero(sent: Sent) -> None:
    values = np.array([-6, -5, -3, -2, -1, 0, 1, 2, 3, 5, 6])
    quarters = np.array([-2, -1, -1, -1, 0, 0, 0, 1, 1, 1, 2])
    assert np.array_equal(sent["relay/plain"], windows([(values + 100).tolist()] * WINDOW))
    assert np.array_equal(sent["relay/right"], windows([(quarters + 10).tolist()] * WINDOW))
    assert np.array_equal(sent["relay/left"], windows([(8 * (values + 1)).tolist()] * WINDOW))


IMAGE = np.arange(1, 1 + SAMPLES * 24, dtype=np.int32).reshape(SAMPLES, 2, 3, 4)
WEIGHT = np.arange(2 * 2 * 2 * 3, dtype=np.int16).reshape(2, 2, 2, 3) - 11


def test_convolutions_are_correlations(sent: Sent) -> None:
    sums = convolve(IMAGE, WEIGHT, Conv((2, 1), (1, 2), (1, 2)))
    expected = sums * np.array([1, 4]).reshape(2, 1, 1)
    assert np.array_equal(sent["synapse/conv"], shown(expected))
    wide = convolve(IMAGE, WEIGHT, Conv((1, 1), (0, 0), (1, 1))) * 512
    assert np.array_equal(sent["synapse/wide"], shown(wide))


def test_convolutions_over_one_axis(sent: Sent) -> None:
    line = np.arange(SAMPLES * 10, dtype=np.int32).reshape(SAMPLES, 2, 5) - 9
    expected = 2 * convolve(line, WEIGHT[:, :, 0], Conv((2,), (1,), (1,)))
    assert np.array_equal(sent["synapse/conv1d"], shown(expected))


def test_sums_over_windows(sent: Sent) -> None:
    expected = sum_pool(IMAGE, SumPool((3, 2), (1, 2), (0, 0)))
    assert np.array_equal(sent["synapse/pool"], shown(expected))


def test_more_groups_than_a_byte_counts(sent: Sent) -> None:
    assert sent["synapse/depthwise"][0].ravel().tolist() == list(range(150))


def test_dense_layers_read_channels_outermost(sent: Sent) -> None:
    weight = np.array([[-128, 127, 1, -1, 3, -3], [-5, -7, -9, -128, -128, -1]])
    values = np.arange(SAMPLES * 6).reshape(SAMPLES, 6)
    assert np.array_equal(sent["synapse/dense"], shown(2 * values @ weight.T))
    assert np.array_equal(sent["synapse/wide_dense"], shown(100 * values @ weight.T * [1, 8]))


def test_flattened_layers_have_channels_outermost(sent: Sent) -> None:
    assert np.array_equal(sent["synapse/flattened"], shown(IMAGE))
