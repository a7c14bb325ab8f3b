"""What `import snn_deploy` offers, and how modules are named."""

import ast
from pathlib import Path

import pytest

from tests.house.tree import ROOT, Module, modules, run_python

PACKAGES = [module for module in modules() if module.path.name == "__init__.py"]


def top_level(path: Path) -> list[ast.stmt]:
    return ast.parse(path.read_text(encoding="utf-8")).body


def bound_names(statement: ast.stmt) -> set[str]:
    """Return the names a statement binds from elsewhere or as a function or class."""
    if isinstance(statement, ast.ImportFrom) and statement.module is not None:
        return {alias.asname or alias.name for alias in statement.names}
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return {statement.name}
    return set()


@pytest.mark.parametrize("package", PACKAGES, ids=lambda module: module.name)
def test_no_module_is_named_like_a_public_name(package: Module) -> None:
    """`import a.trace as m` gives the function if the face of `a` hands on a `trace`."""
    public = set().union(*(bound_names(line) for line in top_level(package.path)))
    files = {path.stem for path in package.path.parent.glob("*.py")}
    folders = {path.parent.name for path in package.path.parent.glob("*/__init__.py")}
    clashes = public & (files | folders)
    assert not clashes


def test_the_face_defines_nothing() -> None:
    for line in top_level(ROOT / "snn_deploy" / "__init__.py"):
        is_docstring = isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)
        is_list = isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "__all__"
        assert is_docstring or is_list or isinstance(line, ast.ImportFrom), ast.unparse(line)


def test_the_face_is_short_and_true() -> None:
    code = """
import snn_deploy
assert len(snn_deploy.__all__) < 20, len(snn_deploy.__all__)
assert snn_deploy.__all__ == sorted(snn_deploy.__all__), snn_deploy.__all__
for name in snn_deploy.__all__:
    getattr(snn_deploy, name)
"""
    result = run_python(code)
    assert result.returncode == 0, result.stderr
