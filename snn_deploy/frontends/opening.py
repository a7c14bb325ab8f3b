"""The door for model files of every kind: real numbers in torch files, integers in `.net` files.

torch is not needed for the latter, so what needs it is imported when it is asked for.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from snn_deploy.checkpoints import InputSpec
from snn_deploy.datasets import Recordings, Samples
from snn_deploy.errors import MissingDependencyError, ModelError, UsageError
from snn_deploy.ir.ops import Kind
from snn_deploy.quantization.graph import QuantGraph

if TYPE_CHECKING:
    from .loading import LoadedModel
    from .netx import NetxNetwork

_HDF5 = b"\x89HDF\r\n\x1a\n"
LARGEST_INPUT = 2**15 - 1
"""What enters has 16 bits."""


@dataclass(frozen=True, slots=True)
class LoadedGraph:
    """A network whose numbers are integers already: nothing to trace, to fold or to round.

    Attributes:
        name: the file's, without its ending.
        network: its layers.
        input: what it reads, once the samples are known; see `input_of`.
        source_sha256: of the file.
    """

    name: str
    network: "NetxNetwork"
    input: InputSpec | None = None
    source_sha256: str = ""

    @property
    def described(self) -> str:
        """What kind of network it is, for the report."""
        return "Lava-DL network"

    @property
    def parameters(self) -> int:
        """How many weights and biases the file holds."""
        return self.network.parameters

    def input_of(self, samples: Samples, steps: int | None) -> InputSpec:
        """Return what the network reads on these samples: as many steps as they have, or as given.

        Raises:
            UsageError: neither says how many.
        """
        length = steps or samples.length
        if not length:
            raise UsageError(
                f"{self.name} does not say how many steps it runs, nor do samples without time",
                "give --steps",
            )
        shape = self.network.input_shape or samples.shape or ()
        return InputSpec(shape, (), (), length, sequence=samples.sequence)

    def graph(self, spec: InputSpec, samples: Samples | None = None) -> QuantGraph:
        """Return the integer graph of one step, for inputs such as these samples.

        Args:
            spec: shape, steps, and whether samples change from step to step.
            samples: whose kind (spikes, counts, signed numbers) is the input's; any 16 bits if not
                given.

        Raises:
            ModelError: the layers do not fit the shape, or what the samples hold cannot enter.
        """
        from .netx.building import Entering, integer_graph

        kind: Kind = "current"
        limit = LARGEST_INPUT
        if samples is not None:
            kind, limit = self._range(spec, samples)
        entering = Entering(spec.shape, spec.steps, not spec.sequence, kind, limit)
        return integer_graph(self.network, self.name, entering)

    def _range(self, spec: InputSpec, samples: Samples) -> tuple[Kind, int]:
        """Return of what kind the integers that enter are, and how large they may be.

        The limit is the next of 1, 127 and 32,767, not what these samples happen to reach.
        """
        gain = self.network.gain
        if gain is None and spec.events is not None:
            return spec.kind, spec.events.limit
        low, high = _extremes(spec, samples)
        reach = max(-low, high) * (gain or 1)
        if reach > LARGEST_INPUT:
            raise ModelError(
                samples.source,
                f"holds numbers from {low:g} to {high:g}, which enter as {reach:,.0f}",
                f"give numbers that enter as {LARGEST_INPUT:,} at most",
            )
        if gain is not None:
            return "current", LARGEST_INPUT
        _check_whole(samples, self.name)
        if low >= 0 and high <= 1:
            return "spike", 1
        return "current" if low < 0 else "graded", 127 if reach <= 127 else LARGEST_INPUT


def _extremes(spec: InputSpec, samples: Samples) -> tuple[float, float]:
    """Return the smallest and the largest number that is read; of bytes and events, that may be."""
    if spec.events is not None:
        return 0, spec.events.limit
    if spec.std:
        ends = [(end - m) / s for m, s in zip(spec.mean, spec.std, strict=True) for end in (0, 1)]
        return min(ends), max(ends)
    values = samples.values
    assert not isinstance(values, Recordings), "recordings come with their binning"
    return float(values.min()), float(values.max())


def _check_whole(samples: Samples, name: str) -> None:
    values = samples.values
    assert not isinstance(values, Recordings), "recordings come with their binning"
    if values.dtype.kind == "f" and not (values == np.rint(values)).all():
        raise ModelError(
            samples.source,
            f"holds real numbers, {name} reads whole ones",
            "give spikes, or round(64 * x): the file's integers are 64 times what was trained",
        )


def holds_integers(path: Path | str | None) -> bool:
    """Say whether a file is of a kind that holds integers (HDF5), without opening more of it."""
    try:
        with open(path or "", "rb") as file:
            return file.read(len(_HDF5)) == _HDF5
    except OSError:
        return False


def open_model(
    path: Path | str | None,
    *,
    architecture: str | None = None,
    factory: str | None = None,
    trust_pickle: bool = False,
    steps: int | None = None,
    at_equality: bool = False,
) -> "LoadedModel | LoadedGraph":
    """Return the network of a file of any kind.

    Args:
        path: of the file; None with a factory.
        architecture: of torch files, as the next three; see `loading.load`.
        factory: likewise.
        trust_pickle: likewise.
        steps: likewise.
        at_equality: of `.net` files; see `netx.read`.

    Raises:
        UsageError: no such file, or something is asked for that this kind of file has not.
        ModelError: the file is damaged, of another kind, or cannot be read.
        MissingDependencyError: the package that reads this kind is not installed.
    """
    if path is None or not holds_integers(path):
        from .loading import load

        if at_equality:
            raise UsageError(
                "--fires-at-equality is for .net files, whose neurons do not say it", "leave it out"
            )
        return load(
            path,
            architecture=architecture,
            factory=factory,
            trust_pickle=trust_pickle,
            steps=steps,
        )
    try:
        from .netx import read
    except ModuleNotFoundError as error:
        raise MissingDependencyError("reading .net files", error.name or "h5py", "lava") from error
    path = Path(path)
    network = read(path, at_equality=at_equality)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return LoadedGraph(path.stem, network, source_sha256=digest)
