"""Convolutions, products, pools and shifts against torch, Python integers and fractions."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from snn_deploy.ir.graph import Array
from snn_deploy.ir.kernels import (
    EXACT_FLOAT32,
    add,
    avg_pool,
    convolve,
    linear,
    max_pool,
    product,
    rescale,
    sum_pool,
)
from snn_deploy.ir.ops import AvgPool, Conv, MaxPool, SumPool

CONVOLUTIONS: dict[int, Callable[..., torch.Tensor]] = {1: functional.conv1d, 2: functional.conv2d}
MAX_POOLS: dict[int, Callable[..., Any]] = {1: functional.max_pool1d, 2: functional.max_pool2d}
AVG_POOLS: dict[int, Callable[..., Any]] = {1: functional.avg_pool1d, 2: functional.avg_pool2d}


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[Conv, tuple[int, ...], tuple[int, ...]]:
    """Draw an op and the shapes of x and weight that go with it."""
    axes = draw(st.integers(1, 2))

    def each(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(low, high)) for _ in range(axes))

    kernel, dilation, padding = each(1, 3), each(1, 2), each(0, 2)
    groups, fan_in, fan_out = (draw(st.integers(1, 3)) for _ in range(3))
    spans = (d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True))
    lengths = tuple(s + extra for s, extra in zip(spans, each(0, 5), strict=True))
    op = Conv(each(1, 3), padding, dilation, groups)
    return op, (2, groups * fan_in, *lengths), (groups * fan_out, fan_in, *kernel)


def torch_conv(x: Array, weight: Array, op: Conv) -> Array:
    run = CONVOLUTIONS[len(op.stride)]
    y = run(
        torch.from_numpy(x),
        torch.from_numpy(weight),
        None,
        op.stride,
        op.padding,
        op.dilation,
        op.groups,
    )
    return np.asarray(y.numpy())


@settings(max_examples=50)
@given(convolutions(), st.integers(0, 2**32 - 1))
def test_convolutions_of_reals(
    case: tuple[Conv, tuple[int, ...], tuple[int, ...]], seed: int
) -> None:
    op, x_shape, w_shape = case
    rng = np.random.default_rng(seed)
    x, weight = rng.standard_normal(x_shape), rng.standard_normal(w_shape)
    # Sums of at most 27 products of order 1 in float64: only their order differs.
    np.testing.assert_allclose(
        convolve(x, weight, op), torch_conv(x, weight, op), rtol=1e-12, atol=1e-13
    )


@settings(max_examples=50)
@given(convolutions(), st.integers(0, 2**32 - 1), st.sampled_from([1, 127, 32767]))
def test_convolutions_of_integers(
    case: tuple[Conv, tuple[int, ...], tuple[int, ...]], seed: int, largest: int
) -> None:
    op, x_shape, w_shape = case
    rng = np.random.default_rng(seed)
    x = rng.integers(-largest, largest + 1, x_shape).astype(np.int32)
    weight = rng.integers(-127, 128, w_shape).astype(np.int8)
    y = convolve(x, weight, op)
    assert y.dtype == np.int32
    np.testing.assert_array_equal(y, torch_conv(x.astype(np.int64), weight.astype(np.int64), op))


def test_linear_layers(rng: np.random.Generator) -> None:
    x, weight = rng.standard_normal((3, 40)), rng.standard_normal((7, 40))
    expected = functional.linear(torch.from_numpy(x), torch.from_numpy(weight)).numpy()
    np.testing.assert_allclose(linear(x, weight), expected, rtol=1e-12)


@settings(max_examples=50)
@given(st.data())
def test_integer_products_are_exact(data: st.DataObject) -> None:
    """At every size: small, around 2^24 where float32 ends, and up to 2^31."""
    terms = data.draw(st.integers(1, 8))
    bits = data.draw(st.integers(1, 15))
    most = 2**bits - 1
    room = (2**31 - 1) // (terms * most)
    row = st.lists(st.integers(-most, most), min_size=terms, max_size=terms)
    weight = data.draw(st.lists(row, min_size=1, max_size=3))
    values = st.lists(st.integers(-room, room), min_size=terms, max_size=terms)
    x = data.draw(st.lists(values, min_size=1, max_size=3))
    expected = [[sum(a * b for a, b in zip(r, w, strict=True)) for w in weight] for r in x]
    found = product(np.array(x, np.int32), np.array(weight, np.int16))
    assert found.tolist() == expected


@pytest.mark.parametrize(
    ("x", "weight"),
    [
        ([2049], [8191]),
        ([4096, 1], [4096, 1]),
        ([4096, 4096, -3, 5], [2048, 2047, 4095, 1]),
        ([1, 1, 1], [16777216, 1, 1]),
        ([1, -1, 1], [16777215, 1, 1]),
    ],
)
def test_products_that_float32_cannot_hold(x: list[int], weight: list[int]) -> None:
    """Just past 2^24, odd sums or partial sums: float32 would round them."""
    reach = max(map(abs, x)) * sum(map(abs, weight))
    assert reach >= EXACT_FLOAT32
    found = product(np.array([x], np.int32), np.array([weight], np.int32))
    assert found.tolist() == [[sum(a * b for a, b in zip(x, weight, strict=True))]]


def test_sums_that_need_more_than_32_bits() -> None:
    x, weight = np.array([[2**16]], np.int32), np.array([[2**15]], np.int32)
    with pytest.raises(OverflowError, match="2147483648"):
        product(x, weight)
    assert product(x, weight - 1).tolist() == [[2**16 * (2**15 - 1)]]


def test_bytes_are_spikes() -> None:
    """The reach of a product of spikes is that of ones; a wide sum of weights stays in float32."""
    spikes = np.array([[1, 0, 1]], np.uint8)
    assert product(spikes, np.array([[2**30, 2**29, 2**29 - 1]], np.int32)).tolist() == [
        [2**30 + 2**29 - 1]
    ]


def rounded(value: int, shift: int) -> int:
    """value * 2^shift to the nearest integer, halves away from zero, by fractions."""
    exact = Fraction(value) * Fraction(2) ** shift
    size = int(abs(exact) + Fraction(1, 2))
    return -size if exact < 0 else size


@settings(max_examples=100)
@given(
    st.lists(st.integers(-(2**31) + 1, 2**31 - 1), min_size=1, max_size=6),
    st.lists(st.integers(-31, 0), min_size=1, max_size=3),
)
def test_right_shifts(values: list[int], shifts: list[int]) -> None:
    check_rescale(values, shifts)


@settings(max_examples=100)
@given(
    st.lists(st.integers(-(2**16), 2**16), min_size=1, max_size=6),
    st.lists(st.integers(-31, 14), min_size=1, max_size=3),
)
def test_shifts_to_both_sides(values: list[int], shifts: list[int]) -> None:
    check_rescale(values, shifts)


def check_rescale(values: list[int], shifts: list[int]) -> None:
    """One shift for each channel; every value goes through each."""
    x = np.tile(np.array(values, np.int32)[:, None], len(shifts))
    y = rescale(x, np.array(shifts, np.int8))
    assert y.dtype == np.int32
    assert y.tolist() == [[rounded(v, s) for s in shifts] for v in values]


@pytest.mark.parametrize(
    ("value", "shift", "expected"),
    [(1, -1, 1), (-1, -1, -1), (3, -1, 2), (-3, -1, -2), (5, -2, 1), (6, -2, 2), (-6, -2, -2)],
)
def test_halves_go_away_from_zero(value: int, shift: int, expected: int) -> None:
    assert rescale(np.array([value], np.int32), np.array([shift], np.int8)).tolist() == [expected]


@pytest.mark.parametrize("shift", [[8], [-1, 8]])
def test_a_left_shift_does_not_wrap_around(shift: list[int]) -> None:
    x = np.full((1, len(shift)), 2**23, np.int32)
    with pytest.raises(OverflowError, match="32 bits"):
        rescale(x, np.array(shift, np.int8))
    assert rescale(x - 1, np.array(shift, np.int8))[0, -1] == (2**23 - 1) << 8


def test_additions_do_not_wrap_around() -> None:
    high = np.array([2**30], np.int32)
    assert add([high, high - 1]).tolist() == [2**31 - 1]
    assert add([high, high, -high]).tolist() == [2**30], "only the result must fit"
    with pytest.raises(OverflowError, match="2147483648"):
        add([high, high])
    counts = np.full(3, 255, np.uint8)
    assert add([counts, counts]).tolist() == [510] * 3, "spikes are summed in 32 bits"


@st.composite
def windows(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Draw kernel, stride and padding for a [2, 3, *L] value, L = 7."""
    axes = draw(st.integers(1, 2))
    kernel = tuple(draw(st.integers(1, 4)) for _ in range(axes))
    stride = tuple(draw(st.integers(1, 3)) for _ in range(axes))
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    return kernel, stride, padding


def pooled(rng: np.random.Generator, axes: int) -> Array:
    return rng.standard_normal((2, 3, *(7,) * axes))


@settings(max_examples=40)
@given(windows(), st.integers(0, 2**32 - 1))
def test_pools_of_reals(
    case: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]], seed: int
) -> None:
    axes = len(case[0])
    x = pooled(np.random.default_rng(seed), axes)
    tensor = torch.from_numpy(x)
    average = AVG_POOLS[axes](tensor, *case).numpy()
    np.testing.assert_allclose(avg_pool(x, AvgPool(*case)), average, rtol=1e-12, atol=1e-14)
    size = np.prod(case[0])
    np.testing.assert_allclose(sum_pool(x, SumPool(*case)), average * size, rtol=1e-12, atol=1e-13)
    below = x - 10  # so that a zero from the padding would win
    largest = MAX_POOLS[axes](torch.from_numpy(below), *case).numpy()
    np.testing.assert_array_equal(max_pool(below, MaxPool(*case)), largest)


@settings(max_examples=40)
@given(windows(), st.integers(0, 2**32 - 1))
def test_pools_of_integers(
    case: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]], seed: int
) -> None:
    axes = len(case[0])
    rng = np.random.default_rng(seed)
    x = rng.integers(-(2**20), 2**20, (2, 3, *(7,) * axes)).astype(np.int32)
    ones = torch.ones((3, 1, *case[0]), dtype=torch.int64)
    run = CONVOLUTIONS[axes]
    total = run(torch.from_numpy(x.astype(np.int64)), ones, None, case[1], case[2], 1, 3).numpy()
    found = sum_pool(x, SumPool(*case))
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, total)
    below = x - 2**21
    largest = MAX_POOLS[axes](torch.from_numpy(below.astype(np.float64)), *case).numpy()
    np.testing.assert_array_equal(max_pool(below, MaxPool(*case)), largest)


def test_pools_of_spikes() -> None:
    spikes = np.ones((1, 1, 20, 20), np.uint8)
    assert sum_pool(spikes, SumPool((20, 20), (1, 1), (0, 0))).tolist() == [[[[400]]]]
    assert max_pool(spikes * 0, MaxPool((2, 2), (2, 2), (1, 1))).max() == 0


def test_a_sum_of_a_window_does_not_wrap_around() -> None:
    x = np.full((1, 1, 2), 2**30, np.int32)
    with pytest.raises(OverflowError, match="2147483648"):
        sum_pool(x, SumPool((2,), (1,), (0,)))
    x[0, 0, 1] -= 1
    assert sum_pool(x, SumPool((2,), (1,), (0,))).tolist() == [[[2**31 - 1]]]
