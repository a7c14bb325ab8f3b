"""Mapped graph -> a folder that runs in Lava, without this project."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from snn_deploy.artifact import Artifact, Executor
from snn_deploy.ir.graph import Array
from snn_deploy.mapping import lay_out
from snn_deploy.quantization.graph import QuantGraph

from . import environment
from .executors import SCRIPT, LavaExecutor
from .generate import generate

PACKAGE = "lava_network"

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class LavaConverter:
    """Writes a mapped graph as processes of Lava, for its fixed-point simulation.

    Attributes:
        limit: the most samples a proof should run, for Lava takes seconds for each; None for all.
    """

    name: ClassVar[str] = "lava"
    mapped: ClassVar[bool] = True
    registers: ClassVar[Mapping[str, int]] = MappingProxyType({"sum_bits": 24})
    missing: ClassVar[str] = environment.MISSING
    floating: ClassVar[None] = None
    limit: int | None = 2

    def lower(self, graph: QuantGraph, /) -> Artifact:
        """Return a script and the package that it runs; writing them needs no Lava.

        Raises:
            GraphError: the graph is not mapped.
        """
        text, arrays = generate(lay_out(graph))
        files = {f"{PACKAGE}/network.py": text.encode(), f"{PACKAGE}/weights.npz": _npz(arrays)}
        files[f"{PACKAGE}/compat.py"] = (_HERE / "compat.py").read_bytes()
        shipped = _HERE / "shipped"
        for path in (shipped / SCRIPT, *sorted((shipped / PACKAGE).glob("*.py"))):
            files[path.relative_to(shipped).as_posix()] = path.read_bytes()
        return Artifact(files)

    def executors(self, graph: QuantGraph, artifact: Artifact, /) -> Sequence[Executor]:
        """Return Lava's simulation; nothing where Lava is not installed.

        Raises:
            UsageError: `SNN_DEPLOY_LAVA_PYTHON` names something that has no usable Lava.
        """
        lava = environment.find()
        if lava is None:
            return ()
        return (LavaExecutor(lava, lay_out(graph), artifact, self.limit),)

    def lags(self, graph: QuantGraph, /) -> Mapping[str, int]:
        """A synapse takes a step, so a population lags by its depth."""
        network = lay_out(graph)
        return {
            name: population.depth
            for population in network.populations
            for name in network.shown(population)
        }


def _npz(arrays: Mapping[str, Array]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
