"""How a sequence of passes runs, and how it fails."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pytest

from snn_deploy.errors import GraphError, ModelError, PassError
from snn_deploy.ir.builder import GraphBuilder
from snn_deploy.ir.graph import Graph
from snn_deploy.ir.ops import BatchNorm, Identity, Input, Lif
from snn_deploy.ir.spec import FOLDED, TRACED, Spec
from snn_deploy.passes import FOLD, JOIN_SCALES, Pass, run_passes


@dataclass(frozen=True, slots=True)
class Step:
    """A pass that does what it is told."""

    name: str
    run: Callable[[Graph], Graph] = field(default=lambda graph: graph)
    takes: ClassVar[Spec] = TRACED
    gives: ClassVar[Spec] = TRACED

    def __call__(self, graph: Graph, /) -> Graph:
        return self.run(graph)


@dataclass(frozen=True, slots=True)
class Folder(Step):
    takes: ClassVar[Spec] = FOLDED
    gives: ClassVar[Spec] = FOLDED


def network(*, norm: bool = True) -> Graph:
    builder = GraphBuilder("net")
    at = builder.add("input", Input((2,)))
    if norm:
        at = builder.add(
            "norm", BatchNorm(0.1), at, **{role: np.ones(2) for role in BatchNorm.required}
        )
    at = builder.add("drop", Identity(), at)
    return builder.finish(builder.add("lif", Lif(0.5), at), steps=1)


def failing(error: Exception) -> Callable[[Graph], Graph]:
    def run(_: Graph) -> Graph:
        raise error

    return run


def test_in_order_and_observed() -> None:
    seen: list[tuple[str, int]] = []
    result = run_passes(network(), FOLD, lambda name, graph: seen.append((name, len(graph.nodes))))
    assert seen == [("drop-identity", 3), ("fold-batchnorm", 3)]
    assert [node.name for node in result.nodes] == ["input", "norm", "lif"]


def test_nothing_to_do() -> None:
    graph = run_passes(network(), FOLD)
    assert run_passes(graph, JOIN_SCALES) is graph
    assert run_passes(graph, ()) is graph


def test_one_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "snn_deploy.passes.base"):
        run_passes(network(), FOLD[:1])
    assert caplog.messages == ["drop-identity: 4 -> 3 nodes"]


@pytest.mark.parametrize(
    "error", [ValueError("negative"), ZeroDivisionError("of what"), KeyError("conv9")]
)
def test_a_failure_names_the_pass_and_those_before(error: Exception) -> None:
    reached: list[str] = []
    steps: tuple[Pass, ...] = (*FOLD, Folder("break", failing(error)), Folder("never"))
    with pytest.raises(PassError) as caught:
        run_passes(network(), steps, lambda name, _: reached.append(name))
    assert caught.value.pass_name == "break"
    assert caught.value.before == ("drop-identity", "fold-batchnorm")
    assert type(error).__name__ in caught.value.problem
    assert caught.value.__cause__ is error
    assert caught.value.exit_code == 70
    assert reached == ["drop-identity", "fold-batchnorm"]


def test_a_graph_that_a_pass_may_not_be_given() -> None:
    with pytest.raises(PassError) as caught:
        run_passes(network(), [Folder("late", failing(AssertionError("it ran")))])
    assert caught.value.pass_name == "late"
    assert "norm: BatchNorm is not legal in a folded graph" in caught.value.problem
    assert "drop: Identity is not legal" in caught.value.problem
    assert isinstance(caught.value.__cause__, GraphError)


def test_a_result_that_breaks_the_promise() -> None:
    breaking = Folder("break", lambda _: network(norm=False))
    with pytest.raises(PassError) as caught:
        run_passes(network(), (*FOLD, breaking))
    assert caught.value.pass_name == "break"
    assert "drop: Identity is not legal in a folded graph" in caught.value.problem


def test_the_fault_of_the_model_is_not_ours() -> None:
    error = ModelError("conv1", "has no weights", "train it")
    with pytest.raises(ModelError) as caught:
        run_passes(network(), [Step("look", failing(error))])
    assert caught.value is error


@pytest.mark.parametrize("step", [*FOLD, *JOIN_SCALES], ids=lambda step: step.name)
def test_every_pass_says_what_it_does(step: Pass) -> None:
    assert step.name == step.name.lower().replace("_", "-")
    assert (type(step).__doc__ or "").startswith("Given ")
