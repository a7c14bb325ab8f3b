"""The tree as the house tests see it: which folder installs under which name."""

import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SETUPTOOLS = SETTINGS["tool"]["setuptools"]
PACKAGE_DIR: dict[str, str] = SETUPTOOLS["package-dir"]

# Folders of files that exports carry: Python for another environment, data for this one.
SHIPPED = "shipped"


@dataclass(frozen=True)
class Module:
    """One Python file of ours; `name` is the name it installs under."""

    name: str
    path: Path

    @property
    def package(self) -> str:
        is_package = self.path.name == "__init__.py"
        return self.name if is_package else self.name.rpartition(".")[0]


def modules() -> list[Module]:
    """Return every Python file of the package."""
    found = []
    for package, folder in PACKAGE_DIR.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            if SHIPPED in parts:
                continue
            if parts[-1] == "__init__":
                parts = parts[:-1]
            found.append(Module(".".join((package, *parts)), path))
    return found


def committed_files() -> list[Path]:
    """Return what git tracks or would track, without what it ignores."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if listing.returncode != 0:
        pytest.skip("needs a git checkout")
    paths = (ROOT / name for name in listing.stdout.decode().split("\0") if name)
    return [path for path in paths if path.is_file()]


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter that does not see the repository root (-P)."""
    command = [sys.executable, "-P", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=False)
