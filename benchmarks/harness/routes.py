"""The ways in which ONNX Runtime runs an exported network. Nothing here imports torch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from snn_deploy.converters.onnx.lower import Form

Numbers = Literal["integer", "float"]
PART = 4
"""Images a call whose states still fit into a processor's cache; larger batches are also split."""


@dataclass(frozen=True, slots=True)
class Route:
    """One way to run an export.

    Attributes:
        numbers: of the file.
        native: with the operator library of this project.
        form: of the file.
        parts: threads do not share one call, each has its own on a part of the batch.
    """

    numbers: Numbers
    native: bool
    form: Form
    parts: bool = False

    @property
    def name(self) -> str:
        """In tables."""
        operators = "native" if self.native else "stock"
        return f"{self.numbers} {operators} {self.form}" + f" by {PART}" * self.parts

    @property
    def file(self) -> str:
        """The file that is run."""
        return f"{self.numbers} {self.form}"

    def split(self, images: NDArray[Any]) -> Sequence[NDArray[Any]]:
        """Return what the calls get."""
        return np.split(images, range(PART, len(images), PART)) if self.parts else [images]


NATIVE_SEQUENCE = Route("integer", True, "sequence")
NATIVE_STEP = Route("integer", True, "step")
STOCK_SEQUENCE = Route("integer", False, "sequence")
STOCK_STEP = Route("integer", False, "step")


def routes(batch: int) -> Iterator[Route]:
    """Yield every way there is for a batch of that size."""
    yield from (NATIVE_SEQUENCE, NATIVE_STEP)
    if batch > PART:
        yield Route("integer", True, "sequence", parts=True)
    yield from (STOCK_SEQUENCE, STOCK_STEP)
    for native in (True, False):
        for form in ("sequence", "step"):
            yield Route("float", native, form)
