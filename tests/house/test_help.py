"""`--help` is quick because it loads nothing heavy."""

import pytest

from tests.house.tree import run_python

HEAVY = ["numpy", "numba", "torch", "norse", "onnx", "onnx_ir", "onnxruntime", "h5py", "jinja2"]


@pytest.mark.parametrize("entry", ["main", "export_main"])
def test_help_loads_nothing_heavy(entry: str) -> None:
    code = f"""
import sys
from snn_deploy.cli import {entry}
sys.argv = ["program", "--help"]
try:
    {entry}()
except SystemExit as stop:
    assert not stop.code, stop.code
heavy = [name for name in {HEAVY} if name in sys.modules]
assert not heavy, heavy
"""
    result = run_python(code)
    assert result.returncode == 0, result.stderr
    assert "Usage" in result.stdout
