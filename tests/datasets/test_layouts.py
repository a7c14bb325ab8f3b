"""Files of event recordings: two layouts of one content, and what every bad file is told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snn_deploy.datasets import Recordings, load
from snn_deploy.errors import ModelError
from tests.recordings import SPEC, Arrays, compact, moving_bars, write


@pytest.fixture(scope="module")
def arrays() -> Arrays:
    return moving_bars(4)


def test_the_plain_layout(arrays: Arrays, tmp_path: Path) -> None:
    found = load(write(tmp_path / "a.npz", arrays))
    assert (found.kind, len(found), found.shape) == ("events", 4, None)
    assert found.labels is not None
    assert found.labels.tolist() == [0, 1, 0, 1]
    assert isinstance(found.values, Recordings)
    for name in "xypt":
        np.testing.assert_array_equal(getattr(found.values, name), arrays[name])
    assert found.values.begin.tolist() == arrays["offset"][:-1].tolist()
    assert found.values.end.tolist() == arrays["offset"][1:].tolist()


def test_the_compact_layout_is_the_same(arrays: Arrays, tmp_path: Path) -> None:
    plain = load(write(tmp_path / "a.npz", arrays))
    found = load(write(tmp_path / "b.npz", compact(arrays)))
    np.testing.assert_array_equal(found.normalised(SPEC), plain.normalised(SPEC))
    np.testing.assert_array_equal(found.labels, plain.labels)
    np.testing.assert_array_equal(found.values.t, arrays["t"])


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.int64, np.uint64])
def test_whole_numbers_of_any_width(arrays: Arrays, tmp_path: Path, dtype: type) -> None:
    given = {name: array.astype(dtype) for name, array in arrays.items()}
    found = load(write(tmp_path / "a.npz", given))
    plain = load(write(tmp_path / "b.npz", arrays | {"p": arrays["p"].astype(bool)}))
    np.testing.assert_array_equal(found.normalised(SPEC), plain.normalised(SPEC))


def test_labels_go_by_either_name_or_are_not_known(arrays: Arrays, tmp_path: Path) -> None:
    labels = arrays["labels"]
    bare = {name: array for name, array in arrays.items() if name != "labels"}
    assert load(write(tmp_path / "a.npz", bare)).labels is None
    found = load(write(tmp_path / "b.npz", bare, label=labels)).labels
    assert found is not None
    assert found.tolist() == labels.tolist()


def test_a_sensor_and_what_is_nobodys_business(arrays: Arrays, tmp_path: Path) -> None:
    more = {"sensor": np.array([12, 14]), "note": np.array([{"a": 1}])}
    assert load(write(tmp_path / "a.npz", arrays, **more)).shape == (2, 12, 14)


def at(name: str, index: int, value: Any) -> Callable[[Arrays], Arrays]:
    """Change one entry."""

    def change(arrays: Arrays) -> Arrays:
        array = arrays[name].astype(np.int64)
        array[index] = value
        return arrays | {name: array}

    return change


def without(name: str) -> Callable[[Arrays], Arrays]:
    return lambda arrays: {n: a for n, a in arrays.items() if n != name}


def instead(name: str, make: Callable[[np.ndarray], Any]) -> Callable[[Arrays], Arrays]:
    return lambda arrays: arrays | {name: make(arrays[name])}


def backwards(arrays: Arrays) -> Arrays:
    """The third recording loses its order between its events 4 and 5."""
    t = arrays["t"].copy()
    t[arrays["offset"][2] + 5] = t[arrays["offset"][2] + 4] - 1
    return arrays | {"t": t}


REFUSED: list[tuple[Callable[[Arrays], Arrays], str]] = [
    (without("x"), "holds event recordings without 'x'"),
    (without("p"), "holds event recordings without 'p'"),
    (instead("x", lambda a: a[:-1]), "entries for"),
    (instead("y", lambda a: a[:, None]), "'y' is uint8 ["),
    (instead("t", lambda a: np.where(a > 9, a, np.nan)), "'t' is float64"),
    (instead("x", lambda a: a.astype(float)), "'x' is float64"),
    (instead("x", lambda a: a.astype(object)), "damaged"),
    (instead("p", lambda a: a.astype(float)), "'p' is float64"),
    (instead("p", lambda a: 2 * a.astype(np.int8) - 1), "'p' holds -1"),
    (at("p", 3, 2), "'p' holds 2"),
    (instead("p", lambda a: a[1:]), "'p' has"),
    (at("x", 7, -1), "'x' holds -1, no place on a sensor"),
    (at("y", 7, 10**6), "'y' holds 1000000, no place on a sensor"),
    (at("t", 0, -5), "'t' holds -5"),
    (instead("t", lambda a: a.astype(np.uint64) + np.uint64(2**63)), "which is too large"),
    (at("t", -1, 2**60), f"'t' holds {2**60}"),
    (backwards, "recording 2 goes back in time at event 5: "),
    (at("offset", 0, 1), "'offset' goes from 1 to "),
    (at("offset", -1, 10**9), "'offset' goes from 0 to 1000000000 in 5 numbers"),
    (instead("offset", lambda a: a[[0, 1, 1, 4]]), "recording 1 is empty"),
    (instead("offset", lambda a: a[[0, 3, 2, 4]]), "recording 1 ends before it begins"),
    (instead("offset", lambda a: a[:1]), "'offset' goes from 0 to 0 in 1 numbers"),
    (instead("offset", lambda a: a[:0]), "'offset' is empty"),
    (instead("offset", lambda a: a.astype(float)), "'offset' is float64"),
    (lambda a: {n: v[:0] if n in "xypt" else v for n, v in a.items()}, "'t' is empty"),
    (instead("labels", lambda a: a[:-1]), "has 4 samples, and 'labels' is int64 [3]"),
    (at("labels", 0, -1), "has a label -1"),
    (lambda a: a | {"sensor": np.array([12, 13])}, "its sensor has 12 rows and 13 columns"),
    (lambda a: a | {"sensor": np.array([12])}, "'sensor' is [12]"),
    (lambda a: a | {"sensor": np.array([0, 12])}, "'sensor' is [0, 12]"),
]


@pytest.mark.parametrize(("change", "problem"), REFUSED, ids=[text for _, text in REFUSED])
def test_what_is_wrong_in_a_plain_file(
    change: Callable[[Arrays], Arrays], problem: str, arrays: Arrays, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.npz", change(arrays))
    with pytest.raises(ModelError) as caught:
        load(path)
    assert caught.value.where == str(path)
    assert problem in caught.value.problem
    assert caught.value.remedy
    assert "\n" not in str(caught.value)


COMPACT: list[tuple[Callable[[Arrays], Arrays], str]] = [
    (without("xy"), "holds event recordings without 'xy'"),
    (instead("xy", lambda a: a[:1]), "'xy' is [1, "),
    (instead("xy", lambda a: a[:, :-1]), "'xy[0]' has"),
    (instead("xy", lambda a: a[0]), "'xy' is uint8 ["),
    (instead("p", lambda a: a[:-1]), "not the bits of"),
    (instead("p", lambda a: a.astype(np.int16)), "'p' is int16"),
    (instead("dt", lambda a: a.astype(np.float32)), "'dt' is float32"),
    (at("dt", 9, -1), "'dt' has steps back in time"),
    (instead("dt", lambda a: np.full(a.shape, 2**62)), "or too large ones"),
    (instead("label", lambda a: a[:2]), "and 'label' is uint8 [2]"),
]


@pytest.mark.parametrize(("change", "problem"), COMPACT, ids=[text for _, text in COMPACT])
def test_what_is_wrong_in_a_compact_file(
    change: Callable[[Arrays], Arrays], problem: str, arrays: Arrays, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.npz", change(compact(arrays)))
    with pytest.raises(ModelError) as caught:
        load(path)
    assert problem in caught.value.problem
    assert "\n" not in str(caught.value)


def test_images_win_over_events(arrays: Arrays, tmp_path: Path) -> None:
    """A file that holds both is of images, whatever its events are."""
    images = np.zeros((4, 3, 8, 8), np.uint8)
    assert load(write(tmp_path / "a.npz", without("x")(arrays), images=images)).kind == "bytes"


def test_real_recordings(shared_data: Path) -> None:
    path = shared_data / "events" / "nmnist-train1000.npz"
    if not path.exists():
        pytest.skip(f"needs {path.name}")
    found = load(path)
    assert (found.kind, len(found)) == ("events", 1000)
    with np.load(path) as held:
        a, b = held["offset"][421:423]
        t = np.cumsum(held["dt"][a:b].astype(np.int64))
        p = np.unpackbits(held["p"])[a:b]
        x, y = held["xy"][:, a:b]
    part = found.chosen(np.array([421])).values.packed()
    for name, expected in {"x": x, "y": y, "p": p, "t": t}.items():
        np.testing.assert_array_equal(part[name], expected)
