"""mypy --strict over the whole package, under its installed names.

mypy does not follow the import hook of an editable installation, so it would not see the folders
that install as snn_deploy.converters, .targets and .models. It gets a folder of links instead.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import PACKAGE_DIR, ROOT


def link_tree(folder: Path) -> None:
    """Make `folder/snn_deploy` with links to the children of each mapped folder."""
    (folder / "snn_deploy").mkdir()
    for child in (ROOT / PACKAGE_DIR["snn_deploy"]).iterdir():
        (folder / "snn_deploy" / child.name).symlink_to(child)
    for package, source in PACKAGE_DIR.items():
        if package != "snn_deploy":
            (folder / package.replace(".", "/")).symlink_to(ROOT / source)


def test_types(tmp_path: Path) -> None:
    link_tree(tmp_path)
    config = [
        "--config-file",
        str(ROOT / "pyproject.toml"),
        "--cache-dir",
        str(ROOT / ".mypy_cache"),
    ]
    command = [sys.executable, "-m", "mypy", *config, "-p", "snn_deploy"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        pytest.fail(f"{result.stdout}{result.stderr}", pytrace=False)
