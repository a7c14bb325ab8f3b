"""Sessions of ONNX Runtime that run one network on one batch. Nothing here imports torch."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn_deploy.converters.onnx.run import Session

Values = NDArray[Any]


class NothingNativeError(Exception):
    """A file of which the operator library runs nothing: it would be measured twice."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How sessions run.

    Attributes:
        steps: T.
        threads: in all.
        spinning: threads that wait keep their processor busy.
        native: with the operator library of this project.
    """

    steps: int
    threads: int
    spinning: bool
    native: bool


@contextmanager
def opened(
    model: bytes | Path,
    parts: Sequence[Values],
    setting: Setting,
    prepare: Callable[[Values], Values] = np.asarray,
) -> Iterator[Callable[[], Values]]:
    """Load a file and give what runs it, all T steps, on the parts of a batch.

    The threads work together on one part, or each on parts of its own. Where no other session
    lives meanwhile, waiting threads may spin as they do.

    Args:
        model: with one output.
        parts: of the batch.
        setting: how to run it.
        prepare: what is done to a part in every call, before it is fed.

    Raises:
        MissingDependencyError: native operators are asked for, and there is no library.
        NothingNativeError: there is one, but it holds no operator of this file.
    """
    workers = min(setting.threads, len(parts))
    threads = setting.threads // workers
    session = Session(model, threads=threads, spinning=setting.spinning, native=setting.native)
    if setting.native and not session.native:
        raise NothingNativeError("the operator library has no operator of this file")

    def infer(part: Values) -> Values:
        (found,) = session.infer(prepare(part), setting.steps).values()
        return found

    if workers == 1:
        yield lambda: np.concatenate([infer(part) for part in parts])
        return
    with ThreadPoolExecutor(workers) as pool:
        yield lambda: np.concatenate(list(pool.map(infer, parts)))
