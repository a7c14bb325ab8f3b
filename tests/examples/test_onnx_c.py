"""The programs in C and C++ print the reference's integers, with stock operators and with ours."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from snn_deploy import datasets
from snn_deploy.converters.onnx import lower_model
from snn_deploy.converters.onnx.native import library
from snn_deploy.frontends.loading import load
from snn_deploy.frontends.tracing import trace
from snn_deploy.ir.evaluate import evaluate
from snn_deploy.ir.graph import Array, Graph
from snn_deploy.ir.ops import Input
from snn_deploy.passes import FOLD, run_passes
from snn_deploy.quantization import calibrate, quantize
from tests.networks import FLOAT, INTEGER, stimulus

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "onnx_c"
CAPI = Path(onnxruntime.__file__).parent / "capi"

Numbers = list[list[int]]
"""What is printed of one output: a line a sample."""


@dataclass(frozen=True)
class Case:
    """A step model, and samples for it, as files; and what the reference makes of them, by step."""

    model: Path
    frames: Path
    graph: Graph
    steps: tuple[Mapping[str, Array], ...]

    def expected(self, steps: int) -> dict[str, Numbers]:
        """Return the outputs over the first steps, by the names in the file."""
        names = self.graph.outputs
        sums: dict[str, Array] = {}
        for values in self.steps[:steps]:
            sums = {n: values[n].astype(np.int64) + sums.get(n, 0) for n in names}
        tensors = {n: "output" if len(names) == 1 else f"output_{n}" for n in names}
        return {tensors[n]: a.reshape(len(a), -1).tolist() for n, a in sums.items()}


def case(folder: Path, graph: Graph, x: Array) -> Case:
    """Write the files. x: [N, *shape], or [T, N, *shape]; the file has a sample after the other."""
    steps = tuple(evaluate(graph, x, keep=graph.outputs))
    made = Case(folder / "model.step.onnx", folder / "frames.bin", graph, steps)
    made.model.write_bytes(lower_model(graph, "step").SerializeToString())
    op = graph.input.op
    assert isinstance(op, Input), "a graph's input is an Input"
    made.frames.write_bytes((x if op.static else x.swapaxes(0, 1)).tobytes())
    return made


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with both programs, built as a user builds them, with no warning."""
    missing = [tool for tool in ("make", "cc", "c++") if not shutil.which(tool)]
    if missing:
        pytest.skip(f"needs {missing[0]}")
    if not list(CAPI.glob("libonnxruntime.so.1*")):
        pytest.skip("needs an onnxruntime that brings libonnxruntime.so.1")
    folder = tmp_path_factory.mktemp("onnx_c")
    flags = [f"{name}=-O1 -Werror" for name in ("CFLAGS", "CXXFLAGS")]
    command = ["make", "-C", str(EXAMPLE), f"BUILD={folder}", f"PYTHON={sys.executable}", *flags]
    # What a `make test` around us says to its children is not for this one.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return folder


@pytest.fixture(params=["stream", "stream_cpp"])
def program(request: pytest.FixtureRequest, built: Path) -> Path:
    return built / request.param


@pytest.fixture(params=["stock", "native", "native, two buffers"])
def operators(request: pytest.FixtureRequest) -> list[str]:
    """The options that choose operators, and how states are kept."""
    if request.param == "stock":
        return []
    found = library()
    if found is None:
        pytest.skip("needs the operator library: snn-deploy build-ops")
    return ["--library", str(found), *["--two-buffers"] * ("two" in request.param)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """The network that ships, and three images, of which the last is the first again."""
    loaded = load(ROOT / "models" / "checkpoints" / "ms_resnet20_cifar10.pt")
    assert loaded.input is not None
    traced = trace(loaded.module, loaded.input.shape, name="net", steps=loaded.input.steps)
    folded = run_passes(traced, FOLD)
    samples = datasets.load(ROOT / "models" / "samples" / "cifar10_100.npz")
    images = samples.normalised(loaded.input)[:4]
    graph = quantize(folded, calibrate(folded, images)).graph
    x = graph.quantize_input(images[[0, 1, 0]])
    return case(tmp_path_factory.mktemp("trained"), graph, x)


def run(program: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [str(program), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def numbers(text: str) -> dict[str, Numbers]:
    """Read what a program has printed, by outputs."""
    found: dict[str, Numbers] = {}
    for line in text.splitlines():
        head, values = line.split(":")
        sample, name = head.split(" ")
        lines = found.setdefault(name, [])
        assert int(sample) == len(lines), text
        lines.append([int(value) for value in values.split()])
    return found


def complaint(program: Path, *arguments: object) -> str:
    """Return the one line about what is wrong."""
    ended = run(program, *arguments)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("stream: ")
    assert ended.stderr.count("\n") == 1
    return ended.stderr.removeprefix("stream: ").strip()


def test_a_trained_network(program: Path, operators: list[str], trained: Case) -> None:
    """Each number of steps gives its own sums: the state is kept from step to step."""
    for steps in range(1, len(trained.steps) + 1):
        ended = run(program, *operators, "--steps", steps, trained.model, trained.frames)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert numbers(ended.stdout) == trained.expected(steps)


def test_a_sample_begins_anew(program: Path, operators: list[str], trained: Case) -> None:
    ended = run(program, *operators, trained.model, trained.frames)
    [(first, second, again)] = numbers(ended.stdout).values()
    assert first == again
    assert first != second


@pytest.mark.parametrize(
    "name", ["dense_cuba", "sequence", "wide_input", "two_outputs", "delays", "sigma_delta"]
)
def test_small_networks(program: Path, operators: list[str], name: str, tmp_path: Path) -> None:
    """Sequences, int16, several outputs, and states that no operator of ours keeps."""
    graph = INTEGER[name]()
    small = case(tmp_path, graph, stimulus(graph, batch=2))
    ended = run(program, *operators, small.model, small.frames)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert numbers(ended.stdout) == small.expected(graph.steps)


def test_the_format_of_onnx_runtime(program: Path, operators: list[str], tmp_path: Path) -> None:
    graph = INTEGER["ms_identity"]()
    made = case(tmp_path, graph, stimulus(graph))
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "model.step.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    if operators:
        options.register_custom_ops_library(operators[1])
    onnxruntime.InferenceSession(made.model, options)
    ended = run(program, *operators, tmp_path / "model.step.ort", made.frames)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert numbers(ended.stdout) == made.expected(graph.steps)


def test_the_time_of_a_step(program: Path, trained: Case) -> None:
    ended = run(program, "--time", "5", "--threads", "2", trained.model, trained.frames)
    assert re.fullmatch(r"median \d+\.\d\d us per step, 5 steps", ended.stdout.splitlines()[-1])


@pytest.fixture
def small(tmp_path: Path) -> Case:
    graph = INTEGER["dense_static"]()
    return case(tmp_path, graph, stimulus(graph, batch=1))


def test_missing_files(program: Path, small: Case, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    assert "nowhere" in complaint(program, nowhere, small.frames)
    assert complaint(program, small.model, nowhere) == f"'{nowhere}' cannot be read"


def test_a_wrong_library(program: Path, small: Case, built: Path) -> None:
    for wrong in (small.frames, built / "libonnxruntime.so.1"):
        assert wrong.name in complaint(program, "--library", wrong, small.model, small.frames)


def test_wrong_frames(program: Path, small: Case) -> None:
    whole = small.frames.read_bytes()
    size = len(whole)
    small.frames.write_bytes(b"")
    assert complaint(program, small.model, small.frames) == f"'{small.frames}' is empty"
    small.frames.write_bytes(whole[:-1])
    expected = f"the frames end after {size - 1} bytes of a frame of {size}"
    assert complaint(program, small.model, small.frames) == expected
    small.frames.write_bytes(bytes([0x80]) * size)
    assert "-128" in complaint(program, small.model, small.frames)


def test_half_a_sequence(program: Path, tmp_path: Path) -> None:
    graph = INTEGER["sequence"]()
    cut = case(tmp_path, graph, stimulus(graph, batch=1))
    frames = cut.frames.read_bytes()
    cut.frames.write_bytes(frames[: 2 * len(frames) // graph.steps])
    expected = f"the frames end after 2 steps of a sample of {graph.steps}"
    assert complaint(program, cut.model, cut.frames) == expected


def test_another_model(program: Path, small: Case) -> None:
    expected = {
        "the model is of the form 'sequence', not 'step'": lower_model(small.graph, "sequence"),
        "the model takes real numbers, this program integers": lower_model(
            FLOAT["float_hard"](), "step"
        ),
    }
    for text, model in expected.items():
        small.model.write_bytes(model.SerializeToString())
        assert complaint(program, small.model, small.frames) == text
    foreign = lower_model(small.graph, "step")
    del foreign.metadata_props[:]
    small.model.write_bytes(foreign.SerializeToString())
    assert complaint(program, small.model, small.frames).endswith("so it is no export")


@pytest.mark.parametrize("arguments", [(), ("a",), ("a", "b", "c"), ("--steps", "0", "a", "b")])
def test_wrong_usage(program: Path, arguments: tuple[str, ...]) -> None:
    ended = run(program, *arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("usage: stream ")
