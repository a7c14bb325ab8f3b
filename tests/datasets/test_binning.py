"""Counts of events against a loop over single events, and which recordings are refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from snn_deploy.checkpoints import EventBinning, InputSpec
from snn_deploy.datasets import Samples, load
from snn_deploy.errors import ModelError
from tests.recordings import SENSOR, SPEC, STEP_US, STEPS, Arrays, counted, moving_bars, write

COUNT = 7


@pytest.fixture(scope="module")
def arrays() -> Arrays:
    return moving_bars(COUNT)


@pytest.fixture
def samples(arrays: Arrays, tmp_path: Path) -> Samples:
    return load(write(tmp_path / "bars.npz", arrays))


def binned(samples: Samples, spec: InputSpec = SPEC) -> np.ndarray:
    return samples.normalised(spec)


@pytest.mark.parametrize("limit", [1, 2, 300])
@pytest.mark.parametrize("step_us", [STEP_US, 1, 777, 10**9])
@pytest.mark.parametrize("polarities", [1, 2])
def test_every_count(
    samples: Samples, arrays: Arrays, limit: int, step_us: int, polarities: int
) -> None:
    spec = InputSpec((polarities, *SENSOR), (), (), 30, EventBinning(step_us, limit))
    if step_us == 1:
        arrays = arrays | {"t": arrays["t"] // 400}
        samples = replace(samples, values=replace(samples.values, t=arrays["t"].astype(np.int64)))
    found = binned(samples, spec)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, counted(arrays, spec))


def test_what_is_counted_is_not_nothing(samples: Samples, arrays: Arrays) -> None:
    """The counts of the tests above are of all kinds, and no event is lost."""
    many = InputSpec((2, *SENSOR), (), (), 10, EventBinning(STEP_US, 1000))
    found = binned(samples, many)
    assert found.sum() == len(arrays["t"])
    assert set(np.unique(found)) >= {0, 1, 2}
    assert set(np.unique(binned(samples))) == {0, 1}


def test_edges_of_steps(tmp_path: Path) -> None:
    """An event at the very end of a step is in the next one; behind the last there is nothing."""
    t = [0, 9, 10, 29, 30]
    events = {"x": range(5), "y": [0] * 5, "p": [1] * 5, "t": t, "offset": [0, 5]}
    samples = load(write(tmp_path / "a.npz", {n: np.array(a) for n, a in events.items()}))
    found = binned(samples, InputSpec((2, 1, 5), (), (), 3, EventBinning(10)))
    assert found[:, 0, 1, 0].tolist() == [[1, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 1, 0]]
    assert not found[:, 0, 0].any()


def test_parts_are_binned_as_the_whole(samples: Samples) -> None:
    whole = binned(samples)
    parts = [binned(part) for part in samples.batches(3)]
    assert [part.shape[1] for part in parts] == [3, 3, 1]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)
    np.testing.assert_array_equal(binned(samples.first(2)), whole[:, :2])
    np.testing.assert_array_equal(binned(samples.spread(3)), whole[:, [0, 3, 6]])
    chosen = samples.chosen(np.array([5, 1]))
    np.testing.assert_array_equal(binned(chosen), whole[:, [5, 1]])
    assert chosen.labels is not None
    assert chosen.labels.tolist() == [1, 1]


def test_nothing_is_binned_that_is_not_asked_for(
    samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frames of all recordings never lie in memory at once."""
    made: list[int] = []
    empty = np.empty
    monkeypatch.setattr(np, "empty", lambda shape, *a: (made.append(shape[1]), empty(shape, *a))[1])
    for part in samples.batches(2):
        binned(part)
    assert made == [2, 2, 2, 1]


def test_packed_recordings_are_a_file_of_their_own(samples: Samples, tmp_path: Path) -> None:
    part = samples.chosen(np.array([4, 2]))
    again = load(write(tmp_path / "part.npz", part.values.packed()))
    assert again.labels is None
    np.testing.assert_array_equal(binned(again), binned(part))


def refused(samples: Samples, spec: InputSpec) -> ModelError:
    with pytest.raises(ModelError) as caught:
        samples.check(spec)
    with pytest.raises(ModelError) as again:
        samples.normalised(spec)
    assert str(again.value) == str(caught.value)
    assert caught.value.where == samples.source
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_network_for_images(samples: Samples) -> None:
    error = refused(samples, InputSpec((2, *SENSOR), (0.0, 0.0), (1.0, 1.0), 4))
    assert "holds event recordings" in error.problem
    assert "--event-step-us" in error.remedy


@pytest.mark.parametrize("shape", [(2, 12), (3, 12, 14), (12,)])
def test_shapes_that_no_events_have(samples: Samples, shape: tuple[int, ...]) -> None:
    error = refused(samples, InputSpec(shape, (), (), STEPS, EventBinning(STEP_US)))
    assert f"the network takes {list(shape)}" in error.problem


def test_events_outside_the_sensor(samples: Samples) -> None:
    error = refused(samples, InputSpec((2, 12, 13), (), (), STEPS, EventBinning(STEP_US)))
    assert "at row 11 or column 13, the network's sensor has 12 rows and 13" in error.problem


def test_another_sensor(arrays: Arrays, tmp_path: Path) -> None:
    samples = load(write(tmp_path / "a.npz", arrays, sensor=np.array([20, 20])))
    assert samples.shape == (2, 20, 20)
    assert "a sensor of [20, 20], the network's has [12, 14]" in refused(samples, SPEC).problem


def test_time_that_does_not_begin_at_the_beginning(arrays: Arrays, tmp_path: Path) -> None:
    """Absolute times would all lie behind the last step, and the network would see nothing."""
    late = arrays | {"t": arrays["t"].astype(np.int64)}
    late["t"][arrays["offset"][3] :] += 10**15
    samples = load(write(tmp_path / "a.npz", late))
    error = refused(samples, SPEC)
    assert error.problem.startswith("recording 3 has its first event at 1,000,000,000,")
    assert error.problem.endswith("the network's steps end at 10,000 microseconds")
    assert "recording 4" in refused(samples.chosen(np.array([0, 4])), SPEC).problem
    samples.first(3).check(SPEC)
