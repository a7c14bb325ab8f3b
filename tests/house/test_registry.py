"""The table of converters is true, complete and loads nothing that was not asked for."""

import importlib

import pytest

from snn_deploy import registry
from tests.house.tree import ROOT, run_python


@pytest.mark.parametrize("name", registry.CONVERTERS)
def test_entry_leads_to_its_converter(name: str) -> None:
    module, _, attribute = registry.CONVERTERS[name].partition(":")
    assert getattr(importlib.import_module(module), attribute).name == name
    assert registry.converter(name).name == name


def test_every_format_is_listed() -> None:
    folders = {
        f"snn_deploy.converters.{p.parent.name}" for p in ROOT.glob("converters/*/__init__.py")
    }
    assert {entry.partition(":")[0] for entry in registry.CONVERTERS.values()} == folders


def test_looking_up_loads_no_converter() -> None:
    code = """
import sys, snn_deploy.registry
loaded = [name for name in sys.modules if name.startswith("snn_deploy.converters")]
assert not loaded, loaded
"""
    result = run_python(code)
    assert result.returncode == 0, result.stderr
