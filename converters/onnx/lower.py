"""Graph -> ONNX files. The onnx packages are imported when something is lowered, not before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Literal

from snn_deploy.artifact import Artifact, Executor, FloatConverter
from snn_deploy.errors import MissingDependencyError
from snn_deploy.ir.graph import Graph
from snn_deploy.quantization.graph import QuantGraph

if TYPE_CHECKING:
    from onnx import ModelProto

Form = Literal["step", "sequence"]


@dataclass(frozen=True, slots=True)
class OnnxConverter:
    """Writes `model.<form>.onnx` for every form, from a float or an integer graph.

    Attributes:
        forms: step (one time step a call, state in and out) and sequence (all steps in one call).
        inline: write the neurons' standard operators themselves instead of calls of functions,
            for readers that know no model-local functions.
    """

    name: ClassVar[str] = "onnx"
    mapped: ClassVar[bool] = False
    registers: ClassVar[Mapping[str, int]] = MappingProxyType({})
    missing: ClassVar[str] = "ONNX Runtime is not here: install snn-deploy[onnx]."
    forms: tuple[Form, ...] = ("step", "sequence")
    inline: bool = False

    @property
    def floating(self) -> FloatConverter:
        """ONNX holds real numbers too."""
        return self

    def lower(self, graph: Graph, /) -> Artifact:
        """Return the files.

        Raises:
            MissingDependencyError: the package onnx is not installed.
            UnsupportedError: a node has no equal in ONNX, or the file would pass 2 GB.
        """
        files = {}
        for form in self.forms:
            model = lower_model(graph, form, inline=self.inline)
            files[f"model.{form}.onnx"] = model.SerializeToString(deterministic=True)
        return Artifact(files)

    def executors(self, graph: Graph, artifact: Artifact, /) -> Sequence[Executor]:
        """Return one ONNX Runtime for each form; none where it is not installed.

        Integer models run in it as it is, and again with the library of native operators, where
        there is one: both are to give the same integers.
        """
        if find_spec("onnxruntime") is None:
            return ()
        from .executors import OnnxExecutor
        from .run import has_native

        exact = isinstance(graph, QuantGraph) and not self.inline and has_native()
        return tuple(
            OnnxExecutor(
                form,
                artifact.files[f"model.{form}.onnx"],
                partial(lower_model, graph, form, probes=True, inline=self.inline),
                native=native,
            )
            for native in (False, True)[: 1 + exact]
            for form in self.forms
        )

    def lags(self, graph: Graph, /) -> Mapping[str, int]:
        """All layers of a step run in that step."""
        return {}


def lower_model(
    graph: Graph, form: Form, *, probes: bool = False, inline: bool = False
) -> ModelProto:
    """Return the graph as one ONNX model.

    Args:
        graph: folded float, or integer (`QuantGraph`).
        form: "step" or "sequence".
        probes: give every node's value of every step as an output `probe_<node>` too.
        inline: as `OnnxConverter.inline`.

    Raises:
        GraphError: the graph holds what only a traced graph may hold.
        MissingDependencyError: the package onnx is not installed.
        UnsupportedError: a node has no equal in ONNX, or the file would pass 2 GB.
    """
    try:
        from .assemble import assemble
        from .inline import inlined
    except ModuleNotFoundError as error:
        package = (error.name or "onnx").partition(".")[0].replace("_", "-")
        raise MissingDependencyError("the onnx converter", package, "onnx") from error
    model = assemble(graph, form, probes=probes)
    return inlined(model) if inline else model
