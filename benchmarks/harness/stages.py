"""What the stages of a journey cost: seconds of the clock and of the processors, and memory."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .memory import forget_peak, peak_bytes


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one stage.

    Attributes:
        wall_s: by the clock.
        processor_s: of all threads of this process.
        peak_bytes: the most memory that the process held meanwhile, all that was there before it
            included.
    """

    wall_s: float
    processor_s: float
    peak_bytes: int


class Stages:
    """Costs by stage, in the order in which the stages began.

    A stage is a `with stages("name"):`, or what `observe` is told of: it is the observer of
    `snn_deploy.pipeline.export`.
    """

    def __init__(self) -> None:
        self.costs: dict[str, Cost] = {}
        self._started = (0.0, 0.0)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Measure what the block does."""
        self.observe(stage, 0, 1)
        yield
        self.observe(stage, 1, 1)

    def observe(self, stage: str, done: int, _total: int) -> None:
        """Begin a stage of which nothing is done, or measure up to now."""
        if done == 0:
            forget_peak()
            self._started = time.perf_counter(), time.process_time()
        wall, processor = self._started
        self.costs[stage] = Cost(
            time.perf_counter() - wall, time.process_time() - processor, peak_bytes()
        )
