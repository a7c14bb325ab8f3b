"""The Python that has Lava. Its packages are archived and pinned, so it is rarely our own."""

import importlib.metadata
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

from snn_deploy.errors import ExecutorError, UsageError

VARIABLE = "SNN_DEPLOY_LAVA_PYTHON"
"""Environment variable that names the Python to use."""

MISSING = (
    "Lava is not here. In a clone of the repository `make lava` brings it; elsewhere:\n"
    "python3 -m venv .venv-lava && .venv-lava/bin/pip install --no-deps --ignore-requires-python "
    "lava-nc==0.10.0 lava-dl==0.6.0 'numpy<2.4' scipy networkx asteval h5py"
)

FOLDER = ".venv-lava"
_PACKAGES = ("lava-nc", "lava-dl", "numpy")
_ASK_S = 10
_LAST_LINES = 3
_ASK = f"""
import importlib.metadata as metadata, json, sys
found = {{"python": sys.version.split()[0]}}
for name in {_PACKAGES!r}:
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""


@dataclass(frozen=True, slots=True)
class LavaEnvironment:
    """A Python that can import Lava, with the help of `compat`.

    Attributes:
        python: its executable.
        versions: of "python", "lava-nc", "numpy" and, where it is installed, "lava-dl".
    """

    python: Path
    versions: Mapping[str, str]

    @property
    def has_netx(self) -> bool:
        """Whether lava-dl, and with it netx, is installed."""
        return "lava-dl" in self.versions

    def __str__(self) -> str:
        """Return e.g. `lava-nc 0.10.0, lava-dl 0.6.0, numpy 2.3.5, python 3.11.7 (path)`."""
        order = ("lava-nc", "lava-dl", "numpy", "python")
        listed = ", ".join(
            f"{name} {self.versions[name]}" for name in order if name in self.versions
        )
        return f"{listed} ({self.python})"

    def run(
        self,
        script: Path,
        args: Sequence[str | Path] = (),
        *,
        cwd: Path,
        timeout_s: float,
        on_line: Callable[[str], None] | None = None,
    ) -> None:
        """Run a script to its end, and leave none of its processes behind.

        Lava makes an operating-system process of every process of a network. They all belong to
        one group, which is killed whatever way this ends: well, late, by an error or by Ctrl-C.

        Args:
            script: a Python file; imports what lies beside it, and nothing of this environment.
            args: of the script.
            cwd: folder it runs in.
            timeout_s: after which it is killed.
            on_line: called with each line of its standard output as it comes, without its end.

        Raises:
            ExecutorError: it was late, or ended with another code than 0; says its last words.
        """
        command = [str(self.python), "-EsuB", str(script.resolve()), *map(str, args)]
        with tempfile.TemporaryFile("w+", errors="replace") as stderr:
            with _group(command, cwd, stderr, timeout_s) as (process, late):
                assert process.stdout is not None, "it was asked for"
                for line in process.stdout:
                    if on_line is not None:
                        on_line(line.rstrip("\n"))
            if late.is_set():
                raise ExecutorError(script.name, f"took longer than {timeout_s:g} s", _tail(stderr))
            if process.returncode:
                problem = f"ended with code {process.returncode}"
                raise ExecutorError(script.name, problem, _tail(stderr))


@contextmanager
def _group(
    command: Sequence[str], cwd: Path, stderr: IO[str], timeout_s: float
) -> Iterator[tuple[subprocess.Popen[str], threading.Event]]:
    """Start a process as the leader of a group that does not outlive this context.

    Reading its output ends when the last of the group is gone: one that lost its leader would hold
    the pipe open for ever, so the group is killed as soon as its leader has ended. Until the very
    end nobody takes note of that end, for its number could then go to a stranger's process.
    """
    process = subprocess.Popen(
        command,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    late = threading.Event()
    ended = threading.Thread(target=_kill_after_leader, args=[process.pid], daemon=True)
    timer = threading.Timer(timeout_s, _kill_late, [process.pid, late])
    ended.start()
    timer.start()
    try:
        yield process, late
        ended.join()
    finally:
        timer.cancel()
        timer.join()
        _kill(process.pid)
        ended.join()
        process.wait()
        assert process.stdout is not None, "it was asked for"
        process.stdout.close()


def _kill_after_leader(leader: int) -> None:
    os.waitid(os.P_PID, leader, os.WEXITED | os.WNOWAIT)
    _kill(leader)


def _kill_late(leader: int, late: threading.Event) -> None:
    late.set()
    _kill(leader)


def _kill(leader: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def _tail(stderr: IO[str]) -> tuple[str, ...]:
    stderr.seek(0)
    lines = (line.strip() for line in stderr)
    return tuple(line for line in lines if line)[-_LAST_LINES:]


def find() -> LavaEnvironment | None:
    """Return the first Python with Lava, None where there is none.

    Looked for, in this order: what the variable `SNN_DEPLOY_LAVA_PYTHON` names, the Python that
    runs this, `.venv-lava` in the present folder, `.venv-lava` beside the virtual environment that
    runs this. No Python is asked twice by one process.

    Raises:
        UsageError: the variable names something that has no usable Lava.
    """
    named = os.environ.get(VARIABLE)
    if named:
        found = _ask(Path(named).absolute())
        if found is None:
            raise UsageError(
                f"{VARIABLE} is {named}, which is no Python with lava-nc and numpy before 2.4",
                "name another, or leave it empty",
            )
        return found
    places = (Path.cwd(), Path(sys.prefix).parent)
    pythons = (place / FOLDER / "bin" / "python" for place in places)
    others = (_ask(python) for python in pythons if python.exists())
    return _own() or next((found for found in others if found), None)


@cache
def _own() -> LavaEnvironment | None:
    versions = {"python": sys.version.split()[0]}
    for name in _PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return _usable(Path(sys.executable), versions)


@cache
def _ask(python: Path) -> LavaEnvironment | None:
    try:
        answer = subprocess.run(
            [python, "-I", "-c", _ASK], capture_output=True, text=True, timeout=_ASK_S, check=True
        )
        versions = json.loads(answer.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return _usable(python, versions) if isinstance(versions, dict) else None


def _usable(python: Path, versions: Mapping[str, str]) -> LavaEnvironment | None:
    if "lava-nc" not in versions or "numpy" not in versions:
        return None
    major, minor, *_ = map(int, versions["numpy"].split(".")[:2])
    return LavaEnvironment(python, versions) if (major, minor) < (2, 4) else None
