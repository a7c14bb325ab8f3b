"""Names on the command line and what they stand for; imported when asked for."""

import importlib
from collections.abc import Mapping, Sequence

from snn_deploy.artifact import Converter, Executor
from snn_deploy.errors import MissingDependencyError
from snn_deploy.quantization.graph import QuantGraph

CONVERTERS: Mapping[str, str] = {
    "lava": "snn_deploy.converters.lava:LavaConverter",
    "net": "snn_deploy.converters.lava:NetConverter",
    "onnx": "snn_deploy.converters.onnx:OnnxConverter",
}


def converter(name: str) -> Converter:
    """Return a converter with its default options. Raises KeyError where there is none."""
    module, _, attribute = CONVERTERS[name].partition(":")
    made: Converter = getattr(importlib.import_module(module), attribute)()
    return made


def witness(graph: QuantGraph) -> Sequence[Executor]:
    """Return what runs an integer graph beside a chip's converter: ONNX Runtime, if it is here.

    A chip's own simulation is slow, and gets a few samples; a second witness takes all of them. It
    runs stock operators: native ones are proved where they are delivered.
    """
    try:
        onnx = converter("onnx")
        found = onnx.executors(graph, onnx.lower(graph))
        return [executor for executor in found if executor.backend == "onnxruntime"]
    except MissingDependencyError:
        return ()
