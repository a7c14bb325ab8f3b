"""A simulated chip on the page: well-formed, complete, to scale, small."""

import json
import re
import time
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from snn_deploy.placement import Usage
from snn_deploy.placement.demand import RESOURCES, capacity
from snn_deploy.report import Simulation, TargetSection, describe_run, render
from snn_deploy.report import simulated_views as views
from snn_deploy.report.floor_plan import (
    CELL,
    FAINTEST_WIRE,
    LEVELS,
    Chip,
    Drawing,
    drawings,
    level,
)
from snn_deploy.report.wording import energy, percent, seconds, short_count
from snn_deploy.simulation.chip.result import TIERS, ChipRun

from .activities import CHIP, report
from .runs import chip, large, run, simulated, slot
from .test_html import HOSTILE, parsed, words


def page_of(found: Simulation, **changes: object) -> str:
    made = replace(report(), target=TargetSection("loihi2", "chip"), chip=CHIP, simulated=found)
    return render(replace(made, **changes))


def filled(made: ChipRun) -> Simulation:
    """Described with cores that are all half full of neurons."""
    target = chip()
    assert target.chip is not None
    limits = capacity(target.chip.limits)
    used = np.zeros((len(made.cores), len(RESOURCES)), np.int64)
    used[:, 0] = limits[0] // 2
    return describe_run(made, target, (), Usage(made.cores, used, limits))


def deep() -> ChipRun:
    return run(tuple(slot(f"l{i}", i % 50) for i in range(120)), chip(), steps=2)


CASES = {
    "two cores": lambda: simulated(),
    "one core, one step": lambda: simulated(
        run((slot("a", 0),), chip(), steps=1, samples=1), chip()
    ),
    "full cores": lambda: filled(deep()),
    "many steps": lambda: simulated(run((slot("a", 0), slot("b", 7)), chip(), steps=100), chip()),
    "two chips": lambda: simulated(run((slot("a", 0), slot("b", 130)), chip(), chips=2), chip()),
    "no traffic": lambda: _silent(),
}


def _silent() -> Simulation:
    made = run((slot("a", 0),), chip(), steps=1, samples=1)
    names = ("spikes", "graded", "updates", "sent", "events", "received", "hosted", "links")
    nothing = {name: 0 * getattr(made.counts, name) for name in names}
    return simulated(replace(made, counts=replace(made.counts, **nothing)), chip())


@pytest.mark.parametrize("name", CASES)
def test_page_is_well_formed_and_alone(name: str) -> None:
    page = page_of(CASES[name]())
    found = parsed(page)
    assert set(found.references) <= {"data:,"}
    assert not re.search(r"https?:|//[a-z]|@import|url\(", page)
    assert found.tags.count("table") == found.tags.count("caption")
    assert found.tags.count("script") == 1
    assert found.tags.count("h1") == 1
    assert "nan" not in words(page).lower().split()
    assert "None" not in words(page)


def test_without_a_simulation_there_is_nothing_of_it() -> None:
    page = render(report())
    assert "Simulated" not in page
    assert "--h0" not in page


def test_values_are_those_of_the_json() -> None:
    found = simulated()
    made = replace(report(), target=TargetSection("loihi2", "chip"), simulated=found)
    tree, text = json.loads(made.to_json()), words(render(made))
    chip_j = tree["energy"]["chip"]
    for key in ("total_j", "dynamic_j", "static_j"):
        assert energy(chip_j[key]) in text, key
    for charge in chip_j["charges"]:
        assert energy(charge["energy_j"]) in text, charge
    latency = tree["latency"]
    for key in ("inference_s", "readout_s", "barrier_s"):
        assert seconds(latency[key]) in text, key
    assert seconds(latency["step_s"]["mean"]) in text
    assert short_count(tree["simulation"]["messages"]) in text
    for layer in tree["simulation"]["layers"]:
        assert f"{layer['name']} {energy(layer['energy_j'])}" in text, layer
    for step in tree["simulation"]["steps"]:
        assert seconds(step["mean_s"]) in text
    for kind, share in tree["energy"]["evidence"].items():
        assert f"{kind.capitalize()} {percent(share, 1)}" in text
    for core in tree["simulation"]["cores"]:
        assert seconds(core["neurons_s"]) in text
        assert short_count(core["received"]) in text


def test_the_energy_card_is_a_range_over_all_accounts_and_says_what_it_compares() -> None:
    found = simulated()
    made = replace(report(), target=TargetSection("loihi2", "chip"), simulated=found)
    paper, memory = made.paper, made.lemaire
    assert paper is not None
    assert memory is not None
    total_j = found.energy.total_j
    assert total_j < paper.ann_j, "this made-up run costs next to nothing"
    text = words(render(made))
    least = min(e.ratio for e in (paper, made.charged, memory) if e is not None and e.ratio)
    assert f"{least:.1f}" in text
    best = memory.ann_j / total_j
    assert f"{best:.1f}\N{MULTIPLICATION SIGN} less" in text
    assert f"loihi2, simulated: {energy(total_j)}, {paper.ann_j / total_j:.1f} x less than" in text
    assert "Apples to oranges" in text
    assert "not like for like" in text
    dear = simulated(run((slot("a", 0),), chip(conv_event_j=1.0)), chip(conv_event_j=1.0))
    assert "\N{MULTIPLICATION SIGN} more to" in words(render(replace(made, simulated=dear)))


def test_a_stopped_run_is_marked_at_the_top_and_in_its_section() -> None:
    part = replace(simulated(), asked=8)
    text = words(page_of(part, partial=True))
    assert text.index("Partial:") < text.index("Same spikes?")
    assert "stopped by hand after 2 of 8 samples" in text
    assert "Partial" not in words(page_of(simulated()))


def test_names_cannot_break_the_page() -> None:
    target = chip()
    made = run((slot(HOSTILE, 0), slot(HOSTILE + "2", 1)), target)
    page = page_of(
        describe_run(made, target), target=TargetSection(HOSTILE, "chip"), command=HOSTILE
    )
    assert "<script>alert" not in page
    assert parsed(page).tags.count("script") == 1
    assert "{{ 7 * 7 }}" in page


def test_joules_of_time_are_said_to_rest_on_a_modelled_time() -> None:
    """Where static power is most of it; the power alone was measured."""
    slow = run((slot("a", 0),), chip(), steps=100)
    assert views.rests_on(simulated(slow)).endswith(
        "rest on measured constants, times a modelled time"
    )
    dear = chip(conv_event_j=1.0)
    found = simulated(run((slot("a", 0),), dear), dear)
    assert views.rests_on(found) == "100 % rest on assumed constants"


def test_what_was_not_sent_is_not_named() -> None:
    found = simulated()
    text = words(page_of(found))
    assert f"{short_count(found.spikes)} spikes and {short_count(found.graded)} values" in text
    binary = words(page_of(replace(found, graded=0.0)))
    assert f"of {short_count(found.spikes)} spikes" in binary
    assert "and 0 values" not in binary


@pytest.mark.parametrize("tier", TIERS)
def test_the_tier_is_explained(tier: str) -> None:
    text = words(page_of(replace(simulated(), tier=tier)))
    said = {"ideal": "wait for nothing", "contention": "message by message", "cycle": "flit by"}
    assert said[tier] in text
    assert ("keeps a core from sending" in text) == (tier != "ideal")


def test_many_layers_are_grouped() -> None:
    """What has a bar and what has none is all there is."""
    found = filled(deep())
    rows = views.layer_rows(found)
    assert len(rows) == views.TOP_LAYERS + 1
    assert rows[-1].name == "90 others"
    energies = sorted((layer.energy.total_j for layer in found.layers), reverse=True)
    assert [row.value for row in rows[:3]] == [energy(j) for j in energies[:3]]
    assert rows[-1].value == energy(sum(energies[views.TOP_LAYERS :]))
    for row in rows[:-1]:
        assert sum(segment.width for segment in row.segments) <= 100.01
    few = views.layer_rows(simulated())
    assert [row.name for row in few] == ["conv1", "lif1", "fc"]


def test_the_bar_of_all_joules_is_full() -> None:
    (row,) = views.energy_groups(simulated())
    assert sum(segment.width for segment in row.segments) == pytest.approx(100, abs=0.01)
    shown = {c.constant for c in simulated().energy.charges}
    grouped = [name for constants, _ in views.GROUPS.values() for name in constants]
    assert sorted(grouped) == sorted(shown)
    assert set(views.CHARGES) == shown


def test_a_small_share_is_not_nothing() -> None:
    assert views.share_of(1.0, 1e6) == "< 0.1 %"
    assert views.share_of(0.0, 1.0) == "0.0 %"
    assert views.share_of(1.0, 1000.0) == "0.1 %"


def test_many_steps_are_a_chart() -> None:
    few, many = CASES["two cores"](), CASES["many steps"]()
    assert [row.name for row in views.step_rows(few)] == [f"Step {i}" for i in range(1, 5)]
    assert views.step_rows(many) == ()
    assert page_of(many).count('class="hit"') > 100


def test_steps_are_to_scale() -> None:
    found = simulated()
    rows = views.step_rows(found)
    longest = max(step.mean_s for step in found.steps)
    for row, step in zip(rows, found.steps, strict=True):
        work, barrier = (segment.width for segment in row.segments)
        assert work + barrier == pytest.approx(100 * step.mean_s / longest, abs=0.01)
        assert barrier == pytest.approx(100 * found.barrier_s / longest, abs=0.01)


def test_every_constant_stands_in_the_table() -> None:
    target = chip()
    assert target.chip is not None
    tables = views.constant_tables(simulated())
    assert [table for table, _ in tables] == ["energy", "latency", "network", "limits"]
    assert sum(len(rows) for _, rows in tables) == len(target.chip.facts)
    by_name = {row[0]: row for _, rows in tables for row in rows}
    assert by_name["static"][1:4] == ("232 mW", "measured", "pilotnet-log")
    assert by_name["barrier"][1] == "200 ns from 1 router"
    assert by_name["cores"][1] == "120"
    assert by_name["word bits"][1] == "64 bit"


@pytest.mark.parametrize("chips", [1, 2, 23])
def test_floor_plans_are_to_scale(chips: int) -> None:
    for drawing in drawings(_on(chips)):
        for tile in drawing.tiles:
            assert 0 <= tile.x <= tile.x + tile.size <= drawing.width
            assert 0 <= tile.y <= tile.y + tile.size <= drawing.height
            assert any(_inside(tile.x, tile.y, outline) for outline in drawing.chips)
        for wire in drawing.wires:
            assert 0 <= min(wire.x1, wire.x2) <= max(wire.x1, wire.x2) <= drawing.width
            assert 0 <= min(wire.y1, wire.y2) <= max(wire.y1, wire.y2) <= drawing.height
        assert len({(tile.x, tile.y) for tile in drawing.tiles}) == len(drawing.tiles)
        assert len(drawing.chips) == chips


def _inside(x: float, y: float, outline: Chip) -> bool:
    right, below = outline.x + outline.width, outline.y + outline.height
    return outline.x <= x <= right and outline.y <= y <= below


@cache
def _on(chips: int) -> Simulation:
    return filled(large(chip(), chips=chips, cores=100 * chips, populations=10 * chips))


def test_every_core_is_a_tile() -> None:
    found = _on(2)
    full, busy, traffic = drawings(found)
    for drawing in (full, busy):
        used = [tile for tile in drawing.tiles if tile.level is not None]
        assert len(used) == 200
        assert len(drawing.tiles) == 240, "and what is free is shown as such"
        assert all(tile.title for tile in used)
        assert sum(tile.most for tile in used) == 1
    most = max(found.cores, key=lambda core: core.busy_s)
    (marked,) = (tile for tile in busy.tiles if tile.most)
    assert marked.title.startswith(f"core {most.core}: ")
    assert marked.level == LEVELS - 1
    assert {tile.level for tile in full.tiles} == {level(0.5), None}
    assert len(traffic.wires) == len(found.links)


def test_cores_of_a_router_lie_together() -> None:
    """Cores 4 to 7 of chip 1 are at its second router, two by two."""
    found = _on(2)
    drawing: Drawing = drawings(found)[1]
    by_core = {
        int(t.title.split(":")[0].removeprefix("core ")): t for t in drawing.tiles if t.title
    }
    at = [by_core[core] for core in (120 + 4, 120 + 5, 120 + 6, 120 + 7)]
    assert at[0].y == at[1].y < at[2].y == at[3].y
    assert at[0].x == at[2].x < at[1].x == at[3].x
    assert at[3].x - at[0].x < CELL / 2 + 0.1


def test_directions_of_a_link_do_not_hide_each_other() -> None:
    wires = drawings(_on(1))[-1].wires
    ends = {(w.x1, w.y1, w.x2, w.y2) for w in wires}
    assert len(ends) == len(wires)
    for w in wires:
        assert (w.x2, w.y2, w.x1, w.y1) not in ends
        assert (w.x1 == w.x2) != (w.y1 == w.y2)
        assert FAINTEST_WIRE <= w.level < LEVELS


def test_the_busiest_link_is_the_thickest_and_drawn_last() -> None:
    found = _on(1)
    wires = drawings(found)[-1].wires
    assert wires[-1].width == max(w.width for w in wires)
    assert wires[-1].level == LEVELS - 1
    link = found.links[0]
    assert wires[-1].title.startswith(f"router {link.row}, {link.column} to ")
    assert short_count(link.flits / len(found.steps)) in wires[-1].title


def test_routers_stand_for_cores_where_these_would_be_too_small() -> None:
    found = filled(large(chip(), chips=200, cores=24_000, populations=100))
    drawing = drawings(found)[0]
    routers = {(core.row, core.column) for core in found.cores}
    assert len(drawing.tiles) == len(routers) == 6000
    assert "the most of 4 cores here" in drawing.tiles[0].title


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (0.5, 4), (0.999, 8), (1.0, 8)])
def test_levels(share: float, expected: int) -> None:
    assert level(share) == expected
    assert level(0.0, FAINTEST_WIRE) == FAINTEST_WIRE
    assert level(1.0, FAINTEST_WIRE) == LEVELS - 1


def test_the_largest_page_is_small_and_quick() -> None:
    found = filled(large(chip()))
    start = time.perf_counter()
    page = page_of(found)
    assert time.perf_counter() - start < 20
    assert len(page) < 3_000_000
    parsed(page)
    assert f"The {views.LISTED_CORES} busiest of 2,736 cores as a table" in words(page)
