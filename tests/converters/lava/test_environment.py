"""Where Lava is found, and how a program in it begins and ends."""

import importlib.metadata
import shutil
import stat
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from snn_deploy.converters.lava import compat, environment
from snn_deploy.converters.lava.environment import LavaEnvironment
from snn_deploy.errors import ExecutorError, UsageError
from tests.house.tree import ROOT

OURS = LavaEnvironment(Path(sys.executable), {"python": "3", "lava-nc": "0", "numpy": "2"})
"""This very Python: how programs run has nothing to do with Lava."""

SCRIPT_WITH_CHILDREN = """
import os, sys, time
for _ in range(2):
    if os.fork() == 0:
        time.sleep(600)
print(*sys.argv[1:], os.getpgid(0), flush=True)
"""


def fake_python(folder: Path, answer: str) -> Path:
    """Make a program that answers every question with the same line, and counts them."""
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\necho asked >> {folder}/asked\necho '{answer}'\n")
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    return python


def versions(numpy: str = "2.3.5") -> str:
    return f'{{"python": "3.11.7", "lava-nc": "0.10.0", "lava-dl": "0.6.0", "numpy": "{numpy}"}}'


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which we are; no Lava is in sight."""
    monkeypatch.delenv(environment.VARIABLE, raising=False)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "elsewhere" / ".venv"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


def test_none_is_found(nowhere: Path) -> None:
    assert environment.find() is None


def test_the_variable_comes_first(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = fake_python(nowhere / "named", versions())
    fake_python(nowhere / "here" / ".venv-lava", versions())
    monkeypatch.setenv(environment.VARIABLE, str(python))
    found = environment.find()
    assert found is not None
    assert found.python == python
    assert str(found) == f"lava-nc 0.10.0, lava-dl 0.6.0, numpy 2.3.5, python 3.11.7 ({python})"
    assert found.has_netx


@pytest.mark.parametrize("answer", ["", "[]", '{"numpy": "2.3.5"}', versions(numpy="2.4.0")])
def test_a_variable_that_leads_nowhere_is_said(
    answer: str, nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(environment.VARIABLE, str(fake_python(nowhere / "named", answer)))
    with pytest.raises(UsageError, match=r"no Python with lava-nc and numpy before 2\.4"):
        environment.find()


def test_a_variable_that_names_no_file_is_said(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(environment.VARIABLE, str(nowhere / "python"))
    with pytest.raises(UsageError, match=environment.VARIABLE):
        environment.find()


@pytest.mark.parametrize("place", ["here", "elsewhere"])
def test_a_folder_here_or_beside_the_environment(place: str, nowhere: Path) -> None:
    python = fake_python(nowhere / place / ".venv-lava", versions())
    found = environment.find()
    assert found is not None
    assert found.python == python


def test_what_is_no_use_is_passed_over(nowhere: Path) -> None:
    fake_python(nowhere / "here" / ".venv-lava", versions(numpy="2.4.6"))
    python = fake_python(nowhere / "elsewhere" / ".venv-lava", versions())
    found = environment.find()
    assert found is not None
    assert found.python == python


def test_no_python_is_asked_twice(nowhere: Path) -> None:
    python = fake_python(nowhere / "here" / ".venv-lava", versions())
    assert environment.find() == environment.find()
    assert (python.parents[1] / "asked").read_text() == "asked\n"


def test_the_running_python_may_have_it(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"lava-nc": "0.10.0", "numpy": "2.3.5"}

    def version(name: str) -> str:
        if name not in installed:
            raise importlib.metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(importlib.metadata, "version", version)
    environment._own.cache_clear()
    try:
        found = environment.find()
    finally:
        environment._own.cache_clear()
    assert found is not None
    assert found.python == Path(sys.executable)
    assert not found.has_netx


def test_how_to_get_it_is_said_in_two_lines() -> None:
    assert len(environment.MISSING.splitlines()) == 2
    pinned = (ROOT / "constraints-lava.txt").read_text().split()
    for package in ("lava-nc==0.10.0", "lava-dl==0.6.0"):
        assert package in environment.MISSING
        assert package in pinned


def script(folder: Path, text: str) -> Path:
    path = folder / "script.py"
    path.write_text(text)
    return path


def test_lines_come_one_by_one(tmp_path: Path) -> None:
    text = "import sys\nprint(*sys.argv[1:])\nprint('two')\nprint('three', end='')\n"
    lines: list[str] = []
    OURS.run(
        script(tmp_path, text), ["a", tmp_path], cwd=tmp_path, timeout_s=60, on_line=lines.append
    )
    assert lines == [f"a {tmp_path}", "two", "three"]


def test_a_script_sees_what_lies_beside_it_and_nothing_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (tmp_path / "beside.py").write_text("")
    text = (
        "import beside, sys\nassert not any('"
        + ROOT.name
        + "' == p.split('/')[-1] for p in sys.path)"
    )
    OURS.run(script(tmp_path, text), cwd=ROOT, timeout_s=60)
    assert not (tmp_path / "__pycache__").exists()


def test_a_failure_has_the_last_words(tmp_path: Path) -> None:
    text = "import sys\nprint('one\\n\\ntwo', file=sys.stderr)\nraise ValueError('no spikes')\n"
    with pytest.raises(ExecutorError) as caught:
        OURS.run(script(tmp_path, text), cwd=tmp_path, timeout_s=60)
    assert caught.value.problem == "ended with code 1"
    assert caught.value.last_words[-1] == "ValueError: no spikes"
    assert len(caught.value.last_words) == 3


def alive(group: int) -> bool:
    """Say whether a process of a group is left; what is killed may take a moment to die."""
    until = time.monotonic() + 10
    while members(group) and time.monotonic() < until:
        time.sleep(0.01)
    return bool(members(group))


def members(group: int) -> list[str]:
    """Return the processes of a group, without those that are dead and only not yet buried."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, its_group, *_ = path.read_text().rpartition(")")[2].split()
            if int(its_group) == group and state != "Z":
                found.append(path.parent.name)
    return found


@pytest.mark.parametrize("ending", ["", "raise ValueError", "import os; os.kill(os.getpid(), 9)"])
def test_children_do_not_outlive_their_script(ending: str, tmp_path: Path) -> None:
    lines: list[str] = []
    path = script(tmp_path, SCRIPT_WITH_CHILDREN + ending)
    started = time.monotonic()
    if ending:
        with pytest.raises(ExecutorError):
            OURS.run(path, ["x"], cwd=tmp_path, timeout_s=60, on_line=lines.append)
    else:
        OURS.run(path, ["x"], cwd=tmp_path, timeout_s=60, on_line=lines.append)
    assert time.monotonic() - started < 30
    assert not alive(int(lines[0].split()[-1]))


def test_children_do_not_outlive_the_time(tmp_path: Path) -> None:
    lines: list[str] = []
    path = script(tmp_path, SCRIPT_WITH_CHILDREN + "time.sleep(600)")
    with pytest.raises(ExecutorError, match=r"script\.py took longer than 1 s"):
        OURS.run(path, cwd=tmp_path, timeout_s=1, on_line=lines.append)
    assert not alive(int(lines[0]))


@pytest.mark.parametrize("cause", [KeyboardInterrupt, ValueError])
def test_children_do_not_outlive_an_interruption(
    cause: type[BaseException], tmp_path: Path
) -> None:
    lines: list[str] = []

    def interrupt(line: str) -> None:
        lines.append(line)
        raise cause

    path = script(tmp_path, SCRIPT_WITH_CHILDREN + "time.sleep(600)")
    with pytest.raises(cause):
        OURS.run(path, cwd=tmp_path, timeout_s=60, on_line=interrupt)
    assert not alive(int(lines[0]))


def test_lava_and_netx_can_be_imported(lava: LavaEnvironment, tmp_path: Path) -> None:
    """Twice prepared, without torch; and dataclasses are what they were."""
    shutil.copy(compat.__file__, tmp_path)
    text = """
import dataclasses
before = dataclasses.dataclass
import compat
compat.prepare()
compat.prepare()
assert dataclasses.dataclass is before
from lava.lib.dl.netx import hdf5
from lava.proc.lif.process import LIF
print(hdf5.Network.__name__, LIF.__name__)
"""
    lines: list[str] = []
    lava.run(script(tmp_path, text), cwd=tmp_path, timeout_s=60, on_line=lines.append)
    assert lines == ["Network LIF"]


def test_too_new_a_numpy_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "2.4.6")
    with pytest.raises(
        ImportError, match=r"cannot use numpy 2\.4\.6, it needs numpy 2\.3 or older"
    ):
        compat.check_numpy()
