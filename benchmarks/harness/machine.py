"""What was measured on, and what else ran there at the time."""

import os
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

_STAT = Path("/proc/stat")
_CPU = Path("/proc/cpuinfo")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Moment:
    """Clocks at one time, in seconds; where a system does not tell, 0.

    Attributes:
        wall: of the clock.
        own: processor time of this process and of its children that have ended, all threads.
        busy: processor time of the whole machine, of whomever.
        stolen: what the hypervisor gave to other machines instead.
    """

    wall: float
    own: float
    busy: float
    stolen: float

    def others_since(self, before: "Moment") -> float:
        """Return how many processors others used meanwhile, on average; 0 where unknown."""
        used = self.busy - before.busy + self.stolen - before.stolen - (self.own - before.own)
        return max(0.0, used) / max(self.wall - before.wall, 1e-9) if self.busy else 0.0

    def stolen_since(self, before: "Moment") -> float:
        """Return how many processors the hypervisor took meanwhile, on average."""
        return (self.stolen - before.stolen) / max(self.wall - before.wall, 1e-9)


def now() -> Moment:
    """Return the clocks."""
    busy = stolen = 0.0
    if _STAT.exists():
        fields = [int(f) / _TICKS for f in _STAT.read_text().partition("\n")[0].split()[1:]]
        user, nice, system, _idle, _iowait, irq, softirq, stolen = fields[:8]
        busy = user + nice + system + irq + softirq
    return Moment(time.perf_counter(), _own(), busy, stolen)


def _own() -> float:
    """Return the processor seconds of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def described(*packages: str) -> Mapping[str, object]:
    """Return the machine and the versions of packages, as plain data."""
    return {
        "processor": _processor(),
        "processors": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in packages},
        "load_average": [round(x, 2) for x in os.getloadavg()],
    }


def _processor() -> str:
    """Return the model, and which of the fast integer instructions it has."""
    if not _CPU.exists():
        return platform.processor() or platform.machine()
    lines = _CPU.read_text().splitlines()
    fields = [(key.strip(), value.strip()) for key, _, value in (li.partition(":") for li in lines)]
    named = dict(reversed(fields))
    flags = set(named.get("flags", "").split())
    wide = [f for f in ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8") if f in flags]
    return f"{named.get('model name', platform.machine())} ({', '.join(wide)})"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
