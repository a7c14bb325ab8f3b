"""Equal, or the first difference: two executors of one graph, value by value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place where two executors disagree."""

    layer: str
    step: int
    index: tuple[int, ...]
    expected: float
    observed: float

    def __str__(self) -> str:
        """Return e.g. `layer 'conv1', step 2, index (0, 3, 1)`."""
        return f"layer '{self.layer}', step {self.step}, index {self.index}"


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a backend compares with the reference; equal where `mismatches` is 0.

    Attributes:
        backend: who was compared, e.g. "onnxruntime".
        form: of its artefact, e.g. "step" or "sequence".
        layers: how many nodes were compared.
        steps: how many steps of each sample.
        samples: how many.
        values_compared: single numbers.
        mismatches: of these.
        first_mismatch: the first in step order, then graph order.
    """

    backend: str
    form: str
    layers: int = 0
    steps: int = 0
    samples: int = 0
    values_compared: int = 0
    mismatches: int = 0
    first_mismatch: Difference | None = None

    @property
    def equal(self) -> bool:
        """Whether everything compared was equal, and something was."""
        return self.mismatches == 0 and self.values_compared > 0


class Comparison:
    """Collects an `Agreement` batch by batch, step by step."""

    def __init__(self, backend: str, form: str) -> None:
        self._backend = backend
        self._form = form
        self._layers: set[str] = set()
        self._steps = 0
        self._samples = 0
        self._compared = 0
        self._mismatches = 0
        self._first: Difference | None = None

    def add_step(
        self, step: int, expected: Mapping[str, NDArray[Any]], observed: Mapping[str, NDArray[Any]]
    ) -> None:
        """Compare all layers that were observed, [B, ...] each, without tolerance.

        Shapes must agree too: nothing is reshaped or broadcast to make them.

        Raises:
            KeyError: a layer was observed that is not expected.
            ValueError: shapes differ.
        """
        for layer, found in observed.items():
            self._compare(layer, step, expected[layer], found)
        self._steps = max(self._steps, step + 1)

    def add_samples(self, count: int) -> None:
        """Count samples whose every step was compared."""
        self._samples += count

    def _compare(
        self, layer: str, step: int, expected: NDArray[Any], observed: NDArray[Any]
    ) -> None:
        if expected.shape != observed.shape:
            raise ValueError(f"{layer}: shape {observed.shape}, expected {expected.shape}")
        self._layers.add(layer)
        self._compared += expected.size
        different = expected != observed
        count = int(np.count_nonzero(different))
        self._mismatches += count
        if count and self._first is None:
            index = tuple(int(i) for i in np.argwhere(different)[0])
            self._first = Difference(
                layer, step, index, float(expected[index]), float(observed[index])
            )

    def result(self) -> Agreement:
        """Return what was found so far."""
        return Agreement(
            self._backend,
            self._form,
            len(self._layers),
            self._steps,
            self._samples,
            self._compared,
            self._mismatches,
            self._first,
        )
