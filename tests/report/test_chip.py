"""What a report says of a chip: JSON, summary, page."""

import json
from dataclasses import replace

import pytest

from snn_deploy.report import ChipSection, Report, TargetSection, render

from .activities import CHIP, report


def on(chip: ChipSection) -> Report:
    return replace(report(), chip=chip, target=TargetSection("loihi2", "chip"))


def test_json() -> None:
    tree = json.loads(on(CHIP).to_json())
    placement = tree["placement"]
    assert (placement["cores_used"], placement["cores"], placement["chips"]) == (7, 240, 2)
    assert placement["strategy"] == {"conv2_x": "relay", "conv3_x": "unroll"}
    worst = {"used": 95, "limit": 100, "worst_core": 5}
    assert placement["utilization"]["synapse_words"] == worst
    assert placement["layers"] == {"lif1": 4, "lif2": 3}
    assert tree["latency"] == {"steps": 4, "offset_steps": 22}


def test_a_simulation_has_no_cores() -> None:
    tree = json.loads(on(replace(CHIP, cores=None)).to_json())
    assert "cores" not in tree["placement"]
    assert tree["placement"]["populations"] == 12
    assert "Fits" not in render(on(replace(CHIP, cores=None)))


def test_a_runtime_has_neither() -> None:
    tree = json.loads(report().to_json())
    assert not {"placement", "latency"} & tree.keys()


def test_summary() -> None:
    lines = on(CHIP).summary().splitlines()
    assert "cores      7 of 240 on 2 chips; fullest: synapse memory, words, 95 % on core 5" in lines
    relayed, unrolled = "relayed as graded messages in", "unrolled into delayed spikes in"
    assert f"shortcuts  {relayed} conv2_x; {unrolled} conv3_x" in lines
    assert any(line.startswith("latency    a sample enters every 4 steps") for line in lines)
    assert any("is read out after 26;" in line for line in lines)


@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        ({"a": "relay", "b": "relay"}, "relayed as graded messages in all 2 stages"),
        ({"a": "unroll"}, "unrolled into delayed spikes in the only stage"),
    ],
)
def test_one_strategy_for_all(strategy: dict[str, str], said: str) -> None:
    assert said in on(replace(CHIP, strategy=strategy)).summary()
    assert "shortcuts" not in on(replace(CHIP, strategy={})).summary()


def test_page() -> None:
    page = render(on(CHIP))
    for text in ("Fits loihi2?", "Yes, 7 cores", "on 2 chips with 240", "95 of 100, core 5"):
        assert text in page
    assert '<th scope="row">lif2</th><td>3</td>' in page
    assert "its lag of up to 22 steps was taken off first" in page
    assert "taken off first" not in render(report())
    assert "delays up to 6 steps" in page
