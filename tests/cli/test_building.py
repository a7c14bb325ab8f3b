"""`snn-deploy build-ops`."""

from pathlib import Path

import pytest

from snn_deploy.converters.onnx.native import build, find
from tests.converters.onnx.native import tiny
from tests.journeys.command import deploy


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the library goes; its sources are two small ones."""
    for name in ("CXX", find.VARIABLE):
        monkeypatch.delenv(name, raising=False)
    tiny.put_in_place(tmp_path / "src", monkeypatch)
    (tmp_path / "installed").mkdir()
    monkeypatch.setattr(find, "HERE", tmp_path / "installed")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "snn_deploy"


def test_it_says_where_the_library_lies_and_what_it_holds(cache: Path) -> None:
    tiny.compiler()
    ended = deploy("build-ops")
    assert (ended.code, ended.err) == (0, "compile\n")
    library = cache / build.file_name()
    assert ended.out.splitlines() == [
        f"library    {library}",
        "compiled   portable, wide",
        "this CPU   wide",
    ]
    assert find.library() == library
    assert deploy("build-ops", "--json", "--force").json() == {
        "library": str(library),
        "compiled": ["portable", "wide"],
        "chosen": "wide",
    }


def test_it_builds_what_is_not_there_or_asked_for(cache: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    old = tiny.wrapper(tmp_path / "old", tiny.compiler(), "-DWIDE", log)
    assert deploy("build-ops", "-q") == deploy("build-ops", "-q")
    library = cache / build.file_name()
    written = library.stat().st_mtime_ns
    ended = deploy("build-ops")
    assert (ended.err, len(ended.out.splitlines())) == ("", 3)
    assert library.stat().st_mtime_ns == written
    assert deploy("build-ops", "--force", "-q").code == 0
    assert library.stat().st_mtime_ns != written
    assert not log.exists()
    assert deploy("build-ops", "--compiler", old, "-q").code == 0
    assert log.exists()


def test_it_says_that_another_library_is_used(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.compiler()
    monkeypatch.setenv(find.VARIABLE, "")
    ended = deploy("build-ops")
    assert ended.err.splitlines()[-1] == (
        "warning: SNN_DEPLOY_OPS is set, so no library is used and not this one"
    )


def test_failures_are_one_line(cache: Path, tmp_path: Path) -> None:
    tiny.compiler()
    ended = deploy("build-ops", "--compiler", "/nowhere/c++")
    assert (ended.code, ended.complaint) == (
        6,
        "building the operators needs the compiler '/nowhere/c++'; "
        "name one that is there, or leave out --compiler and CXX",
    )
    (tmp_path / "src" / "wide.cpp").write_text("int a = nothing;\n")
    ended = deploy("build-ops")
    assert ended.code == 9
    assert ended.complaint.startswith("wide.cpp: ")
    assert "does not take it, it says: " in ended.complaint


def test_a_cache_that_cannot_be_written(cache: Path) -> None:
    tiny.compiler()
    cache.write_text("no folder")
    ended = deploy("build-ops")
    assert ended.code == 2
    assert ended.complaint.endswith("check the path, its permissions and the space left")


def test_a_checkout_keeps_one_library(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.compiler()
    folder = tmp_path / "a" / "b" / "c"
    folder.mkdir(parents=True)
    (tmp_path / "pyproject.toml").touch()
    for module in (build, find):
        monkeypatch.setattr(module, "HERE", folder)
    deploy("build-ops", "-q")
    (tmp_path / "src" / "kernels.h").touch()
    deploy("build-ops", "-q")
    assert [path.name for path in folder.iterdir()] == [build.file_name()]
