"""How the library is compiled, by whom, and what is said where it cannot be."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from snn_deploy.converters.onnx.native import build, instruction_sets
from snn_deploy.errors import BuildError, MissingToolError, UsageError
from tests.converters.onnx.native import tiny

IN_REPOSITORY = Path(__file__).parents[4] / "converters" / "onnx" / "native"


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("CXX", raising=False)
    tiny.compiler()
    return tiny.put_in_place(tmp_path / "src", monkeypatch)


def test_every_source_is_listed() -> None:
    found = {path.name for path in (IN_REPOSITORY / "src").glob("*.cpp")}
    assert not found - build.SOURCES.keys(), "add these to SOURCES in native/build.py"
    assert not build.SOURCES.keys() - found, "these are not there"


def test_what_runs_on_one_processor_only_is_linked_last() -> None:
    flags = list(build.SOURCES.values())
    first = next(i for i, own in enumerate(flags) if own)
    assert all(flags[first:])


def test_the_library_holds_all_instruction_sets(sources: Path, tmp_path: Path) -> None:
    made = build.build(tmp_path / "a" / "b")
    assert made == tmp_path / "a" / "b" / build.file_name()
    assert [path.name for path in made.parent.iterdir()] == [made.name]
    held = instruction_sets(made)
    assert (held.compiled, held.chosen) == (("portable", "wide"), "wide")


@pytest.mark.skipif(shutil.which("nm") is None, reason="needs nm")
def test_it_shows_nothing_but_what_is_asked_for(sources: Path, tmp_path: Path) -> None:
    """Not the C++ library inside it, above all: ONNX Runtime has one of its own."""
    made = build.build(tmp_path)
    listed = subprocess.run(
        ["nm", "-D", "--defined-only", str(made)], capture_output=True, text=True, check=True
    ).stdout
    assert {line.split()[-1] for line in listed.splitlines()} == {
        "RegisterCustomOps",
        "snn_ops_compiled",
        "snn_ops_instruction_set",
    }


def test_a_compiler_that_does_not_know_a_flag(sources: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    old = tiny.wrapper(tmp_path / "old-c++", tiny.compiler(), "-DWIDE", log)
    held = instruction_sets(build.build(tmp_path / "made", compiler=str(old)))
    assert (held.compiled, held.chosen) == (("portable",), "portable")
    compiled = [line for line in log.read_text().splitlines() if " -c " in line]
    assert len(compiled) == 2
    assert all("-ffp-contract=off" in line for line in compiled)


def test_another_machine_gets_no_flags(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build.platform, "machine", lambda: "aarch64")
    made = build.build(tmp_path)
    assert "-aarch64-" in made.name
    assert instruction_sets(made).compiled == ("portable",)


def test_a_linker_without_a_static_library(sources: Path, tmp_path: Path) -> None:
    """Many systems have libstdc++.a in a package that nobody installs."""
    log = tmp_path / "log"
    poor = tiny.wrapper(tmp_path / "poor-c++", tiny.compiler(), "-static-libstdc++", log)
    assert instruction_sets(build.build(tmp_path / "made", compiler=str(poor))).chosen == "wide"


def test_other_sources_or_flags_have_another_name(
    sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {build.file_name()}
    (sources / "more.h").write_text("#define MORE\n")
    names.add(build.file_name())
    (sources / "more.h").write_text("#define MUCH_MORE\n")
    names.add(build.file_name())
    monkeypatch.setattr(build, "SOURCES", {"main.cpp": (), "wide.cpp": ("-DWIDER",)})
    names.add(build.file_name())
    assert len(names) == 4
    assert all(re.fullmatch(r"libsnn_ops-\w+-\w+-[0-9a-f]{16}\.\w+", name) for name in names)


def test_earlier_builds_are_removed(sources: Path, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    for name in ("libsnn_ops-linux-x86_64-0123456789abcdef.so", "mine.so"):
        (tmp_path / "made" / name).touch()
    made = build.build(tmp_path / "made")
    build.discard_others(made)
    assert {path.name for path in made.parent.iterdir()} == {made.name, "mine.so"}


def test_what_a_compiler_complains_of(sources: Path, tmp_path: Path) -> None:
    with (sources / "main.cpp").open("a", encoding="utf-8") as file:
        file.write("int x = nothing;\n" * 9)
    with pytest.raises(BuildError) as caught:
        build.build(tmp_path / "made")
    error = caught.value
    assert (error.source, len(error.complaints), error.exit_code) == ("main.cpp", 3, 9)
    assert "nothing" in error.complaints[0]
    assert "\n" not in str(error)
    assert str(error).startswith("main.cpp: ")
    assert not (tmp_path / "made").exists()


def test_what_a_linker_complains_of(sources: Path, tmp_path: Path) -> None:
    with (sources / "main.cpp").open("a", encoding="utf-8") as file:
        file.write('extern "C" int snn_ops_compiled_twice();\nint a = snn_ops_compiled_twice();\n')
        file.write('extern "C" __attribute__((alias("nowhere"))) int b();\n')
    with pytest.raises(BuildError):
        build.build(tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_a_compiler_that_dies(sources: Path, tmp_path: Path) -> None:
    for name, content in {"fails": "#!/bin/sh\nexit 3\n", "is-none": "no program\n"}.items():
        path = tmp_path / name
        path.write_text(content)
        path.chmod(0o755)
        with pytest.raises(BuildError, match=f": {name} does not take it, it says: (exit|error)"):
            build.build(tmp_path / "made", compiler=str(path))


def test_which_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "with blanks"
    folder.mkdir()
    for name in ("c++", "g++", "mine", "ccache"):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("CXX", raising=False)
    assert build.compiler_command() == [str(folder / "c++")]
    (folder / "c++").unlink()
    assert build.compiler_command() == [str(folder / "g++")]
    monkeypatch.setenv("CXX", "ccache mine")
    assert build.compiler_command() == ["ccache", "mine"]
    assert build.compiler_command(str(folder / "mine")) == [str(folder / "mine")]
    monkeypatch.setenv("CXX", "")
    assert build.compiler_command() == [str(folder / "g++")]


@pytest.mark.parametrize("named", ["/nowhere/c++", "'unbalanced", " "])
def test_a_compiler_that_is_not_there(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", named)
    with pytest.raises(MissingToolError) as caught:
        build.compiler_command()
    assert str(caught.value) == (
        f"building the operators needs the compiler '{named}'; "
        "name one that is there, or leave out --compiler and CXX"
    )


def test_no_compiler_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(MissingToolError, match="needs a C\\+\\+17 compiler; install g\\+\\+ or cl"):
        build.build(tmp_path)


def test_windows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build.sys, "platform", "win32")
    with pytest.raises(UsageError, match="cannot be built on Windows yet; use the stock oper"):
        build.build(tmp_path)


def test_half_a_library_is_never_seen(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(build.Path, "replace", fails)
    with pytest.raises(OSError, match="No space left"):
        build.build(tmp_path / "made")
    assert not list((tmp_path / "made").iterdir())


@pytest.mark.slow
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="flags are of x86-64")
def test_the_real_sources_without_the_newer_instruction_sets(tmp_path: Path) -> None:
    """As a compiler of 2017 would have them."""
    old = tiny.wrapper(tmp_path / "old", tiny.compiler(), "-mavx512vnni", tmp_path / "log")
    held = instruction_sets(build.build(tmp_path / "made", compiler=str(old)))
    assert {"portable", "avx2"} <= set(held.compiled)
    assert not {"avx512vnni", "vnni", "amx"} & set(held.compiled)
    assert held.chosen in held.compiled
