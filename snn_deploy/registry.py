"""Names on the command line and what they stand for; imported when asked for."""

import importlib
from collections.abc import Mapping

from snn_deploy.artifact import Converter

CONVERTERS: Mapping[str, str] = {
    "onnx": "snn_deploy.converters.onnx:OnnxConverter",
}


def converter(name: str) -> Converter:
    """Return a converter with its default options. Raises KeyError where there is none."""
    module, _, attribute = CONVERTERS[name].partition(":")
    made: Converter = getattr(importlib.import_module(module), attribute)()
    return made
