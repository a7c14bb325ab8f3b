"""What `pip install` and a wheel bring: the library where a compiler is, and no harm elsewhere."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

from snn_deploy.converters.onnx.native import build, instruction_sets
from tests.converters.onnx.native import tiny
from tests.house.tree import PACKAGE_DIR, ROOT

NATIVE = "converters/onnx/native"
INSTALLED = f"snn_deploy/{NATIVE}"
PLATFORM = sysconfig.get_platform().replace("-", "_").replace(".", "_")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree, with sources that are compiled in a moment."""
    copy = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "libsnn_ops-*", "checkpoints")
    for folder in PACKAGE_DIR.values():
        shutil.copytree(ROOT / folder, copy / folder, ignore=ignored)
    sources = copy / NATIVE / "src"
    shutil.rmtree(sources)
    sources.mkdir()
    for name in build.SOURCES:
        (sources / name).touch()
    (sources / "portable.cpp").write_text(tiny.MAIN + tiny.WIDE, encoding="utf-8")
    (sources / "kernels.h").touch()
    return copy


@pytest.fixture
def tree(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "tree"))


def setuptools(tree: Path, act: str, **environment: str) -> tuple[Path, str]:
    """Call what pip calls; return what it has made, and the lines about the library."""
    code = f"from setuptools import build_meta; print(build_meta.{act}('dist'))"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tree,
        env={**os.environ, "CXX": "", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    said = [line for line in ended.stderr.splitlines() if "operators" in line]
    return tree / "dist" / ended.stdout.splitlines()[-1], "\n".join(said)


def libraries(names: list[str]) -> list[str]:
    return [name for name in names if "libsnn_ops-" in name]


def test_a_wheel_holds_the_library_for_any_python(tree: Path) -> None:
    tiny.compiler()
    wheel, said = setuptools(tree, "build_wheel")
    assert (wheel.name.split("-", 2)[2], said) == (f"py3-none-{PLATFORM}.whl", "")
    with zipfile.ZipFile(wheel) as archive:
        [held] = libraries(archive.namelist())
        assert held.startswith(f"{INSTALLED}/libsnn_ops-")
        library = Path(archive.extract(held, tree))
        assert {name.split("/")[0] for name in archive.namelist()} == {
            "snn_deploy",
            "snn_deploy-0.1.0.dist-info",
        }
    assert instruction_sets(library).compiled == ("portable",)
    assert not list((tree / NATIVE).glob("libsnn_ops-*"))


def test_without_a_compiler_it_is_a_line_and_a_wheel_for_all(tree: Path) -> None:
    wheel, said = setuptools(tree, "build_wheel", CXX="/nowhere/c++")
    assert wheel.name.endswith("-py3-none-any.whl")
    assert said == (
        "snn-deploy is installed without native operators: building the operators needs the "
        "compiler '/nowhere/c++'; name one that is there, or leave out --compiler and CXX"
    )
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {f"{INSTALLED}/src/portable.cpp", f"{INSTALLED}/src/kernels.h"} <= names
    assert not libraries(list(names))


def test_sources_that_cannot_be_compiled_are_a_line(tree: Path) -> None:
    tiny.compiler()
    (tree / NATIVE / "src" / "isa.cpp").write_text("int x = nothing;\n")
    wheel, said = setuptools(tree, "build_wheel")
    assert wheel.name.endswith("-py3-none-any.whl")
    assert said.startswith("snn-deploy is installed without native operators: isa.cpp: ")
    assert "\n" not in said


def test_no_earlier_library_is_taken_along(tree: Path) -> None:
    """setuptools keeps what it has built before, in build/."""
    tiny.compiler()
    setuptools(tree, "build_wheel")
    (tree / NATIVE / "src" / "kernels.h").write_text("// changed\n")
    wheel, _ = setuptools(tree, "build_wheel")
    assert len(libraries(zipfile.ZipFile(wheel).namelist())) == 1
    (tree / NATIVE / "src" / "kernels.h").write_text("// changed again\n")
    wheel, _ = setuptools(tree, "build_wheel", CXX="/nowhere/c++")
    assert not libraries(zipfile.ZipFile(wheel).namelist())
    assert wheel.name.endswith("-py3-none-any.whl")


def test_a_source_distribution_can_build_it(tree: Path, tmp_path: Path) -> None:
    tiny.compiler()
    made, _ = setuptools(tree, "build_sdist")
    with tarfile.open(made) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    [unpacked] = (tmp_path / "unpacked").iterdir()
    wheel, said = setuptools(unpacked, "build_wheel")
    assert (wheel.name.split("-", 2)[2], said) == (f"py3-none-{PLATFORM}.whl", "")


def test_an_editable_installation_has_it_beside_its_sources(tree: Path) -> None:
    tiny.compiler()
    wheel, said = setuptools(tree, "build_editable")
    assert (wheel.name, said) == ("snn_deploy-0.1.0-0.editable-py3-none-any.whl", "")
    [first] = (tree / NATIVE).glob("libsnn_ops-*")
    written = first.stat().st_mtime_ns
    setuptools(tree, "build_editable")
    assert first.stat().st_mtime_ns == written
    (tree / NATIVE / "src" / "kernels.h").write_text("// changed\n")
    setuptools(tree, "build_editable")
    [second] = (tree / NATIVE).glob("libsnn_ops-*")
    assert second.name != first.name
    _, said = setuptools(tree, "build_editable", CXX="/nowhere/c++")
    assert (said, second.exists()) == ("", True)
    (tree / NATIVE / "src" / "kernels.h").write_text("// changed again\n")
    _, said = setuptools(tree, "build_editable", CXX="/nowhere/c++")
    assert said.startswith("snn-deploy is installed without native operators: ")
    assert not list((tree / NATIVE).glob("libsnn_ops-*"))
