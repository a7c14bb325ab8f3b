"""Random networks on every instruction set of this machine; `fuzz.py` takes more of them."""

import subprocess
import sys
from collections.abc import Iterator, Mapping

import pytest

from tests.converters.onnx.native.differential import check
from tests.converters.onnx.native.fuzz import MODULE, runnable, told
from tests.converters.onnx.native.handmade import needed
from tests.house.tree import ROOT

INSTRUCTION_SETS = ("amx", "avx512vnni", "avx2", "neon", "portable")
NETWORKS = 100
"""For each of them; they run at the same time."""

Running = Mapping[str, "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    """A process for each instruction set that runs here: one is chosen when a process begins."""
    needed()
    found = {name: _started(name) for name in runnable()}
    yield found
    for process in found.values():
        process.kill()
        process.wait()


def _started(name: str) -> "subprocess.Popen[str]":
    first = NETWORKS * INSTRUCTION_SETS.index(name)
    numbers = ["--graphs", f"{NETWORKS}", "--seed", f"{first}"]
    return subprocess.Popen(
        [sys.executable, "-m", MODULE, "--brief", *numbers],
        cwd=ROOT,
        env=told(name),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("seed", [900_000, 900_001, 900_002])
def test_random_networks_in_every_way(running: Running, seed: int) -> None:
    """Both forms, six settings each, with the instruction set that is taken unasked."""
    assert check(seed)


@pytest.mark.parametrize("name", INSTRUCTION_SETS)
def test_random_networks(running: Running, name: str) -> None:
    if name not in running:
        pytest.skip(f"this machine has no {name}, or the library was built without it")
    said, _ = running[name].communicate()
    if running[name].returncode != 0:
        pytest.fail(said, pytrace=False)
    assert f"{NETWORKS} networks equal, 0 not" in said
