"""Every number of a target says where it is from."""

import hashlib
import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields, replace
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from snn_deploy import targets
from snn_deploy.hardware import Target, unit_of
from snn_deploy.registry import CONVERTERS
from snn_deploy.targets.checks import KINDS, TABLES
from tests.conftest import ROOT

FOLDER = ROOT / "targets"
NAMES = sorted(path.stem for path in FOLDER.glob("*.toml"))
README = (FOLDER / "README.md").read_text(encoding="utf-8")


def test_all_of_them_are_listed() -> None:
    assert list(targets.names()) == NAMES
    assert {"onnx", "lava", "loihi", "loihi2"} <= set(NAMES)
    for name in NAMES:
        assert f"| `{name}` |" in README


@pytest.mark.parametrize("name", NAMES)
def test_a_target_loads(name: str) -> None:
    found = targets.load(name)
    assert isinstance(found, Target)
    assert found.name == name
    assert found.kind in ("runtime", "chip")
    assert (found.chip is not None) == (found.kind == "chip")
    assert found.converter in CONVERTERS
    assert 2 <= found.weight_bits <= 16
    assert found.title


def numbers(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every number of a target that ships, as its file has it."""
    content = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    for table in TABLES:
        yield from content.get(table, {}).items()


@pytest.mark.parametrize("name", NAMES)
def test_every_number_has_a_source_that_the_readme_explains(name: str) -> None:
    """ "none" is the source of what is assumed from nothing."""
    for key, entry in numbers(name):
        assert entry["kind"] in KINDS, key
        assert entry["source"] == "none" or f"| `{entry['source']}` |" in README, key
        assert entry["source"] != "none" or entry["kind"] == "assumed", key
        assert entry["kind"] != "assumed" or entry.get("note"), key


@pytest.mark.parametrize("name", NAMES)
def test_every_number_is_there_and_zero_says_why(name: str) -> None:
    for key, entry in numbers(name):
        value = entry["value"]
        least = min(seconds for _, seconds in value) if isinstance(value, list) else value
        assert least > 0 or (least == 0 and entry["note"]), key


def test_every_source_is_named_by_a_number() -> None:
    files = "".join((FOLDER / f"{name}.toml").read_text(encoding="utf-8") for name in NAMES)
    keys = re.findall(r"^\| `([\w-]+)` \|", README.partition("Sources:")[2], re.MULTILINE)
    assert keys
    assert [key for key in keys if key not in files] == []


def test_the_chips_keep_what_their_numbers_rest_on() -> None:
    for name in ("loihi", "loihi2"):
        chip = targets.load(name).chip
        assert chip is not None
        parts = (chip.limits, chip.energy, chip.latency, chip.network)
        held = {f.name: getattr(part, f.name) for part in parts for f in fields(part)}
        assert {key: fact.value for key, fact in chip.facts.items()} == {
            key: value for key, value in held.items() if value is not None
        }
        assert all(fact.unit == unit_of(key) for key, fact in chip.facts.items())


def test_no_two_numbers_of_a_chip_have_one_name() -> None:
    found = [field.name for table in TABLES.values() for field in fields(table)]
    assert len(found) == len(set(found))


def test_the_numbers_that_everything_rests_on() -> None:
    loihi, loihi2 = (targets.load(name).chip for name in ("loihi", "loihi2"))
    assert loihi is not None
    assert loihi2 is not None
    assert (loihi.limits.message_bits, loihi2.limits.message_bits) == (1, 32)
    assert (loihi.limits.cores, loihi2.limits.cores) == (128, 120)
    for limits in (loihi.limits, loihi2.limits):
        assert limits.mesh_rows * limits.mesh_columns * limits.router_cores >= limits.cores
        assert (limits.state_bits, limits.threshold_bits, limits.bias_bits) == (24, 17, 13)
        assert (limits.decay_bits, limits.max_delay, limits.weight_bits) == (12, 62, 8)


def test_units_go_by_the_name() -> None:
    assert unit_of("weight_bits") == "bit"
    assert unit_of("synapse_words") == "word"
    assert unit_of("state_bytes") == "byte"
    assert unit_of("max_delay") == "step"
    assert unit_of("send_j") == "J"
    assert unit_of("barrier_s") == "s"
    assert unit_of("static_w") == "W"
    assert unit_of("buffer_flits") == "flit"
    assert unit_of("receive_messages") == ""
    assert unit_of("neurons") == ""


def test_an_unknown_target() -> None:
    with pytest.raises(KeyError):
        targets.load("loihi9")
    with pytest.raises(KeyError):
        targets.load("../pyproject")


GOOD = """
name = "made"
kind = "runtime"
title = "A program"
converter = "onnx"
[limits]
weight_bits = { value = 8, unit = "bit", source = "nobody2026", kind = "assumed" }
"""


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(resources, "files", lambda _: tmp_path)
    return tmp_path / "made.toml"


def test_a_new_file_is_a_new_target(made: Path) -> None:
    made.write_text(GOOD)
    assert targets.names() == ("made",)
    found = targets.load("made")
    assert replace(found, sha256="") == Target("made", "runtime", "A program", "onnx", 8)
    assert found.sha256 == hashlib.sha256(made.read_bytes()).hexdigest()


def test_a_new_chip(made: Path) -> None:
    text = (FOLDER / "loihi2.toml").read_text(encoding="utf-8")
    made.write_text(text.replace('name = "loihi2"', 'name = "made"'))
    found = targets.load("made").chip
    assert found is not None
    assert found.limits.thresholds is None
    assert found.synapse_store == "kernels"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('source = "nobody2026", ', "", "needs a source"),
        ('"nobody2026"', '""', "needs a source"),
        ('"nobody2026"', "3", "needs a source"),
        (', kind = "assumed"', "", "needs a kind of published"),
        ('"assumed"', '"guessed"', "needs a kind of published"),
        ("value = 8, ", "", "needs a value from 1 to 1,048,576, not None"),
        ("value = 8", "value = 0", "not 0"),
        ("value = 8", "value = -8", "not -8"),
        ("value = 8", "value = 8.0", "not 8.0"),
        ("value = 8", "value = true", "not True"),
        ("value = 8", 'value = "8"', "not '8'"),
        ("value = 8", "value = 4000000", "not 4000000"),
        ('unit = "bit", ', "", "needs the unit 'bit'"),
        ('"bit"', '"byte"', "needs the unit 'bit'"),
        ("kind =", "colour = 3, kind =", "has 'colour'"),
        ("kind =", "note = 3, kind =", "needs a note that is text"),
    ],
)
def test_a_number_that_is_not_sourced_does_not_load(
    made: Path, old: str, new: str, told: str
) -> None:
    begin, limits = GOOD.split("[limits]")
    assert old in limits
    made.write_text(f"{begin}[limits]{limits.replace(old, new)}")
    with pytest.raises(ValueError, match=r"made\.toml: limits\.weight_bits") as raised:
        targets.load("made")
    assert told in str(raised.value)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[limits]", "colour = 3\n[limits]", "colour is unknown"),
        ("[limits]", "[energy]\n[limits]", "energy is unknown"),
        ("weight_bits", "wait_bits", "limits.wait_bits is unknown; limits.weight_bits is missing"),
        ('title = "A program"\n', "", "title is missing"),
        ('title = "A program"\n', "title = 3\n", "title is a word or two, not 3"),
        ('"made"', '"other"', "name is 'other', the file's is 'made'"),
        ('"runtime"', '"toaster"', "kind is 'toaster', one of runtime, chip is meant"),
        (
            'kind = "runtime"',
            'kind = "chip"',
            "energy is missing; latency is missing; network is missing; "
            "synapse_store is missing; limits.bias_bits is missing",
        ),
        ("[limits]", "limits = 3\n[other]", "limits is a table"),
        ("weight_bits = {", "weight_bits = 8 #", "limits.weight_bits needs a table"),
    ],
)
def test_unknown_and_missing_words_are_named(made: Path, old: str, new: str, told: str) -> None:
    made.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(ValueError, match=r"made\.toml") as raised:
        targets.load("made")
    assert told in str(raised.value)


def test_all_complaints_come_at_once(made: Path) -> None:
    made.write_text(GOOD.replace('"nobody2026"', '""').replace("8,", "0,").replace("A pro", ""))
    with pytest.raises(ValueError, match=r"needs a value .*; limits\.weight_bits needs a source"):
        targets.load("made")
