"""From a trained network to a `.net` whose spikes in Lava's netx are proved."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
import pytest

from snn_deploy.converters.lava import NetConverter
from snn_deploy.converters.lava.environment import LavaEnvironment
from snn_deploy.errors import ExecutorError, MissingDependencyError
from snn_deploy.ir.evaluate import evaluate, read_out
from tests.converters.lava.net_cases import CASES
from tests.journeys.command import ROOT, export
from tests.networks import stimulus
from tests.recordings import STEP_US, moving_bars, write

TRAINED = ROOT / "models" / "checkpoints" / "conv_snn_nmnist.pt"


@pytest.fixture(scope="module")
def exported(lava: LavaEnvironment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("net")
    bars = write(folder / "bars.npz", moving_bars(3))
    spec = ("--event-step-us", STEP_US, "--event-shape", "2x12x14", "--event-limit", 3)
    net = ("--model", "tests.journeys.nets:of_events", "--to", "net", "--current-bits", 9)
    ended = export(*net, "--data", bars, *spec, "-o", folder / "out")
    assert ended.code == 0, ended.err
    return folder / "out"


def agreements(folder: Path) -> Mapping[str, Mapping[str, int]]:
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return {row["backend"]: row for row in report["agreement"]}


def test_an_export_proves_the_spikes_of_netx(exported: Path) -> None:
    row = agreements(exported)["lava netx"]
    assert (row["samples"], row["layers"], row["mismatches"]) == (2, 3, 0)
    assert row["values_compared"] == 2 * 5 * (4 * 6 * 7 + 8 + 2)
    with h5py.File(exported / "network.net") as file:
        assert file["snn_deploy/inputMessageBits"][()] == 7  # counts, of which 127 fit a byte


def test_the_delivered_script_replays_the_golden_samples(
    exported: Path, lava: LavaEnvironment, tmp_path: Path
) -> None:
    """Beside it lies all that it needs; and a number that is wrong is named."""
    folder = shutil.copytree(exported, tmp_path / "export")
    lines: list[str] = []
    lava.run(folder / "run_net.py", cwd=tmp_path, timeout_s=120, on_line=lines.append)
    assert [line for line in lines if "wrong" in line] == [
        "output/fc: 6 values, none of them wrong",
        "spikes/features.lif1: 3 values, none of them wrong",
        "spikes/features.lif: 3 values, none of them wrong",
    ]
    golden = folder / "golden" / "golden.npz"
    arrays = dict(np.load(golden))
    expected = arrays["spikes/features.lif"][1] = arrays["spikes/features.lif"][1] + 1
    np.savez(golden, **arrays)
    with pytest.raises(ExecutorError, match="ended with code 1"):
        lava.run(folder / "run_net.py", cwd=tmp_path, timeout_s=120, on_line=lines.append)
    assert lines[-2:] == [
        "spikes/features.lif: 3 values, 1 of them wrong",
        f"    {expected} is expected at [1]",
    ]


def test_the_delivered_script_says_how_it_is_used(exported: Path) -> None:
    command = [sys.executable, str(exported / "run_net.py"), "--help"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "replay golden/golden.npz and compare" in said


def test_an_executor_takes_a_batch_apart_and_runs_it_once(
    lava: LavaEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = CASES["read_out_finely"]()
    x = stimulus(graph)
    [executor] = NetConverter().executors(graph, NetConverter().lower(graph))
    for expected, found in zip(evaluate(graph, x), executor.run(x, graph.steps), strict=True):
        assert found.keys() == {"lif1", "fc2"}
        for name, values in found.items():
            np.testing.assert_array_equal(values, expected[name])
    monkeypatch.setattr(LavaEnvironment, "run", None)
    found = executor.infer(x, graph.steps)
    assert found.keys() == {"fc2"}
    np.testing.assert_array_equal(found["fc2"], read_out(graph, evaluate(graph, x))["fc2"])
    with pytest.raises(ValueError, match="the file has 4 steps, 3 are asked for"):
        next(iter(executor.run(x, 3)))


@pytest.mark.parametrize(
    ("dataset", "value", "said"),
    [
        ("groups", 3, "divisible by groups"),
        ("neuron/vThMant", [1, 2, 3], "a process of Lava failed: ValueError('operands could not"),
    ],
    ids=["while it builds", "while it runs"],
)
def test_a_failure_in_lava_is_told(
    dataset: str, value: int | list[int], said: str, lava: LavaEnvironment, tmp_path: Path
) -> None:
    """Lava itself would wait for ever for a process that failed."""
    graph = CASES["two_unequal_axes"]()
    for name, content in NetConverter().lower(graph).files.items():
        (tmp_path / name).write_bytes(content)
    with h5py.File(tmp_path / "network.net", "a") as file:
        del file[f"layer/1/{dataset}"]
        file[f"layer/1/{dataset}"] = value
    np.save(tmp_path / "x.npy", stimulus(graph))
    with pytest.raises(ExecutorError) as caught:
        lava.run(tmp_path / "run_net.py", ["--input", "x.npy"], cwd=tmp_path, timeout_s=60)
    assert caught.value.problem == "ended with code 1"
    assert said in caught.value.last_words[-1]


def test_nothing_runs_it_where_lava_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = CASES["one_step"]()
    artifact = NetConverter().lower(graph)
    assert set(artifact.files) == {"network.net", "run_net.py", "compat.py"}
    monkeypatch.setattr("snn_deploy.converters.lava.environment.find", lambda: None)
    assert NetConverter().executors(graph, artifact) == ()
    without_netx = LavaEnvironment(Path(sys.executable), {"lava-nc": "0.10.0", "numpy": "2.3.5"})
    monkeypatch.setattr("snn_deploy.converters.lava.environment.find", lambda: without_netx)
    assert NetConverter().executors(graph, artifact) == ()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    monkeypatch.delitem(sys.modules, "snn_deploy.converters.lava.net_hdf5", raising=False)
    with pytest.raises(MissingDependencyError, match=r"'h5py'; install snn-deploy\[lava\]"):
        NetConverter().lower(CASES["one_step"]())


@pytest.fixture(scope="module")
def recordings(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The 200 recordings that the shipped network was not trained on."""
    folder = tmp_path_factory.mktemp("nmnist")
    script = ROOT / "examples" / "nmnist_to_npz.py"
    source = shared_data / "events" / "nmnist-train1000.npz"
    command = [sys.executable, str(script), str(source), str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder / "nmnist_test.npz"


@pytest.mark.slow
def test_the_shipped_network_on_real_recordings(
    lava: LavaEnvironment, recordings: Path, tmp_path: Path
) -> None:
    few = ("--data", recordings, "--samples", 2, "--to", "net", "-o", tmp_path / "out")
    ended = export(TRAINED, *few, "--current-bits", 15)
    assert ended.code == 3
    assert "features.conv1: weights from -" in ended.complaint
    assert "give 4 fewer --current-bits" in ended.complaint
    ended = export(TRAINED, *few)  # the format asks for fewer by itself
    assert ended.code == 0, ended.err
    row = agreements(tmp_path / "out")["lava netx"]
    neurons = 16 * 17 * 17 + 32 * 9 * 9 + 32 * 5 * 5 + 64
    assert (row["samples"], row["steps"], row["mismatches"]) == (2, 12, 0)
    assert row["values_compared"] == 2 * 12 * (neurons + 10)
