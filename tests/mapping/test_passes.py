"""The passes of the mapping: what they make, that no value changes, that twice is once."""

from collections.abc import Callable

import numpy as np
import pytest

from snn_deploy.ir.evaluate import evaluate
from snn_deploy.ir.graph import Graph
from snn_deploy.ir.ops import MaxPool
from snn_deploy.ir.spec import MAPPED, verify
from snn_deploy.ir.text import to_text
from snn_deploy.mapping.fold_pools import FoldPools
from snn_deploy.mapping.max_pools import MaxPoolsAsNeurons
from snn_deploy.mapping.relays import HostConstants, RelayProducts, RelayStreams
from snn_deploy.mapping.split_shifts import SplitShifts
from snn_deploy.passes import Pass
from tests.mapping.chips import integer
from tests.networks import INTEGER, stimulus

Golden = Callable[[str, str], None]

CASES: list[tuple[Pass, str]] = [
    (MaxPoolsAsNeurons(), "spike_pools"),
    (FoldPools(), "pooled_shortcut"),
    (FoldPools(dense=True), "vanilla"),
    (SplitShifts(), "narrow_projection"),
    (SplitShifts(), "shifts"),
    (RelayStreams(frozenset({"stem", "stream"})), "ms_identity"),
    (RelayStreams(frozenset({"sew", "sew2"})), "sew"),
    (RelayProducts(), "vanilla"),
    (HostConstants(), "ms_identity"),
]


SYNAPTIC = MAPPED.ops | {MaxPool}


def same_values(graph: Graph, other: Graph) -> None:
    x = stimulus(graph)
    for expected, found in zip(evaluate(graph, x), evaluate(other, x), strict=True):
        for name in [*(node.name for node in graph.spiking), *graph.outputs]:
            if name in found:
                assert np.array_equal(expected[name], found[name]), name
        for before, after in zip(graph.outputs, other.outputs, strict=True):
            assert np.array_equal(expected[before], found[after]), before


@pytest.mark.parametrize(("step", "name"), CASES, ids=lambda case: getattr(case, "name", case))
def test_a_pass(step: Pass, name: str, golden: Golden) -> None:
    graph = integer(name)
    before = to_text(graph)
    result = step(graph)
    assert result is not graph
    verify(result, step.gives)
    golden(f"{step.name}_{name}.txt", f"{before}\n{to_text(result)}")
    same_values(graph, result)
    assert to_text(step(result)) == to_text(result), "twice gives what once gives"
    assert to_text(graph) == before


@pytest.mark.parametrize("name", sorted(INTEGER))
def test_no_pass_changes_a_value(name: str) -> None:
    graph = integer(name)
    steps: list[Pass] = [MaxPoolsAsNeurons(), FoldPools(dense=True), SplitShifts(), RelayProducts()]
    made: Graph = graph
    for step in steps:
        if any(type(node.op) not in (step.takes.ops & SYNAPTIC) for node in made.nodes):
            break  # the mapper refuses it before
        made = step(made)
        same_values(graph, made)


@pytest.mark.parametrize("dense", [True, False])
def test_a_pool_whose_windows_overlap_is_not_folded(dense: bool) -> None:
    graph = integer("sum_pools")
    assert FoldPools(dense)(graph) is graph


def test_windows_that_do_not_reach_the_end_fold_to_nothing_there() -> None:
    """conv1d's last pool leaves its remainder out; so do the folded weights."""
    graph = integer("conv1d")
    made = FoldPools(dense=True)(graph)
    (source,) = (n for n in made.nodes if n.name == made["head"].inputs[0])
    size = graph["sum"].type.shape[1] * 3
    length = graph[graph["sum"].inputs[0]].type.shape[1]
    spread = made.weight("head").reshape(5, -1, length)
    assert source.type.shape == (spread.shape[1] * length,)
    assert not spread[:, :, size:].any()
    same_values(graph, made)
