"""The delivered `.net` in Lava's netx, run by the delivered script."""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from snn_deploy.artifact import Artifact
from snn_deploy.ir.evaluate import read_out
from snn_deploy.ir.graph import Array
from snn_deploy.quantization.graph import QuantGraph

from .environment import LavaEnvironment

_START_S = 120
_STEP_S = 60
"""Far more than a start and a step take. A failure is noticed at once; this is for what hangs."""


class NetExecutor:
    """Lava's fixed-point simulation of a `.net`; each layer's delay of one step is taken off.

    Attributes:
        limit: the most samples it should be given.
    """

    backend = "lava netx"
    form = "net"

    def __init__(
        self, lava: LavaEnvironment, graph: QuantGraph, artifact: Artifact, limit: int
    ) -> None:
        self.limit = limit
        self._lava = lava
        self._graph = graph
        self._files = artifact.files
        self._last: tuple[Array, Mapping[str, Array]] | None = None

    def run(self, x: Array, steps: int, /) -> Iterator[Mapping[str, Array]]:
        """Yield the spikes of every neuron layer, and the output, step by step.

        Raises:
            ValueError: the file has another number of steps.
            ExecutorError: Lava failed.
        """
        if steps != self._graph.steps:
            raise ValueError(f"the file has {self._graph.steps} steps, {steps} are asked for")
        values = self._values(x)
        for t in range(steps):
            yield {name: array[t] for name, array in values.items()}

    def infer(self, x: Array, steps: int, /) -> Mapping[str, Array]:
        """Return the output's sum over all steps, of the same run where x is the same."""
        return read_out(self._graph, self.run(x, steps))

    def _values(self, x: Array) -> Mapping[str, Array]:
        """Return by node [T, B, *shape]; those of the last input are kept, for Lava is slow."""
        if self._last is None or not np.array_equal(self._last[0], x):
            self._last = x, self._simulated(x)
        return self._last[1]

    def _simulated(self, x: Array) -> Mapping[str, Array]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for file, content in self._files.items():
                (folder / file).write_bytes(content)
            np.save(folder / "input.npy", x)
            samples = x.shape[0 if self._graph.static else 1]
            self._lava.run(
                folder / "run_net.py",
                ["--input", "input.npy", "--trace", "trace.npz"],
                cwd=folder,
                timeout_s=_START_S + _STEP_S * samples * self._graph.steps,
            )
            with np.load(folder / "trace.npz") as trace:
                return {
                    name: trace[name].reshape(*trace[name].shape[:2], *self._graph[name].type.shape)
                    for name in trace
                }
