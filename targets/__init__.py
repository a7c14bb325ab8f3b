"""The targets that ship, and anybody's: one TOML file each, facts with their sources."""

import hashlib
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from snn_deploy.hardware import Chip, Energies, Fact, Interconnect, Latencies, Limits, Target

from .checks import TABLES, WORDS, complaints, is_quantity


def names() -> tuple[str, ...]:
    """Return the targets' names in alphabetical order."""
    files = resources.files(__name__).iterdir()
    return tuple(sorted(f.name.removesuffix(".toml") for f in files if f.name.endswith(".toml")))


def load(name: str) -> Target:
    """Read one target that ships.

    Raises:
        KeyError: no such target.
        ValueError: all that is wrong with its file: a word, a table or a number unknown or
            missing; a number without its source, kind or unit, or one that cannot be.
    """
    if name not in names():
        raise KeyError(name)
    file = resources.files(__name__).joinpath(f"{name}.toml").read_bytes()
    return _target(f"targets/{name}.toml", file, name)


def load_file(path: Path) -> Target:
    """Read a target from a file, whatever it calls itself.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no TOML, or as `load`.
    """
    return _target(str(path), path.read_bytes(), None)


def _target(where: str, file: bytes, name: str | None) -> Target:
    try:
        content = tomllib.loads(file.decode())
        found = list(complaints(content, name))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where}: is no usable TOML: {error}") from error
    if found:
        raise ValueError(f"{where}: {'; '.join(found)}")
    words = {key: content[key] for key in WORDS}
    weight_bits = content["limits"]["weight_bits"]["value"]
    chip = _chip(content) if content["kind"] == "chip" else None
    digest = hashlib.sha256(file).hexdigest()
    return Target(**words, weight_bits=weight_bits, chip=chip, sha256=digest)


def _chip(content: Mapping[str, Any]) -> Chip:
    facts = {key: _fact(key, entry) for table in TABLES for key, entry in content[table].items()}

    def values(table: str) -> Mapping[str, Any]:
        return {key: facts[key].value for key in content[table]}

    return Chip(
        limits=Limits(**values("limits")),
        energy=Energies(**values("energy")),
        latency=Latencies(**values("latency")),
        network=Interconnect(**values("network")),
        synapse_store=content["synapse_store"],
        facts=facts,
    )


def _fact(key: str, entry: Mapping[str, Any]) -> Fact:
    """Return an entry with its value as the fields have it: floats, and tuples of them."""
    value = entry["value"]
    if isinstance(value, list):
        value = tuple((routers, float(seconds)) for routers, seconds in value)
    elif is_quantity(key):
        value = float(value)
    return Fact(**{**entry, "value": value})
