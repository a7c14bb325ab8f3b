"""What a file is, by looking into it, and its content without running anything from it."""

import hashlib
import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

import torch

from snn_deploy.errors import ModelError, UsageError

_HDF5 = b"\x89HDF\r\n\x1a\n"
_GLOBAL = re.compile(r"GLOBAL ([\w.]+)")
_SAVE = "save it again with torch.save"


def sha256(path: Path) -> str:
    """Return the file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read(path: Path, *, trust_pickle: bool) -> Any:
    """Return what `torch.save` wrote.

    Args:
        path: of the file.
        trust_pickle: run the code that a pickled module brings.

    Raises:
        UsageError: no such file.
        ModelError: it is another kind of file, damaged, or holds code that is not trusted.
    """
    if not path.exists():
        raise UsageError(f"there is no file '{path}'", "give the path of a model file")
    if not path.is_file():
        raise UsageError(f"'{path}' is no file", "give the path of a model file")
    try:
        _refuse_other_kinds(path)
        return torch.load(path, weights_only=True, map_location="cpu")
    except PermissionError as error:
        raise UsageError(f"'{path}' cannot be read", "change its permissions") from error
    except pickle.UnpicklingError as error:
        return _pickled(path, error, trust_pickle)
    except ModelError:
        raise
    except Exception as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> ModelError:
    return ModelError(
        str(path), f"is damaged, cut off or no torch file ({type(error).__name__})", _SAVE
    )


def _pickled(path: Path, error: pickle.UnpicklingError, trust_pickle: bool) -> Any:
    """Handle a file that names classes."""
    named = _GLOBAL.search(str(error))
    if named is None:
        raise _damaged(path, error) from error
    if not trust_pickle:
        raise ModelError(
            str(path),
            f"is a pickle of Python objects ({named[1]}), and reading it runs code",
            "save module.state_dict() instead, or pass --trust-pickle if you trust its origin",
        ) from error
    try:
        return torch.load(path, weights_only=False, map_location="cpu")
    except Exception as failure:
        raise ModelError(
            str(path),
            f"cannot be unpickled ({type(failure).__name__}: {failure})",
            "its classes must be importable here; or give --model package.module:function",
        ) from failure


def _refuse_other_kinds(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(16)
    where = str(path)
    if not head:
        raise ModelError(where, "is empty", _SAVE)
    if head.startswith(_HDF5):
        raise ModelError(
            where,
            "is an HDF5 file, which torch does not write",
            "open a .net file with snn_deploy.frontends.opening, or give the torch model",
        )
    if path.suffix == ".onnx":
        raise ModelError(where, "is an ONNX file", "give the torch model that it was made of")
    if path.suffix == ".safetensors" or head[8:9] == b"{":
        raise ModelError(
            where, "is a safetensors file", "convert it: torch.save(safetensors.torch.load_file(…))"
        )
    if head.startswith(b"PK"):
        _check_archive(path)


def _check_archive(path: Path) -> None:
    """Refuse archives that are no plain torch.save, or unpack to more than they are."""
    where = str(path)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except zipfile.BadZipFile as error:
        raise _damaged(path, error) from error
    names = [entry.filename for entry in entries]
    if any(name.endswith(("/archive_format", "/models/model.json")) for name in names) or any(
        name.endswith("serialized_exported_program.json") for name in names
    ):
        raise ModelError(
            where,
            "is a torch.export program (.pt2), which cannot be read yet",
            "give the state dict or the module that it was made of",
        )
    if any("/code/" in name for name in names):
        raise ModelError(where, "is a TorchScript archive", "give the module's state dict")
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise ModelError(where, "is a compressed archive, torch.save does not compress", _SAVE)
