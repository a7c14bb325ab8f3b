"""A result is a whole folder or nothing, and nothing that is not ours is ever replaced."""

import json
import os
import shutil
from pathlib import Path

import pytest

from snn_deploy import delivery
from snn_deploy.delivery import MANIFEST, MANIFEST_SCHEMA, REPORT, check_destination, write_folder
from snn_deploy.errors import UsageError
from tests.journeys.command import SMALL, deploy, export, tree

EXPORT = {
    MANIFEST: json.dumps({"schema": MANIFEST_SCHEMA, "files": [{"name": "a/model"}]}).encode(),
    "a/model": b"spikes",
}
REPORT_ALONE = {REPORT: b'{"schema": "snn-deploy-report/1"}', "report.html": b"<html>"}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def refused(folder: Path, *, force: bool = False, report_only: bool = False) -> str:
    with pytest.raises(UsageError) as caught:
        check_destination(folder, force=force, report_only=report_only)
    return str(caught.value)


def test_a_new_folder_below_new_folders(tmp_path: Path) -> None:
    write_folder(EXPORT, tmp_path / "deep" / "down" / "net", force=False)
    assert contents(tmp_path / "deep" / "down" / "net") == EXPORT
    assert tree(tmp_path / "deep" / "down") == {"net", "net/a", "net/a/model", "net/manifest.json"}
    assert (tmp_path / "deep" / "down" / "net").stat().st_mode & 0o777 == 0o755


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    write_folder(EXPORT, tmp_path / "net", force=False)
    assert contents(tmp_path / "net") == EXPORT


def test_an_earlier_result_is_replaced_with_force_alone(tmp_path: Path) -> None:
    write_folder(EXPORT, tmp_path / "net", force=False)
    assert refused(tmp_path / "net").startswith(
        f"{tmp_path / 'net'} holds an earlier result; give --force to replace it"
    )
    write_folder({MANIFEST: EXPORT[MANIFEST]}, tmp_path / "net", force=True)
    assert tree(tmp_path) == {"net", "net/manifest.json"}


@pytest.mark.parametrize("force", [False, True])
def test_other_peoples_files_stay(force: bool, tmp_path: Path) -> None:
    write_folder(EXPORT, tmp_path / "net", force=False)
    (tmp_path / "net" / "a" / "notes.txt").write_text("measured on the board", encoding="utf-8")
    assert "holds an earlier result and other things (a/notes.txt); move these away" in refused(
        tmp_path / "net", force=force
    )
    # A web page has a manifest.json, too, and many tools write a report.json.
    other = tmp_path / "page"
    other.mkdir()
    for name in (MANIFEST, REPORT, "index.html", "style.css"):
        (other / name).write_text('{"name": "My page"}', encoding="utf-8")
    assert "holds other things (index.html, manifest.json, report.json, …); choose" in refused(
        other, force=force
    )
    (other / MANIFEST).write_text("[]", encoding="utf-8")
    (other / REPORT).write_text("{", encoding="utf-8")
    assert "holds other things" in refused(other, force=force)


def test_a_report_replaces_a_report_and_no_export(tmp_path: Path) -> None:
    write_folder(REPORT_ALONE, tmp_path / "checked", force=False, report_only=True)
    write_folder(REPORT_ALONE, tmp_path / "checked", force=True, report_only=True)
    write_folder(EXPORT, tmp_path / "net", force=False)
    assert "holds an export, which a report must not replace" in refused(
        tmp_path / "net", force=True, report_only=True
    )


def test_places_that_are_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert "file is a file; choose another folder with -o" in refused(tmp_path / "file")
    below = refused(tmp_path / "file" / "net")
    assert below.endswith(
        f"cannot be made: {tmp_path / 'file'} is a file; choose another folder with -o"
    )
    assert "cannot be looked into (File name too long)" in refused(tmp_path / ("x" * 300))


def test_the_present_folder_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in (Path(), Path(".."), tmp_path, Path("/")):
        assert f"{folder} is where you are; choose a folder inside it" in refused(
            folder, force=True
        )


def test_a_mount_point_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os.path, "ismount", lambda path: path == tmp_path)
    assert "is a mount point; choose a folder inside it: -o " in refused(tmp_path)


def test_a_folder_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)
    assert refused(tmp_path / "net").startswith(
        f"{tmp_path / 'net'} cannot be made: no permission to write in {tmp_path}; choose another"
    )


def test_a_link_leads_to_the_folder(tmp_path: Path) -> None:
    write_folder(EXPORT, tmp_path / "net", force=False)
    (tmp_path / "latest").symlink_to(tmp_path / "net")
    write_folder({MANIFEST: EXPORT[MANIFEST]}, tmp_path / "latest", force=True)
    assert (tmp_path / "latest").is_symlink()
    assert tree(tmp_path) == {"latest", "net", "net/manifest.json"}


FULL = OSError(28, "No space left on device")


@pytest.mark.parametrize("cause", [FULL, KeyboardInterrupt()])
@pytest.mark.parametrize("place", ["_write", "_swap"])
@pytest.mark.parametrize("earlier", [{}, EXPORT])
def test_a_failure_leaves_what_was_there(
    earlier: dict[str, bytes],
    place: str,
    cause: BaseException,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "made" / "net"
    if earlier:
        write_folder(earlier, folder, force=False)
    before = tree(tmp_path)
    honest = getattr(delivery, place)

    def fails(folder: Path, *rest: object) -> None:
        if "a/model" not in rest:
            raise cause
        honest(folder, *rest)

    monkeypatch.setattr(delivery, place, fails)
    with pytest.raises(UsageError if cause is FULL else KeyboardInterrupt) as caught:
        write_folder(EXPORT, folder, force=True)
    assert cause is not FULL or "cannot be written (No space left on device); free" in str(caught)
    assert tree(tmp_path) == before
    assert not earlier or contents(folder) == earlier


def test_an_earlier_result_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is out of the way already when its successor cannot take its place."""
    folder = tmp_path / "net"
    write_folder(EXPORT, folder, force=False)
    honest = Path.rename

    def rename(self: Path, target: Path) -> Path:
        if target == folder and not self.name.endswith(".old"):
            raise FULL
        return honest(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(UsageError):
        write_folder({MANIFEST: EXPORT[MANIFEST]}, folder, force=True)
    assert tree(tmp_path) == {"net", "net/a", "net/a/model", "net/manifest.json"}
    assert contents(folder) == EXPORT


def test_nothing_is_written_outside(tmp_path: Path) -> None:
    for name in ("../loose", "/tmp/loose", "a/../../loose"):
        with pytest.raises(ValueError, match="outside the export folder"):
            write_folder({name: b""}, tmp_path / "net", force=False)
    assert not tree(tmp_path)


def test_the_program_looks_before_it_works(
    floats: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A place that cannot be used is refused before the data is even read."""
    monkeypatch.setattr("snn_deploy.datasets.load", lambda path: pytest.fail("too late"))
    (tmp_path / "file").write_bytes(b"")
    for run in (lambda *a: export(*a), lambda *a: deploy("validate", *a)):
        ended = run(*SMALL, "--data", floats, "-o", tmp_path / "file")
        assert (ended.code, ended.complaint) == (
            2,
            f"{tmp_path / 'file'} is a file; choose another folder with -o",
        )


def test_a_disk_that_fills_up(
    floats: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(folder: Path, name: str, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(delivery, "_write", full)
    ended = export(*SMALL, "--data", floats, "-o", tmp_path / "build" / "net")
    assert (ended.code, ended.complaint) == (
        2,
        f"{tmp_path / 'build' / 'net'} cannot be written (No space left on device); "
        "free space, or choose another folder with -o",
    )
    assert not tree(tmp_path)


def test_a_report_that_would_replace_an_export(
    exported: tuple[Path, object], floats: Path, tmp_path: Path
) -> None:
    shutil.copytree(exported[0], tmp_path / "net")
    ended = deploy("validate", *SMALL, "--data", floats, "-o", tmp_path / "net", "--force")
    assert (ended.code, "holds an export, which a report must" in ended.complaint) == (2, True)
    assert (tmp_path / "net" / "model.step.onnx").is_file()
