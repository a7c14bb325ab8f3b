"""More of everything than the random networks have."""

import numpy as np
import pytest

from snn_deploy.converters.onnx import lower_model
from snn_deploy.converters.onnx.lower import Form
from snn_deploy.converters.onnx.run import Session
from snn_deploy.converters.onnx.scope import MOST_BODIES
from snn_deploy.ir.evaluate import evaluate, read_out
from snn_deploy.ir.graph import Array, Graph
from tests.converters.onnx.native.handmade import convolution, int32, needed
from tests.networks import Network, stimulus

FORMS: tuple[Form, ...] = ("step", "sequence")


@pytest.fixture(scope="module", autouse=True)
def operators() -> None:
    needed()


def agree(graph: Graph, form: Form, x: Array, threads: int) -> Session:
    session = Session(lower_model(graph, form), native=True, threads=threads)
    expected, found = read_out(graph, evaluate(graph, x)), session.infer(x, graph.steps)
    assert all(np.array_equal(found[name], expected[name]) for name in expected)
    return session


@pytest.mark.parametrize("events", ["faster", "always", "never"])
@pytest.mark.parametrize("form", FORMS)
def test_maps_that_many_threads_share(
    form: Form, events: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counting, packing and layers are spread over threads, more than there are cores, too."""
    monkeypatch.setenv("SNN_OPS_EVENTS", events)
    net = Network((8, 60, 60), kind="spike", static=False).conv("conv1", 70, padding=1)
    net.lif("lif1", bias=True).conv("conv2", 24, stride=2, padding=1, groups=2, shift=[1])
    net.lif("lif2", per_neuron=True, current_decay=1000)
    graph = net.finish("lif2", steps=2)
    for threads in (1, 2, 5):
        agree(graph, form, stimulus(graph, 5), threads)


@pytest.mark.parametrize("form", FORMS)
def test_an_operator_has_more_bodies_than_names(form: Form) -> None:
    """What finds no name is written node by node, beside native operators."""
    net = Network((3,))
    for layer in range(MOST_BODIES["Linear"] + 3):
        net.linear(f"linear{layer}", 4 + layer).lif(f"lif{layer}")
    graph = net.finish()
    session = agree(graph, form, stimulus(graph), 1)
    assert len(session.native) > MOST_BODIES["Linear"]


@pytest.mark.parametrize("events", ["faster", "always", "never"])
@pytest.mark.parametrize("channels", [256, 4000, 20_000])
@pytest.mark.parametrize("rate", [0.3, 1.0])
def test_more_spikes_than_16_bits_can_count(
    channels: int, rate: float, events: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SNN_OPS_EVENTS", events)
    graph = Network((channels,), kind="spike").linear("fc1", 49, shift=[-3]).lif("lif1").finish()
    x = np.random.default_rng(1).random((3, channels)) < rate
    agree(graph, "step", x.astype(np.int8), 2)


@pytest.mark.parametrize("shift", [0, -1, -2, -3, -17, -31, 1, 7])
def test_sums_beyond_32_bits(shift: int, rng: np.random.Generator) -> None:
    """What is shifted fits; what is not yet does not have to. Halves go away from zero."""
    channels = 1 if shift >= 0 else min(2**-shift, 127)
    most = ((1 << 31) >> max(shift, 0)) - 1
    x = rng.integers(-most, most + 1, (2, 5, 6, channels))
    x[0, 0, 0], x[0, 0, 1], x[0, 0, 2, 0] = most, -most, -most - (shift < 0)
    weight = rng.choice([-1, 1], (channels, 70))
    weight[:, 0] = 1
    sums = x @ weight
    left, right = max(shift, 0), max(-shift, 0)
    expected = np.sign(sums) * (((np.abs(sums) << left) + ((1 << right) >> 1)) >> right)
    call = convolution().told(kernel_shape=[1, 1], pads=[0] * 4)
    state = np.zeros((2, 5, 6, 70), np.int32)
    found = call.given(
        x=x.astype(np.int32),
        weight=weight.astype(np.int8),
        shift=int32(shift),
        bias=int32(0),
        v=state,
        threshold=int32(0),
        addend=None,
    ).run()
    assert np.array_equal(found["product"], expected)


@pytest.mark.parametrize("events", ["faster", "always", "never"])
def test_a_window_with_silence_in_its_middle(events: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many spikes a window has cannot be told from one of its pixels."""
    monkeypatch.setenv("SNN_OPS_EVENTS", events)
    net = Network((1500, 3, 3), kind="spike").conv("conv1", 17, padding=1, shift=[-3])
    x = np.ones((2, 1500, 3, 3), np.int8)
    x[:, :, 1, 1] = 0
    agree(net.lif("lif1").finish(), "step", x, 2)
