"""What a converter is, and what it gives."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from snn_deploy.ir.graph import Array, Graph
from snn_deploy.quantization.graph import QuantGraph


@dataclass(frozen=True, slots=True)
class Artifact:
    """Files by relative path. Writing them happens in one place, `snn_deploy.delivery`."""

    files: Mapping[str, bytes]


class Executor(Protocol):
    """Runs an artefact somewhere, so that it can be compared with the reference."""

    @property
    def backend(self) -> str:
        """What runs it, e.g. "onnxruntime"."""
        ...

    @property
    def form(self) -> str:
        """Of the artefact, e.g. "step"."""
        ...

    @property
    def limit(self) -> int | None:
        """The most samples that a proof should give it; None for any number."""
        ...

    def run(self, x: Array, steps: int, /) -> Iterator[Mapping[str, Array]]:
        """Yield node values step by step, as `ir.evaluate.evaluate` does."""
        ...

    def infer(self, x: Array, steps: int, /) -> Mapping[str, Array]:
        """Return the readout of the very file that is delivered, as `read_out` does."""
        ...


class FloatConverter(Protocol):
    """A converter whose format also holds real numbers: it takes the wider graph."""

    def lower(self, graph: Graph, /) -> Artifact:
        """Return the files of a folded float graph, or of an integer one."""
        ...

    def executors(self, graph: Graph, artifact: Artifact, /) -> Sequence[Executor]:
        """Return what can run the artefact here."""
        ...


class Converter(Protocol):
    """Turns the integer graph into files of one format."""

    @property
    def name(self) -> str:
        """What `--target` and `--to` call it."""
        ...

    @property
    def mapped(self) -> bool:
        """Whether it takes the mapped graph (relays, no right shifts) that a chip runs."""
        ...

    @property
    def floating(self) -> FloatConverter | None:
        """The same for float graphs; None where the format holds integers only."""
        ...

    @property
    def registers(self) -> Mapping[str, int]:
        """Fields of `QuantizationOptions` that its format asks for, where the user does not."""
        ...

    @property
    def missing(self) -> str:
        """What to say where nothing here can run its files: how to get what can."""
        ...

    def lower(self, graph: QuantGraph, /) -> Artifact:
        """Return the files. Raises UnsupportedError where the format cannot say something."""
        ...

    def executors(self, graph: QuantGraph, artifact: Artifact, /) -> Sequence[Executor]:
        """Return what can run the artefact here; none where its runtime is not installed."""
        ...

    def lags(self, graph: QuantGraph, /) -> Mapping[str, int]:
        """Return by how many steps of its runtime each layer is behind the input; of none, 0."""
        ...
