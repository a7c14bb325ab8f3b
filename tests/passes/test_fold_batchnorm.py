"""Batch norms are absorbed: by the layer before them, or by a layer in their own place."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn_deploy.ir.builder import GraphBuilder
from snn_deploy.ir.graph import Array, Graph
from snn_deploy.ir.ops import Add, BatchNorm, Conv, Flatten, Input, Lif, Linear
from snn_deploy.passes.fold_batchnorm import FoldBatchNorm
from tests.networks import FLOAT
from tests.passes.asserting import Golden, assert_pass, assert_same_numbers


class Layers(GraphBuilder):
    """A builder with layers of float64, the same on every machine."""

    def __init__(self, *shape: int) -> None:
        super().__init__("norms")
        self.calls = 0
        self.add("input", Input(shape))

    def conv(
        self, name: str, source: str, outputs: int = 4, *, bias: bool = False, groups: int = 1
    ) -> str:
        channels, *lengths = self.type(source).shape
        ones = (1,) * len(lengths)
        kernel = (3,) * len(lengths)
        return self.add(
            name,
            Conv(ones, ones, ones, groups),
            source,
            weight=self.numbers(outputs, channels // groups, *kernel),
            bias=self.numbers(outputs) if bias else None,
        )

    def linear(self, name: str, source: str, outputs: int = 4, *, bias: bool = False) -> str:
        (inputs,) = self.type(source).shape
        weight = self.numbers(outputs, inputs)
        return self.add(
            name, Linear(), source, weight=weight, bias=self.numbers(outputs) if bias else None
        )

    def norm(self, name: str, source: str) -> str:
        channels = self.type(source).shape[0]
        weight, bias, mean, variance = (self.numbers(channels) for _ in range(4))
        return self.add(
            name,
            BatchNorm(1e-3),
            source,
            weight=weight,
            bias=bias,
            mean=mean,
            variance=variance**2,
        )

    def numbers(self, *shape: int) -> Array:
        """Return odd multiples of 1/8 between -2 and 2, others in every call."""
        self.calls += 1
        steps = np.arange(np.prod(shape)) * 5 + self.calls * 3
        return ((steps + steps // 16) % 16 * 2 - 15).reshape(shape) / 8


def conv() -> Graph:
    b = Layers(2, 5, 5)
    return b.finish(b.norm("norm", b.conv("conv", "input")), steps=1)


def conv_with_bias() -> Graph:
    b = Layers(2, 5, 5)
    return b.finish(b.norm("norm", b.conv("conv", "input", bias=True)), steps=1)


def grouped_conv() -> Graph:
    b = Layers(4, 5, 5)
    at = b.norm("norm1", b.conv("grouped", "input", 6, groups=2, bias=True))
    return b.finish(b.norm("norm2", b.conv("depthwise", at, 6, groups=6)), steps=1)


def conv1d() -> Graph:
    b = Layers(2, 9)
    return b.finish(b.norm("norm", b.conv("conv", "input")), steps=1)


def linear() -> Graph:
    b = Layers(2, 3, 3)
    at = b.norm("norm1", b.linear("fc1", b.add("flat", Flatten(), "input"), bias=True))
    return b.finish(b.norm("norm2", b.linear("fc2", at, 3)), steps=1)


def after_an_addition() -> Graph:
    b = Layers(2, 5, 5)
    b.add("sum", Add(), b.conv("conv1", "input"), b.conv("conv2", "input"))
    return b.finish(b.norm("norm", "sum"), steps=1)


def after_an_addition_of_vectors() -> Graph:
    b = Layers(5)
    b.add("sum", Add(), b.linear("fc1", "input"), b.linear("fc2", "input"))
    return b.finish(b.norm("norm", "sum"), steps=1)


def second_reader() -> Graph:
    """The addition needs the convolution as it is."""
    b = Layers(2, 5, 5)
    at = b.conv("conv", "input", bias=True)
    return b.finish(b.add("sum", Add(), b.norm("norm", at), at), steps=1)


def second_reader_of_a_vector() -> Graph:
    b = Layers(5)
    at = b.linear("fc", "input")
    return b.finish(b.add("sum", Add(), b.norm("norm", at), at), steps=1)


def layer_is_an_output() -> Graph:
    b = Layers(2, 5, 5)
    b.norm("norm", b.conv("conv", "input"))
    return b.finish("norm", "conv", steps=1)


def two_readers_of_the_norm() -> Graph:
    b = Layers(2, 5, 5)
    at = b.norm("norm", b.conv("conv1", "input"))
    return b.finish(b.add("sum", Add(), b.conv("conv2", at), at), steps=1)


def chain() -> Graph:
    b = Layers(2, 5, 5)
    return b.finish(b.norm("norm2", b.norm("norm1", b.conv("conv", "input"))), steps=1)


def of_the_input() -> Graph:
    b = Layers(2, 5, 5)
    return b.finish(b.conv("conv", b.norm("norm", "input")), steps=1)


def after_a_neuron() -> Graph:
    b = Layers(2, 5, 5)
    at = b.add("lif", Lif(0.5, threshold=0.25), "input")
    return b.finish(b.norm("norm", at), steps=3)


def ms_block() -> Graph:
    b = Layers(2, 5, 5)
    stem = b.norm("stem_norm", b.conv("stem", "input"))
    at = b.add("lif1", Lif(0.25, threshold=0.5), stem)
    at = b.norm("norm1", b.conv("conv1", at))
    at = b.add("lif2", Lif(0.25, threshold=0.5), at)
    at = b.norm("norm2", b.conv("conv2", at))
    return b.finish(b.add("stream", Add(), at, stem), steps=3)


CASES: dict[str, Callable[[], Graph]] = {
    build.__name__: build
    for build in (
        conv,
        conv_with_bias,
        grouped_conv,
        conv1d,
        linear,
        after_an_addition,
        after_an_addition_of_vectors,
        second_reader,
        second_reader_of_a_vector,
        layer_is_an_output,
        two_readers_of_the_norm,
        chain,
        of_the_input,
        after_a_neuron,
        ms_block,
    )
}


@pytest.mark.parametrize("case", CASES)
def test_folding(case: str, golden: Golden) -> None:
    assert_pass(FoldBatchNorm(), CASES[case](), golden, case)


@pytest.mark.parametrize(
    ("case", "names"),
    [
        ("conv", ["input", "conv"]),
        ("linear", ["input", "flat", "fc1", "fc2"]),
        ("after_an_addition", ["input", "conv1", "conv2", "sum", "norm"]),
        ("second_reader", ["input", "conv", "norm", "sum"]),
        ("layer_is_an_output", ["input", "conv", "norm"]),
        ("chain", ["input", "conv", "norm2"]),
        ("ms_block", ["input", "stem", "lif1", "conv1", "lif2", "conv2", "stream"]),
    ],
)
def test_what_is_left(case: str, names: list[str]) -> None:
    result = FoldBatchNorm()(CASES[case]())
    assert [node.name for node in result.nodes] == names
    assert not any(isinstance(node.op, BatchNorm) for node in result.nodes)


def test_an_output_that_is_absorbed_goes_by_its_layer() -> None:
    assert FoldBatchNorm()(conv()).outputs == ("conv",)
    assert FoldBatchNorm()(layer_is_an_output()).outputs == ("norm", "conv")


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.booleans(), st.integers(-12, 3), st.sampled_from([1, 2, 4]))
def test_any_numbers(seed: int, bias: bool, exponent: int, groups: int) -> None:
    """Small and large variances, factors of both signs and of 0."""
    rng = np.random.default_rng(seed)
    b = Layers(4, 5, 5)
    at = b.conv("conv", "input", 4, bias=bias, groups=groups)
    weight, offset, mean = rng.standard_normal((3, 4))
    weight[0] = 0.0
    b.add(
        "norm",
        BatchNorm(1e-5),
        at,
        weight=weight,
        bias=offset,
        mean=mean,
        variance=rng.random(4) * 10.0**exponent,
    )
    graph = b.finish("norm", steps=1)
    assert_same_numbers(graph, FoldBatchNorm()(graph))


def test_arrays_keep_their_type() -> None:
    """Networks come in float32 and stay so; the folding itself is done in float64."""
    graph = conv_with_bias()
    single = {key: array.astype(np.float32) for key, array in graph.params.items()}
    folded = FoldBatchNorm()(Graph(graph.name, graph.nodes, graph.outputs, single, 1))
    exact = FoldBatchNorm()(
        Graph(
            graph.name,
            graph.nodes,
            graph.outputs,
            {key: array.astype(np.float64) for key, array in single.items()},
            1,
        )
    )
    for key, array in folded.params.items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, exact.params[key].astype(np.float32))


@pytest.mark.parametrize("name", FLOAT)
def test_a_graph_without_batch_norms_is_handed_on(name: str) -> None:
    graph = FLOAT[name]()
    assert FoldBatchNorm()(graph) is graph
