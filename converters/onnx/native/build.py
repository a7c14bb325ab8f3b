"""Makes the operator library: needs a C++17 compiler, and no header that is not here.

`setup.py` loads this file by its path, before the package is installed: it imports nothing but the
standard library and our errors.
"""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from snn_deploy.errors import BuildError, MissingToolError, UsageError

logger = logging.getLogger(__name__)

HERE = Path(__file__).resolve().parent
FOLDER = HERE / "src"

_AVX2 = ("-mavx2", "-mpopcnt", "-mbmi", "-mbmi2")
_AVX512 = (
    *("-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl"),
    *("-mavx512vnni", "-mavx512vbmi", "-mavx512vbmi2"),
    *("-mpopcnt", "-mbmi", "-mbmi2"),
)

SOURCES: Mapping[str, tuple[str, ...]] = {
    "input.cpp": (),
    "isa.cpp": (),
    "layer.cpp": (),
    "library.cpp": (),
    "neon.cpp": (),
    "neuron_operator.cpp": (),
    "operands.cpp": (),
    "ort.cpp": (),
    "part.cpp": (),
    "portable.cpp": (),
    "product_operator.cpp": (),
    "tuning.cpp": (),
    "weights.cpp": (),
    "avx2.cpp": _AVX2,
    "vnni.cpp": _AVX512,
    "amx.cpp": (*_AVX512, "-mamx-tile", "-mamx-int8"),
}
"""What is compiled, in the order of linking, and with which flags on an x86-64.

Files with flags come last: of an inline function that several files hold, the linker keeps the
first, which then runs on every processor.
"""

COMMON = (
    *("-std=c++17", "-O3", "-ffp-contract=off", "-fPIC", "-fvisibility=hidden"),
    *("-Wall", "-Wextra"),
)
_SELF_CONTAINED = ("-static-libstdc++", "-static-libgcc")
_EXPORTS = "{ global: RegisterCustomOps; snn_ops_*; local: *; };\n"
"""Not a name of the C++ library either: ONNX Runtime brings its own."""

_COMPILERS = ("c++", "g++", "clang++")
_USER = "building the operators"
_PREFIX = "libsnn_ops-"
_MOST_COMPLAINTS = 3


def file_name() -> str:
    """Return the library's name, which no build of other sources or for another machine has."""
    suffix = "dylib" if sys.platform == "darwin" else "so"
    return f"{_PREFIX}{sys.platform}-{platform.machine().lower()}-{_fingerprint()}.{suffix}"


def build(into: Path, *, compiler: str | None = None) -> Path:
    """Compile the library into a folder, which is made; return its path there.

    Args:
        into: it gets the finished library, and nothing if that fails.
        compiler: a command; $CXX if None, else the first there is of c++, g++ and clang++.

    Raises:
        MissingToolError: there is no compiler.
        BuildError: it does not take a source.
        UsageError: on Windows.
        OSError: the folder cannot be written.
    """
    if sys.platform == "win32":
        remedy = "use the stock operators: they make the same spikes"
        raise UsageError("the operator library cannot be built on Windows yet", remedy)
    command = compiler_command(compiler)
    with tempfile.TemporaryDirectory(prefix="snn_ops-") as folder:
        return _placed(_linked(command, _compiled(command, Path(folder))), into / file_name())


def discard_others(library: Path) -> None:
    """Remove the libraries of earlier builds beside this one."""
    for other in library.parent.glob(f"{_PREFIX}*"):
        if other.name != library.name:
            other.unlink(missing_ok=True)


def _fingerprint() -> str:
    digest = hashlib.sha256(repr((COMMON, *SOURCES.items())).encode())
    for path in sorted(FOLDER.glob("*.[ch]*")):
        digest.update(f"\0{path.name}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def compiler_command(named: str | None = None) -> list[str]:
    """Return the compiler as the beginning of a command line."""
    asked = named or os.environ.get("CXX")
    if asked:
        command = _words(asked)
        if not command or shutil.which(command[0]) is None:
            remedy = "name one that is there, or leave out --compiler and CXX"
            raise MissingToolError(_USER, f"the compiler '{asked}'", remedy)
        return command
    found = next(filter(None, map(shutil.which, _COMPILERS)), None)
    if found is None:
        raise MissingToolError(_USER, "a C++17 compiler", "install g++ or clang++")
    return [found]


def _words(text: str) -> list[str]:
    """Split `ccache g++`, but not a path with blanks."""
    if shutil.which(text) is not None:
        return [text]
    try:
        return shlex.split(text)
    except ValueError:
        return []


def _compiled(command: Sequence[str], folder: Path) -> list[Path]:
    """Compile every source, as many at a time as there are processors; return the objects."""

    def compile_one(name: str) -> Path:
        made = folder / f"{name}.o"
        flags = [*COMMON, *_own_flags(command, name)]
        _run([*command, *flags, "-c", str(FOLDER / name), "-o", str(made)], name)
        return made

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(compile_one, SOURCES))


def _own_flags(command: Sequence[str], name: str) -> tuple[str, ...]:
    """Return a source's flags; none where the machine or the compiler does not know them.

    It then lacks its instruction set, and says so when the library is loaded.
    """
    flags = SOURCES[name]
    if not flags or platform.machine().lower() not in ("x86_64", "amd64"):
        return ()
    asked = _ended([*command, *flags, "-x", "c++", "-fsyntax-only", "-"])
    if asked.returncode == 0:
        return flags
    logger.info("%s is compiled without its instruction set: %s", name, asked.stderr.strip())
    return ()


def _linked(command: Sequence[str], objects: Sequence[Path]) -> Path:
    """Link with the C++ library inside; where there is none to put inside, without."""
    made = objects[0].with_name("library")
    link = [*command, "-shared", *map(str, objects), "-o", str(made)]
    if sys.platform != "darwin":
        exports = objects[0].with_name("exports")
        exports.write_text(_EXPORTS, encoding="ascii")
        link.append(f"-Wl,--version-script={exports}")
        if _ended([*link, *_SELF_CONTAINED]).returncode == 0:
            return made
    _run(link, "the library")
    return made


def _placed(made: Path, library: Path) -> Path:
    """Move the library to its place at once: whoever looks finds all of it or nothing."""
    library.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(prefix=f".{library.name}.", dir=library.parent)
    try:
        with open(handle, "wb") as stream:
            stream.write(made.read_bytes())
        Path(draft).chmod(0o755)
        Path(draft).replace(library)
    finally:
        Path(draft).unlink(missing_ok=True)
    return library


def _run(command: Sequence[str], source: str) -> None:
    ended = _ended(command)
    if ended.returncode == 0:
        return
    lines = [line.strip() for line in ended.stderr.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    complaints = (errors or lines)[:_MOST_COMPLAINTS] or [f"exit code {ended.returncode}"]
    raise BuildError(source, Path(command[0]).name, complaints)


def _ended(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a command in plain English; one that cannot be run ends with its reason."""
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        return subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        return subprocess.CompletedProcess(command, 127, "", f"error: {error.strerror}")
