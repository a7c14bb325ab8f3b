"""Raw N-MNIST recordings become sample files; the split is the one that its text says."""

import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from snn_deploy import datasets
from tests.recordings import compact, moving_bars, write

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "examples" / "nmnist_to_npz.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    sys.path.insert(0, str(SCRIPT.parent))
    try:
        import nmnist_to_npz
    finally:
        sys.path.pop(0)
    return nmnist_to_npz


def convert(source: Path, out: Path) -> tuple[datasets.Samples, datasets.Samples]:
    subprocess.run([sys.executable, str(SCRIPT), str(source), str(out)], check=True)
    return (datasets.load(out / f"nmnist_{part}.npz") for part in ("train", "test"))  # type: ignore[return-value]


def raw(*events: tuple[int, int, int, int]) -> bytes:
    """Return (x, y, polarity, t) as N-MNIST writes them: 40 bits an event."""
    return b"".join(bytes([x, y]) + ((p << 23) | t).to_bytes(3, "big") for x, y, p, t in events)


def test_raw_events(script: ModuleType, tmp_path: Path) -> None:
    """A row of 240 is no event, it says that the clock has overflowed."""
    events = [(3, 4, 1, 7), (33, 0, 0, 70_000), (0, 240, 0, 0), (5, 33, 1, 2**23 - 1)]
    (tmp_path / "a.bin").write_bytes(raw(*events))
    found = {name: array.tolist() for name, array in script.read_bin(tmp_path / "a.bin").items()}
    assert found == {
        "x": [3, 33, 5],
        "y": [4, 0, 33],
        "p": [1, 0, 1],
        "t": [7, 70_000, 2**23 - 1 + 2**13],
    }


def test_a_folder_with_parts_keeps_them(tmp_path: Path) -> None:
    for part, digits in (("Train", (0, 0, 7)), ("Test", (9,))):
        for number, digit in enumerate(digits):
            folder = tmp_path / part / str(digit)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number:05}.bin").write_bytes(raw((number, 1, 1, 5), (digit, 2, 0, 9)))
    training, test = convert(tmp_path, tmp_path / "out")
    assert (training.labels.tolist(), test.labels.tolist()) == ([0, 0, 7], [9])
    assert training.shape == (2, 34, 34)
    assert training.values.packed()["x"].tolist() == [0, 0, 1, 0, 2, 7]
    assert test.values.packed()["t"].tolist() == [5, 9]


def test_every_fifth_of_a_digit_is_for_testing(script: ModuleType) -> None:
    labels = [3, 1, 1, 3, 1, 1, 1, 3, 3, 3, 1, 1]
    training, test = script.split(labels)
    # By digit: 1 at places 1 2 4 5 [6] 10 11, then 3 at 0 3 [7] 8 9.
    assert test == [6, 7]
    assert training == [0, 1, 2, 3, 4, 5, 8, 9, 10, 11]


def test_a_file_of_recordings_is_split(tmp_path: Path) -> None:
    arrays = moving_bars(20)
    source = write(tmp_path / "some.npz", compact(arrays))
    training, test = convert(source, tmp_path / "out")
    assert (len(training), len(test)) == (16, 4)
    assert Counter(test.labels.tolist()) == {0: 2, 1: 2}
    whole = datasets.load(write(tmp_path / "all.npz", arrays))
    places = np.array([8, 18, 9, 19])
    expected = whole.chosen(np.sort(places)).values.packed()
    for name, array in test.values.packed().items():
        np.testing.assert_array_equal(array, expected[name])


def test_a_real_recording(script: ModuleType, shared_data: Path) -> None:
    path = shared_data / "events" / "tonic-sample_nmnist.bin"
    if not path.exists():
        pytest.skip(f"needs {path.name}")
    found = script.read_bin(path)
    assert {len(array) for array in found.values()} == {path.stat().st_size // 5}
    assert (found["x"].max(), found["y"].max()) == (33, 33)
    assert (np.diff(found["t"]) >= 0).all()
    assert 300_000 < found["t"][-1] < 320_000
    assert set(found["p"].tolist()) == {0, 1}
