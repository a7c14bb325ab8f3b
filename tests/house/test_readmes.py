r"""Examples in READMEs do what they say.

A block that opens with ```python test or ```console test is run. All blocks of one README run in
order in one empty folder with links to models/ and examples/. In a console block a line after `$ `
is a command; what follows is its output, where `...` stands for anything.
"""

import doctest
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tree import ROOT, committed_files

BLOCK = re.compile(r"^```(python|console) test\n(.*?)^```", re.MULTILINE | re.DOTALL)
ENVIRONMENT = {
    **os.environ,
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "COLUMNS": "100",
    "NO_COLOR": "1",
}


def readmes_with_examples() -> list[Path]:
    readmes = [path for path in committed_files() if path.name == "README.md"]
    return [path for path in readmes if BLOCK.search(path.read_text(encoding="utf-8"))]


def run(command: list[str], folder: Path, text: str = "") -> str:
    result = subprocess.run(
        command,
        cwd=folder,
        env=ENVIRONMENT,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, f"{command}: {result.stdout}{result.stderr}"
    return result.stdout


def console_examples(block: str) -> Iterator[tuple[str, str]]:
    """Yield each command of a console block with the output below it."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        yield command, expected


def check_block(language: str, block: str, folder: Path) -> None:
    if language == "python":
        run([sys.executable, "-P", "-"], folder, block)
        return
    same = doctest.OutputChecker().check_output
    for command, expected in console_examples(block):
        output = run(["bash", "-c", command], folder)
        options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        assert same(expected, output, options), f"$ {command}\n{output}\ninstead of\n{expected}"


@pytest.mark.parametrize("readme", readmes_with_examples(), ids=lambda p: str(p.relative_to(ROOT)))
def test_examples(readme: Path, tmp_path: Path) -> None:
    for name in ("models", "examples"):
        (tmp_path / name).symlink_to(ROOT / name)
    for language, block in BLOCK.findall(readme.read_text(encoding="utf-8")):
        check_block(language, block, tmp_path)


def test_a_wrong_example_is_seen(tmp_path: Path) -> None:
    check_block("console", "$ echo one two\none ...\n", tmp_path)
    for language, block in [("python", "assert 1 == 2"), ("console", "$ echo one\ntwo\n")]:
        with pytest.raises(AssertionError):
            check_block(language, block, tmp_path)
