"""How much memory this process holds, and how much it held at most."""

import ctypes
import resource
import sys
from contextlib import suppress
from pathlib import Path

_CLEAR = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


def forget_peak() -> None:
    """Let the peak of memory be what is held now, where the system can; else it only grows."""
    with suppress(OSError):
        _CLEAR.write_text("5", encoding="ascii")


def peak_bytes() -> int:
    """Return the most memory that this process held since `forget_peak`."""
    return _status("VmHWM") or _most_ever()


def held_bytes() -> int:
    """Return the memory that this process holds; where a system does not tell, the most ever."""
    return _status("VmRSS") or _most_ever()


def give_back_free_memory() -> None:
    """Let the C library return what it has free, which would otherwise be used again unnoticed."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def _status(field: str) -> int:
    """Return an entry in bytes; 0 where there is none."""
    if not _STATUS.exists():
        return 0
    lines = (line.split() for line in _STATUS.read_text(encoding="ascii").splitlines())
    return next((int(line[1]) * 1024 for line in lines if line[:1] == [f"{field}:"]), 0)


def _most_ever() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
