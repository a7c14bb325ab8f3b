"""Writing a result: a whole folder or nothing, and never over what is not ours."""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from snn_deploy.errors import UsageError

MANIFEST = "manifest.json"
MANIFEST_SCHEMA = "snn-deploy-manifest/1"
REPORT = "report.json"
REPORT_FILES = (REPORT, "report.html")

_ELSEWHERE = "choose another folder with -o"
_SHOWN = 3


def check_destination(folder: Path, *, force: bool, report_only: bool = False) -> None:
    """Refuse a destination before any work is done for it.

    Args:
        folder: to be made, or to be replaced as a whole.
        force: an earlier result may be replaced.
        report_only: what comes is no export, so it may not replace one.

    Raises:
        UsageError: it exists and may not be replaced, or its parent cannot be written.
    """
    try:
        if folder.resolve().exists():
            _check_replaceable(folder, force, report_only)
        parent = _existing_parent(folder.resolve())
    except (OSError, RuntimeError) as error:
        raise UsageError(f"{folder} cannot be looked into ({_cause(error)})", _ELSEWHERE) from error
    if not parent.is_dir():
        raise UsageError(f"{folder} cannot be made: {parent} is a file", _ELSEWHERE)
    if not os.access(parent, os.W_OK | os.X_OK):
        raise UsageError(f"{folder} cannot be made: no permission to write in {parent}", _ELSEWHERE)


def _cause(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _check_replaceable(folder: Path, force: bool, report_only: bool) -> None:
    if not folder.is_dir():
        raise UsageError(f"{folder} is a file", _ELSEWHERE)
    if Path.cwd().is_relative_to(folder.resolve()):
        raise UsageError(f"{folder} is where you are", f"choose a folder inside it: -o {folder}/…")
    if os.path.ismount(folder):
        raise UsageError(f"{folder} is a mount point", f"choose a folder inside it: -o {folder}/…")
    entries = sorted(path.name for path in folder.iterdir())
    if not entries:
        return
    ours = _files_of_ours(folder)
    if not ours:
        raise UsageError(f"{folder} holds other things ({_listed(entries)})", _ELSEWHERE)
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if not _is_folder(path)}
    if foreign := sorted(found - ours):
        raise UsageError(
            f"{folder} holds an earlier result and other things ({_listed(foreign)})",
            f"move these away, or {_ELSEWHERE}",
        )
    if report_only and MANIFEST in ours:
        raise UsageError(f"{folder} holds an export, which a report must not replace", _ELSEWHERE)
    if not force:
        raise UsageError(
            f"{folder} holds an earlier result", f"give --force to replace it, or {_ELSEWHERE}"
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _files_of_ours(folder: Path) -> set[str]:
    """Return which files an earlier result says it is made of, none where it is no such thing."""
    manifest, report = _content(folder / MANIFEST), _content(folder / REPORT)
    if str(manifest.get("schema")).startswith("snn-deploy-manifest/"):
        files = manifest.get("files")
        entries = files if isinstance(files, list) else []
        return {MANIFEST, *(str(file.get("name")) for file in entries if isinstance(file, dict))}
    if str(report.get("schema")).startswith("snn-deploy-report/"):
        return set(REPORT_FILES)
    return set()


def _content(path: Path) -> Mapping[str, object]:
    try:
        tree = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return tree if isinstance(tree, dict) else {}


def _existing_parent(folder: Path) -> Path:
    parent = folder.parent
    while not parent.exists():
        parent = parent.parent
    return parent


def write_folder(
    files: Mapping[str, bytes], folder: Path, *, force: bool, report_only: bool = False
) -> None:
    """Write all files beside the destination, then rename; a failure leaves nothing behind.

    Raises:
        UsageError: as `check_destination`, or the disk refuses.
        ValueError: a file would lie outside the folder.
    """
    check_destination(folder, force=force, report_only=report_only)
    target = folder.resolve()
    existing = _existing_parent(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            for name, content in files.items():
                _write(draft, name, content)
            draft.chmod(0o755)
            _swap(draft, target)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
            _remove_empty(target.parent, existing)
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be written ({_cause(error)})", f"free space, or {_ELSEWHERE}"
        ) from error


def _write(folder: Path, name: str, content: bytes) -> None:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{name}: outside the export folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _swap(draft: Path, target: Path) -> None:
    """Put the draft in the target's place; the earlier folder stays if that fails."""
    if not target.exists():
        draft.rename(target)
        return
    old = draft.with_name(draft.name + ".old")
    target.rename(old)
    try:
        draft.rename(target)
    except BaseException:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _remove_empty(folder: Path, stop: Path) -> None:
    """Remove the folders that were made on the way and that nothing was put into."""
    while folder != stop:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent
