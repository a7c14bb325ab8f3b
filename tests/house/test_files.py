"""Files stay small, and say nothing about the machine they were written on."""

import re

from tests.house.tree import ROOT, committed_files

LINES = 600
BYTES = 10_000_000

# Written in two pieces, so that this file does not find itself.
PLACES = re.compile(
    rb"/o" rb"pt/|/wo" rb"rk/|/ro" rb"ot/|/ho" rb"me/|py" rb"pi\.org|pythonhoste" rb"d"
)


def test_python_files_are_short() -> None:
    python = [path for path in committed_files() if path.suffix == ".py"]
    lengths = {path.relative_to(ROOT): len(path.read_bytes().splitlines()) for path in python}
    assert not {path: length for path, length in lengths.items() if length > LINES}


def test_no_file_is_huge() -> None:
    assert not [path for path in committed_files() if path.stat().st_size > BYTES]


def test_no_file_names_a_place() -> None:
    """Folders of one machine and hosts of one package index help nobody else."""
    contents = {path.relative_to(ROOT): path.read_bytes() for path in committed_files()}
    text = {path: content for path, content in contents.items() if b"\0" not in content}
    assert not {
        path: found[0] for path, content in text.items() if (found := PLACES.search(content))
    }
