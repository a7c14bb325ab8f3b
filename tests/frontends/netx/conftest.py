"""Recordings that others made, where they are."""

import os
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@cache
def site_packages() -> Path | None:
    """Return the folder of Lava's packages: that of a variable's Python, or of `make lava`."""
    named = os.environ.get("SNN_DEPLOY_LAVA_PYTHON")
    python = Path(named) if named else ROOT / ".venv-lava" / "bin" / "python"
    if not python.exists():
        return None
    code = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    asked = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return Path(asked.stdout.strip())


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of recorded networks that comes with lava-dl."""
    found = site_packages()
    if found is None:
        pytest.skip("needs lava-dl: run `make lava`, or set SNN_DEPLOY_LAVA_PYTHON")
    folder = found / "tests" / "lava" / "lib" / "dl" / "netx"
    if not folder.is_dir():
        pytest.skip(f"lava-dl is installed without its recordings, there is no {folder}")
    return folder
