"""What is in the folders is what a wheel holds."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.house.tree import PACKAGE_DIR, ROOT, SETUPTOOLS, SHIPPED, modules


def test_packages_are_listed() -> None:
    """A new folder with Python in it needs its line in pyproject.toml, or wheels lack it."""
    found = {module.package for module in modules()}
    listed = set(SETUPTOOLS["packages"])
    assert not found - listed, "add these to tool.setuptools.packages"
    assert not listed - found, "these folders hold no Python; remove them"


@pytest.mark.parametrize("package", SETUPTOOLS["packages"])
def test_package_has_a_face(package: str) -> None:
    assert package in {module.name for module in modules()}, "it has no __init__.py"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names in a wheel that was built from a copy of the tree, offline.

    No library is compiled: tests/converters/onnx/native/test_delivery.py does that.
    """
    copy = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for folder in PACKAGE_DIR.values():
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "libsnn_ops-*")
        shutil.copytree(ROOT / folder, copy / folder, ignore=ignored)
    code = "from setuptools.build_meta import build_wheel; build_wheel('dist')"
    built = subprocess.run(
        [sys.executable, "-c", code],
        cwd=copy,
        env={**os.environ, "CXX": "none"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    [archive] = (copy / "dist").glob("*.whl")
    return set(zipfile.ZipFile(archive).namelist())


def test_wheel_holds_every_module(wheel: set[str]) -> None:
    expected = {module.name for module in modules()}
    found = {name for name in wheel if name.endswith(".py") and f"/{SHIPPED}/" not in name}
    dotted = {
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in found
    }
    assert dotted == expected


@pytest.mark.parametrize(
    ("package", "folder", "pattern"),
    [
        ("snn_deploy", "snn_deploy", "py.typed"),
        ("snn_deploy/targets", "targets", "*.toml"),
        ("snn_deploy/report", "snn_deploy/report", "templates/*"),
        ("snn_deploy/converters/lava", "converters/lava", "shipped/*.py"),
        ("snn_deploy/converters/lava", "converters/lava", "shipped/lava_network/*.py"),
        ("snn_deploy/converters/onnx/native", "converters/onnx/native", "src/*"),
    ],
)
def test_wheel_holds_the_data(wheel: set[str], package: str, folder: str, pattern: str) -> None:
    expected = [path.relative_to(ROOT / folder) for path in Path(ROOT / folder).glob(pattern)]
    assert expected, f"nothing matches {folder}/{pattern}"
    assert not {f"{package}/{path.as_posix()}" for path in expected} - wheel


def test_wheel_claims_one_name(wheel: set[str]) -> None:
    assert {name.split("/")[0] for name in wheel if ".dist-info/" not in name} == {"snn_deploy"}


def test_wheel_carries_the_licence(wheel: set[str]) -> None:
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel)
