"""report.json read again, as one value a key: of this version's schema, or refused."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn, TypeGuard

from snn_deploy.errors import ModelError

from .document import SCHEMA

LARGEST_BYTES = 16 * 2**20
"""The report of the deepest network has less than a tenth of this."""

_MOST_VALUES = 200_000
_DEEPEST = 16
_LONGEST_WHOLE = 20
"""Digits of a whole number: those of 64 bits, and the sign."""

_ELSE = "give a report.json that `snn-deploy validate -o` or an export wrote"
_FAMILY = SCHEMA.rpartition("/")[0]

Key = tuple[str, ...]
"""Where a value stands: keys of the JSON tree, and names of entries of its lists."""

Scalar = int | float | str | bool


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value. path: its key as it is written; series: its key with `*` for entries of lists."""

    path: str
    series: Key
    value: Scalar


@dataclass(frozen=True)
class Written:
    """What a report says.

    Attributes:
        where: the file, as it was named.
        leaves: every number, text and truth value but the warnings, in order.
        warnings: its own.
    """

    where: str
    leaves: Mapping[Key, Leaf]
    warnings: tuple[str, ...] = ()

    @cached_property
    def sections(self) -> frozenset[Key]:
        """What holds values: the beginnings of all keys."""
        return frozenset(key[:end] for key in self.leaves for end in range(1, len(key)))

    def value(self, path: str) -> Scalar | None:
        """Return what stands at a path without lists; None where nothing does."""
        leaf = self.leaves.get(tuple(path.split(".")))
        return None if leaf is None else leaf.value

    def number(self, path: str) -> float | None:
        """Return the number at a path without lists; None where there is none."""
        found = self.value(path)
        return found if is_number(found) else None


def is_number(value: Any) -> TypeGuard[int | float]:
    """Say whether a value can be computed with; truth values are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def read(content: bytes, where: str) -> Written:
    """Read a report.

    Args:
        content: of the file, at most `LARGEST_BYTES` and a byte more.
        where: the file's name, for messages.

    Raises:
        ModelError: it is none, is of another version, or holds what no report does.
    """
    if len(content) > LARGEST_BYTES:
        size = f"{LARGEST_BYTES // 2**20} MB"
        raise ModelError(where, f"is larger than {size}, which no report of ours is", _ELSE)
    tree = _checked(_parsed(content, where), where)
    listed = tree.pop("warnings", [])
    warnings = listed if isinstance(listed, list) else []
    leaves = dict(_walk(tree, where))
    return Written(where, leaves, tuple(w for w in map(_text, warnings) if isinstance(w, str)))


def _parsed(content: bytes, where: str) -> Any:
    if not content.strip():
        raise ModelError(where, "is empty", _ELSE)
    try:
        return json.loads(content, parse_constant=_no_number, parse_float=_real, parse_int=_whole)
    except json.JSONDecodeError as error:
        place = f"{error.msg}, line {error.lineno}, column {error.colno}"
        raise ModelError(where, f"is no JSON ({place})", _ELSE) from error
    except RecursionError as error:
        raise ModelError(where, "is nested too deeply", _ELSE) from error
    except _NoNumberError as error:
        raise ModelError(where, f"holds {error}, which no report of ours does", _ELSE) from error
    except ValueError as error:
        raise ModelError(where, "is no text in UTF-8", _ELSE) from error


class _NoNumberError(ValueError):
    """NaN, infinity, or more digits than any count has."""


def _no_number(text: str) -> NoReturn:
    raise _NoNumberError(text)


def _real(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _NoNumberError(_shortened(text))
    return number


def _whole(text: str) -> int:
    if len(text) > _LONGEST_WHOLE:
        raise _NoNumberError(_shortened(text))
    return int(text)


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_WHOLE else f"{text[:_LONGEST_WHOLE]}…"


def _checked(tree: Any, where: str) -> dict[str, Any]:
    schema = tree.get("schema") if isinstance(tree, dict) else None
    if schema == SCHEMA:
        return dict(tree)
    if not isinstance(schema, str):
        raise ModelError(where, "is no report of ours: it has no 'schema'", _ELSE)
    named = _text(_shortened(schema))
    if schema.rpartition("/")[0] == _FAMILY:
        raise ModelError(
            where, f"is of schema '{named}', this version reads '{SCHEMA}'", "update snn-deploy"
        )
    raise ModelError(where, f"is no report of ours, its schema is '{named}'", _ELSE)


def _walk(tree: dict[str, Any], where: str) -> Iterator[tuple[Key, Leaf]]:
    for found, (key, leaf) in enumerate(_leaves(tree, (), (), "", where)):
        if found >= _MOST_VALUES:
            most = f"{_MOST_VALUES:,}"
            raise ModelError(where, f"holds more than {most} values, no report of ours does", _ELSE)
        yield key, leaf


def _leaves(tree: Any, key: Key, series: Key, path: str, where: str) -> Iterator[tuple[Key, Leaf]]:
    if len(key) > _DEEPEST:
        raise ModelError(where, "is nested too deeply", _ELSE)
    if isinstance(tree, dict):
        for raw, value in tree.items():
            name = _text(raw)
            yield from _leaves(value, (*key, name), (*series, name), _beyond(path, name), where)
    elif isinstance(tree, list):
        for name, value in _named(tree).items():
            longer = path + _bracketed(name)
            yield from _leaves(value, (*key, name), (*series, "*"), longer, where)
    elif tree is not None:
        yield key, Leaf(path, series, _text(tree))


_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _beyond(path: str, name: str) -> str:
    """Return a path with one more key of an object."""
    if not _PLAIN.fullmatch(name):
        return path + _bracketed(name)
    return f"{path}.{name}" if path else name


def _bracketed(name: str) -> str:
    plain = name and name == name.strip() and not re.search(r'[\[\]"\\]', name)
    return f"[{name if plain else json.dumps(name, ensure_ascii=False)}]"


_NAMES = (("name",), ("backend", "form"), ("layer",), ("network",), ("core",))
"""What entries of our lists are called by."""


def _named(entries: list[Any]) -> dict[str, Any]:
    """Return entries by name, or by number; one whose name was there gets its number, too."""
    found: dict[str, Any] = {}
    for number, entry in enumerate(entries):
        name, rest = _name(entry)
        name = name or str(number)
        found[name if name not in found else f"{name} #{number}"] = rest
    return found


def _name(entry: Any) -> tuple[str, Any]:
    """Return what an entry is called, and the rest of it."""
    for parts in _NAMES if isinstance(entry, dict) else ():
        if all(_is_name(entry.get(part)) for part in parts):
            rest = {key: value for key, value in entry.items() if key not in parts}
            return _text(", ".join(str(entry[part]) for part in parts)), rest
    return "", entry


def _is_name(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _text(value: Any) -> Any:
    """Return text that neither breaks a line nor moves a cursor; anything else as it is."""
    if not isinstance(value, str) or value.isprintable():
        return value
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in value)
