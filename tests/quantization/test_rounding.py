"""Rounding against trying everything."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn_deploy.quantization.rounding import (
    Reals,
    Rounded,
    best_power,
    best_scale,
    largest,
    round_to,
    squared_error,
)

WEIGHTS = st.lists(
    st.lists(st.floats(-3, 3, allow_subnormal=False), min_size=3, max_size=3),
    min_size=1,
    max_size=4,
)
LIMITS = st.sampled_from([1, 3, 7, 31, 127, 32767])


@settings(max_examples=100)
@given(WEIGHTS, st.floats(1e-3, 2), LIMITS)
def test_no_integer_is_nearer(rows: list[list[float]], scale: float, limit: int) -> None:
    weight = np.array(rows)
    found = round_to(weight, np.array([scale]), limit)
    assert np.abs(found.integers).max() <= limit
    error = np.abs(weight - found.values())
    for step in (-1, 1):
        other = np.clip(found.integers + step, -limit, limit) * scale
        assert (error <= np.abs(weight - other) + 1e-12).all()


def test_a_scale_for_each_output() -> None:
    weight = np.array([[1.0, 2.0], [10.0, 20.0]])
    found = round_to(weight, np.array([1.0, 10.0]), 7)
    assert found.integers.tolist() == [[1, 2], [1, 2]]
    assert found.values().tolist() == weight.tolist()
    assert error_of(weight + 1, found).tolist() == [2.0, 2.0]


def error_of(weight: Reals, rounded: Rounded) -> Reals:
    """Return the squared error of each output, or of the tensor where it has one scale."""
    errors = ((weight - rounded.values()) ** 2).reshape(rounded.scale.size, -1)
    return np.asarray(errors.sum(axis=1))


@settings(max_examples=100)
@given(WEIGHTS, st.lists(st.floats(1e-3, 2), min_size=1, max_size=1), st.booleans(), LIMITS)
def test_the_error_is_that_of_the_rounding(
    rows: list[list[float]], scales: list[float], per_channel: bool, limit: int
) -> None:
    """To the last bit: which scale is chosen must not depend on how it was searched for."""
    weight = np.array(rows)
    scale = np.array(scales) * np.arange(1, 1 + len(weight) if per_channel else 2)
    before = weight.copy()
    expected = error_of(weight, round_to(weight, scale, limit))
    assert squared_error(weight, scale, limit).tolist() == expected.tolist()
    np.testing.assert_array_equal(weight, before)


def brute_force(weight: Reals, scales: Reals, limit: int) -> Reals:
    """Return for each output (or the tensor) the least squared error over these scales."""
    errors = []
    for scale in scales:
        integers = np.clip(np.rint(weight / scale), -limit, limit)
        errors.append(((weight - integers * scale) ** 2).reshape(len(weight), -1).sum(axis=1))
    return np.array(errors)


@settings(max_examples=100)
@given(WEIGHTS, st.sampled_from([7, 31, 127]), st.booleans(), st.sampled_from([0.0, 0.01, 0.5]))
def test_the_best_clipping_point(
    rows: list[list[float]], limit: int, per_channel: bool, floor: float
) -> None:
    """The range may end at 60 to 100 % of the largest weight, in steps of 2.5 %."""
    weight = np.array(rows)
    found = best_scale(weight, limit, floor=floor, per_channel=per_channel)
    assert (found.scale >= floor).all()
    parts = list(weight[:, None]) if per_channel else [weight]
    assert found.scale.shape == (len(parts),)
    for part, error in zip(parts, error_of(weight, found), strict=True):
        top = float(np.abs(part).max()) or float(np.abs(weight).max()) or 1.0
        scales = np.maximum(top * np.linspace(0.6, 1.0, 17) / limit, floor)
        best = brute_force(part, scales, limit).sum(axis=1).min()
        assert error == pytest.approx(best, rel=1e-9, abs=1e-15)


@settings(max_examples=100)
@given(
    WEIGHTS,
    st.floats(1e-4, 0.1),
    LIMITS,
    st.booleans(),
    st.sampled_from([0, -30]),
)
def test_the_best_power_of_two(
    rows: list[list[float]], unit: float, limit: int, per_channel: bool, lowest: int
) -> None:
    """No power of two whatever is better; none below the lowest is taken."""
    weight = np.array(rows)
    found = best_power(weight, unit, limit, lowest=lowest, per_channel=per_channel)
    exponents = np.log2(found.scale / unit)
    np.testing.assert_allclose(exponents, np.rint(exponents), atol=1e-9)
    assert (np.rint(exponents) >= lowest).all()
    parts = list(weight[:, None]) if per_channel else [weight]
    scales = unit * 2.0 ** np.arange(lowest, 20)
    for part, error in zip(parts, error_of(weight, found), strict=True):
        best = brute_force(part, scales, limit).sum(axis=1).min()
        assert error <= best * (1 + 1e-9) + 1e-15


@pytest.mark.parametrize("limit", [1, 3, 7, 127])
def test_the_best_power_of_two_for_normal_weights(limit: int, rng: np.random.Generator) -> None:
    """Two bits do best when nine tenths of the range are cut off."""
    for size in (0.01, 0.03, 0.1, 0.3, 1.0):
        for _ in range(10):
            weight = rng.standard_normal((1, 576)) * size
            found = best_power(weight, 1e-4, limit, lowest=-30, per_channel=False)
            best = brute_force(weight, 1e-4 * 2.0 ** np.arange(-30, 20), limit).min()
            assert error_of(weight, found)[0] == pytest.approx(best)


def test_the_largest_of_each_output() -> None:
    weight = np.array([[1.0, -4.0], [0.0, 0.0], [0.5, 0.25]])
    assert largest(weight, per_channel=False).tolist() == [4.0]
    assert largest(weight, per_channel=True).tolist() == [4.0, 4.0, 0.5]
    assert largest(weight * 0, per_channel=True).tolist() == [1.0, 1.0, 1.0]


def test_an_output_of_zeros_does_not_coarsen_the_others() -> None:
    """A batch norm whose factor went to zero leaves such channels."""
    weight = np.array([[0.001, -0.002], [0.0, 0.0]])
    found = best_scale(weight, 127, floor=0.0, per_channel=True)
    assert found.integers[1].tolist() == [0, 0]
    assert found.scale[1] == pytest.approx(found.scale[0], rel=0.5)
