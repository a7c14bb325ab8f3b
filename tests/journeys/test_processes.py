"""The programs in a process of their own: terminals, pipes, Ctrl-C."""

import contextlib
import os
import pty
import re
import signal
import subprocess
import sys
import termios
from collections.abc import Sequence
from pathlib import Path

from tests.journeys.command import SMALL, environment, process, tree

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_a_terminal(command: Sequence[str], folder: Path) -> tuple[int, str]:
    """Run a command on a terminal of 80 x 24; return its exit code and all that it wrote."""
    controller, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 80))
    running = subprocess.Popen(
        command,
        cwd=folder,
        env=environment(),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        close_fds=True,
    )
    os.close(terminal)
    written = b""
    with contextlib.suppress(OSError):
        while part := os.read(controller, 4096):
            written += part
    os.close(controller)
    return running.wait(), written.decode()


def test_a_terminal_gets_bars_and_80_columns(floats: Path, tmp_path: Path) -> None:
    command = process("export_main", *SMALL, "--data", floats, "-o", "net")
    code, written = on_a_terminal(command, tmp_path)
    assert code == 0
    assert "\x1b[" in written
    assert "━" in written
    bars, _, summary = CONTROL.sub("", written).rpartition("model      residual")
    for stage in ("load", "trace", "prove", "2/2"):
        assert stage in bars
    lines = summary.splitlines()
    assert all(len(line) <= 80 for line in lines[1:])
    agreement = next(i for i, line in enumerate(lines) if line.startswith("agreement"))
    assert lines[agreement + 1].startswith(" " * 11)
    assert lines[-2:] == ["exported   net", "report     net/report.html"]


def test_a_terminal_gets_complaints_wrapped(tmp_path: Path) -> None:
    command = process("export_main", *SMALL, "--data", "a_file_that_is_not_there" * 3)
    code, written = on_a_terminal(command, tmp_path)
    lines = written.splitlines()
    assert code == 2
    assert lines[0].startswith("error: there is no file")
    assert len(lines) > 1
    assert all(line.startswith(" " * 7) for line in lines[1:])
    assert lines[-1].endswith("give the path of a sample file")


def test_ctrl_c_leaves_nothing(floats: Path, tmp_path: Path) -> None:
    """A pipe gets plain lines, which tell how far it has come."""
    command = process("export_main", *SMALL, "--data", floats, "-o", "net")
    running = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stderr is not None
    seen = []
    for line in running.stderr:
        seen.append(line)
        if line.startswith("trace"):
            running.send_signal(signal.SIGINT)
            break
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130, seen
    assert (out, seen) == ("", ["load\n", "trace\n"])
    assert "\x1b" not in err
    assert err.splitlines()[-1] == "interrupted: nothing half-written is left"
    assert "Traceback" not in err
    assert not tree(tmp_path)


def test_the_programs_are_installed(tmp_path: Path) -> None:
    for name in ("snn-export", "snn-deploy"):
        program = Path(sys.executable).parent / name
        ended = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
        assert re.fullmatch(r"snn-deploy \d+\.\d+\.\d+\n", ended.stdout)


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    running = subprocess.Popen(
        process("main", "targets"),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    assert running.stderr is not None
    running.stdout.close()
    complaints = running.stderr.read()
    running.stderr.close()
    assert (running.wait(), complaints) == (1, "")
