"""Runs a network in Lava's fixed-point simulation, and leaves no process behind."""

import ctypes
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
from lava.magma.compiler.compiler_graphs import find_processes
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.magma.runtime.runtime import Runtime
from lava.proc.conv.models import PyConvModelFixed
from lava.proc.conv.process import Conv
from lava.proc.dense.models import PyDenseModelBitAcc
from lava.proc.dense.process import Dense
from lava.proc.lif.models import PyLifResetModelBitAcc
from lava.proc.lif.process import LIFReset

from . import processes
from .recording import Recorder

MODELS = {
    Conv: PyConvModelFixed,
    Dense: PyDenseModelBitAcc,
    LIFReset: PyLifResetModelBitAcc,
    processes.Source: processes.PySourceModel,
    processes.DelayLine: processes.PyDelayLineModel,
    processes.WideConv: processes.PyWideConvModel,
    processes.WideDense: processes.PyWideDenseModel,
    processes.Neurons: processes.PyNeuronsModel,
    processes.ResidualNeurons: processes.PyResidualNeuronsModel,
    processes.Relays: processes.PyRelaysModel,
    processes.Readout: processes.PyReadoutModel,
}
"""What computes each process: always the fixed-point model. Left to itself, Lava would look for it
once for every process, and run each file in the folder of its class to do so."""

MESSAGES_ON_THE_WAY = 2
"""Messages a channel holds. One is sent and one taken in each step; Lava's 64 fill the memory."""

LOOK_EVERY_S = 0.02
SAY_WITHIN_S = 5.0
"""How long a process that failed may take to say why."""

PR_SET_PDEATHSIG = 1
"""Of Linux's prctl: the signal that a process gets when its parent ends."""


class SimulationError(Exception):
    """A process of the network failed. The text names it."""


def simulate(
    recorder: Recorder, progress: Callable[[int, int], None] = lambda done, steps: None
) -> Mapping[str, np.ndarray]:
    """Run the network that a recorder listens to, once; return what it kept.

    Each process of the network is one of the operating system. A failed one would leave all others
    waiting for ever, so they are watched, and ended however this ends.

    Args:
        recorder: of a network that has not run.
        progress: called with the steps that are done, and how many there are.

    Raises:
        SimulationError: a process failed.
    """
    everyone = find_processes(recorder)
    models = {p: recorder.model() if p is recorder else MODELS[type(p)] for p in everyone}
    config = Loihi2SimCfg(select_tag="fixed_pt", exception_proc_model_map=models)
    _allow_many_channels()
    try:
        with _children_end_with_us():
            channels = {"pypy_channel_size": MESSAGES_ON_THE_WAY}
            recorder.create_runtime(config, compile_config=channels)
        recorder.run(RunSteps(recorder.steps, blocking=False))
        _wait(recorder, progress)
    finally:
        runtime = recorder.runtime
        for process in everyone:
            process.runtime = None  # or Lava would try to stop what has ended, once it forgets it
        if runtime is not None:
            _end(runtime)
    return recorder.kept


def _wait(recorder: Recorder, progress: Callable[[int, int], None]) -> None:
    """Return when the recorder has all. Raise SimulationError when a process has ended before."""
    actors = recorder.runtime._messaging_infrastructure.actors
    said = -1
    while (done := int(recorder.done[0])) < recorder.steps:
        if not all(actor.is_alive() for actor in actors):
            raise SimulationError(_failure(recorder))
        if done != said:
            progress(said := done, recorder.steps)
        time.sleep(LOOK_EVERY_S)
    progress(done, recorder.steps)


def _failure(recorder: Recorder) -> str:
    """Say which process failed; where one did, Lava tells others to end, so several have ended."""
    actors = recorder.runtime._messaging_infrastructure.actors
    names = [process.name for process in recorder.runtime._executable.proc_builders]
    names += ["Lava's runtime service"] * (len(actors) - len(names))
    until = time.monotonic() + SAY_WITHIN_S
    while time.monotonic() < until:
        for name, actor in zip(names, actors, strict=True):
            if actor.exception is not None:
                error = actor.exception[0]
                return f"process '{name}' failed: {type(error).__name__}: {error}"
        time.sleep(LOOK_EVERY_S)
    ended = {n: a.exitcode for n, a in zip(names, actors, strict=True) if not a.is_alive()}
    return f"processes ended before the simulation did, with the codes {ended}"


def _end(runtime: Runtime) -> None:
    """Kill every process of a runtime and free its shared memory."""
    runtime._is_started = False
    infrastructure = runtime._messaging_infrastructure
    if infrastructure is None:
        return
    for actor in infrastructure.actors:
        if actor.is_alive():
            actor.kill()
    infrastructure.stop()


def _allow_many_channels() -> None:
    """Every channel between two processes holds a file open; 1024 are soon used up."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@contextmanager
def _children_end_with_us() -> Iterator[None]:
    """Have the kernel end processes that are made in here when this one ends, however it does."""
    global _simulating
    _simulating = True
    try:
        yield
    finally:
        _simulating = False


def _tie_to_parent() -> None:
    """In a new process of a simulation: die with the parent, and leave Ctrl-C to it."""
    if _simulating:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


_simulating = False
os.register_at_fork(after_in_child=_tie_to_parent)
