"""Targets of one's own, in files."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from snn_deploy import targets
from tests.conftest import ROOT

LOIHI = (ROOT / "targets" / "loihi.toml").read_text(encoding="utf-8")


def own(folder: Path, name: str = "mine") -> Path:
    path = folder / "any name.toml"
    path.write_text(LOIHI.replace('name = "loihi"', f'name = "{name}"'), encoding="utf-8")
    return path


def test_a_file_calls_itself_what_it_likes(tmp_path: Path) -> None:
    path = own(tmp_path)
    found = targets.load_file(path)
    assert found.name == "mine"
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    shipped = targets.load("loihi")
    assert replace(found, name="loihi", sha256=shipped.sha256) == shipped


def test_even_as_one_that_ships(tmp_path: Path) -> None:
    assert targets.load_file(own(tmp_path, "loihi2")).name == "loihi2"


@pytest.mark.parametrize("name", ["../x", "a b", "2nd", "a-b", "a.b", "<b>", "a\\nb"])
def test_a_name_is_an_identifier(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"letters, digits and _ are meant$"):
        targets.load_file(own(tmp_path, name))


def test_complaints_begin_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(LOIHI.replace("[energy]", "[energies]"))
    with pytest.raises(ValueError, match="energies is unknown; energy is missing") as raised:
        targets.load_file(path)
    assert str(raised.value).startswith(f"{path}: energies is unknown")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "converter is missing; kind is missing; limits is missing"),
        (b"name = \n", "is no usable TOML: Invalid value (at line 1, column 8)"),
        (b"\xff\xfe", "is no usable TOML: 'utf-8' codec can't decode byte 0xff"),
        (b"a = " + b"[" * 20_000, "is no usable TOML: "),
        (b"[limits]\nweight_bits = { value = 0x" + b"f" * 20_000 + b" }", "is no usable TOML: "),
    ],
    ids=["empty", "cut off", "not UTF-8", "deep", "long number"],
)
def test_what_is_no_target(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"x\.toml: ") as raised:
        targets.load_file(path)
    assert str(raised.value).startswith(f"{path}: {told}")


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        targets.load_file(tmp_path / "none.toml")
    with pytest.raises(IsADirectoryError):
        targets.load_file(tmp_path)
