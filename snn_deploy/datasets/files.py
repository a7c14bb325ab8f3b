"""Sample files: what is taken, and one line for everything that is wrong with a file.

`.npz` with one of these, and `labels` (or `label`) if they are known:

    images or samples   [N, *shape]: bytes, scaled and normalised as the network's input says, or
                        floating point, taken as it is
    sequences           [N, T, *shape], likewise, for networks whose input changes; a network of
                        integers takes arrays of any integers, too, as they are
    x, y, p, t, offset  recordings of an event camera; see `layouts`

or `.npy` with samples alone.
"""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn_deploy.errors import ModelError, UsageError

from .layouts import NAMES as EVENT_NAMES
from .layouts import is_recordings, read_recordings
from .samples import Floats, Samples

_NAMES = ("images", "samples", "sequences")
_LABELS = ("labels", "label")
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


def load(path: Path, *, integers: bool = False) -> Samples:
    """Read a sample file; nothing in it is executed.

    Args:
        path: of the file.
        integers: for a network that reads whole numbers as they are: take arrays of any integers,
            or of True and False, too.

    Raises:
        UsageError: no such file.
        ModelError: not of the form above, empty, not finite, labels that do not match.
    """
    arrays, held = _read(path)
    name = next((n for n in _NAMES if n in arrays), None)
    source = str(path)
    if name is not None:
        values = _values(path, name, arrays[name], integers)
        labels = _labels(path, arrays, len(values))
        return Samples(source, values, labels, sequence=name == "sequences")
    if is_recordings(arrays):
        recordings = read_recordings(arrays, source)
        return Samples(source, recordings, _labels(path, arrays, len(recordings)))
    names = ", ".join(held[:_SHOWN]) + (", …" if len(held) > _SHOWN else "")
    raise _unusable(path, f"has no 'images', it holds {names or 'nothing'}")


def _labels(path: Path, arrays: dict[str, NDArray[Any]], count: int) -> NDArray[np.int64] | None:
    """Return the class of every sample, if the file has them."""
    name = next((n for n in _LABELS if n in arrays), None)
    if name is None:
        return None
    labels = arrays[name]
    if labels.shape != (count,) or labels.dtype.kind not in "iu":
        raise _unusable(
            path,
            f"has {count} samples, and '{name}' is {labels.dtype} {list(labels.shape)}",
            f"give one whole number a sample, or no '{name}'",
        )
    if labels.min() < 0:
        raise _unusable(
            path, f"has a label {labels.min()}", f"number the classes from 0, or give no '{name}'"
        )
    return labels.astype(np.int64)


def _values(
    path: Path, name: str, values: NDArray[Any], integers: bool
) -> NDArray[np.uint8] | Floats:
    """Return samples as bytes or float32."""
    takes = values.dtype == np.uint8 or values.dtype.kind in ("fiub" if integers else "f")
    least = 3 if name == "sequences" else 2
    if values.ndim < least or not takes:
        raise _unusable(path, f"'{name}' is {values.dtype} {list(values.shape)}")
    if values.size == 0:
        raise _unusable(path, f"'{name}' is empty, of shape {list(values.shape)}")
    if values.dtype == np.uint8:
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
            found = {name: content[name] for name in _wanted(held)}
    except PermissionError as error:
        raise UsageError(f"'{path}' cannot be read", "change its permissions") from error
    except _DAMAGED as error:
        raise _unusable(path, "is empty, damaged or no .npz or .npy file") from error
    except MemoryError as error:
        raise _unusable(path, "says it holds more than fits into memory") from error
    if not all(isinstance(array, np.ndarray) for array in found.values()):
        raise _unusable(path, "is an archive of other files than arrays")
    return found, held


def _wanted(held: list[str]) -> list[str]:
    """Return the names of the arrays to read; what else lies in a file is nobody's business."""
    events = not set(_NAMES).intersection(held) and is_recordings(held)
    return [n for n in (*(EVENT_NAMES if events else _NAMES), *_LABELS) if n in held]


def _unusable(path: Path, problem: str, remedy: str = _FORM) -> ModelError:
    return ModelError(str(path), problem, remedy)
