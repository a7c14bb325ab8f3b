"""What a chip's events cost and how long they take: what is shipped, and what is refused."""

import tomllib
from dataclasses import asdict, fields
from importlib import resources
from pathlib import Path

import pytest

from snn_deploy import targets
from snn_deploy.hardware import Chip, Energies, Interconnect, Latencies
from tests.conftest import ROOT

FILE = ROOT / "targets" / "loihi2.toml"
TEXT = FILE.read_text(encoding="utf-8").replace('name = "loihi2"', 'name = "made"')
README = (FILE.parent / "README.md").read_text(encoding="utf-8")


def chip(name: str) -> Chip:
    found = targets.load(name).chip
    assert found is not None
    return found


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(resources, "files", lambda _: tmp_path)
    return tmp_path / "made.toml"


def with_entry(key: str, entry: str) -> str:
    """Return a chip's file with another entry for one number, or, if empty, with none."""
    lines = TEXT.splitlines()
    (at,) = (n for n, line in enumerate(lines) if line.startswith(f"{key} = "))
    lines[at : at + 1] = [f"{key} = {entry}"] if entry else []
    return "\n".join(lines)


def with_value(key: str, value: str) -> str:
    """Return a chip's file with another value for one number, which has no note any more."""
    entry = tomllib.loads(TEXT)
    (table,) = (entry[t] for t in ("energy", "latency", "network") if key in entry[t])
    unit = f'unit = "{table[key]["unit"]}", ' if "unit" in table[key] else ""
    return with_entry(key, f'{{ value = {value}, {unit}source = "none", kind = "assumed" }}')


def refusal(made: Path, text: str) -> str:
    made.write_text(text)
    with pytest.raises(ValueError, match=r"^targets/made\.toml: ") as raised:
        targets.load("made")
    return str(raised.value).removeprefix("targets/made.toml: ")


def test_loihi_costs_what_was_fitted_to_boards() -> None:
    """SANA-FE's `arch/loihi.yaml`, 2.2.9."""
    energy, latency = chip("loihi").energy, chip("loihi").latency
    assert (energy.neuron_access_j, latency.neuron_access_s) == (51.2e-12, 6.0e-9)
    assert (energy.neuron_update_j, latency.neuron_update_s) == (21.6e-12, 3.7e-9)
    assert (energy.send_j, latency.send_s) == (69.3e-12, 30.0e-9)
    assert (energy.axon_out_j, latency.axon_out_s) == (111.0e-12, 5.1e-9)
    assert (energy.axon_in_j, latency.axon_in_s) == (0.0, 16.0e-9)
    assert (energy.conv_event_j, latency.conv_event_s) == (24.0e-12, 3.1e-9)
    assert (energy.dense_event_j, latency.dense_event_s) == (35.5e-12, 3.8e-9)
    assert (energy.sparse_event_j, latency.sparse_event_s) == (33.6e-12, 4.7e-9)
    assert (energy.hop_x_j, chip("loihi").network.hop_x_s) == (3.0e-12, 4.1e-9)
    assert (energy.hop_y_j, chip("loihi").network.hop_y_s) == (4.2e-12, 6.5e-9)


def test_only_what_was_measured_says_so() -> None:
    for name, static_w in (("loihi", 0.0297), ("loihi2", 0.2321)):
        kinds = {key: fact.kind for key, fact in chip(name).facts.items()}
        assert {key for key, kind in kinds.items() if kind == "measured"} == {"static_w"}
        assert chip(name).energy.static_w == static_w


def test_of_loihi_2_no_energy_of_an_event_is_known() -> None:
    loihi, loihi2 = chip("loihi"), chip("loihi2")
    for field in fields(Energies):
        if field.name.endswith("_j"):
            assert getattr(loihi2.energy, field.name) == getattr(loihi.energy, field.name)
            assert loihi2.facts[field.name].kind == "assumed"


FASTER = {
    "neuron_access_s": 2,
    "neuron_update_s": 2,
    "send_s": 10,
    "axon_out_s": 10,
    "axon_in_s": 5,
    "conv_event_s": 5,
    "dense_event_s": 5,
    "sparse_event_s": 5,
    "host_message_s": 1,
}


def test_loihi_2_is_faster_by_the_published_factors() -> None:
    loihi, loihi2 = chip("loihi").latency, chip("loihi2").latency
    for key, factor in FASTER.items():
        assert getattr(loihi2, key) * factor == pytest.approx(getattr(loihi, key), rel=1e-12), key
    assert loihi2.barrier_s == ((1, 200e-9),)


def test_a_link_between_chips_is_as_long_as_placement_takes_it_for() -> None:
    for name in ("loihi", "loihi2"):
        hops = chip(name).limits.chip_hops
        energy, network = chip(name).energy, chip(name).network
        assert energy.chip_hop_j == pytest.approx(hops * energy.hop_x_j, rel=1e-12)
        assert network.chip_hop_s == pytest.approx(hops * network.hop_x_s, rel=1e-12)


ROWS = {
    "neuron in a core, each step": "neuron_access",
    "on top, one that is not idle": "neuron_update",
    "on top, one that sends": "send",
    "message, at its source": "axon_out",
    "message, at its destination": "axon_in",
    "synaptic event of a kernel": "conv_event",
    "synaptic event, all to all": "dense_event",
    "synaptic event of a single connection": "sparse_event",
    "hop along a row": "hop_x",
    "hop along a column": "hop_y",
    "hop between chips": "chip_hop",
    "message of the host": "host_message",
    "barrier, of a core": "barrier",
}


def cell(name: str, key: str) -> str:
    """Return what the README has for a number: pico- or nano-, and its kind's initial."""
    fact = chip(name).facts.get(key)
    if fact is None or not isinstance(fact.value, float):
        return "\N{EN DASH}"
    scale, unit = (1e12, "pJ") if key.endswith("_j") else (1e9, "ns")
    value = f"{fact.value * scale:g} {unit}" if fact.value else "0"
    return f"{value} {fact.kind[0].upper()}"


@pytest.mark.parametrize("row", ROWS)
def test_the_readme_has_the_numbers_of_the_files(row: str) -> None:
    columns = [(name, end) for end in ("_j", "_s") for name in ("loihi", "loihi2")]
    cells = [cell(name, ROWS[row] + end) for name, end in columns]
    assert f"| {row} | {' | '.join(cells)} |" in README


@pytest.mark.parametrize(
    ("routers", "microseconds"),
    [
        (1, 0.6),
        (2, 1.0),
        (3, 1.0),
        (4, 1.4),
        (5, 1.4),
        (10, 1.4),
        (16, 1.4),
        (28, 1.4),
        (29, 1.8),
        (30, 1.8),
        (32, 1.8),
    ],
)
def test_the_barrier_is_a_staircase(routers: int, microseconds: float) -> None:
    """As sanafe 2.2.9 printed: silent networks, `simple`, a step less the 6 ns of an access."""
    assert chip("loihi").latency.barrier(routers) == pytest.approx(microseconds * 1e-6, rel=1e-12)


def test_below_the_first_entry_the_barrier_is_the_first(made: Path) -> None:
    """As sanafe 2.2.9 printed for the table {2: 1.0e-6, 8: 2.0e-6}."""
    made.write_text(with_value("barrier_s", "[[2, 1.0e-6], [8, 2.0e-6]]"))
    found = chip("made").latency
    assert [found.barrier(n) for n in (1, 2, 7, 8, 32)] == [1e-6, 1e-6, 1e-6, 2e-6, 2e-6]


def test_numbers_have_the_types_of_their_fields(made: Path) -> None:
    made.write_text(with_value("static_w", "1").replace("[[1, 200e-9]]", "[[1, 0]]"))
    found = chip("made")
    assert type(found.energy.static_w) is float
    assert found.latency.barrier_s == ((1, 0.0),)
    assert type(found.latency.barrier_s[0][1]) is float
    assert found.facts["barrier_s"].value == found.latency.barrier_s
    parts = (found.energy, found.latency, found.network)
    types = {key: type(value) for part in parts for key, value in asdict(part).items()}
    ints = {"buffer_flits", "receive_messages", "spike_flits", "graded_flits"}
    assert {key for key, found in types.items() if found is int} == ints
    assert {key for key, found in types.items() if found is not float} == {*ints, "barrier_s"}
    assert hash(found) == hash(chip("made"))


@pytest.mark.parametrize("value", ["-1e-12", "nan", "inf", "-inf", "true", '"3"', "1.1e-6", "24"])
def test_an_energy_that_cannot_be(made: Path, value: str) -> None:
    told = refusal(made, with_value("send_j", value))
    shown = repr(tomllib.loads(f"value = {value}")["value"])
    assert told == f"energy.send_j needs a value from 0 to 1e-06 J, not {shown}"


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("send_s", "1.1e-3", "latency.send_s needs a value from 0 to 0.001 s, not 0.0011"),
        ("hop_x_s", "-0.1", "network.hop_x_s needs a value from 0 to 0.001 s, not -0.1"),
        ("static_w", "1001", "energy.static_w needs a value from 0 to 1000 W, not 1001"),
        ("host_w", "nan", "energy.host_w needs a value from 0 to 1000 W, not nan"),
        ("send_j", "[1e-12]", "energy.send_j needs a value from 0 to 1e-06 J, not [1e-12]"),
        ("buffer_flits", "0", "network.buffer_flits needs a value from 1 to 1,048,576, not 0"),
        ("spike_flits", "1.0", "network.spike_flits needs a value from 1 to 1,048,576, not 1.0"),
        (
            "receive_messages",
            "2000000",
            "network.receive_messages needs a value from 1 to 1,048,576, not 2000000",
        ),
        ("send_j", "0", "energy.send_j is 0 and needs a note that says why"),
        ("axon_in_s", "0.0", "latency.axon_in_s is 0 and needs a note that says why"),
        ("host_w", "0.0", "energy.host_w is 0 and needs a note that says why"),
        ("chip_hop_s", "-0.0", "network.chip_hop_s is 0 and needs a note that says why"),
        ("flit_s", "0.0", "network.flit_s cannot be 0"),
        ("barrier_s", "[[1, 0.0]]", "latency.barrier_s is 0 and needs a note that says why"),
        (
            "barrier_s",
            "1e-6",
            "latency.barrier_s needs a list of pairs [routers, seconds], not 1e-06",
        ),
        ("barrier_s", "[]", "latency.barrier_s needs a list of pairs [routers, seconds], not []"),
        (
            "barrier_s",
            "[[1, 1e-6], [4, 2e-6], [4, 3e-6]]",
            "latency.barrier_s needs ascending routers, not 1, 4, 4",
        ),
        (
            "barrier_s",
            "[[4, 1e-6], [1, 2e-6]]",
            "latency.barrier_s needs ascending routers, not 4, 1",
        ),
    ],
)
def test_a_number_that_cannot_be(made: Path, key: str, value: str, told: str) -> None:
    assert refusal(made, with_value(key, value)) == told


@pytest.mark.parametrize(
    "pair",
    [
        "3",
        "[]",
        "[1]",
        "[1, 1e-6, 3]",
        "[0, 1e-6]",
        "[-1, 1e-6]",
        "[1.0, 1e-6]",
        "[true, 1e-6]",
        "[2000000, 1e-6]",
        "[1, nan]",
        "[1, inf]",
        "[1, -1e-6]",
        "[1, 0.1]",
        "[1, false]",
        '[1, "1e-6"]',
    ],
)
def test_a_pair_of_the_barrier_that_cannot_be(made: Path, pair: str) -> None:
    shown = repr(tomllib.loads(f"value = {pair}")["value"])
    told = f"latency.barrier_s needs pairs of 1 to 1,048,576 and 0 to 0.001 s, not {shown}"
    assert refusal(made, with_value("barrier_s", f"[[3, 1e-6], {pair}]")) == told
    both = refusal(made, with_value("barrier_s", f"[{pair}, {pair}]"))
    assert both == f"{told}; {told}"


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("", "energy.send_j is missing"),
        ("24e-12", "energy.send_j needs a table of value, source and kind"),
        (
            '{ value = 24e-12, source = "none", kind = "assumed" }',
            "energy.send_j needs the unit 'J'",
        ),
        (
            '{ value = 24e-12, unit = "pJ", source = "none", kind = "assumed" }',
            "energy.send_j needs the unit 'J'",
        ),
        ('{ value = 24e-12, unit = "J", kind = "assumed" }', "energy.send_j needs a source"),
        (
            '{ value = 24e-12, unit = "J", source = "none" }',
            "energy.send_j needs a kind of published, measured, derived, fitted, assumed",
        ),
        (
            '{ value = 0.0, unit = "J", source = "none", kind = "assumed", note = "" }',
            "energy.send_j is 0 and needs a note that says why",
        ),
        (
            '{ value = 0.0, unit = "J", source = "none", kind = "assumed", note = 3 }',
            "energy.send_j needs a note that is text",
        ),
    ],
)
def test_an_entry_that_is_not_sourced_does_not_load(made: Path, entry: str, told: str) -> None:
    assert refusal(made, with_entry("send_j", entry)) == told


@pytest.mark.parametrize(
    ("table", "number", "names"),
    [
        ("energy", Energies, ["axon_in_j", "axon_out_j", "barrier_j"]),
        ("latency", Latencies, ["axon_in_s", "axon_out_s", "barrier_s"]),
        ("network", Interconnect, ["buffer_flits", "chip_hop_s", "flit_s"]),
    ],
)
def test_a_chip_has_every_table(made: Path, table: str, number: type, names: list[str]) -> None:
    before, _, rest = TEXT.partition(f"[{table}]\n")
    after = rest[rest.find("\n[") + 1 :] if "\n[" in rest else ""
    told = refusal(made, before + after).split("; ")
    assert told[: 1 + len(names)] == [
        f"{table} is missing",
        *(f"{table}.{name} is missing" for name in names),
    ]
    assert len(told) == 1 + len(fields(number))
    flat = refusal(made, f"{table} = 3\n{before}{after}")
    assert flat == f"{table} is a table"


def test_numbers_of_another_table_are_unknown(made: Path) -> None:
    entry = '{ value = 1e-12, unit = "J", source = "none", kind = "assumed" }'
    told = refusal(
        made, TEXT.replace("[latency]", f"colour_j = {entry}\n[latency]\nsend_j = {entry}")
    )
    assert told == "energy.colour_j is unknown; latency.send_j is unknown"


def test_all_complaints_about_all_tables_come_at_once(made: Path) -> None:
    text = with_value("static_w", "-1").replace(
        "core_words = { value = 20000", "core_words = { value = 0"
    )
    text = text.replace("[[1, 200e-9]]", "[]").replace("graded_flits", "grade_flits")
    assert refusal(made, text).split("; ") == [
        "limits.core_words needs a value from 1 to 1,048,576, not 0",
        "energy.static_w needs a value from 0 to 1000 W, not -1",
        "latency.barrier_s needs a list of pairs [routers, seconds], not []",
        "network.grade_flits is unknown",
        "network.graded_flits is missing",
    ]
