"""Imports run down the floors, never up and never across."""

import ast
from collections.abc import Iterator

import pytest

from tests.house.tree import Module, modules, run_python

# A room is a module or folder directly below snn_deploy; each format in converters is a room of
# its own. The face is snn_deploy/__init__.py.
FLOORS = {
    12: ["__main__"],
    11: ["cli", "face"],
    10: ["dossier"],
    9: ["pipeline"],
    8: ["report", "registry", "proof", "runtime"],
    7: ["simulation", "converters"],
    6: ["placement", "artifact"],
    5: ["mapping", "frontends"],
    4: ["quantization"],
    3: ["passes", "training"],
    2: ["ir", "targets", "models", "datasets"],
    1: ["validation", "hardware", "neurons", "checkpoints", "delivery"],
    0: ["errors"],
}
FLOOR_OF = {room: floor for floor, rooms in FLOORS.items() for room in rooms}

# Third-party packages that only these rooms may import.
ONLY_IN = {
    "torch": ["neurons", "checkpoints", "models", "frontends", "training"],
    "triton": ["neurons"],
    "norse": ["frontends"],
    "nir": ["frontends", "converters.nir"],
    "h5py": ["frontends", "converters.lava"],
    "lava": ["converters.lava"],
    "onnx": ["converters.onnx"],
    "onnx_ir": ["converters.onnx"],
    "onnxruntime": ["converters.onnx"],
    "jinja2": ["report"],
    "numba": ["simulation"],
    "typer": ["cli"],
}

# The folders at the top of the repository go by their installed names.
BARE_NAMES = {"converters", "targets", "models", "tests"}


def room_of(name: str) -> str:
    """Return the room of a dotted name: `snn_deploy.converters.onnx.emit` is in converters.onnx."""
    parts = name.split(".")[1:]
    if not parts:
        return "face"
    depth = 2 if parts[0] == "converters" else 1
    return ".".join(parts[:depth])


def floor_of(room: str) -> int:
    return FLOOR_OF[room.split(".")[0]]


def imported_names(tree: ast.Module, module: Module) -> Iterator[str]:
    """Yield what is imported anywhere in a file, in functions too, by its absolute name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:
                source = f"{module.package}.{source}".rstrip(".")
            if source in ("snn_deploy", "snn_deploy.converters"):
                yield from (f"{source}.{alias.name}" for alias in node.names)
            else:
                yield source


def complaint(room: str, imported: str) -> str | None:
    """Say why a room may not import a name, or None."""
    top = imported.split(".")[0]
    if top in BARE_NAMES:
        return f"write snn_deploy.{imported}"
    if top in ONLY_IN and room not in ONLY_IN[top]:
        return f"{top} belongs in {' and '.join(ONLY_IN[top])}"
    if top != "snn_deploy" or room_of(imported) == room:
        return None
    other = room_of(imported)
    if other.split(".")[0] not in FLOOR_OF:
        return f"{other} has no floor; give it one in FLOORS"
    if floor_of(other) >= floor_of(room):
        return f"{room} is on floor {floor_of(room)}, {other} on floor {floor_of(other)}"
    if (room.split(".")[0], other) == ("converters", "targets"):
        return "what a format needs of the chip is in the QuantGraph"
    return None


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_imports_run_down(module: Module) -> None:
    room = room_of(module.name)
    assert room.split(".")[0] in FLOOR_OF, f"{room} has no floor; give it one in FLOORS"
    tree = ast.parse(module.path.read_text(encoding="utf-8"))
    wrong = {name: complaint(room, name) for name in imported_names(tree, module)}
    assert not {name: reason for name, reason in wrong.items() if reason}


@pytest.mark.parametrize(
    ("room", "imported"),
    [
        ("ir", "snn_deploy.cli"),
        ("passes", "snn_deploy.frontends.tracing"),
        ("converters.onnx", "snn_deploy.converters.lava"),
        ("converters.onnx", "snn_deploy.targets"),
        ("placement", "torch.nn"),
        ("ir", "onnx"),
        ("pipeline", "models"),
        ("errors", "snn_deploy"),
    ],
)
def test_a_wrong_import_is_seen(room: str, imported: str) -> None:
    assert complaint(room, imported)


def test_only_torch_rooms_load_torch() -> None:
    names = [module.name for module in modules() if room_of(module.name) not in ONLY_IN["torch"]]
    imports = "\n".join(
        f"import {name}\nassert 'torch' not in sys.modules, {name!r}" for name in names
    )
    result = run_python(f"import sys\n{imports}")
    assert result.returncode == 0, result.stderr
