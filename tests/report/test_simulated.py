"""What a report says of a simulated chip, as data and on a terminal."""

import json
from dataclasses import replace
from math import fsum
from typing import Any

import numpy as np
import pytest

from snn_deploy.placement import Usage, place, usage
from snn_deploy.placement.demand import RESOURCES, capacity
from snn_deploy.report import Report, TargetSection, describe_run
from snn_deploy.report.simulated import HOST
from snn_deploy.report.simulated_tree import simulation_tree
from tests.placement.chips import KERNELS, network

from .activities import CHIP, report
from .runs import NEURONS, STEP_S, chip, large, run, simulated, slot


def on_chip(**changes: Any) -> Report:
    return replace(report(), target=TargetSection("loihi2", "chip"), chip=CHIP, **changes)


def tree_of(made: Report) -> Any:
    return json.loads(made.to_json())


def test_means_of_an_inference() -> None:
    target = chip()
    made = run((slot("a", 0), slot("b", 0), slot("b", 1)), target, samples=3, seed=1)
    found = describe_run(made, target)
    counts = made.counts
    assert found.spikes == counts.spikes.sum() / 3
    assert found.graded == counts.graded.sum() / 3
    assert found.messages == counts.received.sum() / 3
    assert found.hosted == counts.hosted.sum() / 3
    assert found.hops == counts.links.sum() / 3
    assert sum(found.events.values()) == pytest.approx(counts.events.sum() / 3)
    a, b = found.layers
    assert (a.name, a.neurons, a.cores) == ("a", NEURONS, 1)
    assert (b.name, b.neurons, b.cores) == ("b", 2 * NEURONS, 2)
    assert b.updates == counts.updates[:, 1:].sum() / 3
    assert b.messages == counts.sent[:, 1:].sum() / 3
    first, second = found.cores
    assert (first.layers, first.neurons) == (("a", "b"), 2 * NEURONS)
    assert (second.core, second.row, second.column) == (1, 0, 0)
    assert first.events == pytest.approx(counts.events[:, :2].sum() / 3)
    assert first.sent == counts.sent[:, :2].sum() / 3
    assert first.received == counts.received[:, 0].sum() / 3
    assert first.neurons_s == pytest.approx(made.times.busy_s[0, :, 0].sum() / 3)
    assert first.busy_s == max(first.neurons_s, first.messages_s)
    assert first.fullest is None
    assert sum(link.flits for link in found.links) == pytest.approx(found.hops)


def test_layers_stand_in_the_given_order_and_none_is_lost() -> None:
    target = chip()
    made = run((slot("z", 0), slot("y", 1), slot("x", 2)), target)
    names = [layer.name for layer in describe_run(made, target, ("x", "nobody", "y")).layers]
    assert names == ["x", "y", "z"]


def test_times() -> None:
    """Two samples of two steps: what is slowest is counted over both."""
    target = chip()
    made = run((slot("a", 4), slot("a", 9, NEURONS)), target, steps=2)
    times = replace(
        made.times,
        step_s=np.array([[1.0, 2.0], [3.0, 6.0]]),
        slowest=np.array([[4, 9], [9, HOST]], np.int32),
        receives=np.array([[True, False], [True, True]]),
    )
    found = describe_run(replace(made, times=times), target)
    assert [(step.mean_s, step.max_s) for step in found.steps] == [(2.0, 3.0), (4.0, 6.0)]
    assert (found.inference_s, found.step_s, found.longest_s) == (6.0, 3.0, 6.0)
    assert found.readout_s == (2 + 7) * 3.0
    assert [(w.core, w.steps, w.receiving) for w in found.waits] == [
        (9, 2, 1),
        (HOST, 1, 1),
        (4, 1, 1),
    ]
    # Of two as frequent, the one with the lower number, so that reports are the same again.
    assert [step.slowest.core for step in found.steps] == [4, HOST]


def test_latency_in_json() -> None:
    found = simulated()
    latency = tree_of(on_chip(simulated=found))["latency"]
    assert latency == {
        "steps": 4,
        "offset_steps": 22,
        "step_s": {"mean": found.step_s, "max": found.longest_s},
        "barrier_s": 2e-7,
        "inference_s": found.inference_s,
        "readout_s": found.readout_s,
        "tier": "contention",
    }
    assert STEP_S < found.step_s < 2 * STEP_S


def test_energy_in_json() -> None:
    found = simulated()
    energy = tree_of(on_chip(simulated=found))["energy"]
    chip_j = energy["chip"]
    parts = fsum(chip_j[part] for part in ("dynamic_j", "static_j", "barrier_j", "host_j"))
    assert chip_j["total_j"] == pytest.approx(parts, rel=1e-12)
    charges = {charge["name"]: charge for charge in chip_j["charges"]}
    assert charges["static"]["price_w"] == 0.2321
    assert charges["conv_event"]["evidence"] == "assumed"
    for charge in charges.values():
        price = charge.get("price_j", charge.get("price_w"))
        assert charge["energy_j"] == charge["count"] * price
    assert fsum(c["energy_j"] for c in charges.values()) == pytest.approx(parts, rel=1e-12)
    assert list(energy["evidence"]) == ["published", "measured", "derived", "fitted", "assumed"]
    assert fsum(energy["evidence"].values()) == pytest.approx(1)
    assert set(energy) == {"paper", "charged", "lemaire", "chip", "evidence"}


def test_simulation_in_json() -> None:
    found = simulated()
    tree = tree_of(on_chip(simulated=found))["simulation"]
    assert (tree["samples"], tree["asked"], tree["partial"]) == (2, 2, False)
    assert [layer["name"] for layer in tree["layers"]] == ["conv1", "lif1", "fc"]
    for key in ("spikes", "graded", "updates"):
        assert sum(layer[key] for layer in tree["layers"]) == pytest.approx(tree[key])
    events = dict.fromkeys(tree["synaptic_events"], 0.0)
    for layer in tree["layers"]:
        for kind, number in layer["synaptic_events"].items():
            events[kind] += number
    assert events == pytest.approx(tree["synaptic_events"])
    cores = {core["core"]: core for core in tree["cores"]}
    assert list(cores) == [2, 5]
    assert cores[5]["layers"] == ["conv1", "lif1", "fc"]
    assert sum(core["received"] for core in cores.values()) == pytest.approx(tree["messages"])
    assert sum(core["energy_j"] for core in cores.values()) == pytest.approx(
        sum(layer["energy_j"] for layer in tree["layers"]), rel=1e-5
    )
    links = tree["links"]
    assert sum(links["flits"].values()) == pytest.approx(tree["hops"])
    loads = [link["flits"] for link in links["busiest"]]
    assert loads == sorted(loads, reverse=True)
    assert len(loads) == 10 < links["used"]
    assert len(tree["steps"]) == 4
    assert sum(wait["steps"] for wait in tree["waited_for"]) == 8


def test_a_step_that_waits_for_the_host_names_no_core() -> None:
    target = chip()
    made = run((slot("a", 4),), target, steps=1, samples=1)
    slowest = np.full((1, 1), HOST, np.int32)
    waits = describe_run(replace(made, times=replace(made.times, slowest=slowest)), target)
    (wait,) = simulation_tree(waits)["waited_for"]
    assert wait["host"] is True
    assert "core" not in wait


def test_what_was_not_simulated_is_absent() -> None:
    tree = tree_of(on_chip())
    assert not {"simulation", "partial"} & tree.keys()
    assert not {"chip", "evidence"} & tree["energy"].keys()
    assert set(tree["latency"]) == {"steps", "offset_steps"}
    assert "fullest" not in simulation_tree(simulated())["cores"][0]


def test_cores_that_are_known_to_be_full() -> None:
    """A real placement: the resource that is used most is named."""
    chip_network = network("ms_identity relay")
    placement = place(chip_network, KERNELS, effort=0)
    assert KERNELS.chip is not None
    full = usage(chip_network, placement, KERNELS.chip)
    made = run(placement.slots, KERNELS, chips=placement.chips)
    found = describe_run(made, KERNELS, (), full)
    most = max(use.used / use.limit for use in placement.utilization.values())
    shares = [core.fullest[1] for core in found.cores if core.fullest is not None]
    assert len(shares) == placement.cores_used
    assert max(shares) == most
    core = simulation_tree(found)["cores"][0]
    assert core["fullest"] in RESOURCES
    assert 0 < core["use"] <= 1


def test_usage_of_other_cores_is_not_used() -> None:
    target = chip()
    assert target.chip is not None
    limits = capacity(target.chip.limits)
    full = Usage(np.array([8]), np.ones((1, len(RESOURCES)), np.int64), limits)
    made = run((slot("a", 4),), target)
    assert describe_run(made, target, (), full).cores[0].fullest is None


def test_a_stopped_run_is_marked() -> None:
    whole = simulated()
    part = replace(whole, asked=8)
    made = on_chip(simulated=part, partial=True)
    tree = tree_of(made)
    assert tree["partial"] is True
    assert tree["simulation"]["partial"] is True
    assert "figures of the chip are of the first 2 of 8 samples" in tree["warnings"][0]
    assert "2 of 8 samples, contention, stopped by hand" in made.summary()
    assert "stopped" not in on_chip(simulated=whole).summary()
    assert on_chip(simulated=whole).all_warnings == ()


def test_summary() -> None:
    target = chip(barrier_j=0.0)
    made = run((slot("a", 4),), target, steps=2, samples=1)
    slowest = np.full((1, 2), 4, np.int32)
    receives = np.array([[True, True]])
    step_s = np.full((1, 2), 25e-6)
    times = replace(made.times, step_s=step_s, slowest=slowest, receives=receives)
    lines = on_chip(simulated=describe_run(replace(made, times=times), target)).summary()
    chip_line, step_line = (
        line for line in lines.splitlines() if line.startswith(("chip ", "step "))
    )
    assert " an inference (dynamic " in chip_line
    assert "static 11.6 \N{MICRO SIGN}J)" in chip_line
    assert "barriers" not in chip_line
    assert chip_line.endswith("; 1 sample, contention")
    assert step_line == (
        "step       25.0 \N{MICRO SIGN}s, 50.0 \N{MICRO SIGN}s an inference; the slowest is core "
        "4, for what it receives (2 of 2 steps)"
    )


def test_the_largest_is_small() -> None:
    target = chip()
    made = on_chip(simulated=describe_run(large(target), target))
    assert len(made.to_json()) < 2_000_000
