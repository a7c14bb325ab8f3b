"""Right but unusual uses of the native operators: what stock operators give, they give."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest

from snn_deploy.converters.onnx import lower_model
from snn_deploy.converters.onnx.functions import Variant, function
from snn_deploy.converters.onnx.lower import Form
from snn_deploy.converters.onnx.run import Session
from snn_deploy.ir.evaluate import evaluate, read_out
from snn_deploy.ir.graph import Array, Graph
from snn_deploy.ir.ops import Reset
from tests.converters.onnx.native.handmade import (
    Call,
    convolution,
    dense,
    int32,
    needed,
    neuron,
)
from tests.networks import INTEGER, stimulus

pytestmark = pytest.mark.usefixtures("operators")

NETWORKS = ["ms_projection", "dense_cuba", "biases_of_neurons", "groups", "conv1d"]
RESETS: tuple[Reset, ...] = ("hard", "soft", "none")
REALS = [
    Variant(False, synapse, reset, delayed, strict, sequence)
    for synapse in (False, True)
    for reset in RESETS
    for delayed in (False, True)
    if not delayed or reset == "soft"
    for strict in (False, True)
    for sequence in (False, True)
]
INTEGERS = [
    Variant(True, synapse, reset, sequence=sequence)
    for synapse in (False, True)
    for reset in RESETS
    for sequence in (False, True)
]


@pytest.fixture(scope="module")
def operators() -> None:
    needed()


def name_of(variant: Variant) -> str:
    return variant.name


def equal(call: Call, **feeds: Array) -> None:
    """Native operators give what stock ones give, in the same types and shapes."""
    native, stock = (call.given(**feeds).run(native=native) for native in (True, False))
    assert native.keys() == stock.keys()
    for name, array in native.items():
        assert (array.dtype, array.shape) == (stock[name].dtype, stock[name].shape)
        assert array.tobytes() == stock[name].tobytes(), name


@pytest.mark.parametrize("variant", REALS, ids=name_of)
@pytest.mark.parametrize("shape", [(3, 1), (1, 40, 9, 13)], ids=str)
def test_neurons_of_real_numbers(
    variant: Variant, shape: tuple[int, ...], rng: np.random.Generator
) -> None:
    steps = (4,) * variant.sequence
    feeds = {"x": rng.normal(0, 1, (*steps, *shape)).astype(np.float32)}
    for state in variant.states:
        feeds[state] = rng.normal(0, 1, shape).astype(np.float32)
    feeds["x"].flat[:3] = np.inf, -0.0, 1e-42
    keep = {"membrane_keep": 0.9, "membrane_gain": 0.3, "bias": 0.01, "threshold": 0.7}
    keep |= {"synapse_keep": 0.8} if variant.synapse else {}
    keep |= {"v_reset": -0.1} if variant.reset == "hard" else {}
    results = ("s", *(f"{state}_out" for state in variant.states))
    equal(Call(variant.name, feeds, frozenset(feeds), results, keep, function(variant)))


@pytest.mark.parametrize("variant", INTEGERS, ids=name_of)
@pytest.mark.parametrize(
    ("positions", "channels", "threshold", "bias"),
    [
        ((), 5, (5,), (1,)),
        ((), 70, (1,), (70,)),
        ((3,), 1, (1,), (3, 1)),
        ((2, 3), 5, (5,), (2, 3, 5)),
        ((13, 9), 70, (1,), (1,)),
        ((13, 9), 70, (70,), (13, 9, 70)),
        ((2, 1, 3), 33, (1,), (33,)),
    ],
    ids=str,
)
def test_neurons_of_integers(
    variant: Variant,
    positions: tuple[int, ...],
    channels: int,
    threshold: tuple[int, ...],
    bias: tuple[int, ...],
    rng: np.random.Generator,
) -> None:
    shape, steps = (2, *positions, channels), (4,) * variant.sequence
    feeds = {"x": rng.integers(-400, 999, (*steps, *shape)).astype(np.int32)}
    for state in variant.states:
        feeds[state] = rng.integers(-(1 << 23) + 1, 1 << 23, shape).astype(np.int32)
    attributes = {"voltage_decay": 1023} | ({"current_decay": 77} if variant.synapse else {})
    attributes |= {"at_equality": 1} if variant.reset == "soft" else {}
    results = ("s", *(f"{state}_out" for state in variant.states))
    operands = {
        **feeds,
        "threshold": rng.integers(-64, 64000, threshold).astype(np.int32),
        "bias": rng.integers(-64000, 64000, bias).astype(np.int32),
    }
    body = function(variant, double=True)
    equal(Call(variant.name, operands, frozenset(feeds), results, attributes, body))


def lowered(name: str, form: Form) -> tuple[Graph, bytes]:
    graph = INTEGER[name]()
    return graph, lower_model(graph, form).SerializeToString()


@pytest.mark.parametrize("form", ["step", "sequence"])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_batch_changes_from_call_to_call(name: str, form: Form) -> None:
    graph, model = lowered(name, form)
    session, stock = (Session(model, native=native, threads=2) for native in (True, False))
    for batch in (3, 1, 0, 7, 2):
        x = stimulus(graph, batch=batch)
        expected, found = (one.infer(x, graph.steps) for one in (stock, session))
        assert all(np.array_equal(found[node], expected[node]) for node in expected)


@pytest.mark.parametrize("form", ["step", "sequence"])
@pytest.mark.parametrize("name", NETWORKS)
def test_threads_share_a_session(name: str, form: Form) -> None:
    """Each has a state of its own; scratch memory belongs to a thread, not to an operator."""
    graph, model = lowered(name, form)
    session = Session(model, native=True, threads=2)
    samples = [stimulus(graph, batch=1 + k % 3, seed=k) for k in range(12)]
    expected = [session.infer(x, graph.steps) for x in samples]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            found = list(pool.map(lambda x: session.infer(x, graph.steps), samples))
            for one, other in zip(found, expected, strict=True):
                assert all(np.array_equal(one[node], other[node]) for node in other)


def test_sessions_side_by_side() -> None:
    """They share the library; each has operators of its own, and threads."""
    made: list[tuple[Graph, Session, Array]] = []
    for name in NETWORKS:
        graph, model = lowered(name, "step")
        made.append((graph, Session(model, native=True, threads=2), stimulus(graph)))
        for graph, session, x in made:
            expected, found = read_out(graph, evaluate(graph, x)), session.infer(x, graph.steps)
            assert all(np.array_equal(found[node], expected[node]) for node in expected)
    del made[::2]
    for graph, session, x in made:
        assert session.infer(x, graph.steps)


@pytest.mark.parametrize("call", [convolution(), dense(), neuron()], ids=lambda call: call.op)
def test_states_in_place(call: Call) -> None:
    """One tensor as input and output gives what two give that change places."""
    session, pairs = call.session(), [n for n in ("v", "u") if n in call.feeds]
    outputs, feeds, spikes = [name for name in call.results if name], dict(call.feeds), []
    for _ in range(4):
        found = dict(zip(outputs, session.run(outputs, feeds), strict=True))
        feeds |= {name: found[f"{name}_out"] for name in pairs}
        spikes.append(found["s"])
    binding = session.io_binding()
    kept = {n: onnxruntime.OrtValue.ortvalue_from_numpy(call.feeds[n].copy()) for n in pairs}
    for name in pairs:
        binding.bind_ortvalue_input(name, kept[name])
        binding.bind_ortvalue_output(f"{name}_out", kept[name])
    for other in call.feeds.keys() - kept.keys():
        binding.bind_cpu_input(other, call.feeds[other])
    binding.bind_output("s", "cpu")
    for expected in spikes:
        session.run_with_iobinding(binding)
        assert np.array_equal(binding.get_outputs()[-1].numpy(), expected)
    assert all(np.array_equal(kept[name].numpy(), feeds[name]) for name in pairs)


def test_arrays_that_are_views() -> None:
    """ONNX Runtime copies what does not lie in order."""
    call = convolution()
    views = {name: np.asfortranarray(array) for name, array in call.feeds.items()}
    assert not any(array.flags.c_contiguous for array in views.values())
    expected, found = call.run(), call.given(**views).run()
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.int32])
@pytest.mark.parametrize("most", [0, 1, 2, 127])
@pytest.mark.parametrize("events", ["faster", "always", "never"])
def test_small_numbers_in_any_type(
    kind: type, most: int, events: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Integers of 32 bits may all be 0 or 1, and are not spikes."""
    monkeypatch.setenv("SNN_OPS_EVENTS", events)
    rng = np.random.default_rng(most)
    call = convolution().given(addend=None)
    x = rng.integers(0, most + 1, (2, 5, 6, 3))
    weight = call.operands["weight"]
    assert weight is not None, "a convolution has one"
    kernel = weight.astype(np.int64).reshape(3, 3, 3, 4)
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    rows, columns = range(5), range(6)
    windows = [[padded[:, y : y + 3, z : z + 3] for z in columns] for y in rows]
    expected = np.einsum("yzbijc,ijco->byzo", np.array(windows), kernel) + call.operands["bias"]
    found = call.given(x=x.astype(kind)).run()
    assert np.array_equal(found["current"], expected)
    assert np.array_equal(found["product"], expected)


def without(call: Call, *names: str) -> Call:
    return replace(call, results=tuple("" if n in names else n for n in call.results))


@pytest.mark.parametrize("sequence", [False, True])
def test_results_that_nobody_wants(sequence: bool) -> None:
    call = convolution(sequence=sequence)
    everything = call.run()
    unwanted: list[tuple[str, ...]] = [("current",), ("product",), ("current", "product")]
    unwanted += [("v_out",), ("v_out", "product")] * sequence
    for names in unwanted:
        found = without(call, *names).run()
        assert all(np.array_equal(found[name], everything[name]) for name in found)


def test_one_state_for_all_neurons_of_a_sequence() -> None:
    call = convolution(sequence=True)
    expected = call.given(v=np.full((2, 5, 6, 4), 4321, np.int32)).run()
    found = call.given(v=int32(4321)).run()
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def empty(call: Call) -> Call:
    return call.given(**{name: array[:0] for name, array in call.feeds.items()})


@pytest.mark.parametrize("make", [convolution, dense, neuron], ids=lambda make: make.__name__)
def test_an_empty_batch(make: Callable[[], Call]) -> None:
    found = empty(make()).run()
    assert all(array.shape[0] == 0 for array in found.values())


def test_no_steps_leave_the_state_of_a_neuron() -> None:
    call = replace(neuron(), op="LIFIntSeq").given(x=np.zeros((0, 2, 3, 4, 5), np.int32))
    found = call.run()
    assert found["s"].shape == (0, 2, 3, 4, 5)
    assert np.array_equal(found["v_out"], call.feeds["v"])


@pytest.mark.parametrize("events", ["faster", "always", "never"])
def test_a_map_of_nothing_but_border(events: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNN_OPS_EVENTS", events)
    call = convolution().told(pads=[2, 1, 2, 1])
    state = np.zeros((2, 2, 6, 4), np.int32)
    found = call.given(x=np.zeros((2, 0, 6, 3), np.uint8), v=state, addend=state).run()
    assert np.array_equal(found["current"], np.broadcast_to(int32(1, -2, 3, -4), state.shape))
