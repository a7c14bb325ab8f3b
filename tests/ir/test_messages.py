"""Sigma-delta neurons and delays against their recurrences as others write them."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snn_deploy.ir.builder import GraphBuilder
from snn_deploy.ir.evaluate import evaluate
from snn_deploy.ir.graph import Array, Graph
from snn_deploy.ir.ops import Delay, Delta, Input, Op, Sigma, SigmaDelta


def alone(op: Op, shape: tuple[int, ...], **arrays: Array) -> Graph:
    builder = GraphBuilder("alone")
    x = builder.add("x", Input(shape, static=False))
    return builder.finish(builder.add("y", op, x, **arrays), steps=1)


def run(graph: Graph, x: Array) -> Array:
    return np.array([values["y"] for values in evaluate(graph, x, len(x))])


class TwoNumbers:
    """The delta encoder with `act` and `residue` kept apart, as Lava's process model has it."""

    def __init__(self, threshold: Array, exponent: int) -> None:
        self.threshold, self.exponent = threshold.astype(np.int64), exponent
        self.act: Array | int = 0
        self.residue: Array | int = 0

    def send(self, new: Array) -> Array:
        delta = new - self.act + self.residue
        out = np.where(np.abs(delta) >= self.threshold, delta, 0)
        self.residue = delta - out
        self.act = new
        return np.floor_divide(out, 2**self.exponent)


FRAMES = st.lists(st.lists(st.integers(-300, 300), min_size=3, max_size=3), min_size=1, max_size=12)
EXPONENTS = st.sampled_from([0, 1, 6, 7])


@given(
    frames=FRAMES,
    threshold=st.integers(0, 10**6),
    bias=st.integers(-(10**5), 10**5),
    spike=EXPONENTS,
    state=EXPONENTS,
)
def test_delta(frames: list[list[int]], threshold: int, bias: int, spike: int, state: int) -> None:
    x = np.array(frames)[:, None]
    limits = np.array([threshold, threshold // 7, 0], np.int32)
    graph = alone(Delta(spike, state), (3,), threshold=limits, bias=np.array([bias], np.int32))
    encoder = TwoNumbers(limits, state)
    expected = [encoder.send((frame << (spike + state)) + bias) for frame in x]
    found = run(graph, x)
    assert found.dtype == np.int32
    assert np.array_equal(found, expected)


@given(frames=FRAMES, threshold=st.integers(0, 2000), state=EXPONENTS)
def test_sigma_delta(frames: list[list[int]], threshold: int, state: int) -> None:
    x = np.array(frames)[:, None]
    limits, bias = np.array([threshold], np.int32), np.array([40, -9, 0], np.int32)
    graph = alone(SigmaDelta(state), (3,), threshold=limits, bias=bias)
    encoder = TwoNumbers(limits, state)
    levels = np.maximum(np.cumsum(x, axis=0) + bias, 0)
    assert np.array_equal(run(graph, x), [encoder.send(level) for level in levels])


def test_negative_messages_are_rounded_down() -> None:
    graph = alone(Delta(0, 1), (1,), threshold=np.zeros(1, np.int32), bias=np.array([-1], np.int32))
    assert run(graph, np.array([[[0]], [[0]], [[-3]]])).ravel().tolist() == [-1, 0, -3]


def test_a_threshold_that_is_just_reached() -> None:
    graph = alone(Delta(0, 0), (1,), threshold=np.array([3], np.int32))
    x = np.array([2, 3, 4, 5, 6, 3, 4])[:, None, None]
    assert run(graph, x).ravel().tolist() == [0, 3, 0, 0, 3, -3, 0]


def test_biases_of_channels_and_of_neurons() -> None:
    zero = np.zeros(1, np.int32)
    full = np.arange(8, dtype=np.int32).reshape(2, 2, 2)
    for bias in (full, full[:, 0, 0], full.ravel()[3:4]):
        graph = alone(SigmaDelta(0), (2, 2, 2), threshold=zero, bias=bias)
        (told,) = run(graph, np.zeros((1, 1, 2, 2, 2), np.int64))
        shape = bias.shape if bias.ndim == 3 else (-1, 1, 1)
        assert np.array_equal(told[0], np.broadcast_to(bias.reshape(shape), (2, 2, 2)))


@given(frames=FRAMES)
def test_sigma(frames: list[list[int]]) -> None:
    x = np.array(frames)[:, None]
    assert np.array_equal(run(alone(Sigma(), (3,)), x), np.cumsum(x, axis=0))


@given(frames=FRAMES, steps=st.lists(st.integers(0, 5), min_size=3, max_size=3))
def test_delay(frames: list[list[int]], steps: list[int]) -> None:
    x = np.array(frames)[:, None]
    found = run(alone(Delay(), (3,), steps=np.array(steps, np.int8)), x)
    for i, wait in enumerate(steps):
        assert found[:wait, 0, i].tolist() == [0] * min(wait, len(x))
        assert np.array_equal(found[wait:, 0, i], x[: max(len(x) - wait, 0), 0, i])


def test_one_delay_for_all_and_batches_apart(rng: np.random.Generator) -> None:
    x = rng.integers(0, 9, (5, 3, 4))
    found = run(alone(Delay(), (4,), steps=np.array([2], np.int8)), x)
    assert np.array_equal(found, np.concatenate([np.zeros((2, 3, 4)), x[:3]]))


@pytest.mark.parametrize(
    ("graph", "x", "expected"),
    [
        (alone(Delta(), (2,), threshold=np.array([9], np.int32)), [[2047, 2048], [-2048, 0]], 2),
        (alone(Sigma(), (2,)), [[2**22, -(2**22)], [2**22, -(2**22) + 1]], 1),
        (
            alone(SigmaDelta(), (1,), threshold=np.ones(1, np.int32), bias=np.ones(1, np.int32)),
            [[2**23 - 1], [-(2**24)]],
            2,
        ),
    ],
    ids=["delta", "sigma", "sigma-delta"],
)
def test_what_leaves_the_register_is_counted(
    graph: Graph, x: list[list[int]], expected: int
) -> None:
    """2,048 << 12 is 2^23; a sum of 2^23 - 1 is the last that fits."""
    saturated: Counter[str] = Counter()
    list(evaluate(graph, np.array(x)[:, None], len(x), saturated))
    assert saturated == {"y": expected}


@pytest.mark.parametrize(
    ("graph", "x"),
    [
        (alone(Delta(), (1,), threshold=np.ones(1, np.int32)), [2**19]),
        (alone(Delta(0, 0), (1,), threshold=np.ones(1, np.int32)), [2**31 - 1, -2]),
        (alone(Sigma(), (1,)), [2**30, 2**30]),
        (alone(SigmaDelta(), (1,), threshold=np.ones(1, np.int32)), [2**30, 2**30]),
    ],
    ids=["shifted", "distance", "sum", "sum before it is sent"],
)
def test_nothing_wraps_around(graph: Graph, x: list[int]) -> None:
    with pytest.raises(OverflowError, match=r"^y: .* needs more than 32 bits"):
        list(evaluate(graph, np.array(x)[:, None, None], len(x)))


def test_they_are_for_integers() -> None:
    for op, arrays in ((Sigma(), {}), (Delay(), {"steps": np.ones(1, np.int8)})):
        with pytest.raises(ValueError, match="takes integers"):
            list(evaluate(alone(op, (2,), **arrays), np.zeros((1, 1, 2), np.float32)))
