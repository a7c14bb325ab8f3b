"""The delivered folder: its files, and its script as a user runs it, beside no project of ours."""

import io
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from snn_deploy.artifact import Artifact
from snn_deploy.converters.lava import LavaConverter, environment
from snn_deploy.converters.lava.environment import LavaEnvironment
from snn_deploy.errors import GraphError
from snn_deploy.ir.evaluate import evaluate, read_out
from snn_deploy.ir.graph import Array
from snn_deploy.quantization.graph import QuantGraph
from tests.converters.lava.mapped import mapped
from tests.networks import INTEGER, stimulus

Run = Callable[..., subprocess.CompletedProcess[str]]

FILES = {
    "run_lava.py",
    "lava_network/__init__.py",
    "lava_network/arrays.py",
    "lava_network/compat.py",
    "lava_network/network.py",
    "lava_network/processes.py",
    "lava_network/recording.py",
    "lava_network/simulate.py",
    "lava_network/weights.npz",
}


def golden_of(graph: QuantGraph, x: Array) -> dict[str, Array]:
    """Return what a golden file holds of a graph."""
    steps = list(evaluate(graph, x))
    sums = read_out(graph, iter(steps))
    arrays = {"input": x} | {f"output/{name}": total for name, total in sums.items()}
    for node in graph.spiking:
        counts = [step[node.name].reshape(len(x), -1).sum(axis=1) for step in steps]
        arrays[f"spikes/{node.name}"] = np.sum(counts, axis=0)
    return arrays


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of a residual network, with two golden samples."""
    graph = INTEGER["ms_spiking_projection"]()
    assert isinstance(graph, QuantGraph)
    folder = tmp_path_factory.mktemp("export")
    write(LavaConverter().lower(mapped(graph)), folder)
    (folder / "golden").mkdir()
    np.savez(folder / "golden" / "golden.npz", **golden_of(graph, stimulus(graph)))
    return folder


def write(artifact: Artifact, folder: Path) -> None:
    for name, content in artifact.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


@pytest.fixture
def script(lava: LavaEnvironment, folder: Path) -> Run:
    """Run the script as a user does; nothing of it is left afterwards."""

    def run(*args: str) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            [*command(lava, folder), *args],
            cwd=folder.parent,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert not left_of(folder)
        return result

    return run


def command(lava: LavaEnvironment, folder: Path) -> list[str]:
    return [str(lava.python), "-E", "-s", "-B", str(folder / "run_lava.py")]


def left_of(folder: Path) -> list[str]:
    """Return the processes whose command line names a folder."""
    lines = (_content(path) for path in Path("/proc").glob("[0-9]*/cmdline"))
    return [line for line in lines if str(folder) in line]


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:  # it has ended meanwhile
        return ""


def test_files_are_the_same_every_time() -> None:
    graph = mapped(INTEGER["ms_identity"]())
    files = LavaConverter().lower(graph).files
    assert files == LavaConverter().lower(graph).files
    assert set(files) == FILES


def test_files_stand_alone() -> None:
    files = LavaConverter().lower(mapped(INTEGER["ms_identity"]())).files
    assert not [name for name, content in files.items() if b"snn_deploy" in content]


def test_weights_are_as_they_were() -> None:
    graph = mapped(INTEGER["ms_identity"]())
    content = LavaConverter().lower(graph).files["lava_network/weights.npz"]
    with np.load(io.BytesIO(content)) as arrays:
        assert arrays["conv2.weight"].dtype == np.int8
        assert np.array_equal(arrays["conv2.weight"], graph.weight("conv2"))


def test_only_mapped_graphs_are_taken() -> None:
    graph = INTEGER["shifts"]()
    assert isinstance(graph, QuantGraph)
    with pytest.raises(GraphError, match="shifts right, which only a relay can"):
        LavaConverter().lower(graph)


def test_without_lava_nothing_runs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "find", lambda: None)
    graph = mapped(INTEGER["dense_static"]())
    artifact = LavaConverter().lower(graph)
    assert LavaConverter().executors(graph, artifact) == ()


def test_golden_samples_are_replayed(script: Run) -> None:
    result = script()
    assert result.returncode == 0, result.stderr
    assert "equal: 5 layers and outputs of" in result.stdout
    assert "step 13 of 13" in result.stdout


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("spikes/lif2", "spikes/lif2, sample 1: expected {wrong}, found {right}"),
        ("output/head", "output/head, sample 1, index [0]: expected {wrong}, found {right}"),
    ],
)
def test_a_wrong_golden_sample_is_found(script: Run, folder: Path, key: str, said: str) -> None:
    path = folder / "golden" / "golden.npz"
    before = path.read_bytes()
    with np.load(path) as arrays:
        changed = dict(arrays)
    right = int(changed[key].reshape(2, -1)[1, 0])
    changed[key].reshape(2, -1)[1, 0] += 1
    np.savez(path, **changed)
    try:
        result = script()
    finally:
        path.write_bytes(before)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].endswith(said.format(wrong=right + 1, right=right))


def test_a_failing_process_is_named(script: Run, folder: Path) -> None:
    """A bias that is not the network's makes a sum that does not fit."""
    path = folder / "lava_network" / "weights.npz"
    before = path.read_bytes()
    with np.load(path) as arrays:
        changed = dict(arrays)
    changed["head.current_bias"] = np.full(10, 2**23)
    np.savez(path, **changed)
    try:
        result = script("--samples", "1")
    finally:
        path.write_bytes(before)
    assert result.returncode == 1
    assert "process 'head.readout' failed: OverflowError: a sum of" in result.stderr


def test_a_killed_script_takes_its_processes_along(lava: LavaEnvironment, folder: Path) -> None:
    with subprocess.Popen(
        command(lava, folder), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as script:
        assert script.stdout is not None
        assert script.stdout.readline() == "step 0 of 13\n"
        assert len(left_of(folder)) > 10
        script.kill()
    end = time.monotonic() + 10
    while left_of(folder) and time.monotonic() < end:
        time.sleep(0.05)
    assert not left_of(folder)


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (np.zeros((1, 3, 8, 9), int), "int64 [1, 3, 8, 9], it must be integers [N, 3, 8, 8]"),
        (np.zeros((1, 3, 8, 8)), "float64 [1, 3, 8, 8], it must be integers [N, 3, 8, 8]"),
        (np.full((1, 3, 8, 8), 128), "the input holds 128 to 128, it may hold -127 to 127"),
    ],
)
def test_a_wrong_input_is_refused(script: Run, tmp_path: Path, x: Array, said: str) -> None:
    np.save(tmp_path / "x.npy", x)
    result = script("--input", f"{tmp_path / 'x.npy'}", "--output", f"{tmp_path / 'out.npz'}")
    assert result.returncode == 1
    assert said in result.stderr
    assert os.listdir(tmp_path) == ["x.npy"]
