"""`snn-deploy simulate`: from the command line to the report, and what ends it early."""

import json
import signal
import subprocess
import tomllib
from pathlib import Path

import numpy as np
import pytest

from tests.journeys.command import ROOT, SMALL, Ended, deploy, environment, process

CIFAR = ROOT / "models/samples/cifar10_100.npz"
TRAINED = ROOT / "models/checkpoints/ms_resnet20_cifar10.pt"


@pytest.fixture(scope="session")
def simulated(floats: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    """A report of four samples on Loihi 2, and how the program ended that made it."""
    folder = tmp_path_factory.mktemp("reports") / "simulated"
    asked = ("--data", floats, "--samples", 4, "--workers", 1, "-o", folder)
    return folder, deploy("simulate", *SMALL[:2], *asked)


def test_the_report(simulated: tuple[Path, Ended]) -> None:
    folder, ended = simulated
    assert ended.code == 0, ended.err
    assert {path.name for path in folder.iterdir()} == {"report.json", "report.html"}
    tree = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert tree["target"]["name"] == "loihi2"
    assert tree["spikes"]["samples"] == tree["simulation"]["samples"] == 4
    assert [row["backend"] for row in tree["agreement"]] == ["torch module"]
    assert tree["latency"]["tier"] == "cycle"
    assert 0 < tree["latency"]["step_s"]["mean"] <= tree["latency"]["step_s"]["max"]
    chip = tree["energy"]["chip"]
    parts = [chip[part] for part in ("dynamic_j", "static_j", "barrier_j", "host_j")]
    assert chip["total_j"] == pytest.approx(sum(parts), rel=1e-12)
    assert sum(tree["energy"]["evidence"].values()) == pytest.approx(1, rel=1e-9)
    lines = {line.split()[0] for line in ended.out.splitlines()}
    assert {"model", "cores", "latency", "chip", "spikes", "energy", "report"} <= lines


def test_the_chip_spikes_as_the_network_does(simulated: tuple[Path, Ended]) -> None:
    tree = json.loads((simulated[0] / "report.json").read_text(encoding="utf-8"))
    layers = {layer["name"]: layer["spikes"] for layer in tree["spikes"]["layers"]}
    on_chip = {layer["name"]: layer["spikes"] for layer in tree["simulation"]["layers"]}
    assert layers
    for name, spikes in layers.items():
        assert on_chip[name] * tree["simulation"]["samples"] == pytest.approx(spikes, abs=1e-6)


@pytest.mark.parametrize("tier", ["ideal", "contention", "cycle"])
def test_tiers(floats: Path, tier: str) -> None:
    asked = ("--data", floats, "--samples", 1, "--tier", tier, "--json")
    ended = deploy("simulate", *SMALL[:2], *asked)
    assert ended.code == 0, ended.err
    assert ended.json()["latency"]["tier"] == tier


def test_a_chip_of_ones_own(floats: Path, tmp_path: Path) -> None:
    """Twice the energy of a synaptic event in a file of one's own, and nothing else."""
    text = (ROOT / "targets/loihi2.toml").read_text(encoding="utf-8")
    facts = tomllib.loads(text)["energy"]
    lines = text.replace('name = "loihi2"', 'name = "mine"').splitlines()
    for place, line in enumerate(lines):
        if line.startswith("conv_event_j"):
            price = facts["conv_event_j"]["value"]
            begin, _, rest = line.partition("value = ")
            lines[place] = f"{begin}value = {2 * price}{rest[rest.index(',') :]}"
    mine = tmp_path / "mine.toml"
    mine.write_text("\n".join(lines), encoding="utf-8")
    trees = [
        deploy("simulate", *SMALL[:2], "--data", floats, "--samples", 1, "--target", t, "--json")
        for t in ("loihi2", mine)
    ]
    before, after = (ended.json() for ended in trees)
    assert after["target"]["name"] == "mine"
    events = before["simulation"]["synaptic_events"]["conv"]
    more = after["energy"]["chip"]["dynamic_j"] - before["energy"]["chip"]["dynamic_j"]
    assert more == pytest.approx(events * price, rel=1e-9)
    assert more > 0


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("--target", "onnx"), "onnx has no cores to simulate; give --target loihi2 or loihi"),
        (("--target", "loihi9"), "there is no target 'loihi9'; known: "),
        (("--tier", "exact"), "--tier cannot be 'exact'; give auto, ideal, contention, cycle"),
        (("--workers", "0"), "--workers cannot be '0'; give a whole number of 1 or more"),
        (("--to", "lava"), "no such option: --to"),
    ],
)
def test_what_cannot_be(floats: Path, asked: tuple[str, ...], told: str) -> None:
    ended = deploy("simulate", *SMALL[:2], "--data", floats, *asked)
    assert ended.code == 2
    assert told in ended.complaint


@pytest.mark.parametrize("verb", ["simulate", "validate"])
def test_ctrl_c_reports_what_is_done(verb: str, tmp_path: Path) -> None:
    """A pipe gets plain lines, which tell when the first samples are done."""
    stage = "simulate" if verb == "simulate" else "prove"
    many = tmp_path / "many.npz"
    with np.load(CIFAR) as arrays:
        np.savez(many, **{name: np.tile(arrays[name].T, 3).T for name in ("images", "labels")})
    asked = ("--data", many, "--target", "loihi2" if verb == "simulate" else "onnx", "-o", "out")
    with subprocess.Popen(
        process("main", verb, TRAINED, *asked),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stderr is not None
        assert running.stdout is not None
        err = ""
        asked_to_stop = False
        for line in running.stderr:
            err += line
            begun = line.split()[:2]
            if begun[:1] == [stage] and not begun[1].startswith("0/") and not asked_to_stop:
                running.send_signal(signal.SIGINT)
                asked_to_stop = True
        out = running.stdout.read()
    assert running.returncode == 130, err
    assert "Traceback" not in err
    assert "stopping after the samples under way" in err
    tree = json.loads((tmp_path / "out/report.json").read_text(encoding="utf-8"))
    samples = tree["simulation" if verb == "simulate" else "spikes"]["samples"]
    assert 0 < samples < 300
    assert tree["partial"] is True
    assert "warning" in out
