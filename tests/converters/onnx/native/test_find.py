"""Where a library is looked for, and what it is asked."""

from pathlib import Path

import pytest

from snn_deploy.converters.onnx.native import build, find, instruction_sets, library
from snn_deploy.errors import UsageError
from tests.house.tree import run_python


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The package's folder and the user's cache, both empty."""
    beside, home = tmp_path / "beside", tmp_path / "cache"
    beside.mkdir()
    monkeypatch.setattr(find, "HERE", beside)
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    monkeypatch.delenv("SNN_DEPLOY_OPS", raising=False)
    return beside, home / "snn_deploy"


def put(folder: Path, name: str | None = None) -> Path:
    folder.mkdir(exist_ok=True, parents=True)
    path = folder / (name or build.file_name())
    path.touch()
    return path


def test_beside_the_package_then_in_the_cache(places: tuple[Path, Path]) -> None:
    beside, cache = places
    assert library() is None
    cached = put(cache)
    assert library() == cached
    shipped = put(beside)
    assert library() == shipped


def test_a_stale_library_is_not_found(places: tuple[Path, Path]) -> None:
    for place in places:
        put(place, "libsnn_ops-linux-x86_64-0123456789abcdef.so")
    assert library() is None


def test_a_named_library_goes_first(
    places: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(places[0])
    other = put(tmp_path, "other.so")
    monkeypatch.setenv("SNN_DEPLOY_OPS", str(other))
    assert library() == other.resolve()
    monkeypatch.setenv("SNN_DEPLOY_OPS", "")
    assert library() is None
    monkeypatch.setenv("SNN_DEPLOY_OPS", "nowhere.so")
    with pytest.raises(UsageError) as caught:
        library()
    assert str(caught.value) == (
        "SNN_DEPLOY_OPS names 'nowhere.so', which is no file; "
        "name the library's file, or leave it empty for the stock operators"
    )


def test_nobody_needs_a_home(places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("could not determine home directory")

    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    monkeypatch.setattr(Path, "home", homeless)
    assert library() is None
    assert find.destination() == places[0]


def test_a_checkout_keeps_its_library(
    places: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find.destination() == places[1]
    checkout = tmp_path / "checkout"
    folder = checkout / "converters" / "onnx" / "native"
    folder.mkdir(parents=True)
    (checkout / "pyproject.toml").touch()
    monkeypatch.setattr(find, "HERE", folder)
    assert find.destination() == folder


def test_what_is_no_library_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "text.so"
    path.write_text("this is no library")
    with pytest.raises(UsageError, match=r"is no operator library for this machine .*build-ops"):
        instruction_sets(path)
    import _ctypes

    with pytest.raises(UsageError, match="is no operator library"):
        instruction_sets(Path(_ctypes.__file__))


def test_it_can_be_loaded_where_nothing_is_installed() -> None:
    """setup.py does that."""
    code = f"""
import importlib.util, sys
for name in ("numpy", "onnx", "onnxruntime", "torch", "typer"):
    sys.modules[name] = None
spec = importlib.util.spec_from_file_location("alone", {str(build.HERE / "build.py")!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
print(module.file_name())
"""
    result = run_python(code)
    assert result.stdout.strip() == build.file_name(), result.stderr
