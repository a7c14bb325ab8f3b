"""Where the operator library lies, and what it says of itself."""

from __future__ import annotations

import ctypes
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from snn_deploy.errors import UsageError

from .build import HERE, file_name

VARIABLE = "SNN_DEPLOY_OPS"
"""Names a library to use instead of any other; empty, there is none."""


@dataclass(frozen=True, slots=True)
class InstructionSets:
    """What a library was compiled for, and what it chose on this processor."""

    compiled: tuple[str, ...]
    chosen: str


def library() -> Path | None:
    """Return the library that was built of these sources, or the one that SNN_DEPLOY_OPS names.

    It is looked for beside this file, then in the user's cache.

    Raises:
        UsageError: SNN_DEPLOY_OPS names no file.
    """
    named = os.environ.get(VARIABLE)
    if named is not None:
        return _named(named) if named else None
    return built()


def built() -> Path | None:
    """Return the library that was built of these sources."""
    places = [place / file_name() for place in (HERE, _cache()) if place is not None]
    return next((place for place in places if place.is_file()), None)


def destination() -> Path:
    """Return the folder for a library that is built later: a checkout itself, else the cache.

    An installed package is left as pip wrote it.
    """
    checkout = (HERE.parents[2] / "pyproject.toml").is_file() and os.access(HERE, os.W_OK)
    cache = _cache()
    if checkout or cache is None:
        return HERE
    return cache


def instruction_sets(library: Path) -> InstructionSets:
    """Ask a library what it holds and what it uses here. It stays loaded.

    Raises:
        UsageError: it cannot be loaded, or is not of this project.
    """
    try:
        loaded = ctypes.CDLL(str(library))
        compiled, chosen = loaded.snn_ops_compiled, loaded.snn_ops_instruction_set
    except (OSError, AttributeError) as error:
        problem = f"{library} is no operator library for this machine ({error})"
        raise UsageError(
            problem, f"run `snn-deploy build-ops --force`, or mend {VARIABLE}"
        ) from error
    for function in (compiled, chosen):
        function.restype = ctypes.c_char_p
    return InstructionSets(tuple(compiled().decode().split(",")), chosen().decode())


def _named(path: str) -> Path:
    if not Path(path).is_file():
        remedy = "name the library's file, or leave it empty for the stock operators"
        raise UsageError(f"{VARIABLE} names '{path}', which is no file", remedy)
    return Path(path).resolve()


def _cache() -> Path | None:
    """Return our folder among the user's caches; None where nobody knows the user's home."""
    asked = os.environ.get("XDG_CACHE_HOME")
    if asked and Path(asked).is_absolute():
        return Path(asked) / "snn_deploy"
    try:
        home = Path.home()
    except RuntimeError:
        return None
    return home / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "snn_deploy"
