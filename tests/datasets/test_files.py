"""Sample files: what is taken, and what every bad file is told."""

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snn_deploy.checkpoints import InputSpec
from snn_deploy.datasets import Samples, load
from snn_deploy.errors import ModelError, UsageError

IMAGES = np.arange(6 * 3 * 4 * 4, dtype=np.uint8).reshape(6, 3, 4, 4)
LABELS = np.array([0, 1, 2, 3, 4, 5])


def saved(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


# --- what is taken --------------------------------------------------------------------------------


def test_images_and_labels(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npz", images=IMAGES, labels=LABELS.astype(np.uint8))
    found = load(path)
    assert found.source == str(path)
    assert len(found) == 6
    np.testing.assert_array_equal(found.values, IMAGES)
    assert found.values.dtype == np.uint8
    assert found.labels is not None
    assert found.labels.dtype == np.int64
    assert found.labels.tolist() == LABELS.tolist()


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.bool_])
def test_integers_are_taken_where_they_are_asked_for(tmp_path: Path, dtype: type) -> None:
    """A network of integers reads them as they are; another does not know what they mean."""
    given = np.resize(np.array([0, 1, -3], np.int64), (2, 5, 4)).astype(dtype)
    np.savez(tmp_path / "given.npz", sequences=given)
    found = load(tmp_path / "given.npz", integers=True)
    assert (found.kind, found.sequence, found.length) == ("floats", True, 5)
    assert np.array_equal(found.values, given)
    spec = InputSpec((4,), (), (), 3, sequence=True)
    assert np.array_equal(found.normalised(spec), np.moveaxis(given[:, :3], 1, 0))
    with pytest.raises(ModelError, match=f"'sequences' is {np.dtype(dtype)}"):
        load(tmp_path / "given.npz")


def test_bytes_stay_as_they_are_where_nothing_scales_them(tmp_path: Path) -> None:
    np.savez(tmp_path / "given.npz", images=IMAGES)
    found = load(tmp_path / "given.npz", integers=True)
    assert found.kind == "bytes"
    assert np.array_equal(found.normalised(InputSpec(IMAGES.shape[1:], (), (), 3)), IMAGES)


@pytest.mark.parametrize("name", ["images", "samples"])
def test_either_name(tmp_path: Path, name: str) -> None:
    found = load(saved(tmp_path / "a.npz", **{name: IMAGES}))
    assert found.labels is None
    assert found.values.shape == IMAGES.shape


def test_compressed_files_and_other_arrays(tmp_path: Path) -> None:
    """What is beside the samples is nobody's business, even if it were an object."""
    np.savez_compressed(tmp_path / "a.npz", images=IMAGES, note=np.array([{"a": 1}]))
    assert len(load(tmp_path / "a.npz")) == 6


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_real_samples_become_float32(tmp_path: Path, dtype: type) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.linspace(-1, 1, 20).reshape(4, 5).astype(dtype))
    found = load(path)
    assert found.values.dtype == np.float32
    assert found.values.shape == (4, 5)


# --- what is refused ------------------------------------------------------------------------------


def truncated(path: Path) -> None:
    saved(path, images=IMAGES)
    path.write_bytes(path.read_bytes()[:200])


def flipped(path: Path) -> None:
    """One bit within the compressed images."""
    np.savez_compressed(path, images=np.arange(5000, dtype=np.uint8).reshape(2, 1, 50, 50))
    content = bytearray(path.read_bytes())
    content[150] ^= 0x10
    path.write_bytes(content)


def scrambled(path: Path) -> None:
    """The beginning of the compressed images, which then cannot be unpacked at all."""
    flipped(path)
    content = bytearray(path.read_bytes())
    begin = content.find(b"images.npy") + len(b"images.npy")
    content[begin : begin + 60] = b"\xff" * 60
    path.write_bytes(content)


def pickled(path: Path) -> None:
    with path.open("wb") as file:
        pickle.dump({"images": IMAGES}, file)


def pickled_objects(path: Path) -> None:
    saved(path, images=np.array([{"run": "code"}, None]))


def a_zip_of_other_files(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images", b"not an array")


def locked(path: Path) -> None:
    """An archive that says it has a password."""
    saved(path, images=IMAGES)
    content = bytearray(path.read_bytes())
    for mark, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.find(mark) + flags] |= 1
    path.write_bytes(content)


def oddly_packed(path: Path) -> None:
    saved(path, images=IMAGES)
    content = bytearray(path.read_bytes())
    for mark, method in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        content[content.find(mark) + method] = 99
    path.write_bytes(content)


def header(*shape: int) -> bytes:
    """Return the beginning of an array of bytes that claims a shape."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": "|u1", "fortran_order": False, "shape": shape}
    )
    return buffer.getvalue() + b"\0" * 64


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"PK\3\4"),
        lambda path: path.write_text("images, labels\n1, 2\n"),
        lambda path: path.write_bytes(header(5, 3, 32, 32)),
        lambda path: path.write_bytes(header(-1, 3)),
        lambda path: path.write_bytes(header(10**30, 3)),
        truncated,
        flipped,
        scrambled,
        pickled,
        pickled_objects,
        a_zip_of_other_files,
        locked,
        oddly_packed,
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    path = tmp_path / "a.npz"
    damage(path)
    with pytest.raises(ModelError) as caught:
        load(path)
    assert caught.value.where == str(path)
    assert "damaged" in caught.value.problem or "archive of other files" in caught.value.problem
    assert "np.savez" in caught.value.remedy
    assert caught.value.exit_code == 3


def test_a_file_that_claims_more_than_there_is_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", header(10**13, 3, 32, 32))
    with pytest.raises(ModelError) as caught:
        load(path)
    assert "memory" in caught.value.problem


def test_reading_runs_no_code(tmp_path: Path) -> None:
    mark = tmp_path / "mark"

    class Bomb:
        def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
            return mark.touch, ()

    np.save(tmp_path / "a.npy", np.array([Bomb()]), allow_pickle=True)
    with pytest.raises(ModelError):
        load(tmp_path / "a.npy")
    assert not mark.exists()


@pytest.mark.parametrize(
    ("arrays", "problem"),
    [
        ({}, "holds nothing"),
        ({"x": IMAGES, "y": LABELS}, "has no 'images', it holds x, y"),
        ({"images": IMAGES.astype(np.int64)}, "'images' is int64 [6, 3, 4, 4]"),
        ({"images": IMAGES.astype(np.int8)}, "'images' is int8"),
        ({"images": IMAGES.astype(np.uint16)}, "'images' is uint16"),
        ({"images": IMAGES > 9}, "'images' is bool"),
        ({"images": IMAGES.astype(np.complex64)}, "'images' is complex64"),
        ({"images": np.array(["a", "b"])}, "'images' is <U1 [2]"),
        ({"images": np.zeros(6, np.uint8)}, "'images' is uint8 [6]"),
        ({"images": np.uint8(3)}, "'images' is uint8 []"),
        ({"images": IMAGES[:0]}, "'images' is empty, of shape [0, 3, 4, 4]"),
        ({"samples": np.zeros((4, 0), np.float32)}, "'samples' is empty, of shape [4, 0]"),
        ({"images": np.array([[1.0, np.nan], [2, 3], [4, -np.inf]])}, "2 of 3 samples hold NaN"),
        ({"images": np.array([[1e300], [1.0]])}, "1 of 2 samples hold NaN, infinity or what"),
        ({"images": IMAGES, "labels": LABELS[:5]}, "has 6 samples, and 'labels' is int64 [5]"),
        ({"images": IMAGES, "labels": LABELS[:, None]}, "'labels' is int64 [6, 1]"),
        ({"images": IMAGES, "labels": LABELS.astype(float)}, "'labels' is float64 [6]"),
        ({"images": IMAGES, "labels": np.int64(3)}, "'labels' is int64 []"),
        ({"images": IMAGES, "labels": LABELS - 1}, "has a label -1"),
    ],
)
def test_what_is_in_the_file(tmp_path: Path, arrays: dict[str, Any], problem: str) -> None:
    path = saved(tmp_path / "a.npz", **arrays)
    with pytest.raises(ModelError) as caught:
        load(path)
    assert caught.value.where == str(path)
    assert problem in caught.value.problem
    assert caught.value.remedy


def test_a_missing_file_is_the_command_lines_fault(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path / "none.npz")
    assert "none.npz" in caught.value.problem
    with pytest.raises(UsageError) as caught:
        load(tmp_path)
    assert "is no file" in caught.value.problem


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npz", images=IMAGES)
    path.chmod(0)
    with pytest.raises(UsageError):
        load(path)


# --- what samples can do --------------------------------------------------------------------------


@pytest.fixture
def samples() -> Samples:
    return Samples("here", IMAGES, LABELS)


def test_the_first_ones(samples: Samples) -> None:
    found = samples.first(4)
    assert found.labels is not None
    assert found.labels.tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(found.values, IMAGES[:4])
    assert len(samples.first(100)) == 6


@pytest.mark.parametrize(
    ("count", "chosen"), [(1, [0]), (2, [0, 5]), (3, [0, 2, 5]), (6, LABELS), (99, LABELS)]
)
def test_spread_over_the_file(samples: Samples, count: int, chosen: list[int]) -> None:
    found = samples.spread(count)
    assert found.labels is not None
    assert found.labels.tolist() == list(chosen)
    np.testing.assert_array_equal(found.values, IMAGES[list(chosen)])
    assert Samples("here", IMAGES, None).spread(2).labels is None


def test_batches_are_all_of_it_in_order(samples: Samples) -> None:
    parts = list(samples.batches(4))
    assert [len(part) for part in parts] == [4, 2]
    np.testing.assert_array_equal(np.concatenate([part.values for part in parts]), IMAGES)
    labels = [part.labels for part in parts if part.labels is not None]
    assert np.concatenate(labels).tolist() == LABELS.tolist()


def test_bytes_are_scaled_then_normalised(samples: Samples) -> None:
    spec = InputSpec((3, 4, 4), (0.5, 0.25, 0.0), (0.5, 0.25, 2.0), 4)
    found = samples.normalised(spec)
    assert found.dtype == np.float32
    for channel, (mean, std) in enumerate(zip(spec.mean, spec.std, strict=True)):
        expected = (IMAGES[:, channel] / 255 - mean) / std
        np.testing.assert_allclose(found[:, channel], expected, rtol=1e-6, atol=1e-6)


def test_real_samples_are_taken_as_they_are() -> None:
    values = np.array([[0.5, -3.0]], np.float32)
    spec = InputSpec((2,), (0.5,), (9.0,), 4)
    np.testing.assert_array_equal(Samples("here", values, None).normalised(spec), values)


def test_samples_of_another_shape(samples: Samples) -> None:
    with pytest.raises(ModelError) as caught:
        samples.normalised(InputSpec((3, 4, 5), (0.0,) * 3, (1.0,) * 3, 4))
    assert caught.value.where == "here"
    assert "[3, 4, 4]" in caught.value.problem
    assert "[3, 4, 5]" in caught.value.problem


def test_channels_last_are_recognised() -> None:
    last = Samples("here", np.moveaxis(IMAGES[:, :, :, :2], 1, -1), None)
    with pytest.raises(ModelError) as caught:
        last.normalised(InputSpec((3, 4, 2), (0.0,) * 3, (1.0,) * 3, 4))
    assert "np.moveaxis" in caught.value.remedy
