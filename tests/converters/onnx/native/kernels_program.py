"""`kernels_test`, compiled with the flags of the library."""

import os
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from snn_deploy.converters.onnx.native.build import COMMON, SOURCES

NATIVE = Path(__file__).parents[4] / "converters" / "onnx" / "native"
SETS = ("portable.cpp", "neon.cpp", "isa.cpp", "avx2.cpp", "vnni.cpp", "amx.cpp")
CASES = ("kernels_test.cpp", "products_cases.cpp", "bytes_cases.cpp", "neurons_cases.cpp")
EMULATED = "amx_emulated.cpp"


def compile_program(compiler: Sequence[str], folder: Path, *options: str, x86: bool = True) -> Path:
    """Return the program; what has flags of its own is linked last, as in the library."""
    flags: dict[Path, tuple[str, ...]] = {NATIVE / "test" / name: () for name in CASES}
    flags |= {NATIVE / "src" / name: SOURCES[name] if x86 else () for name in SETS}
    flags[NATIVE / "test" / EMULATED] = SOURCES["vnni.cpp"] if x86 else ()

    def compile_one(source: Path) -> str:
        made = folder / f"{source.name}.o"
        run([*compiler, *COMMON, *options, *flags[source], "-c", str(source), "-o", str(made)])
        return str(made)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_one, flags))
    program = folder / "kernels_test"
    run([*compiler, *options, *objects, "-o", str(program)])
    return program


def run(command: Sequence[str]) -> str:
    """Run a command, which is to succeed; return what it says."""
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    said = ended.stdout + ended.stderr
    assert ended.returncode == 0, f"{' '.join(command)}\n{said}"
    return said
