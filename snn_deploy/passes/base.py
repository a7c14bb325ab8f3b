"""What a pass is, and how a sequence of them runs."""

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from snn_deploy.errors import PassError, SnnDeployError
from snn_deploy.ir.graph import Graph
from snn_deploy.ir.spec import Spec, verify

logger = logging.getLogger(__name__)


class Pass(Protocol):
    """A function from graph to graph with a name and two promises."""

    @property
    def name(self) -> str:
        """In kebab-case, for logs and errors."""
        ...

    @property
    def takes(self) -> Spec:
        """What it may be given."""
        ...

    @property
    def gives(self) -> Spec:
        """What it makes of that."""
        ...

    def __call__(self, graph: Graph, /) -> Graph:
        """Return a new graph, or the same object where nothing changed."""
        ...


def run_passes(
    graph: Graph, passes: Sequence[Pass], observe: Callable[[str, Graph], None] | None = None
) -> Graph:
    """Run passes in order, verifying what each takes and gives.

    Args:
        graph: the first one's input.
        passes: in order.
        observe: called with a pass's name and result after each.

    Raises:
        PassError: a pass broke a promise or failed; it names the pass and those before it.
    """
    done: list[str] = []
    for step in passes:
        graph = _run(step, graph, done)
        done.append(step.name)
        if observe:
            observe(step.name, graph)
    return graph


def _run(step: Pass, graph: Graph, done: Sequence[str]) -> Graph:
    try:
        verify(graph, step.takes)
        result = step(graph)
        verify(result, step.gives)
    except SnnDeployError as error:
        if error.exit_code != 70:
            raise
        raise PassError(step.name, str(error), done) from error
    except Exception as error:
        raise PassError(step.name, f"{type(error).__name__}: {error}", done) from error
    logger.debug("%s: %d -> %d nodes", step.name, len(graph.nodes), len(result.nodes))
    return result
