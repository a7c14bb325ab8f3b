"""What is wrong with a target's file: all of it, in words."""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from typing import Any, get_args

from snn_deploy.hardware import (
    Energies,
    Evidence,
    Interconnect,
    Latencies,
    Limits,
    SynapseStore,
    unit_of,
)

KINDS: tuple[str, ...] = get_args(Evidence)
"""What a number may rest on."""

STORES: tuple[str, ...] = get_args(SynapseStore)

WORDS = ("name", "kind", "title", "converter")

TABLES: Mapping[str, type[Limits | Energies | Latencies | Interconnect]] = {
    "limits": Limits,
    "energy": Energies,
    "latency": Latencies,
    "network": Interconnect,
}
"""Of a chip. A runtime has `limits` alone, and of these `weight_bits`."""

LARGEST = 2**20
"""No table, memory or field of a core, and no system, is larger; a number above is a slip."""

LARGEST_OF: Mapping[str, float] = {"J": 1e-6, "s": 1e-3, "W": 1e3}
"""By unit, what no chip comes near, so that a forgotten power of ten is seen: an event takes
picojoules and nanoseconds, a barrier of 768 chips 16 us, and Hala Point's 1,152 chips 2.6 kW."""

_STAIRS = "barrier_s"
_NEVER_ZERO = ("flit_s",)
"""A link that passes flits in no time is never full, and there is no network to simulate."""

_FACT = frozenset(("value", "unit", "source", "kind", "note"))


def complaints(content: Mapping[str, Any], name: str | None) -> Iterator[str]:
    """Yield what is wrong with a file's content.

    Args:
        content: as TOML has it.
        name: what it must call itself; None: any identifier.
    """
    is_chip = content.get("kind") == "chip"
    words = (*WORDS, "synapse_store") if is_chip else WORDS
    tables = tuple(TABLES) if is_chip else ("limits",)
    yield from _of_keys("", content, {*words, *tables}, {*words, *tables})
    for key in words:
        if key in content and not (isinstance(content[key], str) and content[key]):
            yield f"{key} is a word or two, not {content[key]!r}"
    yield from _of_name(content.get("name"), name)
    yield from _of_choice("kind", content, ("runtime", "chip"))
    yield from _of_choice("synapse_store", content, STORES)
    for table in tables:
        yield from _of_table(table, content.get(table, {}), *_number_names(table, is_chip))


def is_quantity(key: str) -> bool:
    """Return whether a number has a physical unit, rather than being a count of something."""
    return unit_of(key) in LARGEST_OF


def _number_names(table: str, is_chip: bool) -> tuple[set[str], set[str]]:
    """Return the numbers that a table may have, and those that it must have."""
    if not is_chip:
        return {"weight_bits"}, {"weight_bits"}
    found = fields(TABLES[table])
    return {f.name for f in found}, {f.name for f in found if f.default is MISSING}


def _of_keys(
    prefix: str, table: Mapping[str, Any], known: set[str], needed: set[str]
) -> Iterator[str]:
    yield from (f"{prefix}{key} is unknown" for key in table if key not in known)
    yield from (f"{prefix}{key} is missing" for key in sorted(needed - table.keys()))


def _of_name(found: Any, wanted: str | None) -> Iterator[str]:
    if not isinstance(found, str) or not found:
        return
    if wanted is None and not found.isidentifier():
        yield f"name is '{found}', letters, digits and _ are meant"
    if wanted is not None and found != wanted:
        yield f"name is '{found}', the file's is '{wanted}'"


def _of_choice(key: str, content: Mapping[str, Any], choices: tuple[str, ...]) -> Iterator[str]:
    if isinstance(content.get(key), str) and content[key] not in choices:
        yield f"{key} is '{content[key]}', one of {', '.join(choices)} is meant"


def _of_table(name: str, table: Any, known: set[str], needed: set[str]) -> Iterator[str]:
    if not isinstance(table, dict):
        yield f"{name} is a table"
        return
    yield from _of_keys(f"{name}.", table, known, needed)
    for key, entry in table.items():
        yield from (f"{name}.{key} {problem}" for problem in _of_fact(key, entry))


def _of_fact(key: str, entry: Any) -> Iterator[str]:
    """Yield what is wrong with one number."""
    if not isinstance(entry, dict):
        yield "needs a table of value, source and kind"
        return
    yield from (f"has '{word}'" for word in entry if word not in _FACT)
    if wrong := list(_of_value(key, entry.get("value"))):
        yield from wrong
    else:
        yield from _of_zero(key, entry)
    if not isinstance(entry.get("source"), str) or not entry["source"]:
        yield "needs a source"
    if entry.get("kind") not in KINDS:
        yield f"needs a kind of {', '.join(KINDS)}"
    if entry.get("unit", "") != unit_of(key):
        yield f"needs the unit '{unit_of(key)}'" if unit_of(key) else "needs no unit, it is a count"
    if not isinstance(entry.get("note", ""), str):
        yield "needs a note that is text"


def _of_value(key: str, value: Any) -> Iterator[str]:
    if key == _STAIRS:
        yield from _of_stairs(value)
    elif is_quantity(key):
        if not _is_quantity(value, unit_of(key)):
            yield f"needs a value from 0 to {_largest(unit_of(key))}, not {value!r}"
    elif not _is_count(value):
        yield f"needs a value from 1 to {LARGEST:,}, not {value!r}"


def _of_stairs(value: Any) -> Iterator[str]:
    if not isinstance(value, list) or not value:
        yield f"needs a list of pairs [routers, seconds], not {value!r}"
        return
    wrong = [stair for stair in value if not _is_stair(stair)]
    for stair in wrong:
        yield f"needs pairs of 1 to {LARGEST:,} and 0 to {_largest('s')}, not {stair!r}"
    routers = [stair[0] for stair in value] if not wrong else []
    if routers != sorted(set(routers)):
        yield f"needs ascending routers, not {', '.join(map(str, routers))}"


def _of_zero(key: str, entry: Mapping[str, Any]) -> Iterator[str]:
    value = entry["value"]
    least = min(seconds for _, seconds in value) if key == _STAIRS else value
    if least > 0:
        return
    if key in _NEVER_ZERO:
        yield "cannot be 0"
    elif not entry.get("note"):
        yield "is 0 and needs a note that says why"


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 < value <= LARGEST


def _is_quantity(value: Any, unit: str) -> bool:
    # No comparison holds for NaN.
    return type(value) in (int, float) and 0 <= value <= LARGEST_OF[unit]


def _is_stair(value: Any) -> bool:
    pair = isinstance(value, list) and len(value) == 2
    return pair and _is_count(value[0]) and _is_quantity(value[1], "s")


def _largest(unit: str) -> str:
    return f"{LARGEST_OF[unit]:g} {unit}"
