"""Every instruction set gives the integers and floats of plain arithmetic, and stays in its memory.

The comparisons are in converters/onnx/native/test, which needs neither Python nor ONNX Runtime.
"""

import platform
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from snn_deploy.converters.onnx.native import build
from snn_deploy.errors import MissingToolError
from tests.converters.onnx.native.kernels_program import compile_program, run

X86 = platform.machine().lower() in {"x86_64", "amd64"}
ARM_COMPILER = "aarch64-linux-gnu-g++"
EMULATOR = "qemu-aarch64"
SANITIZERS = (
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    # These say nothing of kernels, and most of what it takes to compile them.
    "-fno-sanitize=null,object-size,pointer-overflow",
)
CALLS = ("--param", "asan-instrumentation-with-call-threshold=0")
"""Watched accesses are calls: slower to run, but a fifth of the time to compile."""


@pytest.fixture
def compiler() -> list[str]:
    try:
        return build.compiler_command()
    except MissingToolError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def arm_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for tool in (ARM_COMPILER, EMULATOR):
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool}: install g++-aarch64-linux-gnu and qemu-user")
    return compile_program([ARM_COMPILER], tmp_path_factory.mktemp("arm"), "-static", x86=False)


def assert_compared(name: str, said: str) -> None:
    assert re.search(rf"^{name}: \d+ calls gave \d+ values", said, re.MULTILINE), said


@pytest.mark.slow
def test_all_instruction_sets_agree(compiler: list[str], tmp_path: Path) -> None:
    program = compile_program(compiler, tmp_path, x86=X86)
    assert_compared("portable", run([str(program), "1", "10"]))


@pytest.mark.slow
def test_none_leaves_its_memory_or_the_language(compiler: list[str], tmp_path: Path) -> None:
    empty = tmp_path / "empty.cpp"
    empty.write_text("int main() {}\n", encoding="utf-8")
    tried = subprocess.run(
        [*compiler, *SANITIZERS, str(empty), "-o", str(tmp_path / "empty")], capture_output=True
    )
    if tried.returncode != 0:
        pytest.skip("the compiler has no sanitizers")
    program = compile_program(compiler, tmp_path, "-O1", "-g1", *SANITIZERS, *CALLS, x86=X86)
    assert_compared("portable", run([str(program), "101", "1"]))


@pytest.mark.parametrize(
    "processor",
    [
        pytest.param("cortex-a57", id="ARMv8.0"),
        pytest.param("neoverse-n1", id="with dot products"),
    ],
)
def test_neon_on_an_emulated_processor(arm_program: Path, processor: str) -> None:
    assert_compared("neon", run([EMULATOR, "-cpu", processor, str(arm_program), "201", "3"]))
