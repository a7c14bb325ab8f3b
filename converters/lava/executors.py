"""The delivered folder in Lava's fixed-point simulation, as the proof of an export runs it."""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from snn_deploy.artifact import Artifact
from snn_deploy.ir.graph import Array
from snn_deploy.mapping import ChipNetwork

from .environment import LavaEnvironment

SCRIPT = "run_lava.py"

_START_S = 600
_STEP_S = 60
"""Many times what a start and a step of a network of hundreds of processes take."""
_OUTPUT = "output/"


class LavaExecutor:
    """Runs the script of an artefact: all samples of a batch in a row, on the same neurons.

    Attributes:
        limit: the most samples a proof should give it.
    """

    backend = "lava"
    form = "fixed_pt"

    def __init__(
        self, lava: LavaEnvironment, network: ChipNetwork, artifact: Artifact, limit: int | None
    ) -> None:
        """Take an artefact, and the network that it was written from."""
        self.limit = limit
        self._lava = lava
        self._network = network
        self._files = artifact.files
        self._last: tuple[Array, Mapping[str, Array]] | None = None

    def run(self, x: Array, steps: int, /) -> Iterator[Mapping[str, Array]]:
        """Yield the spikes and messages of all layers, step by step of the network.

        A relay's messages go by the name of the value that they carry.

        Raises:
            ExecutorError: the simulation failed; says in which process.
            ValueError: another number of steps than the artefact has.
        """
        results = self._results(x, steps)
        sent = {k.partition("/")[2]: a for k, a in results.items() if not k.startswith(_OUTPUT)}
        shown: dict[str, str] = {}
        for population in self._network.populations:
            shown |= self._network.shown(population)
        values = {meant: sent[node] for meant, node in shown.items() if node in sent}
        for t in range(steps):
            yield {name: array[t] for name, array in values.items()}

    def infer(self, x: Array, steps: int, /) -> Mapping[str, Array]:
        """Return the outputs, int64, summed over the steps; of the same run where x is the same."""
        results = self._results(x, steps)
        return {k.removeprefix(_OUTPUT): a for k, a in results.items() if k.startswith(_OUTPUT)}

    def _results(self, x: Array, steps: int) -> Mapping[str, Array]:
        if steps != self._network.graph.steps:
            has = self._network.graph.steps
            raise ValueError(f"the artefact has {has} steps, {steps} are asked for")
        if self._last is None or not np.array_equal(self._last[0], x):
            self._last = x, self._simulated(x)
        return self._last[1]

    def _simulated(self, x: Array) -> Mapping[str, Array]:
        graph = self._network.graph
        samples = x.shape[0 if graph.static else 1]
        simulated = samples * graph.steps + self._network.latency
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for path, content in self._files.items():
                (folder / path).parent.mkdir(exist_ok=True)
                (folder / path).write_bytes(content)
            np.save(folder / "input.npy", x)
            self._lava.run(
                folder / SCRIPT,
                ["--input", "input.npy", "--output", "results.npz"],
                cwd=folder,
                timeout_s=_START_S + _STEP_S * simulated,
            )
            with np.load(folder / "results.npz") as results:
                return dict(results)
