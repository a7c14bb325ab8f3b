"""Wrong and unusual calls once more, in a library that stops where it reads what is not its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from snn_deploy.converters.onnx.native import build
from tests.converters.onnx.native import tiny
from tests.house.tree import ROOT

HERE = Path(__file__).parent
FLAGS = ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined")
RUNTIMES = ("libasan.so", "libubsan.so")


def test_wrong_calls_read_nothing_that_is_not_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtimes = preloaded(tiny.compiler())
    monkeypatch.setattr(build, "COMMON", (*build.COMMON, *FLAGS))
    monkeypatch.setattr(build, "SOURCES", dict.fromkeys(build.SOURCES, ()))
    monkeypatch.setattr(build, "_SELF_CONTAINED", ())
    environment = {
        "SNN_DEPLOY_OPS": str(build.build(tmp_path)),
        "LD_PRELOAD": runtimes,
        "ASAN_OPTIONS": f"detect_leaks=0:allocator_may_return_null=1:log_path={tmp_path / 'told'}",
        "UBSAN_OPTIONS": f"print_stacktrace=1:log_path={tmp_path / 'told'}",
    }
    chosen = [str(HERE / name) for name in ("test_misuse.py", "test_unusual.py")]
    chosen += ["-k", "not test_neurons_of"]
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *chosen],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    told = "\n".join(path.read_text() for path in tmp_path.glob("told*"))
    assert (ended.returncode, told) == (0, ""), told + ended.stdout + ended.stderr
    assert "skipped" not in ended.stdout


def preloaded(compiler: list[str]) -> str:
    """Return the sanitizers' own libraries, which are to be there before Python is, or skip."""
    if sys.platform != "linux":
        pytest.skip("sanitizers are preloaded the way Linux does it")
    asked = [[*compiler, f"-print-file-name={name}"] for name in RUNTIMES]
    found = [
        subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
        for command in asked
    ]
    if not all(Path(path).is_absolute() for path in found):
        pytest.skip("the compiler has no sanitizers")
    return " ".join(found)
