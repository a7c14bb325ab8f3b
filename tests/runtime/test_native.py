"""Native operators where they are, stock ones where they are not, and no doubt which."""

import logging
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from snn_deploy.converters.onnx import native
from snn_deploy.errors import MissingDependencyError, ModelError, UsageError
from snn_deploy.ir.evaluate import evaluate
from snn_deploy.runtime import Session
from tests.networks import stimulus
from tests.runtime.networks import build, needs_library, write


@pytest.fixture
def no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNN_DEPLOY_OPS", "")


@pytest.mark.usefixtures("no_library")
def test_without_a_library(tmp_path: Path) -> None:
    path = write(build("ms_identity"), tmp_path)
    for asked in (None, False):
        session = Session(path, native=asked)
        assert (session.native, session.instruction_set) == (False, None)
    with pytest.raises(MissingDependencyError) as caught:
        Session(path, native=True)
    assert str(caught.value) == (
        "running native operators needs the operator library; run `snn-deploy build-ops`"
    )


def test_a_library_that_does_not_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Something else runs the network, and says so; unless native operators were asked for."""
    path = write(build("ms_identity"), tmp_path)
    broken = tmp_path / "broken.so"
    broken.write_text("this is no library")
    monkeypatch.setenv("SNN_DEPLOY_OPS", str(broken))
    with caplog.at_level(logging.WARNING):
        assert not Session(path).native
    [record] = caplog.records
    assert "broken.so does not load, stock operators are used (" in record.getMessage()
    assert not Session(path, native=False).native
    assert len(caplog.records) == 1
    with pytest.raises(MissingDependencyError, match=r"another operator library than .*broken\.so"):
        Session(path, native=True)


def test_a_library_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(build("ms_identity"), tmp_path)
    monkeypatch.setenv("SNN_DEPLOY_OPS", "nowhere.so")
    with pytest.raises(UsageError, match=r"SNN_DEPLOY_OPS names 'nowhere\.so', which is no file"):
        Session(path)
    assert not Session(path, native=False).native


@needs_library
def test_with_a_library(tmp_path: Path) -> None:
    path = write(build("ms_identity"), tmp_path)
    library = native.library()
    assert library is not None
    for asked in (None, True):
        session = Session(path, native=asked)
        assert session.native
        assert session.instruction_set == native.instruction_sets(library).chosen
        assert session.instruction_set in native.instruction_sets(library).compiled
    stock = Session(path, native=False)
    assert (stock.native, stock.instruction_set) == (False, None)


@needs_library
def test_standard_operators_are_not_native(tmp_path: Path) -> None:
    path = write(build("ms_identity"), tmp_path, inline=True)
    session = Session(path)
    assert (session.native, session.instruction_set) == (False, None)
    with pytest.raises(ModelError, match="calls no operator that the library has; export it witho"):
        Session(path, native=True)


@needs_library
@pytest.mark.parametrize("name", ["ms_identity", "dense_cuba", "delays_of_an_image", "float_hard"])
def test_where_the_states_lie(name: str, tmp_path: Path) -> None:
    """A neuron's are read and written in one place; two take turns for what delays keep."""
    graph = build(name)
    x = stimulus(graph, batch=1)
    session = Session(write(graph, tmp_path), native=True, output=graph.outputs[0])
    stream = session._stream
    assert stream is not None
    neurons = {state for state in session.state if not state.endswith(".past")}
    assert {n for n, a in stream._past.items() if a is stream._present[n]} == neurons
    for t, values in enumerate(evaluate(graph, x)):
        output = session.step(x if session.static else x[t])
        np.testing.assert_array_equal(output, values[graph.outputs[0]])


@needs_library
def test_an_onnxruntime_that_does_not_say_what_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then no state is read and written in one place."""
    name = "get_provider_graph_assignment_info"
    for kind in onnxruntime.InferenceSession.__mro__:
        if name in vars(kind):
            monkeypatch.delattr(kind, name)
    graph = build("ms_identity")
    x = stimulus(graph, batch=1)
    session = Session(write(graph, tmp_path), native=True)
    stream = session._stream
    assert stream is not None
    assert all(array is not stream._present[name] for name, array in stream._past.items())
    for values in evaluate(graph, x):
        np.testing.assert_array_equal(session.step(x), values[graph.outputs[0]])
