"""Steps, whole inferences, states: all against the reference evaluator."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from snn_deploy.converters.onnx.lower import Form
from snn_deploy.errors import UsageError
from snn_deploy.ir.evaluate import evaluate, read_out
from snn_deploy.ir.graph import Array, Graph
from snn_deploy.runtime import Session
from tests.house.tree import run_python
from tests.networks import FLOAT, INTEGER, stimulus
from tests.runtime.networks import OPERATORS, build, write

ALL = {**INTEGER, **FLOAT}
STATEFUL = [
    *("dense_cuba", "resets", "ms_identity", "delays_of_an_image", "sigma_delta", "sequence"),
    *("float_delayed", "float_synapse"),
]
FORMS: tuple[Form, ...] = ("step", "sequence")


def frames_of(graph: Graph, x: Array) -> Sequence[Array]:
    return [x] * graph.steps if graph.input.op.static else list(x)


def outputs_of(graph: Graph, x: Array, steps: int | None = None) -> list[Array]:
    return [values[graph.outputs[0]] for values in evaluate(graph, x, steps)]


@pytest.mark.parametrize("native", OPERATORS)
@pytest.mark.parametrize("name", ALL)
def test_steps(name: str, native: bool, tmp_path: Path) -> None:
    graph = build(name)
    x = stimulus(graph)
    expected = outputs_of(graph, x)
    session = Session(
        write(graph, tmp_path), batch=2, output=graph.outputs[0], threads=1, native=native
    )
    for _ in range(2):
        found = [session.step(frame) for frame in frames_of(graph, x)]
        for now, then in zip(found, expected, strict=True):
            np.testing.assert_array_equal(now, then)
        session.reset()


@pytest.mark.parametrize("native", OPERATORS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["ms_projection", *STATEFUL])
def test_whole_inferences(name: str, form: Form, native: bool, tmp_path: Path) -> None:
    """Of any batch, and, of sequences, of any length."""
    graph = build(name)
    session = Session(write(graph, tmp_path, form), threads=1, native=native)
    lengths = (graph.steps,) if session.static else (1, graph.steps + 3)
    assert (session.shape, session.steps) == (graph.input.type.shape, graph.steps)
    for batch in (1, 3):
        for steps in lengths:
            x = stimulus(graph, batch=batch, steps=steps)
            expected = read_out(graph, evaluate(graph, x, steps))[graph.outputs[0]]
            np.testing.assert_array_equal(session.run(x), expected)


@pytest.mark.parametrize("native", OPERATORS)
@pytest.mark.parametrize("name", STATEFUL)
def test_a_state_goes_on_elsewhere(name: str, native: bool, tmp_path: Path) -> None:
    graph = build(name)
    x = stimulus(graph)
    path, frames, expected = write(graph, tmp_path), frames_of(graph, x), outputs_of(graph, x)
    first = Session(path, batch=2, native=native)
    kept = [first.state]
    for frame, output in zip(frames, expected, strict=True):
        np.testing.assert_array_equal(first.step(frame), output)
        kept.append(first.state)
    np.savez(tmp_path / "kept.npz", **kept[2])
    other = Session(path, batch=2, native=native)
    with np.load(tmp_path / "kept.npz", allow_pickle=False) as held:
        other.restore(held)
    for session in (other, first):
        session.restore(kept[2])
        for t in range(2, len(frames)):
            np.testing.assert_array_equal(session.step(frames[t]), expected[t])
            for state, array in session.state.items():
                np.testing.assert_array_equal(array, kept[t + 1][state])
    assert any((kept[0][state] != kept[1][state]).any() for state in kept[0])


@pytest.mark.parametrize("native", OPERATORS)
def test_what_is_given_away_is_a_copy(native: bool, tmp_path: Path) -> None:
    graph = build("ms_identity")
    x = stimulus(graph)
    session = Session(write(graph, tmp_path), batch=2, native=native)
    expected = outputs_of(graph, x)
    first = session.step(x)
    for array in session.state.values():
        array[...] = 77
    kept = first.copy()
    np.testing.assert_array_equal(session.step(x), expected[1])
    np.testing.assert_array_equal(first, kept)
    first[...] = 77
    state = session.state
    session.restore(state)
    for array in state.values():
        array[...] = 77
    np.testing.assert_array_equal(session.step(x), expected[2])


@pytest.mark.parametrize("native", OPERATORS)
def test_an_inference_leaves_the_stream_alone(native: bool, tmp_path: Path) -> None:
    graph = build("sequence")
    x = stimulus(graph)
    session = Session(write(graph, tmp_path), batch=2, native=native)
    expected, total = outputs_of(graph, x), read_out(graph, evaluate(graph, x))[graph.outputs[0]]
    for frame, output in zip(x, expected, strict=True):
        np.testing.assert_array_equal(session.step(frame), output)
        np.testing.assert_array_equal(session.run(x), total)


@pytest.mark.parametrize("native", OPERATORS)
def test_two_sessions_in_turn(native: bool, tmp_path: Path) -> None:
    graph = build("ms_identity")
    path = write(graph, tmp_path)
    inputs = [stimulus(graph, seed=seed) for seed in (1, 2)]
    expected = [outputs_of(graph, x) for x in inputs]
    sessions = [Session(path, batch=2, threads=1, native=native) for _ in inputs]
    for t in range(graph.steps):
        for session, x, outputs in zip(sessions, inputs, expected, strict=True):
            np.testing.assert_array_equal(session.step(x), outputs[t])


@pytest.mark.parametrize("native", OPERATORS)
def test_sessions_in_threads(native: bool, tmp_path: Path) -> None:
    """Each has its own state, whoever runs beside it."""
    graph = build("ms_identity")
    path = write(graph, tmp_path)
    together = threading.Barrier(4)

    def stream(seed: int) -> bool:
        x = stimulus(graph, seed=seed)
        expected = outputs_of(graph, x)
        session = Session(path, batch=2, threads=2, native=native)
        together.wait()
        for _ in range(20):
            session.reset()
            if any(not np.array_equal(session.step(x), output) for output in expected):
                return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(stream, range(4)))


@pytest.mark.parametrize("native", OPERATORS)
def test_threads_that_share_a_session(native: bool, tmp_path: Path) -> None:
    """Steps come one after the other, whoever asks for them; inferences do not disturb them."""
    graph = build("sequence")
    x = stimulus(graph, batch=1)
    session = Session(write(graph, tmp_path), native=native)
    total = read_out(graph, evaluate(graph, x))[graph.outputs[0]]
    frame, count = x[0], 60
    expected = outputs_of(graph, np.stack([frame] * count), count)
    together = threading.Barrier(3)

    def steps(_: int) -> list[Array]:
        together.wait()
        return [session.step(frame) for _ in range(count // 2)]

    def inferences() -> bool:
        together.wait()
        return all(np.array_equal(session.run(x), total) for _ in range(20))

    with ThreadPoolExecutor(3) as pool:
        undisturbed = pool.submit(inferences)
        found = [output for part in pool.map(steps, range(2)) for output in part]
    assert undisturbed.result()
    assert sorted(a.tolist() for a in found) == sorted(a.tolist() for a in expected)


def test_a_sequence_form_keeps_no_state(tmp_path: Path) -> None:
    graph = build("dense_cuba")
    session = Session(write(graph, tmp_path, "sequence"), native=False)
    frame = stimulus(graph, batch=1)[0]
    for act in (
        lambda: session.step(frame),
        session.reset,
        lambda: session.state,
        lambda: session.restore({}),
    ):
        with pytest.raises(UsageError, match=r"keeps no state; use run\(\), or open model\.step"):
            act()


def test_an_output_of_several(tmp_path: Path) -> None:
    graph = build("two_outputs")
    path = write(graph, tmp_path)
    with pytest.raises(UsageError, match="has several outputs; give output=, one of: lif1, stem_l"):
        Session(path, native=False)
    with pytest.raises(UsageError, match="has no output 'head'; give output=, one of: lif1"):
        Session(path, native=False, output="head")
    x = stimulus(graph, batch=1)
    for output in graph.outputs:
        session = Session(path, native=False, output=output)
        for values in evaluate(graph, x):
            np.testing.assert_array_equal(session.step(x), values[output])


def test_factors_for_logits(tmp_path: Path) -> None:
    graph = build("two_outputs")
    path = write(graph, tmp_path, "sequence")
    x = stimulus(graph)
    for output in graph.outputs:
        session = Session(path, native=False, output=output)
        assert session.output_scale.shape == (1,) * len(graph[output].type.shape)
        real = session.run(x) * session.output_scale
        expected = read_out(graph, evaluate(graph, x))[output] * graph.output_scale(output)
        np.testing.assert_array_equal(real, expected)
    real_numbers = Session(write(build("float_hard"), tmp_path), native=False)
    assert real_numbers.output_scale.tolist() == [1]


def test_it_needs_neither_torch_nor_the_package_onnx(tmp_path: Path) -> None:
    """A device has numpy and ONNX Runtime."""
    graph = build("ms_identity")
    path = write(graph, tmp_path)
    code = f"""
import sys
for name in ("onnx", "torch", "typer", "jinja2", "rich", "h5py", "numba"):
    sys.modules[name] = None
import numpy as np
from snn_deploy.runtime import Session
session = Session({str(path)!r})
print(session.step(np.zeros((1, *session.shape), np.int8)).shape)
"""
    result = run_python(code)
    assert result.stdout.strip() == "(1, 10)", result.stderr
