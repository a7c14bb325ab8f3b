"""Arrays with a time axis: for networks whose input changes from step to step."""

from pathlib import Path

import numpy as np
import pytest

from snn_deploy.checkpoints import EventBinning, InputSpec
from snn_deploy.datasets import Samples, load
from snn_deploy.errors import ModelError

VALUES = np.arange(3 * 4 * 2 * 5, dtype=np.uint8).reshape(3, 4, 2, 5)
SPEC = InputSpec((2, 5), (0.5, 0.25), (0.5, 2.0), 4, sequence=True)


@pytest.fixture
def samples(tmp_path: Path) -> Samples:
    np.savez(tmp_path / "a.npz", sequences=VALUES, labels=np.arange(3))
    return load(tmp_path / "a.npz")


def test_time_comes_first(samples: Samples) -> None:
    assert (samples.sequence, samples.shape, len(samples)) == (True, (2, 5), 3)
    found = samples.normalised(SPEC)
    assert found.shape == (4, 3, 2, 5)
    for step in range(4):
        still = Samples("here", VALUES[:, step], None)
        static = InputSpec(SPEC.shape, SPEC.mean, SPEC.std, 4)
        np.testing.assert_array_equal(found[step], still.normalised(static))
    fewer = InputSpec((2, 5), SPEC.mean, SPEC.std, 2, sequence=True)
    np.testing.assert_array_equal(samples.normalised(fewer), found[:2])


def test_parts_keep_their_time(samples: Samples) -> None:
    assert [part.normalised(SPEC).shape for part in samples.batches(2)] == [
        (4, 2, 2, 5),
        (4, 1, 2, 5),
    ]


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        (InputSpec((2, 5), (), (), 4), "has sequences, the network takes samples without a time"),
        (InputSpec((2, 5), (), (), 5, sequence=True), "of 4 steps, the network takes 5"),
        (InputSpec((2, 6), (), (), 4, sequence=True), "of shape [2, 5], the network takes [2, 6]"),
    ],
)
def test_networks_that_take_others(samples: Samples, spec: InputSpec, problem: str) -> None:
    with pytest.raises(ModelError) as caught:
        samples.check(spec)
    assert problem in caught.value.problem


def test_samples_without_time() -> None:
    still = Samples("here", VALUES[:, 0], None)
    with pytest.raises(ModelError) as caught:
        still.check(SPEC)
    assert "has samples without a time axis, the network takes sequences" in caught.value.problem
    with pytest.raises(ModelError) as caught:
        still.check(InputSpec((2, 1, 5), (), (), 4, EventBinning(10)))
    assert "holds no events" in caught.value.problem


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_counts_of_events(dtype: type) -> None:
    """An event network takes what somebody else has counted, as it is."""
    counts = (np.arange(2 * 3 * 2 * 2 * 2) % 4).reshape(2, 3, 2, 2, 2).astype(dtype)
    samples = Samples("here", counts, None, sequence=True)
    found = samples.normalised(InputSpec((2, 2, 2), (), (), 3, EventBinning(10, 3)))
    np.testing.assert_array_equal(found, np.moveaxis(counts, 1, 0))
    for wrong in (counts + np.float32(0.5), -counts.astype(np.float32)):
        samples = Samples("here", wrong, None, sequence=True)
        with pytest.raises(ModelError) as caught:
            samples.check(InputSpec((2, 2, 2), (), (), 3, EventBinning(10, 9)))
        assert "the network reads counts of events" in caught.value.problem
    with pytest.raises(ModelError) as caught:
        Samples("here", counts, None, sequence=True).check(
            InputSpec((2, 2, 2), (), (), 3, EventBinning(10, 2))
        )
    assert "holds values from 0 to 3" in caught.value.problem


def test_sequences_need_an_axis_more(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", sequences=VALUES[0, 0])
    with pytest.raises(ModelError) as caught:
        load(tmp_path / "a.npz")
    assert "'sequences' is uint8 [2, 5]" in caught.value.problem
