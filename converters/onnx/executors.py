"""The delivered files in ONNX Runtime, as the proof of an export runs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from snn_deploy.ir.graph import Array

from .run import Session, run_session

if TYPE_CHECKING:
    from onnx import ModelProto


class OnnxExecutor:
    """One form of a model: its delivered file, and the same nodes with probes on all of them."""

    limit = None

    def __init__(
        self, form: str, delivered: bytes, probed: Callable[[], ModelProto], *, native: bool
    ) -> None:
        """Take the file, and what makes the model with probes.

        That is made when it is run and let go of at once: it holds all weights, and so does the
        session that is made of it.

        Args:
            form: of the model.
            delivered: the file.
            probed: makes the model with probes.
            native: run our operators by the library's kernels, otherwise by their bodies.
        """
        self.form = form
        self.backend = "onnxruntime native" if native else "onnxruntime"
        self._native = native
        self._delivered = delivered
        self._probed = probed

    def run(self, x: Array, steps: int, /) -> Iterator[Mapping[str, Array]]:
        """Yield node values step by step."""
        return run_session(self._probed_session, x, steps)

    def infer(self, x: Array, steps: int, /) -> Mapping[str, Array]:
        """Return the readout of the delivered file."""
        return self._session.infer(x, steps)

    @cached_property
    def _session(self) -> Session:
        return Session(self._delivered, native=self._native)

    @cached_property
    def _probed_session(self) -> Session:
        return Session(self._probed(), native=self._native)
