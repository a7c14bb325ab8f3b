"""Many samples on one machine: in several processes, in bounded memory, until somebody stops it."""

import io
import os
import pickle
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from types import MappingProxyType
from typing import Any

from snn_deploy.errors import ExecutorError
from snn_deploy.ir.graph import Array
from snn_deploy.mapping.network import ChipNetwork

from .machine import Machine
from .marks import Marker
from .result import ChipCounts, ChipTimes, Tier
from .run import Simulator

Result = tuple[ChipCounts, ChipTimes]

WAITING = 2
"""Samples that are on their way to each process: one that it works on, and the next."""


@dataclass(frozen=True, slots=True)
class Work:
    """What every process needs to know, once."""

    network: ChipNetwork
    machine: Machine
    tier: Tier


def simulate_samples(
    work: Work,
    inputs: Iterable[Array],
    workers: int,
    observe: Callable[[int], None],
    stop: Callable[[], bool] = lambda: False,
) -> Result:
    """Simulate samples, and return their counts and times in the order of the samples.

    Memory does not grow with their number, but for T times a sample.

    Args:
        work: the network on its machine.
        inputs: integers of each sample, as `Marker.mark` takes them; at least one.
        workers: processes; 1 is this one.
        observe: called with the number of samples done.
        stop: asked after every sample; what is done by then is returned.

    Raises:
        ValueError: there are no samples.
        ExecutorError: a process was ended from outside.
    """
    results = _alone(work, inputs) if workers == 1 else _together(work, inputs, workers)
    total: Result | None = None
    for done, (counts, times) in enumerate(results, 1):
        total = (counts, times) if total is None else (total[0] + counts, total[1] + times)
        observe(done)
        if stop():
            break
    if total is None:
        raise ValueError("no samples")
    return total


def processors() -> int:
    """Return how many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Runner:
    def __init__(self, work: Work) -> None:
        self._marker = Marker(work.network, work.machine)
        self._simulator = Simulator(work.machine, work.tier)

    def run(self, x: Array) -> Result:
        return self._simulator.simulate(self._marker.mark(x))


def _alone(work: Work, inputs: Iterable[Array]) -> Iterator[Result]:
    runner = _Runner(work)
    for x in inputs:
        yield runner.run(x)


def _together(work: Work, inputs: Iterable[Array], workers: int) -> Iterator[Result]:
    """Yield the results of processes in the samples' order, few samples ahead of the reader."""
    context = get_context("spawn")  # this process has threads, which a fork would not survive
    pool = ProcessPoolExecutor(workers, context, _begin, (_pickled(work),))
    under_way: deque[Future[Result]] = deque()
    try:
        for x in inputs:
            with _quiet_children():
                under_way.append(pool.submit(_run, x))
            if len(under_way) == WAITING * workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    except BrokenProcessPool as error:
        problem = "was ended from outside; if memory is short, give fewer --workers"
        raise ExecutorError("a process of the chip simulator", problem, ()) from error
    finally:
        pool.shutdown(cancel_futures=True)


_runner: _Runner
"""Of a process that was begun to run samples."""


def _begin(pickled: bytes) -> None:
    global _runner  # an initializer has no other way to leave something
    _runner = _Runner(pickle.loads(pickled))


def _run(x: Array) -> Result:
    return _runner.run(x)


@contextmanager
def _quiet_children() -> Iterator[None]:
    """Begin processes that Ctrl-C does not reach, and whose products take one thread each.

    A submission begins a process where none is idle; it inherits the mask and the environment.
    """
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    masked = hasattr(signal, "pthread_sigmask")
    old = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT]) if masked else set()
    try:
        yield
    finally:
        if masked:
            signal.pthread_sigmask(signal.SIG_SETMASK, old)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def _pickled(work: Work) -> bytes:
    """Return the work as bytes; graphs hold read-only mappings, which pickle does not know."""
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer)
    pickler.dispatch_table = {MappingProxyType: _take_apart}
    pickler.dump(work)
    return buffer.getvalue()


def _take_apart(mapping: Mapping[str, Any]) -> tuple[Callable[..., Any], tuple[dict[str, Any]]]:
    return _put_together, (dict(mapping),)


def _put_together(content: dict[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(content)
