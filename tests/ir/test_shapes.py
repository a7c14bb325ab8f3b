"""What type a node gives, and what does not fit together."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn_deploy.ir.graph import ValueType
from snn_deploy.ir.ops import (
    Add,
    AvgPool,
    BatchNorm,
    Conv,
    Delay,
    Delta,
    Flatten,
    Identity,
    Input,
    IntegerLif,
    Kind,
    Lif,
    Linear,
    MaxPool,
    Op,
    Sigma,
    SigmaDelta,
    SumPool,
)
from snn_deploy.ir.shapes import ShapeError, infer

ONE = (1, 1)
POOL = ((2, 2), (2, 2), (0, 0))
UNIT = Conv(ONE, (0, 0), ONE)


@pytest.mark.parametrize("kind", ["spike", "graded", "current"])
@pytest.mark.parametrize(
    ("op", "shapes", "expected"),
    [
        (Conv((2, 1), (1, 0), (1, 2)), {"weight": (8, 3, 3, 3)}, "current[8, 3, 4]"),
        (BatchNorm(0.1), {}, "current[3, 6, 8]"),
        (Lif(0.5), {}, "spike[3, 6, 8]"),
        (IntegerLif(0, 0), {"threshold": (1,)}, "spike[3, 6, 8]"),
        (IntegerLif(0, 0), {"threshold": (3,), "bias": (3, 6, 8)}, "spike[3, 6, 8]"),
        (Delta(), {"threshold": (1,), "bias": (1,)}, "current[3, 6, 8]"),
        (SigmaDelta(), {"threshold": (3,), "bias": (3, 6, 8)}, "current[3, 6, 8]"),
        (Sigma(), {}, "current[3, 6, 8]"),
        (Flatten(), {}, "KIND[144]"),
        (Identity(), {}, "KIND[3, 6, 8]"),
        (MaxPool(*POOL), {}, "KIND[3, 3, 4]"),
        (AvgPool(*POOL), {}, "current[3, 3, 4]"),
    ],
)
def test_types(op: Op, kind: Kind, shapes: dict[str, tuple[int, ...]], expected: str) -> None:
    found = infer(op, [ValueType((3, 6, 8), kind)], shapes)
    assert str(found) == expected.replace("KIND", kind)


@pytest.mark.parametrize("kind", ["spike", "graded", "current"])
def test_what_is_late_is_of_the_same_kind(kind: Kind) -> None:
    late = infer(Delay(), [ValueType((5,), kind)], {"steps": (1,)})
    assert late == ValueType((5,), kind)


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (("spike", "spike"), "graded"),
        (("spike", "graded"), "graded"),
        (("spike", "current"), "current"),
        (("graded", "graded", "current"), "current"),
    ],
)
def test_kinds_of_sums(kinds: tuple[Kind, ...], expected: Kind) -> None:
    assert infer(Add(), [ValueType((4,), kind) for kind in kinds], {}).kind == expected


@pytest.mark.parametrize(("kind", "expected"), [("spike", "graded"), ("current", "current")])
def test_kinds_of_window_sums(kind: Kind, expected: Kind) -> None:
    assert infer(SumPool(*POOL), [ValueType((3, 6, 8), kind)], {}).kind == expected


@settings(max_examples=100)
@given(*(st.integers(1, 9) for _ in range(2)), *(st.integers(1, 4) for _ in range(3)))
def test_window_counts(length: int, kernel: int, stride: int, dilation: int, pad: int) -> None:
    """As many outputs as there are places where the window fits, counted one by one."""
    starts = range(-pad, length + pad, stride)
    fitting = [s for s in starts if s + dilation * (kernel - 1) < length + pad]
    op = Conv((stride,), (pad,), (dilation,))
    x = ValueType((1, length), "spike")
    if fitting:
        assert infer(op, [x], {"weight": (2, 1, kernel)}).shape == (2, len(fitting))
    else:
        with pytest.raises(ShapeError, match="does not fit"):
            infer(op, [x], {"weight": (2, 1, kernel)})


@pytest.mark.parametrize(
    ("op", "inputs", "shapes", "complaint"),
    [
        (Add(), [(3,)], {}, "Add of 1 inputs"),
        (Flatten(), [(3,), (3,)], {}, "Flatten of 2 inputs"),
        (Lif(0.5), [], {}, "Lif of 0 inputs"),
        (Add(), [(3,), (4,)], {}, "different shapes"),
        (UNIT, [(3, 4)], {"weight": (2, 3, 1, 1)}, "kernel"),
        (UNIT, [(4, 4, 4)], {"weight": (2, 3, 1, 1)}, "4 input channels"),
        (Conv(ONE, ONE, ONE, 2), [(4, 4, 4)], {"weight": (3, 2, 1, 1)}, "2 groups"),
        (UNIT, [(3, 4, 4)], {"weight": (2, 3, 5, 1)}, "does not fit"),
        (UNIT, [(3, 4, 4)], {"weight": (2, 3, 1, 1), "bias": (1,)}, "bias of shape"),
        (UNIT, [(3, 4, 4)], {"weight": (2, 3, 1, 1), "shift": (3,)}, "shift of shape"),
        (Linear(), [(3,)], {"weight": (2, 4)}, "linear layer"),
        (Linear(), [(3, 4)], {"weight": (2, 3, 4)}, "linear layer"),
        (Linear(), [(3,)], {"weight": (2, 3), "bias": (3,)}, "bias of shape"),
        (BatchNorm(0.1), [(3, 4, 4)], {"weight": (4,)}, "weight of shape"),
        (BatchNorm(0.1), [(3, 4, 4)], {"mean": (1,)}, "mean of shape"),
        (IntegerLif(0, 0), [(3, 4, 4)], {"threshold": (4,)}, "threshold of shape"),
        (IntegerLif(0, 0), [(3, 4, 4)], {"threshold": (1,), "bias": (2,)}, "bias of shape"),
        (IntegerLif(0, 0), [(3, 4, 4)], {"threshold": (3, 4, 4)}, "threshold of shape"),
        (IntegerLif(0, 0), [(3, 4, 4)], {"threshold": (1,), "bias": (4, 4, 3)}, "bias of shape"),
        (SigmaDelta(), [(3, 4, 4)], {"threshold": (1,), "bias": (2,)}, "bias of shape"),
        (Delay(), [(3, 4)], {"steps": (3,)}, "vectors only"),
        (Delay(), [(3,)], {"steps": (2,)}, "steps of shape"),
        (MaxPool(*POOL), [(3, 4)], {}, "pooling"),
        (MaxPool(*POOL), [(3, 1, 4)], {}, "does not fit"),
    ],
)
def test_what_does_not_fit(
    op: Op,
    inputs: list[tuple[int, ...]],
    shapes: dict[str, tuple[int, ...]],
    complaint: str,
) -> None:
    with pytest.raises(ShapeError, match=complaint):
        infer(op, [ValueType(shape, "current") for shape in inputs], shapes)


def test_inputs_are_what_they_say() -> None:
    assert infer(Input((2, 3), "graded"), [], {}) == ValueType((2, 3), "graded")


def test_sizes() -> None:
    assert ValueType((3, 4, 5), "spike").size == 60
