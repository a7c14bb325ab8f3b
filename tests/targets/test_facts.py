"""Every number of a target says where it is from."""

import tomllib
from importlib import resources
from pathlib import Path

import pytest

from snn_deploy import targets
from snn_deploy.hardware import Target
from snn_deploy.registry import CONVERTERS
from tests.conftest import ROOT

FOLDER = ROOT / "targets"
NAMES = sorted(path.stem for path in FOLDER.glob("*.toml"))


def test_all_of_them_are_listed() -> None:
    assert list(targets.names()) == NAMES
    assert "onnx" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_target_loads(name: str) -> None:
    found = targets.load(name)
    assert isinstance(found, Target)
    assert found.name == name
    assert found.kind in ("runtime", "chip")
    assert found.converter in CONVERTERS
    assert 2 <= found.weight_bits <= 16
    assert found.title


@pytest.mark.parametrize("name", NAMES)
def test_every_number_is_positive_and_has_a_unit_and_a_source(name: str) -> None:
    """The unit is the end of the name; a bare name is a count. Sources stand in the README."""
    content = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    tables = {key: table for key, table in content.items() if isinstance(table, dict)}
    assert tables
    for table in tables.values():
        for key, entry in table.items():
            assert entry["value"] > 0, key
            assert entry["kind"] in targets.KINDS, key
            assert f"`{entry['source']}`" in readme, key
    energies = [key for key in tables.get("energy", {}) if not key.endswith("_j")]
    times = [key for key in tables.get("latency", {}) if not key.endswith("_s")]
    assert not energies + times


def test_an_unknown_target() -> None:
    with pytest.raises(KeyError):
        targets.load("loihi9")
    with pytest.raises(KeyError):
        targets.load("../pyproject")


GOOD = """
name = "made"
kind = "chip"
title = "A chip"
converter = "onnx"
[limits]
weight_bits = { value = 8, source = "nobody2026", kind = "assumed" }
"""


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(resources, "files", lambda _: tmp_path)
    return tmp_path / "made.toml"


def test_a_new_file_is_a_new_target(made: Path) -> None:
    made.write_text(GOOD)
    assert targets.names() == ("made",)
    assert targets.load("made") == Target("made", "chip", "A chip", "onnx", 8)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('source = "nobody2026", ', ""),
        ('"nobody2026"', '""'),
        (', kind = "assumed"', ""),
        ('"assumed"', '"guessed"'),
        ("value = 8, ", ""),
        ("value = 8", "value = 0"),
        ("value = 8", "value = -8"),
        ("value = 8", "value = true"),
        ("value = 8", 'value = "8"'),
    ],
)
def test_a_number_without_a_source_does_not_load(made: Path, old: str, new: str) -> None:
    assert old in GOOD
    made.write_text(GOOD.replace(old, new))
    with pytest.raises(ValueError, match="weight_bits needs a value"):
        targets.load("made")


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("[limits]", "colour = 3\n[limits]", "colour"),
        ("weight_bits", "wait_bits", "wait_bits"),
        ('title = "A chip"\n', "", "title"),
    ],
)
def test_unknown_and_missing_words_are_named(made: Path, old: str, new: str, named: str) -> None:
    made.write_text(GOOD.replace(old, new))
    with pytest.raises(ValueError, match=named):
        targets.load("made")
