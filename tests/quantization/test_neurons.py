"""A neuron in integers makes the spikes of the neuron in real numbers."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from snn_deploy.errors import ModelError, QuantizationError
from snn_deploy.ir.builder import GraphBuilder
from snn_deploy.ir.evaluate import evaluate
from snn_deploy.ir.graph import Array, Graph
from snn_deploy.ir.ops import Input, IntegerLif, Lif
from snn_deploy.quantization.neurons import effective_threshold, quantize_neuron

STEPS = 3
SCALE = np.array([1 / 8])
POTENTIALS = st.integers(-8, 24).map(lambda n: n / 8)


def alone(op: Lif | IntegerLif, channels: int, **arrays: Array | None) -> Graph:
    builder = GraphBuilder("neuron")
    builder.add("input", Input((channels, 2), static=False))
    builder.add("lif", op, "input", **arrays)
    return builder.finish("lif", steps=STEPS)


def spikes(graph: Graph, x: Array) -> list[list[float]]:
    return [values["lif"].ravel().tolist() for values in evaluate(graph, x)]


NEURONS = st.builds(
    Lif,
    membrane_keep=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    membrane_gain=st.sampled_from([1.0, 0.5, 2.0]),
    synapse_keep=st.sampled_from([0.0, 0.0, 0.5]),
    synapse_gain=st.sampled_from([1.0, 0.5, 4.0]),
    bias=st.sampled_from([0.0, 0.0, 0.25, -0.5]),
    threshold=POTENTIALS,
    v_reset=POTENTIALS,
    strict=st.booleans(),
    reset=st.sampled_from(["hard", "soft", "none"]),
    delayed_reset=st.booleans(),
)


@settings(max_examples=100)
@given(NEURONS, st.integers(0, 2**32 - 1))
def test_the_same_spikes_exactly(op: Lif, seed: int) -> None:
    """With constants that both can hold, ties included: three steps lose no bit of 1/64."""
    assume(not (op.delayed_reset and op.reset == "soft"))
    origin = op.v_reset if op.reset == "hard" else 0.0
    op = replace(op, v_initial=origin)
    level = Fraction(effective_threshold(op)) / Fraction(SCALE[0])
    assume(level >= 1)
    assume(level.denominator == 1)
    x = np.random.default_rng(seed).integers(-30, 50, (STEPS, 16, 1, 2)).astype(np.int32)
    integer = quantize_neuron("lif", op, SCALE)
    found = spikes(alone(integer.op, 1, threshold=integer.threshold, bias=integer.bias), x)
    assert found == spikes(alone(op, 1), x * SCALE)


def test_norse_like_gains_do_not_reach_the_integers() -> None:
    """dt/tau on the membrane, a synaptic current that decays: both go into the threshold."""
    op = Lif(0.9, membrane_gain=0.1, synapse_keep=0.8, threshold=1.0)
    found = quantize_neuron("lif", op, np.array([0.01]))
    assert effective_threshold(op) == pytest.approx(10.0)
    assert found.threshold.tolist() == [1000 * 64]
    assert found.op == IntegerLif(4096 - 3277, 4096 - 3686)
    assert found.bias is None


def test_a_neuron_that_fires_at_equality() -> None:
    found = quantize_neuron("lif", Lif(0.5, threshold=1.0, strict=False), np.array([0.25]))
    assert found.threshold.tolist() == [4 * 64 - 1]
    assert found.op.at_equality


def test_a_reset_elsewhere_is_where_integers_start() -> None:
    """v' = v - v_reset: a leak to zero becomes a bias away from the reset."""
    op = Lif(0.75, threshold=1.0, v_reset=-1.0, v_initial=-1.0)
    found = quantize_neuron("lif", op, np.array([0.5]))
    assert found.threshold.tolist() == [4 * 64]
    assert found.bias is not None
    assert found.bias.tolist() == [32], "0.25 of a potential of 1.0 comes back at every step"


def test_a_scale_for_each_channel() -> None:
    op = Lif(0.25, threshold=0.5, bias=0.125)
    found = quantize_neuron("lif", op, np.array([0.5, 0.25, 0.001]))
    assert found.threshold.tolist() == [64, 128, 500 * 64]
    assert found.bias is not None
    assert found.bias.tolist() == [16, 32, 8000]
    assert found.threshold.dtype == found.bias.dtype == np.int32


@pytest.mark.parametrize(("keep", "decay"), [(0.0, 4096), (0.25, 3072), (1.0, 0), (0.3, 2867)])
def test_decays(keep: float, decay: int) -> None:
    assert quantize_neuron("lif", Lif(keep), SCALE).op.voltage_decay == decay
    if keep < 1:
        assert quantize_neuron("lif", Lif(0.5, synapse_keep=keep), SCALE).op.current_decay == decay


@pytest.mark.parametrize(
    ("op", "problem"),
    [
        (Lif(0.5, threshold=0.0), "is not above the reset"),
        (Lif(0.5, threshold=-1.0), "is not above the reset"),
        (Lif(0.5, threshold=1.0, v_reset=1.0, v_initial=1.0), "is not above the reset"),
        (Lif(0.5, membrane_gain=-1.0), "(gain -1.0)"),
        (Lif(0.5, synapse_gain=0.0), "(gain 0.0)"),
        (Lif(0.5, v_initial=0.5), "starts at 0.5 and resets to 0.0"),
        (Lif(0.5, v_reset=-0.5), "starts at 0.0 and resets to -0.5"),
        (Lif(0.5, v_reset=0.5, reset="soft", v_initial=0.5), "starts at 0.5 and resets to 0.0"),
        (Lif(0.5, reset="soft", delayed_reset=True), "takes its soft reset off at the next step"),
        (Lif(1.5), "keeps 1.5 of its potential"),
        (Lif(-0.1), "keeps -0.1 of its potential"),
        (Lif(0.5, synapse_keep=1.0), "1.0 of its current"),
        (Lif(0.5, synapse_keep=-0.5), "-0.5 of its current"),
        (Lif(0.5, threshold=131071.6 / 8), "threshold of 131072 units, the register holds 131071"),
        (Lif(0.5, bias=-20000.0), "bias of 160000 units"),
        (Lif(0.5, threshold=0.04), "threshold of 0.32 units, one is the least"),
        (Lif(0.5, threshold=0.04, strict=False), "threshold of 0.32 units, one is the least"),
    ],
)
def test_what_has_no_integer_form(op: Lif, problem: str) -> None:
    with pytest.raises(QuantizationError) as caught:
        quantize_neuron("layer1.lif", op, SCALE)
    assert caught.value.where == "layer1.lif"
    assert problem in caught.value.problem
    assert caught.value.remedy
    assert isinstance(caught.value, ModelError)
    assert caught.value.exit_code == 3


def test_one_bad_channel_is_enough() -> None:
    with pytest.raises(QuantizationError):
        quantize_neuron("lif", Lif(0.5, threshold=1.0), np.array([0.1, 1e-6]))
    with pytest.raises(QuantizationError):
        quantize_neuron("lif", Lif(0.5, threshold=1.0), np.array([0.1, 5.0]))
