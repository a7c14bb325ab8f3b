"""The arithmetic that brings an integer graph into the words of a `.net` changes no number."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from snn_deploy.converters.lava.net_layers import (
    Net,
    is_dense,
    net_of,
    read_out_parts,
    shifted_weight,
)
from snn_deploy.ir.kernels import convolve, rescale
from snn_deploy.ir.ops import Conv
from tests.converters.lava.net_cases import CASES, events, finished, give
from tests.networks import Network

BYTES = st.integers(-128, 127)
SHIFTS = st.integers(-6, 6)


def linear(weight: list[list[int]], **arrays: list[int]) -> Network:
    net = events((len(weight[0]),)).linear("fc", len(weight))
    given = {role: np.array(array, np.int32) for role, array in arrays.items()}
    return give(net, weight=np.array(weight, np.int8), **given)


@given(st.lists(st.tuples(BYTES, BYTES), min_size=2, max_size=2), st.tuples(SHIFTS, SHIFTS), BYTES)
def test_a_shift_becomes_weights_or_cannot(
    weight: list[tuple[int, int]], shift: tuple[int, int], x: int
) -> None:
    graph = finished(linear([list(row) for row in weight], shift=list(shift)))
    sums = graph.weight("fc").astype(np.int64) @ np.array([x, 1])
    try:
        found = shifted_weight(graph, graph["fc"]) @ np.array([x, 1])
    except ValueError:
        assert any(w % 2**-s for row, s in zip(weight, shift, strict=True) if s < 0 for w in row)
        return
    np.testing.assert_array_equal(found, rescale(sums, np.array(shift)))


@given(st.tuples(SHIFTS, SHIFTS), st.tuples(*[st.integers(-(2**20), 2**20)] * 2), st.integers(0, 9))
def test_a_readout_is_put_together_again(
    shift: tuple[int, int], bias: tuple[int, int], x: int
) -> None:
    weight = [[64, -128], [0, 64]]
    graph = finished(linear(weight, shift=list(shift), bias=list(bias)))
    found, readout, whole = read_out_parts(graph, graph["fc"])
    given = found @ np.array([x, 1]) + whole
    expected = rescale(np.array(weight) @ np.array([x, 1]), np.array(shift)) + np.array(bias)
    np.testing.assert_array_equal((given << readout.exponent) + readout.offset, expected)
    assert (readout.offset >= 0).all()
    assert (readout.offset < 1 << readout.exponent).all()


@pytest.mark.parametrize(("groups", "fewer"), [(127, 127), (128, 64), (130, 65), (131, 1)])
def test_joined_groups_convolve_as_before(
    groups: int, fewer: int, rng: np.random.Generator
) -> None:
    net = events((2 * groups, 3, 3)).conv("conv", 3 * groups, (2, 2), groups=groups).lif("lif")
    graph = finished(net)
    [layer] = net_of(graph).layers
    assert layer.geometry is not None
    assert layer.geometry.groups == fewer
    x = rng.integers(0, 2, (1, 2 * groups, 3, 3))
    op = graph["conv"].op
    assert isinstance(op, Conv)
    joined = Conv(op.stride, op.padding, op.dilation, fewer)
    np.testing.assert_array_equal(
        convolve(x, layer.weight, joined), convolve(x, graph.weight("conv"), op)
    )


def test_one_dense_layer_that_netx_gets_wrong_makes_all_of_them_convolutions() -> None:
    assert [is_dense(layer) for layer in net("inhibiting_dense").layers] == [False] * 3
    assert net("inhibiting_dense").layers[1].weight.shape == (8, 4, 6, 6)
    assert net("silent_dense").shape == (12, 1, 1)
    assert [layer.flatten for layer in net("inhibiting_dense").layers] == [False] * 3
    assert [is_dense(layer) for layer in net("most_weights").layers] == [True] * 4


def test_equal_thresholds_become_one() -> None:
    assert net("one_axis").layers[0].neuron.threshold.shape == (1,)
    assert net("one_axis").layers[1].neuron.threshold.shape == (4,)


def test_a_readout_adds_up_where_the_register_holds_the_sum() -> None:
    last = net("read_out_finely").layers[-1]
    assert (last.neuron.current_decay, last.neuron.voltage_decay) == (4096, 0)
    last = net("read_out_step_by_step").layers[-1]
    assert (last.neuron.current_decay, last.neuron.voltage_decay) == (4096, 4096)


@pytest.mark.parametrize(
    ("kind", "limit", "bits"),
    [("spike", 1, 0), ("graded", 1, 1), ("graded", 255, 8), ("current", 127, 8)],
)
def test_message_bits(kind: str, limit: int, bits: int) -> None:
    built = Network((3,), kind=kind, limit=limit).linear("fc", 2)  # type: ignore[arg-type]
    assert net_of(finished(built)).message_bits == bits


def net(name: str) -> Net:
    return net_of(CASES[name]())
