"""Files for the tests of this room, and whether there are native operators to run them."""

from pathlib import Path

import pytest

from snn_deploy.converters.onnx import lower_model
from snn_deploy.converters.onnx.lower import Form
from snn_deploy.converters.onnx.native import library
from snn_deploy.ir.graph import Graph
from tests.networks import FLOAT, INTEGER

needs_library = pytest.mark.skipif(
    library() is None, reason="needs the operator library: snn-deploy build-ops"
)
OPERATORS = [
    pytest.param(False, id="stock"),
    pytest.param(True, marks=needs_library, id="native"),
]


def build(name: str) -> Graph:
    return {**INTEGER, **FLOAT}[name]()


def write(graph: Graph, folder: Path, form: Form = "step", *, inline: bool = False) -> Path:
    """Write a file of an export; return its path."""
    path = folder / f"model.{form}.onnx"
    path.write_bytes(lower_model(graph, form, inline=inline).SerializeToString())
    return path
