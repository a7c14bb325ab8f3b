"""`--target FILE.toml`."""

import errno
from pathlib import Path

import pytest

from snn_deploy.cli.given import Given, find_target, plan
from snn_deploy.errors import UsageError
from tests.conftest import ROOT
from tests.journeys.command import export

LOIHI2 = (ROOT / "targets" / "loihi2.toml").read_text(encoding="utf-8")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "chip.toml"
    found.write_text(LOIHI2.replace('name = "loihi2"', 'name = "mine"'), encoding="utf-8")
    return found


def complaint(path: Path | str) -> str:
    with pytest.raises(UsageError) as caught:
        find_target(str(path))
    assert len(str(caught.value).splitlines()) == 1
    return caught.value.problem


def test_a_file_is_a_target(path: Path) -> None:
    asked = plan(Given(model=Path("net.pt"), data=Path("d.npz"), target=str(path)))
    assert (asked.target.name, asked.converter.name) == ("mine", "lava")
    assert asked.options.quantization.current_bits == 14


def test_a_file_of_this_folder(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    assert find_target("chip.toml").name == "mine"


def test_all_that_is_wrong_comes_in_one_line(path: Path) -> None:
    path.write_text(LOIHI2.replace("hop_x_j", "hop_j").replace("[[1, 200e-9]]", "1"))
    assert complaint(path) == (
        f"{path}: energy.hop_j is unknown; energy.hop_x_j is missing; "
        "latency.barrier_s needs a list of pairs [routers, seconds], not 1"
    )


@pytest.mark.parametrize("content", [b"name = ", b"\xff", b"", b"a = " + b"[" * 20_000])
def test_what_is_no_target(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert complaint(path).startswith(f"{path}: ")


def test_what_is_no_file(tmp_path: Path) -> None:
    folder = tmp_path / "folder.toml"
    folder.mkdir()
    assert complaint(folder) == f"'{folder}' is no file"
    missing = tmp_path / "missing.toml"
    assert complaint(missing) == f"there is no file '{missing}'"
    long = tmp_path / f"{'x' * 300}.toml"
    assert complaint(long) == f"'{long}' cannot be read: File name too long"


def test_what_may_not_be_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert complaint(path) == f"'{path}' cannot be read: Permission denied"


def test_a_person_reads_one_line(path: Path) -> None:
    path.write_text("name = 3\n")
    ended = export("net.pt", "--data", "d.npz", "--target", path)
    assert ended.code == 2
    assert ended.complaint.startswith(f"{path}: converter is missing; kind is missing; ")
    assert ended.complaint.endswith("; targets/README.md says what such a file holds")
