"""Integer graph -> `network.net`, and what runs it here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

from snn_deploy.artifact import Artifact, Executor
from snn_deploy.errors import MissingDependencyError
from snn_deploy.mapping.fold_pools import FoldPools
from snn_deploy.quantization.graph import QuantGraph

from . import environment, net_rules
from .net_executor import NetExecutor
from .net_layers import net_of

FILE = "network.net"
_HERE = Path(__file__).parent
SCRIPTS = (_HERE / "shipped" / "run_net.py", _HERE / "compat.py")
"""What is delivered beside it, as it lies here."""


@dataclass(frozen=True, slots=True)
class NetConverter:
    """Writes a strictly sequential network as the HDF5 file that Lava's netx loads.

    Attributes:
        limit: the most samples an executor should be given: Lava takes seconds for each.
    """

    name: ClassVar[str] = "net"
    mapped: ClassVar[bool] = False
    registers: ClassVar[Mapping[str, int]] = MappingProxyType({"current_bits": 11, "sum_bits": 24})
    missing: ClassVar[str] = environment.MISSING
    floating: ClassVar[None] = None
    limit: int = 2

    def lower(self, graph: QuantGraph, /) -> Artifact:
        """Return the file, and a script that replays the golden samples in netx.

        Raises:
            MissingDependencyError: the package h5py is not installed.
            UnsupportedError: lists all that a `.net` cannot say of this network.
        """
        folded = _folded(graph)
        net_rules.check(folded)
        try:
            from .net_hdf5 import to_hdf5
        except ModuleNotFoundError as error:
            raise MissingDependencyError("the net converter", "h5py", "lava") from error
        scripts = {path.name: path.read_bytes() for path in SCRIPTS}
        return Artifact({FILE: to_hdf5(net_of(folded)), **scripts})

    def executors(self, graph: QuantGraph, artifact: Artifact, /) -> Sequence[Executor]:
        """Return Lava's netx; nothing where Lava is not installed.

        Raises:
            UsageError: `SNN_DEPLOY_LAVA_PYTHON` names something that has no usable Lava.
        """
        lava = environment.find()
        if lava is None or not lava.has_netx:
            return ()
        return (NetExecutor(lava, graph, artifact, self.limit),)

    def lags(self, graph: QuantGraph, /) -> Mapping[str, int]:
        """Each layer of netx is a step behind the one before."""
        layers = net_of(_folded(graph)).layers
        return {layer.name: place for place, layer in enumerate(layers, start=1)}


def _folded(graph: QuantGraph) -> QuantGraph:
    """Return the graph without pools that its layers can take in."""
    folded = FoldPools(dense=True)(graph)
    assert isinstance(folded, QuantGraph), "the pass gives what it takes"
    return folded
