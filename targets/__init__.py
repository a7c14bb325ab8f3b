"""The targets that ship: one TOML file each, facts with their sources."""

import tomllib
from importlib import resources

from snn_deploy.hardware import Target


def names() -> tuple[str, ...]:
    """Return the targets' names in alphabetical order."""
    files = resources.files(__name__).iterdir()
    return tuple(sorted(f.name.removesuffix(".toml") for f in files if f.name.endswith(".toml")))


def load(name: str) -> Target:
    """Read one target.

    Raises:
        KeyError: no such target.
        ValueError: its file lacks a source or says something unknown.
    """
    if name not in names():
        raise KeyError(name)
    text = resources.files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8")
    content = tomllib.loads(text)
    limits = content.pop("limits")
    content |= {key: _sourced(name, key, entry) for key, entry in limits.items()}
    return Target(**content)


def _sourced(target: str, key: str, entry: dict[str, object]) -> int:
    value = entry.get("value")
    if not entry.get("source") or not entry.get("kind") or not isinstance(value, int):
        raise ValueError(f"targets/{target}.toml: {key} needs an integer value, a source, a kind")
    return value
