"""Both neurons against loops over single numbers, written from the docstrings of `ir/ops`."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from snn_deploy.ir.builder import GraphBuilder
from snn_deploy.ir.evaluate import evaluate
from snn_deploy.ir.graph import Array, Graph
from snn_deploy.ir.ops import Input, IntegerLif, Lif, Reset
from snn_deploy.ir.states import LIMIT, decay

RESETS: tuple[Reset, ...] = ("hard", "soft", "none")


def neuron_graph(op: Lif | IntegerLif, shape: tuple[int, ...], **arrays: Array | None) -> Graph:
    """Return a graph of one neuron layer that reads a sequence."""
    builder = GraphBuilder("neuron")
    builder.add("input", Input(shape, static=False))
    builder.add("lif", op, "input", **arrays)
    return builder.finish("lif", steps=1)


# --- float ------------------------------------------------------------------------------------


def float_spikes(op: Lif, currents: Sequence[Fraction]) -> list[int]:
    """One neuron, exactly: every constant and every current is a fraction."""
    keep, gain = Fraction(op.membrane_keep), Fraction(op.membrane_gain)
    synapse_keep, synapse_gain = Fraction(op.synapse_keep), Fraction(op.synapse_gain)
    bias, threshold = Fraction(op.bias), Fraction(op.threshold)
    i, v, owed = Fraction(0), Fraction(op.v_initial), False
    spikes = []
    for x in currents:
        i = synapse_keep * i + synapse_gain * x
        if owed and op.reset == "hard":
            v = Fraction(op.v_reset)
        h = keep * v + gain * i + bias
        if owed and op.reset == "soft":
            h -= threshold
        fires = h > threshold if op.strict else h >= threshold
        spikes.append(int(fires))
        v, owed = h, False
        if fires and op.delayed_reset:
            owed = True
        elif fires and op.reset == "hard":
            v = Fraction(op.v_reset)
        elif fires and op.reset == "soft":
            v = h - threshold
    return spikes


def quarters(low: int, high: int) -> st.SearchStrategy[float]:
    """Multiples of 1/4: sums and products of a few of them are exact, so ties do happen."""
    return st.integers(low * 4, high * 4).map(lambda n: n / 4)


FLOAT_NEURONS = st.builds(
    Lif,
    membrane_keep=quarters(0, 1),
    membrane_gain=quarters(-1, 2),
    synapse_keep=st.sampled_from([0.0, 0.0, 0.25, 0.5, 1.0]),
    synapse_gain=st.sampled_from([1.0, 0.5, 2.0, -1.0]),
    bias=st.sampled_from([0.0, 0.0, 0.25, -0.5]),
    threshold=quarters(0, 2),
    v_reset=st.sampled_from([0.0, 0.0, 0.25, -0.5]),
    v_initial=st.sampled_from([0.0, 0.0, 0.5]),
    strict=st.booleans(),
    reset=st.sampled_from(RESETS),
    delayed_reset=st.booleans(),
)


@settings(max_examples=150)
@given(FLOAT_NEURONS, st.lists(st.lists(quarters(-2, 2), min_size=8, max_size=8), max_size=4))
def test_float_neurons(op: Lif, currents: list[list[float]]) -> None:
    x = np.array(currents, np.float64).reshape(-1, 8).T[:, :, None]
    found = [values["lif"][:, 0] for values in evaluate(neuron_graph(op, (1,)), x, 8)]
    expected = [float_spikes(op, [Fraction(c) for c in row]) for row in currents]
    assert np.array(found).T.astype(int).tolist() == expected


@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("delayed", [False, True])
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("synapse_keep", [0.0, 0.5])
def test_every_kind_of_float_neuron(
    reset: Reset, delayed: bool, strict: bool, synapse_keep: float, rng: np.random.Generator
) -> None:
    """Each combination at least once, on a map, in float32 as in float64."""
    op = Lif(
        0.5,
        synapse_keep=synapse_keep,
        threshold=0.5,
        v_reset=0.125,
        strict=strict,
        reset=reset,
        delayed_reset=delayed,
    )
    x = rng.integers(-3, 5, (6, 2, 3, 4)) / 4
    expected = np.zeros(x.shape, np.int64)
    for index in np.ndindex(x.shape[1:]):
        currents = [Fraction(float(c)) for c in x[:, *index]]
        expected[:, *index] = float_spikes(op, currents)
    assert 0 < expected.mean() < 1
    for dtype in (np.float32, np.float64):
        steps = list(evaluate(neuron_graph(op, (3, 4)), x.astype(dtype), 6))
        assert all(values["lif"].dtype == dtype for values in steps)
        np.testing.assert_array_equal([values["lif"] for values in steps], expected)


def test_equality_decides() -> None:
    x = np.array([0.5, 0.75])[None, None, :]
    strict = Lif(0.5, threshold=0.5)
    assert next(evaluate(neuron_graph(strict, (2,)), x))["lif"].tolist() == [[0, 1]]
    loose = replace(strict, strict=False)
    assert next(evaluate(neuron_graph(loose, (2,)), x))["lif"].tolist() == [[1, 1]]


def test_a_late_hard_reset_makes_the_same_spikes(rng: np.random.Generator) -> None:
    x = rng.standard_normal((12, 1, 50)) + 0.3
    op = Lif(0.75, threshold=0.5, v_reset=-0.25)
    now, late = (
        [values["lif"] for values in evaluate(neuron_graph(o, (50,)), x, 12)]
        for o in (op, replace(op, delayed_reset=True))
    )
    np.testing.assert_array_equal(now, late)


# --- integer ----------------------------------------------------------------------------------


def towards_zero(value: int, amount: int) -> int:
    size = abs(value) * (4096 - amount) // 4096
    return -size if value < 0 else size


def integer_spikes(
    op: IntegerLif, threshold: int, bias: int, currents: Sequence[int]
) -> tuple[list[int], int]:
    """One neuron in Python integers: its spikes, and how many steps left the register."""
    u = v = outside = 0
    spikes = []
    for x in currents:
        u = towards_zero(u, op.current_decay) + x * 64
        v = towards_zero(v, op.voltage_decay) + u + bias
        outside += abs(u) > LIMIT or abs(v) > LIMIT
        v = max(-LIMIT, min(LIMIT, v))
        spikes.append(int(v > threshold))
        if v > threshold and op.reset == "hard":
            v = 0
        elif v > threshold and op.reset == "soft":
            v -= threshold + op.at_equality
    return spikes, outside


DECAYS = st.sampled_from([0, 1, 2, 409, 415, 1023, 2048, 2049, 3072, 3583, 4032, 4095, 4096])
INTEGER_NEURONS = st.builds(
    IntegerLif,
    current_decay=st.one_of(st.just(4096), DECAYS, st.integers(0, 4096)),
    voltage_decay=st.one_of(DECAYS, st.integers(0, 4096)),
    reset=st.sampled_from(RESETS),
    at_equality=st.booleans(),
)
STEPS = 8
SMALL, NEAR, FAR = 300, 2**17, 2**21


@settings(max_examples=200)
@given(
    INTEGER_NEURONS,
    st.integers(1, 2**17 - 1),
    st.one_of(st.just(0), st.integers(-20000, 20000), st.integers(-LIMIT, LIMIT)),
    st.sampled_from([SMALL, NEAR, FAR]),
    st.integers(0, 2**32 - 1),
)
@example(IntegerLif(4096, 0), 2**17 - 1, 0, NEAR, 0)
@example(IntegerLif(2048, 1), 2**17 - 1, 0, FAR, 0)
@example(IntegerLif(0, 0, "soft", True), 1, LIMIT, FAR, 1)
def test_integer_neurons(op: IntegerLif, level: int, bias: int, reach: int, seed: int) -> None:
    """All decays, small currents, currents at the end of the register and far beyond it."""
    rng = np.random.default_rng(seed)
    level = level if reach > SMALL else level % (4 * SMALL) + 1
    threshold = 64 * level - op.at_equality
    x = rng.integers(-reach, reach + 1, (STEPS, 6, 1)).astype(np.int32)
    x[:, 0] = np.abs(x[:, 0])
    arrays = {"threshold": np.array([threshold], np.int32), "bias": np.array([bias], np.int32)}
    saturated: Counter[str] = Counter()
    graph = neuron_graph(op, (1,), **arrays)
    steps = list(evaluate(graph, x, STEPS, saturated))
    assert all(values["lif"].dtype == np.uint8 for values in steps)
    found = np.array([values["lif"][:, 0] for values in steps]).T.tolist()
    expected = [integer_spikes(op, threshold, bias, column.tolist()) for column in x[:, :, 0].T]
    assert found == [spikes for spikes, _ in expected]
    assert saturated["lif"] == sum(outside for _, outside in expected)


@settings(max_examples=150)
@given(st.integers(0, 4096), st.lists(st.integers(-LIMIT, LIMIT), min_size=1, max_size=20))
@example(4095, [LIMIT, -LIMIT, 4095, 4096, -4095, -4096, 1, -1, 0])
@example(1, [LIMIT, -LIMIT, LIMIT - 1, 1 - LIMIT])
@example(2048, [LIMIT, -LIMIT, LIMIT - 1, 1 - LIMIT])
def test_decay_rounds_towards_zero(amount: int, states: list[int]) -> None:
    found = decay(np.array(states, np.int32), amount)
    assert found.dtype == np.int32
    assert found.tolist() == [towards_zero(state, amount) for state in states]


@pytest.mark.parametrize("at_equality", [False, True])
@pytest.mark.parametrize("reset", RESETS)
def test_thresholds_and_biases_of_channels(
    reset: Reset, at_equality: bool, rng: np.random.Generator
) -> None:
    op = IntegerLif(4096, 1234, reset, at_equality)
    threshold = np.array([640, 6400, 64000], np.int32) - at_equality
    bias = np.array([-100, 0, 3000], np.int32)
    x = rng.integers(-300, 700, (5, 2, 3, 4, 4)).astype(np.int32)
    graph = neuron_graph(op, (3, 4, 4), threshold=threshold, bias=bias)
    found = np.array([values["lif"] for values in evaluate(graph, x, 5)])
    for batch, channel, row, column in np.ndindex(2, 3, 4, 4):
        place = (slice(None), batch, channel, row, column)
        spikes, _ = integer_spikes(
            op, int(threshold[channel]), int(bias[channel]), x[place].tolist()
        )
        assert found[place].tolist() == spikes
    assert 0 < found.mean() < 1


def test_firing_at_equality_takes_off_the_whole_threshold() -> None:
    """A threshold of 64 at equality is 63 here; 85 fires and leaves 21, then come 42 and 63."""
    op = IntegerLif(4096, 0, "soft", at_equality=True)
    arrays = {"threshold": np.array([63], np.int32), "bias": np.array([21], np.int32)}
    x = np.array([1, 0, 0, 0], np.int32).reshape(4, 1, 1)
    found = [
        int(values["lif"][0, 0]) for values in evaluate(neuron_graph(op, (1,), **arrays), x, 4)
    ]
    assert found == [1, 0, 0, 1]


def test_a_current_beyond_the_register_still_decays_exactly() -> None:
    """2^25 + 3 halves to 2^24 + 1; float32 would make it 2^24 + 2, which fires."""
    op = IntegerLif(2048, 4096)
    x = np.array([1, 1, 0, 0, 0, 0, 2**19, -(2**18)], np.int32)
    graph = neuron_graph(op, (1,), threshold=np.array([1], np.int32))
    found = [int(v["lif"][0, 0]) for v in evaluate(graph, x.reshape(8, 1, 1), 8)]
    assert found == integer_spikes(op, 1, 0, x.tolist())[0]
    assert found[-1] == 0


def test_the_register_ends_at_both_sides() -> None:
    """2^23 - 1 is held; 2^23 is clipped and counted, above and below."""
    op = IntegerLif(4096, 0, "none")
    arrays = {"threshold": np.array([LIMIT - 1], np.int32), "bias": np.array([63], np.int32)}
    graph = neuron_graph(op, (4,), **arrays)
    most = LIMIT // 64
    x = np.array([[[most, most, -most - 2, -most - 1]]], np.int32)
    saturated: Counter[str] = Counter()
    (values,) = evaluate(graph, x, 1, saturated)
    assert most * 64 + 63 == LIMIT
    assert values["lif"].tolist() == [[1, 1, 0, 0]]
    # -most - 2 leaves as a current and as a potential, which is one neuron-step; -most - 1 is
    # -2^23 as a current, outside too, although its bias brings the potential back.
    assert saturated == {"lif": 2}
    again: Counter[str] = Counter()
    list(evaluate(graph, np.full((2, 1, 4), most, np.int32), 2, again))
    assert again == {"lif": 4}, "the second step adds to a full register"


def test_a_run_reports_what_left_the_register_step_by_step() -> None:
    op = IntegerLif(4096, 0)
    graph = neuron_graph(op, (1,), threshold=np.array([64], np.int32))
    x = np.array([0, 2**18, 0], np.int32).reshape(3, 1, 1)
    saturated: Counter[str] = Counter()
    counts = [saturated["lif"] for _ in evaluate(graph, x, 3, saturated)]
    assert counts == [0, 0, 1], "counted when the next step is asked for"
    assert saturated["lif"] == 1


@pytest.mark.parametrize("current_decay", [4096, 0])
def test_a_current_that_would_wrap_around_is_refused(current_decay: int) -> None:
    """2^25 << 6 is 0 in 32 bits; nobody would ever hear of it."""
    graph = neuron_graph(IntegerLif(current_decay, 0), (1,), threshold=np.array([64], np.int32))
    for x in (2**25, -(2**25), 2**31 - 1):
        with pytest.raises(OverflowError, match="lif: a synaptic current"):
            list(evaluate(graph, np.array([[[x]]], np.int32)))


def test_a_current_that_grows_without_end_is_refused() -> None:
    graph = neuron_graph(IntegerLif(0, 0), (1,), threshold=np.array([64], np.int32))
    x = np.full((5, 1, 1), 2**23, np.int32)
    steps = evaluate(graph, x, 5)
    assert [int(next(steps)["lif"][0, 0]) for _ in range(3)] == [1, 1, 1]
    with pytest.raises(OverflowError, match="lif: a synaptic current"):
        next(steps)
