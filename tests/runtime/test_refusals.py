"""What is refused says where, what is and what may be; what is taken is taken as it is."""

import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from snn_deploy.converters.onnx import lower_model
from snn_deploy.errors import ModelError, UsageError
from snn_deploy.runtime import Session
from tests.networks import stimulus
from tests.runtime.networks import build, write

SHAPE = (3, 8, 8)


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """An integer network that takes -127 to 127."""
    return Session(write(build("ms_identity"), tmp_path), native=False)


@pytest.fixture
def real(tmp_path: Path) -> Session:
    return Session(write(build("float_hard"), tmp_path), native=False)


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (np.zeros(SHAPE, int), "has shape [3, 8, 8]; give [1, 3, 8, 8]"),
        (np.zeros((2, *SHAPE), int), "has shape [2, 3, 8, 8]; give [1, 3, 8, 8]"),
        (np.zeros((1, 8, 8, 3), int), "has shape [1, 8, 8, 3]; give [1, 3, 8, 8]"),
        (3, "has shape []; give [1, 3, 8, 8]"),
        ([[1], [2, 3]], "is no array"),
        (
            np.zeros((1, *SHAPE), np.float32),
            "holds float32, the model takes whole numbers from -127 to 127; quantize() makes them",
        ),
        (np.zeros((1, *SHAPE), complex), "holds complex128, the model takes whole numbers"),
        (np.zeros((1, *SHAPE), object), "holds object, the model takes whole numbers"),
        (np.full((1, *SHAPE), -128), "holds values from -128 to -128, the model takes whole"),
        (np.full((1, *SHAPE), 2**63, np.uint64), "holds values from 9223372036854775808 to"),
    ],
)
def test_steps_of_integers(x: Any, text: str, session: Session) -> None:
    with pytest.raises(ModelError) as caught:
        session.step(x)
    assert str(caught.value).startswith("the input: ")
    assert text in str(caught.value)
    for state in session.state.values():
        assert not state.any()


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.uint64, ">i4"])
def test_integers_of_any_type(dtype: Any, session: Session) -> None:
    x = np.ones((1, *SHAPE), dtype)[:, :, ::-1]
    np.testing.assert_array_equal(session.run(x), session.run(np.ones((1, *SHAPE), np.int8)))


def test_real_numbers(real: Session) -> None:
    x = np.full((1, *real.shape), 0.5)
    expected = real.run(x.astype(np.float32))
    np.testing.assert_array_equal(real.run(x), expected)
    np.testing.assert_array_equal(real.run(x.tolist()), expected)
    for value in (np.nan, np.inf, 1e300):
        x[0, 0] = value
        with pytest.raises(ModelError, match="holds NaN, infinity or what float32 cannot hold"):
            real.step(x)
    with pytest.raises(ModelError, match="holds <U1; give real numbers"):
        real.step(np.full((1, *real.shape), "a"))
    with pytest.raises(ModelError, match="takes real numbers; there is nothing to quantize"):
        real.quantize(x)


def test_inferences(session: Session, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has shape \[0, 3, 8, 8\]; give \[B, 3, 8, 8\]"):
        session.run(np.zeros((0, *SHAPE), int))
    events = Session(write(build("events"), tmp_path), native=False)
    with pytest.raises(ModelError, match=r"give \[T, B, "):
        events.run(np.zeros((1, *events.shape), int))
    with pytest.raises(ModelError, match=r"give \[T, B, "):
        events.run(np.zeros((0, 1, *events.shape), int))
    with pytest.raises(ModelError, match=r"holds values from 0 to 2, .* whole numbers from 0 to 1"):
        events.run(np.full((1, 1, *events.shape), 2) - np.eye(events.shape[-1], dtype=int) * 2)


def test_quantize_rounds_half_to_even_and_clips(session: Session) -> None:
    x = np.zeros((2, 5, *SHAPE))
    values = [0.5, 1.5, -0.5, -2.5, 126.5, 1000.0, -1000.0]
    x[0, 0, 0, 0, :7] = values
    scale = 1.0  # of these networks
    q = session.quantize(x * scale)
    assert (q.dtype, q.shape) == (np.int8, x.shape)
    assert q[0, 0, 0, 0, :7].tolist() == [0, 2, 0, -2, 126, 127, -127]
    np.testing.assert_array_equal(
        session.quantize(q.astype(np.uint8) % 100), q.view(np.uint8) % 100
    )
    for wrong in (np.zeros((1, 3, 8)), np.zeros(4)):
        with pytest.raises(ModelError, match=r"has shape .*; give \[.*3, 8, 8\]"):
            session.quantize(wrong)
    for wrong in (np.full(SHAPE, np.nan), np.full(SHAPE, np.inf), np.full(SHAPE, "a")):
        with pytest.raises(ModelError, match="holds NaN, infinity or no numbers"):
            session.quantize(wrong)


def _without(state: dict[str, Any]) -> None:
    del state["past_lif1.v"]


def _with_another(state: dict[str, Any]) -> None:
    state["past_lif9.v"] = state["past_lif1.v"]


def _of_another_type(state: dict[str, Any]) -> None:
    state["past_lif1.v"] = state["past_lif1.v"].astype(np.int64)


def _of_another_batch(state: dict[str, Any]) -> None:
    for name in state:
        state[name] = np.repeat(state[name], 2, axis=0)


def _too_large(state: dict[str, Any]) -> None:
    state["past_lif1.v"][0, 0] = -(2**23)


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (_without, "lacks 'past_lif1.v'; give what `state` was, of this model and batch"),
        (_with_another, "has 'past_lif9.v', the model has not"),
        (_of_another_type, "'past_lif1.v' is int64 [1, 8, 8, 8], the model has int32 [1, 8, 8, 8]"),
        (_of_another_batch, "is int32 [2, 8, 8, 8], the model has int32 [1, 8, 8, 8]; 'past_lif2"),
        (_too_large, "'past_lif1.v' holds integers beyond -8,388,607 to 8,388,607"),
    ],
)
def test_states(spoil: Callable[[dict[str, Any]], None], text: str, session: Session) -> None:
    session.step(np.full((1, *SHAPE), 9))
    before = session.state
    state = {name: array + 1 for name, array in session.state.items()}
    spoil(state)
    with pytest.raises(ModelError) as caught:
        session.restore(state)
    assert str(caught.value).startswith("the state: ")
    assert text in str(caught.value)
    for name, array in session.state.items():
        np.testing.assert_array_equal(array, before[name])


def test_a_state_of_real_numbers_is_finite(real: Session) -> None:
    state = real.state
    name = next(iter(state))
    state[name].flat[0] = np.nan
    with pytest.raises(ModelError, match="holds NaN or infinity"):
        real.restore(state)


def test_many_problems_are_counted(session: Session) -> None:
    with pytest.raises(ModelError, match="; and 4 more; give"):
        session.restore({f"a{k}": 0 for k in range(9 - len(session.state))})


class Trap:
    """Leaves a trace when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_no_file_is_run(tmp_path: Path) -> None:
    """A pickle in place of a model is refused, unread; so is an archive of one."""
    plain, archive = tmp_path / "model.onnx", tmp_path / "model.pt"
    plain.write_bytes(pickle.dumps(Trap(tmp_path / "trace")))
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("data.pkl", plain.read_bytes())
    for path in (plain, archive):
        with pytest.raises(ModelError, match="ONNX Runtime does not take it"):
            Session(path)
    assert not (tmp_path / "trace").exists()


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no file '.*nowhere.onnx'; give model.step"):
        Session(tmp_path / "nowhere.onnx")
    with pytest.raises(UsageError, match="there is no file"):
        Session(tmp_path)
    for content in (b"", b"text", bytes(99)):
        (tmp_path / "a.onnx").write_bytes(content)
        with pytest.raises(ModelError) as caught:
            Session(str(tmp_path / "a.onnx"))
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 500
    whole = write(build("ms_identity"), tmp_path).read_bytes()
    (tmp_path / "a.onnx").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match="ONNX Runtime does not take it"):
        Session(tmp_path / "a.onnx")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ai.snn.form", None),
        ("ai.snn.form", "steps"),
        ("ai.snn.steps", "0"),
        ("ai.snn.steps", "many"),
        ("ai.snn.input", None),
        ("ai.snn.input", "[]"),
        ("ai.snn.input", '{"static": true, "scale": [0], "low": 0, "high": 1}'),
        ("ai.snn.input", '{"static": true, "scale": [1], "low": -999, "high": 1}'),
        ("ai.snn.input", '{"static": true, "scale": [1], "low": 0.5, "high": 1}'),
        ("ai.snn.input", '{"static": true, "scale": [1, 2, 3, 4, 5], "low": 0, "high": 1}'),
        ("ai.snn.output", "{"),
        ("ai.snn.output", '[{"name": "output"}]'),
        ("ai.snn.output_scale", '{"output": "a"}'),
        ("ai.snn.state", None),
        ("ai.snn.state", "[3]"),
        ("ai.snn.state", "[]"),
    ],
)
def test_damaged_metadata(key: str, value: str | None, tmp_path: Path) -> None:
    model = lower_model(build("ms_identity"), "step")
    kept = {entry.key: entry.value for entry in model.metadata_props if entry.key != key}
    onnx.helper.set_model_props(model, kept if value is None else {**kept, key: value})
    (tmp_path / "a.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError) as caught:
        Session(tmp_path / "a.onnx", native=False)
    assert str(caught.value).startswith(f"{tmp_path / 'a.onnx'}: ")


@pytest.mark.parametrize(
    ("field", "value"), [("shape", ["B", 9]), ("dtype", "int64"), ("init", "a"), ("init", 2**40)]
)
def test_states_that_are_not_in_the_file(field: str, value: Any, tmp_path: Path) -> None:
    model = lower_model(build("ms_identity"), "step")
    kept = {entry.key: entry.value for entry in model.metadata_props}
    states = json.loads(kept["ai.snn.state"])
    states[0][field] = value
    onnx.helper.set_model_props(model, {**kept, "ai.snn.state": json.dumps(states)})
    (tmp_path / "a.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="its metadata are damaged"):
        Session(tmp_path / "a.onnx", native=False)


@pytest.mark.parametrize("batch", [0, -1])
def test_a_batch_of_none(batch: int, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="batch cannot be"):
        Session(write(build("ms_identity"), tmp_path), batch=batch, native=False)


def test_one_file_in_many_sessions(tmp_path: Path) -> None:
    graph = build("ms_identity")
    path = write(graph, tmp_path)
    x = stimulus(graph, batch=1)
    found = [Session(path, threads=1).step(x) for _ in range(20)]
    assert all(np.array_equal(output, found[0]) for output in found)
