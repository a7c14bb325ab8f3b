"""The targets that ship: one TOML file each, facts with their sources."""

import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from importlib import resources
from typing import Any, get_args

from snn_deploy.hardware import Chip, Evidence, Fact, Limits, SynapseStore, Target, unit_of

KINDS: tuple[str, ...] = get_args(Evidence)
"""What a number may rest on."""

STORES: tuple[str, ...] = get_args(SynapseStore)

LARGEST = 2**20
"""No table, memory or field of a core, and no system, is larger; a number above is a slip."""

_WORDS = ("name", "kind", "title", "converter")
_FACT = frozenset(("value", "unit", "source", "kind", "note"))


def names() -> tuple[str, ...]:
    """Return the targets' names in alphabetical order."""
    files = resources.files(__name__).iterdir()
    return tuple(sorted(f.name.removesuffix(".toml") for f in files if f.name.endswith(".toml")))


def load(name: str) -> Target:
    """Read one target.

    Raises:
        KeyError: no such target.
        ValueError: all that is wrong with its file: a word or a number unknown or missing; a
            number without its source, kind or unit, or one that cannot be.
    """
    if name not in names():
        raise KeyError(name)
    file = resources.files(__name__).joinpath(f"{name}.toml").read_bytes()
    content = tomllib.loads(file.decode())
    complaints = list(_complaints(name, content))
    if complaints:
        raise ValueError(f"targets/{name}.toml: " + "; ".join(complaints))
    facts = {key: Fact(**entry) for key, entry in content["limits"].items()}
    values = {key: fact.value for key, fact in facts.items()}
    is_chip = content["kind"] == "chip"
    chip = Chip(Limits(**values), content["synapse_store"], facts) if is_chip else None
    words = {key: content[key] for key in _WORDS}
    digest = hashlib.sha256(file).hexdigest()
    return Target(**words, weight_bits=values["weight_bits"], chip=chip, sha256=digest)


def _complaints(name: str, content: Mapping[str, Any]) -> Iterator[str]:
    is_chip = content.get("kind") == "chip"
    words = (*_WORDS, "synapse_store") if is_chip else _WORDS
    yield from _of_keys("", content, {*words, "limits"}, {*words, "limits"})
    for key in words:
        if key in content and not (isinstance(content[key], str) and content[key]):
            yield f"{key} is a word or two, not {content[key]!r}"
    if content.get("name", name) != name:
        yield f"name is '{content['name']}', the file's is '{name}'"
    yield from _of_choice("kind", content, ("runtime", "chip"))
    yield from _of_choice("synapse_store", content, STORES)
    limits = content.get("limits", {})
    if not isinstance(limits, dict):
        yield "limits is a table"
        return
    yield from _of_keys("limits.", limits, *_limit_names(is_chip))
    for key, entry in limits.items():
        yield from _of_fact(key, entry)


def _limit_names(is_chip: bool) -> tuple[set[str], set[str]]:
    """Return the numbers that a target may have, and those that it must have."""
    if not is_chip:
        return {"weight_bits"}, {"weight_bits"}
    found = fields(Limits)
    return {f.name for f in found}, {f.name for f in found if f.default is MISSING}


def _of_keys(
    prefix: str, table: Mapping[str, Any], known: set[str], needed: set[str]
) -> Iterator[str]:
    yield from (f"{prefix}{key} is unknown" for key in table if key not in known)
    yield from (f"{prefix}{key} is missing" for key in sorted(needed - table.keys()))


def _of_choice(key: str, content: Mapping[str, Any], choices: tuple[str, ...]) -> Iterator[str]:
    if isinstance(content.get(key), str) and content[key] not in choices:
        yield f"{key} is '{content[key]}', one of {', '.join(choices)} is meant"


def _of_fact(key: str, entry: Any) -> Iterator[str]:
    """Yield what is wrong with one number."""
    if not isinstance(entry, dict):
        yield f"limits.{key} needs a table of value, source and kind"
        return
    yield from (f"limits.{key} has '{word}'" for word in entry if word not in _FACT)
    value = entry.get("value")
    if type(value) is not int or not 0 < value <= LARGEST:
        yield f"limits.{key} needs a value from 1 to {LARGEST:,}, not {value!r}"
    if not isinstance(entry.get("source"), str) or not entry["source"]:
        yield f"limits.{key} needs a source"
    if entry.get("kind") not in KINDS:
        yield f"limits.{key} needs a kind of {', '.join(KINDS)}"
    if entry.get("unit", "") != unit_of(key):
        wanted = f"the unit '{unit_of(key)}'" if unit_of(key) else "no unit, it is a count"
        yield f"limits.{key} needs {wanted}"
