"""The targets that ship: one TOML file each, facts with their sources."""

import tomllib
from importlib import resources

from snn_deploy.hardware import Target

KINDS = ("published", "measured", "derived", "fitted", "assumed")
"""What a number may rest on."""


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
    limits = content.pop("limits", {})
    content |= {key: _sourced(name, key, entry) for key, entry in limits.items()}
    try:
        return Target(**content)
    except TypeError as error:
        raise ValueError(f"targets/{name}.toml: {error}") from error


def _sourced(target: str, key: str, entry: dict[str, object]) -> int:
    value = entry.get("value")
    is_count = type(value) is int and value > 0
    if not is_count or not entry.get("source") or entry.get("kind") not in KINDS:
        kinds = ", ".join(KINDS)
        raise ValueError(
            f"targets/{target}.toml: {key} needs a value above 0, a source, and a kind of {kinds}"
        )
    assert isinstance(value, int), "checked above"
    return value
