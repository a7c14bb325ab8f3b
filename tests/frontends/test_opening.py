"""One door for files of real numbers and of integers."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snn_deploy.checkpoints import EventBinning, InputSpec
from snn_deploy.datasets import Recordings, Samples
from snn_deploy.errors import MissingDependencyError, ModelError, UsageError
from snn_deploy.frontends.loading import LoadedModel, load
from snn_deploy.frontends.opening import LoadedGraph, holds_integers, open_model
from snn_deploy.ir.graph import Array
from tests.frontends.netx.files import CUBA, conv, dense, input_layer, write


@pytest.fixture
def net(tmp_path: Path) -> Path:
    return write(tmp_path / "a.net", [dense(np.full((3, 4), 2), bias=np.ones(3))])


@pytest.fixture
def transforming(tmp_path: Path) -> Path:
    first = input_layer((4,), neuron=CUBA, weight=36, bias=-3)
    return write(tmp_path / "t.net", [first, dense(np.full((3, 4), 2))])


def opened(path: Path, **options: Any) -> LoadedGraph:
    loaded = open_model(path, **options)
    assert isinstance(loaded, LoadedGraph)
    return loaded


def samples(values: Array, *, sequence: bool = False) -> Samples:
    kept = values if values.dtype == np.uint8 else values.astype(np.float32)
    return Samples("given.npz", kept, None, sequence)


def test_a_file_of_integers(net: Path) -> None:
    loaded = opened(net)
    assert (loaded.name, loaded.parameters, loaded.described) == ("a", 15, "Lava-DL network")
    assert len(loaded.source_sha256) == 64
    assert not loaded.network.at_equality
    assert opened(net, at_equality=True).network.at_equality


def test_what_is_of_integers_is_seen_in_the_file(net: Path, tmp_path: Path) -> None:
    other = tmp_path / "a.pt"
    other.write_bytes(b"PK\x03\x04")
    assert holds_integers(net)
    assert not any(holds_integers(path) for path in (other, tmp_path, tmp_path / "none.net", None))


def test_torch_files_are_opened_too() -> None:
    loaded = open_model(None, factory="tests.journeys.nets:residual")
    assert isinstance(loaded, LoadedModel)
    assert (loaded.described, loaded.parameters) == ("Residual", 539)


def test_equality_is_asked_of_integers_only() -> None:
    with pytest.raises(UsageError, match=r"--fires-at-equality is for \.net files"):
        open_model(None, factory="tests.journeys.nets:residual", at_equality=True)


def test_torch_says_what_an_hdf5_file_is(net: Path) -> None:
    with pytest.raises(
        ModelError, match=r"is an HDF5 file, which torch does not write; open a \.net"
    ):
        load(net)


def test_h5py_is_not_installed(net: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("snn_deploy.frontends.netx")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingDependencyError) as raised:
        open_model(net)
    assert str(raised.value) == (
        "reading .net files needs the package 'h5py'; install snn-deploy[lava]"
    )


@pytest.mark.parametrize(
    ("values", "sequence", "steps", "expected"),
    [
        (np.zeros((2, 4)), False, 5, InputSpec((4,), (), (), 5)),
        (np.zeros((2, 7, 4)), True, None, InputSpec((4,), (), (), 7, sequence=True)),
        (np.zeros((2, 7, 4)), True, 3, InputSpec((4,), (), (), 3, sequence=True)),
    ],
    ids=["images", "sequences", "shorter"],
)
def test_steps(
    net: Path, values: Array, sequence: bool, steps: int | None, expected: InputSpec
) -> None:
    assert opened(net).input_of(samples(values, sequence=sequence), steps) == expected


def test_no_steps(net: Path) -> None:
    with pytest.raises(UsageError) as raised:
        opened(net).input_of(samples(np.zeros((2, 4))), None)
    assert str(raised.value) == (
        "a does not say how many steps it runs, nor do samples without time; give --steps"
    )


@pytest.mark.parametrize(
    ("values", "kind", "limit"),
    [
        ([0, 1], "spike", 1),
        ([0, 2], "graded", 127),
        ([0, 128], "graded", 32767),
        ([-1, 1], "current", 127),
        ([-32767, 0], "current", 32767),
    ],
)
def test_what_enters(net: Path, values: list[int], kind: str, limit: int) -> None:
    """Of what kind it is does not change what it means, but how it is stored and counted."""
    loaded = opened(net)
    bytes_too = [np.uint8] if 0 <= min(values) <= max(values) <= 255 else []
    for dtype in (np.float32, *bytes_too):
        x = np.resize(np.array(values, dtype), (2, 4))
        graph = loaded.graph(InputSpec((4,), (), (), 3), samples(x))
        assert (graph.input.type.kind, graph.input_limit) == (kind, limit)
        assert np.array_equal(graph.quantize_input(x), x)


def test_events_enter_as_they_are_binned(net: Path, transforming: Path) -> None:
    none = np.zeros(0, np.int64)
    silent = Recordings(none, none, none.astype(np.uint8), none, none, none, none, (2, 1))
    spec = InputSpec((4,), (), (), 3, EventBinning(1000, 5))
    graph = opened(net).graph(spec, Samples("given.npz", silent, None))
    assert (graph.input.type.kind, graph.input_limit) == ("graded", 5)
    graph = opened(transforming).graph(spec, Samples("given.npz", silent, None))
    assert (graph.input.type.kind, graph.input_limit) == ("current", 32767)
    assert graph.quantize_input(np.full((1, 4), 5)).tolist() == [[180] * 4]


def test_without_samples_anything_may_enter(net: Path) -> None:
    graph = opened(net).graph(InputSpec((4,), (), (), 3))
    assert (graph.input.type.kind, graph.input_limit) == ("current", 32767)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (0.5, "holds real numbers, a reads whole ones; give spikes, or round(64 * x): the file's"),
        (32768, "holds numbers from 32768 to 32768, which enter as 32,768; give numbers that"),
    ],
)
def test_what_cannot_enter(net: Path, value: float, problem: str) -> None:
    with pytest.raises(ModelError) as raised:
        opened(net).graph(InputSpec((4,), (), (), 3), samples(np.full((2, 4), value)))
    assert str(raised.value).startswith(f"given.npz: {problem}")


def test_real_numbers_are_transformed_where_the_file_says_how(transforming: Path) -> None:
    x = np.array([[0.5, -1, 0, 0.99]])
    graph = opened(transforming).graph(InputSpec((4,), (), (), 3), samples(x))
    assert (graph.input.type.kind, graph.input_limit) == ("current", 32767)
    assert graph.quantize_input(x).tolist() == [[18, -36, 0, 36]]
    assert graph.params["lif0.bias"].tolist() == [-3 * 64]


def test_transformed_bytes_have_a_reach(transforming: Path) -> None:
    loaded = opened(transforming)
    given = samples(np.zeros((2, 4), np.uint8))
    assert loaded.graph(InputSpec((4,), (0.5,), (0.5,), 3), given).input_limit == 32767
    with pytest.raises(ModelError, match="from -5000 to 5000, which enter as 180,000; give"):
        loaded.graph(InputSpec((4,), (0.5,), (1e-4,), 3), given)


def test_a_convolution_takes_the_shape_of_the_samples(tmp_path: Path) -> None:
    loaded = opened(write(tmp_path / "c.net", [conv(np.ones((3, 2, 3, 3)), (3, 3, 2))]))
    spec = loaded.input_of(samples(np.zeros((2, 2, 5, 4))), 3)
    assert spec.shape == (2, 5, 4)
    assert loaded.graph(spec).outputs == ("lif0",)
