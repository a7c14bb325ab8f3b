"""A library of two small sources in place of the real ones: what is built, not what it computes."""

import sys
from pathlib import Path

import pytest

from snn_deploy.converters.onnx.native import build
from snn_deploy.errors import MissingToolError

MAIN = """
const char* wide_name();
extern "C" {
__attribute__((visibility("default"))) int RegisterCustomOps(void*, const void*) { return 0; }
__attribute__((visibility("default"))) const char* snn_ops_instruction_set() {
  return wide_name() ? wide_name() : "portable";
}
__attribute__((visibility("default"))) const char* snn_ops_compiled() {
  return wide_name() ? "portable,wide" : "portable";
}
__attribute__((visibility("default"))) int something_else() { return 0; }
}
"""
WIDE = """
const char* wide_name() {
#ifdef WIDE
  return "wide";
#else
  return nullptr;
#endif
}
"""


def put_in_place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let `build` see two sources in a folder, the second with a flag; return the folder."""
    folder.mkdir()
    (folder / "main.cpp").write_text(MAIN, encoding="utf-8")
    (folder / "wide.cpp").write_text(WIDE, encoding="utf-8")
    monkeypatch.setattr(build, "FOLDER", folder)
    monkeypatch.setattr(build, "SOURCES", {"main.cpp": (), "wide.cpp": ("-DWIDE",)})
    monkeypatch.setattr(build.platform, "machine", lambda: "x86_64")
    return folder


def wrapper(path: Path, command: list[str], refused: str, log: Path) -> Path:
    """Write a compiler that does not know a flag, and logs how it was called."""
    path.write_text(
        f"""#!{sys.executable}
import subprocess, sys
with open({str(log)!r}, "a") as log:
    log.write(" ".join(sys.argv[1:]) + "\\n")
if {refused!r} in sys.argv:
    sys.exit("c++: error: unrecognized command-line option '{refused}'")
sys.exit(subprocess.run([*{command!r}, *sys.argv[1:]]).returncode)
""",
        encoding="utf-8",
    )
    path.chmod(0o755)
    return path


def compiler() -> list[str]:
    """Return a compiler, or skip."""
    try:
        return build.compiler_command()
    except MissingToolError as error:
        pytest.skip(str(error))
