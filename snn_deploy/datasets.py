"""Samples from files: what a network is calibrated and validated on.

A file is `.npz` with `images` (or `samples`) and, optionally, `labels`; or `.npy` with the samples
alone. Bytes [N, C, H, W] are images, scaled and normalised as the network's input says; floating
point [N, ...] is taken as it is.
"""

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn_deploy.checkpoints import InputSpec
from snn_deploy.errors import ModelError, UsageError

Floats = NDArray[np.float32]

_NAMES = ("images", "samples")
_SHOWN = 3
_DAMAGED = (
    ValueError,
    OSError,
    EOFError,
    OverflowError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)
"""RuntimeError: an archive with a password, or packed in a way that Python cannot unpack."""
_FORM = "write it with np.savez(file, images=bytes [N, C, H, W] or floats [N, …], labels=[N])"


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples as they lie in a file, and their classes if it has them.

    Attributes:
        source: the file, for messages.
        values: uint8 or floating point, [N, *shape].
        labels: int64 [N].
    """

    source: str
    values: NDArray[np.uint8] | Floats
    labels: NDArray[np.int64] | None

    def __len__(self) -> int:
        """Return N."""
        return len(self.values)

    def first(self, count: int) -> "Samples":
        """Return the first samples, all of them where there are fewer."""
        labels = None if self.labels is None else self.labels[:count]
        return Samples(self.source, self.values[:count], labels)

    def spread(self, count: int) -> "Samples":
        """Return samples at even distances, so that a sorted file still gives every class."""
        chosen = np.linspace(0, len(self) - 1, min(count, len(self))).astype(np.int64)
        labels = None if self.labels is None else self.labels[chosen]
        return Samples(self.source, self.values[chosen], labels)

    def batches(self, size: int) -> Iterator["Samples"]:
        """Yield consecutive parts of at most `size` samples."""
        for first in range(0, len(self), size):
            part = slice(first, first + size)
            labels = None if self.labels is None else self.labels[part]
            yield Samples(self.source, self.values[part], labels)

    def normalised(self, spec: InputSpec) -> Floats:
        """Return what the network reads: float32 [N, *shape].

        Raises:
            ModelError: a sample has another shape than the network's input.
        """
        if self.values.shape[1:] != tuple(spec.shape):
            found, wanted = list(self.values.shape[1:]), list(spec.shape)
            channels_last = found == [*wanted[1:], *wanted[:1]]
            remedy = (
                "put the channels first: np.moveaxis(images, -1, 1)"
                if channels_last
                else "give samples of that shape"
            )
            raise ModelError(
                self.source, f"has samples of shape {found}, the network takes {wanted}", remedy
            )
        if self.values.dtype != np.uint8:
            return self.values.astype(np.float32)
        axes = (-1, *(1,) * (len(spec.shape) - 1))
        mean = np.array(spec.mean, np.float32).reshape(axes)
        std = np.array(spec.std, np.float32).reshape(axes)
        return (self.values.astype(np.float32) / np.float32(255) - mean) / std


def load(path: Path) -> Samples:
    """Read a sample file; nothing in it is executed.

    Raises:
        UsageError: no such file.
        ModelError: not of the form above, empty, not finite, labels that do not match.
    """
    arrays, held = _read(path)
    name = next((n for n in _NAMES if n in arrays), None)
    if name is None:
        names = ", ".join(held[:_SHOWN]) + (", …" if len(held) > _SHOWN else "")
        raise _unusable(path, f"has no 'images', it holds {names or 'nothing'}")
    values, labels = arrays[name], arrays.get("labels")
    taken = _values(path, name, values)
    if labels is None:
        return Samples(str(path), taken, None)
    if labels.shape != values.shape[:1] or labels.dtype.kind not in "iu":
        raise _unusable(
            path,
            f"has {len(values)} samples, and 'labels' is {labels.dtype} {list(labels.shape)}",
            "give one whole number a sample, or no 'labels'",
        )
    if labels.min() < 0:
        raise _unusable(
            path, f"has a label {labels.min()}", "number the classes from 0, or give no 'labels'"
        )
    return Samples(str(path), taken, labels.astype(np.int64))


def _values(path: Path, name: str, values: NDArray[Any]) -> NDArray[np.uint8] | Floats:
    """Return samples as bytes or float32."""
    is_float = values.dtype.kind == "f"
    if values.ndim < 2 or not (is_float or values.dtype == np.uint8):
        raise _unusable(path, f"'{name}' is {values.dtype} {list(values.shape)}")
    if values.size == 0:
        raise _unusable(path, f"'{name}' is empty, of shape {list(values.shape)}")
    if not is_float:
        return values
    with np.errstate(over="ignore"):
        taken: Floats = values.astype(np.float32)
    bad = int((~np.isfinite(taken).reshape(len(taken), -1).all(axis=1)).sum())
    if bad:
        raise _unusable(
            path,
            f"{bad} of {len(taken)} samples hold NaN, infinity or what float32 cannot hold",
            "leave these out",
        )
    return taken


def _read(path: Path) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """Return the arrays that matter, and the names of all there are."""
    if not path.exists():
        raise UsageError(f"there is no file '{path}'", "give the path of a sample file")
    if not path.is_file():
        raise UsageError(f"'{path}' is no file", "give the path of a sample file")
    try:
        with path.open("rb") as file:
            content = np.load(file, allow_pickle=False)
            if isinstance(content, np.ndarray):
                return {"samples": content}, ["samples"]
            held = content.files
            found = {name: content[name] for name in (*_NAMES, "labels") if name in held}
    except PermissionError as error:
        raise UsageError(f"'{path}' cannot be read", "change its permissions") from error
    except _DAMAGED as error:
        raise _unusable(path, "is empty, damaged or no .npz or .npy file") from error
    except MemoryError as error:
        raise _unusable(path, "says it holds more than fits into memory") from error
    if not all(isinstance(array, np.ndarray) for array in found.values()):
        raise _unusable(path, "is an archive of other files than arrays")
    return found, held


def _unusable(path: Path, problem: str, remedy: str = _FORM) -> ModelError:
    return ModelError(str(path), problem, remedy)
