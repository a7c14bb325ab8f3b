"""A result is written as a whole or not at all, and over nothing that is not ours."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from snn_deploy.delivery import MANIFEST, REPORT, check_destination, write_folder
from snn_deploy.errors import UsageError

NEW = {"model.onnx": b"new", "golden/0.npz": b"gold"}


def export(*names: str) -> dict[str, bytes]:
    """Return the files of an export, with the manifest that lists them."""
    listed = [{"name": name} for name in names]
    manifest = json.dumps({"schema": "snn-deploy-manifest/1", "files": listed}).encode()
    return {MANIFEST: manifest} | dict.fromkeys(names, b"old")


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder, hidden ones too."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def everything(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def earlier(out: Path) -> Path:
    """An earlier export lies at the destination."""
    write_folder(export("model.onnx", "report.html"), out, force=False)
    return out


# --- writing --------------------------------------------------------------------------------------


def test_a_new_folder(out: Path, tmp_path: Path) -> None:
    write_folder(NEW, out, force=False)
    assert tree(tmp_path) == {f"out/{name}": content for name, content in NEW.items()}
    assert out.stat().st_mode & 0o777 == 0o755, "others may read it"


def test_parents_are_made(tmp_path: Path) -> None:
    write_folder(NEW, tmp_path / "a" / "b" / "c", force=False)
    assert (tmp_path / "a" / "b" / "c" / "model.onnx").read_bytes() == b"new"


def test_a_relative_destination(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_folder(NEW, Path("build/../out"), force=False)
    assert tree(tmp_path).keys() == {"out/model.onnx", "out/golden/0.npz"}


def test_an_empty_folder_is_as_good_as_none(out: Path) -> None:
    out.mkdir()
    write_folder(NEW, out, force=False)
    assert tree(out) == NEW


def test_an_earlier_result_is_replaced_as_a_whole(earlier: Path, tmp_path: Path) -> None:
    write_folder(NEW, earlier, force=True)
    assert tree(tmp_path) == {f"out/{name}": content for name, content in NEW.items()}
    assert everything(tmp_path) == {"out", "out/golden", "out/golden/0.npz", "out/model.onnx"}


def test_through_a_link_it_is_the_real_folder(earlier: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(earlier)
    write_folder(NEW, link, force=True)
    assert link.is_symlink()
    assert tree(earlier) == NEW
    assert {path.name for path in tmp_path.iterdir()} == {"link", "out"}


# --- failing --------------------------------------------------------------------------------------


class Fails:
    """Raises in the n-th call of what it stands for, and does it otherwise."""

    def __init__(self, real: Callable[..., object], at: int, error: BaseException) -> None:
        self.real = real
        self.calls = 0
        self.at = at
        self.error = error

    def __call__(self, *arguments: object) -> object:
        self.calls += 1
        if self.calls == self.at:
            raise self.error
        return self.real(*arguments)


def failing(monkeypatch: pytest.MonkeyPatch, method: str, at: int, error: BaseException) -> None:
    fails = Fails(getattr(Path, method), at, error)
    monkeypatch.setattr(Path, method, lambda *arguments: fails(*arguments))


FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("at", [1, 2])
def test_a_full_disk_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    failing(monkeypatch, "write_bytes", at, FULL)
    with pytest.raises(UsageError) as caught:
        write_folder(NEW, tmp_path / "a" / "b", force=False)
    assert "No space left on device" in caught.value.problem
    assert "a/b" in caught.value.problem
    assert everything(tmp_path) == set()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError()])
def test_an_interruption_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    failing(monkeypatch, "write_bytes", 2, error)
    with pytest.raises(type(error)):
        write_folder(NEW, tmp_path / "a" / "b", force=False)
    assert everything(tmp_path) == set()


@pytest.mark.parametrize("error", [FULL, KeyboardInterrupt()])
@pytest.mark.parametrize(("method", "at"), [("write_bytes", 1), ("rename", 1), ("rename", 2)])
def test_a_failure_keeps_the_earlier_result(
    earlier: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    at: int,
    error: BaseException,
) -> None:
    """The second rename is the moment when the earlier folder has been moved away already."""
    before = tree(tmp_path)
    failing(monkeypatch, method, at, error)
    with pytest.raises((UsageError, KeyboardInterrupt)):
        write_folder(NEW, earlier, force=True)
    assert tree(tmp_path) == before
    assert {path.name for path in tmp_path.iterdir()} == {"out"}


@pytest.mark.parametrize("name", ["../stray", "/stray", "a/../../stray", "golden/../../x/../stray"])
def test_no_file_lies_outside(tmp_path: Path, name: str) -> None:
    where = str(tmp_path / "stray") if name.startswith("/") else name
    with pytest.raises(ValueError, match="outside the export folder"):
        write_folder(NEW | {where: b"x"}, tmp_path / "out", force=False)
    assert everything(tmp_path) == set()


# --- refusing -------------------------------------------------------------------------------------


def refused(folder: Path, *, force: bool = False, report_only: bool = False) -> UsageError:
    """Return how a destination is refused, before work and when writing alike."""
    before = everything(folder.parent) if folder.parent.is_dir() else set()
    with pytest.raises(UsageError) as caught:
        check_destination(folder, force=force, report_only=report_only)
    with pytest.raises(UsageError) as again:
        write_folder(NEW, folder, force=force, report_only=report_only)
    assert str(again.value) == str(caught.value)
    assert str(folder) in caught.value.problem
    assert caught.value.exit_code == 2
    if folder.parent.is_dir():
        assert everything(folder.parent) == before
    return caught.value


def test_an_earlier_result_needs_force(earlier: Path) -> None:
    error = refused(earlier)
    assert "holds an earlier result" in error.problem
    assert "--force" in error.remedy
    check_destination(earlier, force=True)


def test_an_earlier_report_needs_force(out: Path) -> None:
    report = {REPORT: b'{"schema": "snn-deploy-report/1"}', "report.html": b"<html>"}
    write_folder(report, out, force=False)
    assert "holds an earlier result" in refused(out).problem
    write_folder(report, out, force=True, report_only=True)
    write_folder(NEW, out, force=True)


def test_a_report_does_not_replace_an_export(earlier: Path) -> None:
    assert "holds an export" in refused(earlier, force=True, report_only=True).problem


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_of_somebody_else(out: Path, force: bool) -> None:
    out.mkdir()
    (out / "thesis.tex").write_text("years of work")
    error = refused(out, force=force)
    assert "thesis.tex" in error.problem
    assert "--force" not in error.remedy


@pytest.mark.parametrize("content", ["", "[]", '{"schema": 3}', '{"schema": "other"}', "{"])
def test_a_manifest_of_another_program(out: Path, content: str) -> None:
    out.mkdir()
    (out / MANIFEST).write_text(content)
    assert "holds other things" in refused(out, force=True).problem


@pytest.mark.parametrize("stray", ["notes.txt", "golden/notes.txt", ".hidden"])
def test_files_among_ours_that_are_not_ours(earlier: Path, stray: str) -> None:
    (earlier / stray).parent.mkdir(exist_ok=True)
    (earlier / stray).write_text("mine")
    error = refused(earlier, force=True)
    assert stray in error.problem
    assert "model.onnx" not in error.problem


def test_a_link_among_ours(earlier: Path, tmp_path: Path) -> None:
    """What a link leads to is not ours; the link itself is told of."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (earlier / "link").symlink_to(elsewhere)
    assert "link" in refused(earlier, force=True).problem


def test_a_file_in_the_way(out: Path) -> None:
    out.write_text("a file")
    assert "is a file" in refused(out, force=True).problem


def test_a_file_on_the_way(out: Path) -> None:
    out.write_text("a file")
    assert "is a file" in refused(out / "deeper" / "still", force=True).problem


def test_where_one_is(earlier: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replacing the current folder would leave the shell nowhere."""
    monkeypatch.chdir(earlier)
    assert "is where you are" in refused(earlier, force=True).problem


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_parent_that_may_not_be_written(tmp_path: Path) -> None:
    parent = tmp_path / "closed"
    parent.mkdir(mode=0o500)
    assert "no permission" in refused(parent / "out").problem


def test_a_parent_that_may_not_be_written_even_by_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "no permission to write" in refused(tmp_path / "out").problem


def test_links_in_a_circle(out: Path) -> None:
    out.symlink_to(out)
    with pytest.raises(UsageError):
        check_destination(out, force=True)
