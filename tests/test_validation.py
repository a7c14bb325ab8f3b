"""Equal, or the first difference."""

import numpy as np
import pytest

from snn_deploy.validation import Agreement, Comparison, Difference


def values(**layers: list[list[float]]) -> dict[str, np.ndarray]:
    return {name: np.array(rows) for name, rows in layers.items()}


def test_equal_values_are_counted() -> None:
    comparison = Comparison("onnxruntime", "step")
    for step in range(3):
        same = values(conv=[[1, 2, 3], [4, 5, 6]], lif=[[0, 1], [1, 1]])
        comparison.add_step(step, same, same)
    comparison.add_samples(2)
    found = comparison.result()
    assert found == Agreement("onnxruntime", "step", 2, 3, 2, 30, 0, None)
    assert found.equal


def test_the_first_difference_is_by_step_then_layer_then_index() -> None:
    comparison = Comparison("c", "host")
    comparison.add_step(0, values(a=[[1, 1]], b=[[0, 0]]), values(a=[[1, 1]], b=[[0, 0]]))
    comparison.add_step(
        1,
        values(a=[[1, 2], [3, 4]], b=[[5, 6], [7, 8]]),
        values(a=[[1, 2], [9, 9]], b=[[0, 6], [7, 8]]),
    )
    comparison.add_step(2, values(a=[[0, 0]]), values(a=[[1, 0]]))
    found = comparison.result()
    assert not found.equal
    assert found.mismatches == 4
    assert found.first_mismatch == Difference("a", 1, (1, 0), 3.0, 9.0)
    assert str(found.first_mismatch) == "layer 'a', step 1, index (1, 0)"


def test_there_is_no_tolerance() -> None:
    comparison = Comparison("lava", "fixed_pt")
    one = np.array([1.0])
    comparison.add_step(0, {"a": one}, {"a": np.nextafter(one, 2)})
    assert comparison.result().mismatches == 1


def test_not_a_number_equals_nothing() -> None:
    comparison = Comparison("onnxruntime", "step")
    comparison.add_step(0, values(a=[[np.nan]]), values(a=[[np.nan]]))
    assert not comparison.result().equal


def test_nothing_compared_is_not_equal() -> None:
    comparison = Comparison("onnxruntime", "step")
    comparison.add_step(0, values(a=[[1]]), {})
    comparison.add_samples(1)
    assert not comparison.result().equal


def test_layers_that_were_not_observed_are_not_counted() -> None:
    comparison = Comparison("onnxruntime", "step")
    comparison.add_step(0, values(a=[[1]], b=[[1]]), values(b=[[1]]))
    assert comparison.result().layers == 1
    assert comparison.result().values_compared == 1


@pytest.mark.parametrize("shape", [(4,), (1, 4), (2, 2, 1), (1,)])
def test_shapes_are_not_made_to_agree(shape: tuple[int, ...]) -> None:
    comparison = Comparison("onnxruntime", "step")
    with pytest.raises(ValueError, match=r"a: shape .* expected \(2, 2\)"):
        comparison.add_step(0, {"a": np.zeros((2, 2))}, {"a": np.zeros(shape)})


def test_a_layer_that_nobody_expects() -> None:
    comparison = Comparison("onnxruntime", "step")
    with pytest.raises(KeyError):
        comparison.add_step(0, values(a=[[1]]), values(b=[[1]]))


def test_integers_of_other_types_may_be_equal() -> None:
    comparison = Comparison("onnxruntime", "step")
    comparison.add_step(0, {"a": np.array([1], np.int32)}, {"a": np.array([1], np.uint8)})
    assert comparison.result().equal
