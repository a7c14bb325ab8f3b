"""`Session`: a network that is fed step by step, or with all steps at once."""

import os
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any

from snn_deploy.converters.onnx.native import instruction_sets
from snn_deploy.converters.onnx.run import Session as Loaded
from snn_deploy.converters.onnx.run import Stream, onnxruntime_errors
from snn_deploy.errors import ModelError, UsageError
from snn_deploy.ir.graph import Array

from .checks import checked_input, checked_state, quantized
from .contract import read

_LONGEST_REASON = 200
"""ONNX Runtime can list every type that there is."""


class Session:
    """A loaded network, with the state of one stream of steps.

    Any number of them can be open at once. Threads may share one: a call waits for the one before
    it. There is nothing to close.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        batch: int = 1,
        output: str | None = None,
        threads: int | None = None,
        spinning: bool = False,
        native: bool | None = None,
    ) -> None:
        """Load a file of an export: `model.step.onnx` or `model.sequence.onnx`.

        Args:
            path: of the file. Nothing in it is run but its graph of operators.
            batch: B, how many samples are streamed side by side.
            output: the node to read out, where the network has several outputs.
            threads: within an operator; ONNX Runtime's own choice if None.
            spinning: threads that wait keep their processor busy: faster on an idle machine, and
                slower on a busy one.
            native: True for the native operators, False for ONNX Runtime's stock ones, None for
                the native ones if they are there. Integer networks give the same with both.

        Raises:
            UsageError: there is no such file or output, or no such batch.
            ModelError: the file is none of ours, or is damaged; or calls no operator of ours, and
                native ones are asked for.
            MissingDependencyError: onnxruntime is not installed; or `native` is True, and the
                operator library is not built.
        """
        self._path = Path(path)
        self._loaded = _load(self._path, threads, spinning, native)
        self._contract = read(self._loaded, str(self._path), output)
        if native and not self.native:
            raise ModelError(
                str(self._path),
                "calls no operator that the library has",
                "export it without --inline, or leave out native=True",
            )
        if batch < 1:
            raise UsageError(f"batch cannot be {batch}", "give 1 or more")
        self.batch = batch
        self._lock = Lock()
        self._stream: Stream | None = None
        if self._contract.form == "step":
            self._stream = self._loaded.stream(batch, [self._contract.output])
            self._start = self._stream.state()

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one sample's input, without batch and steps."""
        return self._contract.shape

    @property
    def steps(self) -> int:
        """T, the number of steps of an inference that the network was made for."""
        return self._contract.steps

    @property
    def static(self) -> bool:
        """Whether all steps of an inference get the same input."""
        return self._contract.static

    @property
    def native(self) -> bool:
        """Whether native operators run it, or a part of it."""
        return bool(self._loaded.native)

    @property
    def instruction_set(self) -> str | None:
        """What the native operators use of this processor; None with stock operators."""
        if not self.native or self._loaded.library is None:
            return None
        return instruction_sets(self._loaded.library).chosen

    @property
    def output_scale(self) -> Array:
        """What the sum of outputs over all steps is multiplied with to give real numbers.

        1 of a network of real numbers. [1], or a factor a channel: it broadcasts.
        """
        return self._contract.output_scale.copy()

    @property
    def state(self) -> dict[str, Array]:
        """A copy of the stream's state, by the names of the file's inputs: the neurons' potentials.

        Raises:
            UsageError: the file is of the sequence form.
        """
        stream = self._streaming()
        with self._lock:
            return stream.state()

    def step(self, x: Any) -> Array:
        """Return the output of one step, and keep the state for the next one.

        x: [B, *shape], whole numbers of the range that the network takes, or real numbers if it
        takes these; output: [B, …].

        Raises:
            ModelError: x has another shape or type, or values that may not enter.
            UsageError: the file is of the sequence form.
        """
        stream = self._streaming()
        taken = checked_input(x, self._contract, [self.batch])
        with self._lock:
            return stream.step(taken)[self._contract.output]

    def run(self, x: Any) -> Array:
        """Return the output of a whole inference: the sum over its steps, or the readout's mean.

        It begins with the first state, and leaves the stream's alone.

        x: [B, *shape] for all steps where the input is static, else [T, B, *shape]; any B, and any
        T; output: [B, …].

        Raises:
            ModelError: as `step`.
        """
        leading = ["B"] if self.static else ["T", "B"]
        taken = checked_input(x, self._contract, leading)
        steps = self.steps if self.static else len(taken)
        with self._lock:
            return self._loaded.infer(taken, steps)[self._contract.node]

    def quantize(self, x: Any) -> Array:
        """Return real numbers as the integers that the network takes, rounded and clipped.

        x: [..., *shape]. The file knows the scale: clip(round_half_even(x / scale), low, high).

        Raises:
            ModelError: another shape, no finite numbers, or a network that takes real numbers.
        """
        return quantized(x, self._contract)

    def reset(self) -> None:
        """Return to the state before the first step.

        Raises:
            UsageError: the file is of the sequence form.
        """
        stream = self._streaming()
        with self._lock:
            stream.restore(self._start)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state that `state` gave, here or in another process.

        Raises:
            ModelError: it is none of this network and batch; the stream's state is as before.
            UsageError: the file is of the sequence form.
        """
        stream = self._streaming()
        taken = checked_state(state, self._start, self._contract.registers)
        with self._lock:
            stream.restore(taken)

    def _streaming(self) -> Stream:
        if self._stream is None:
            problem = f"{self._path} takes all steps in one call and keeps no state"
            raise UsageError(problem, "use run(), or open model.step.onnx")
        return self._stream


def _load(path: Path, threads: int | None, spinning: bool, native: bool | None) -> Loaded:
    if not path.is_file():
        remedy = "give model.step.onnx or model.sequence.onnx of an export"
        raise UsageError(f"there is no file '{path}'", remedy)
    refused = onnxruntime_errors()
    try:
        return Loaded(path, threads=threads, spinning=spinning, native=native)
    except (LookupError, TypeError, ValueError) as error:
        remedy = "export the network with snn-export --target onnx"
        raise ModelError(str(path), "is no export, or a damaged one", remedy) from error
    except refused as error:
        reason = str(error).splitlines()[0][:_LONGEST_REASON]
        problem = f"ONNX Runtime does not take it ({reason})"
        raise ModelError(str(path), problem, "give a file of an export") from error
