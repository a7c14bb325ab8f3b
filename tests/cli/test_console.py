"""What a person sees while something runs."""

import io
import sys

import pytest

from snn_deploy.cli import console


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in seconds; tests set its only element."""
    now = [100.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    return now


def test_lines_come_at_tenths(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with console.progress(quiet=False) as observe:
        observe("load", 0, 1)
        observe("load", 1, 1)
        for done in range(0, 101, 2):
            observe("prove", done, 100)
            clock[0] += 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "load"
    assert lines[1] == "prove 0/100"
    assert lines[2] == "prove 10/100, 0:00:45 left"
    assert lines[-1] == "prove 100/100"
    assert len(lines) == 12


def test_lines_come_after_a_long_silence(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with console.progress(quiet=False) as observe:
        observe("prove", 0, 10000)
        for done in (1, 2, 3):
            clock[0] += 40
            observe("prove", done, 10000)
    assert capsys.readouterr().err.splitlines() == [
        "prove 0/10000",
        "prove 2/10000, 4 days, 15:05:20 left",
    ]


def test_a_remark_is_no_other_stage(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with console.progress(quiet=False) as observe:
        for done in range(500, 1001):
            observe(f"train, accuracy {done / 1000:.3f}", done, 1000)
            clock[0] += 0.1
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == [
        "train, accuracy 0.500 500/1000",
        "train, accuracy 0.600 600/1000, 0:00:40 left",
    ]
    assert len(lines) == 6


@pytest.mark.parametrize(("quiet", "plain"), [(True, True), (True, False), (False, False)])
def test_nothing_is_shown(quiet: bool, plain: bool, capsys: pytest.CaptureFixture[str]) -> None:
    with console.progress(quiet=quiet, plain=plain) as observe:
        observe("prove", 0, 10)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_one_bar_a_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    with console.progress(quiet=False, plain=False) as observe:
        observe("load", 0, 1)
        observe("load", 1, 1)
        observe("train, accuracy 0.1", 0, 200)
        observe("train, accuracy 0.2", 100, 200)
    written = terminal.getvalue()
    last = written.rpartition("load")[2]
    assert "train, accuracy 0.2" in last
    assert "accuracy 0.1" not in last
    assert "100/200" in last


def test_quiet_holds_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    with console.progress(quiet=True) as observe:
        observe("prove", 0, 10)
    assert sys.stderr.getvalue() == ""  # type: ignore[attr-defined]


def test_phrases_stay_together(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "50")
    console.show(["agreement  onnxruntime, step: all 57,401,520 values equal, 53 layers, 4 steps"])
    assert terminal.getvalue().splitlines() == [
        "agreement  onnxruntime, step:",
        "           all 57,401,520 values equal, 53 layers,",
        "           4 steps",
    ]


def test_paths_are_not_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "30")
    path = "build/a-rather-long-name/and-one-more/report.html"
    console.show([f"report     {path}"])
    assert path in terminal.getvalue().splitlines()[-1]


def test_pipes_get_whole_lines(capsys: pytest.CaptureFixture[str]) -> None:
    console.show(["x" * 11 + "word " * 40])
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_complaints_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    console.complain("it says:\n  nothing\n  at all")
    assert capsys.readouterr().err == "error: it says: nothing at all\n"
