"""Runs the files of this converter in stock ONNX Runtime, step by step or in one call.

`run` gives what `ir.evaluate.evaluate` gives, `infer` what `read_out` gives, so that the two can be
compared value by value.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from snn_deploy.errors import MissingDependencyError
from snn_deploy.ir.graph import Array

if TYPE_CHECKING:
    from onnx import ModelProto

PROBE = "probe_"

_DTYPES = {
    "uint8": np.uint8,
    "int8": np.int8,
    "int16": np.int16,
    "int32": np.int32,
    "float": np.float32,
}


def run(
    model: ModelProto | bytes | Path, x: Array, steps: int, *, threads: int | None = None
) -> Iterator[Mapping[str, Array]]:
    """Yield the value of every node, step by step, of a model lowered with `probes=True`.

    Args:
        model: of either form.
        x: [B, *shape] for a static input, [T, B, *shape] for a sequence.
        steps: how many; a sequence form of a static input has its own number.
        threads: of ONNX Runtime within an operator; its own choice if None.

    Raises:
        MissingDependencyError: onnxruntime is not installed.
        ValueError: x does not fit the model, or the model has no probes.
    """
    return run_session(Session(model, threads=threads), x, steps)


def run_session(session: Session, x: Array, steps: int) -> Iterator[Mapping[str, Array]]:
    """As `run`, of a model that is loaded already."""
    kinds: Mapping[str, str] = session.described("ai.snn.probes")
    if session.form == "step":
        names = [PROBE + name for name in kinds]
        for values in session.steps(x, steps, names):
            yield {name: values[PROBE + name] for name in kinds}
        return
    found = session.call(x, steps)
    for t in range(steps):
        yield {
            name: found[PROBE + name][t] if kind == "steps" else found[PROBE + name]
            for name, kind in kinds.items()
        }


def infer(
    model: ModelProto | bytes | Path, x: Array, steps: int, *, threads: int | None = None
) -> Mapping[str, Array]:
    """Return every output over all steps, by node name: the sum, or the mean of real numbers.

    Arguments and errors as `run`.
    """
    return Session(model, threads=threads).infer(x, steps)


def _onnxruntime() -> Any:
    try:
        import onnxruntime  # type: ignore[import-untyped]  # it ships no types
    except ModuleNotFoundError as error:
        raise MissingDependencyError("running a model", "onnxruntime", "onnx") from error
    return onnxruntime


class Session:
    """A loaded model. It holds no state between calls; `steps` holds one while it is iterated."""

    def __init__(
        self,
        model: ModelProto | bytes | Path,
        *,
        threads: int | None = None,
        spinning: bool = False,
    ) -> None:
        """Load a model from memory or a file.

        Args:
            model: written by this converter.
            threads: within an operator; ONNX Runtime's own choice if None.
            spinning: threads that wait keep their processor busy. It helps on an idle machine and
                halves the speed on a busy one, or beside a second session.

        Raises:
            MissingDependencyError: onnxruntime is not installed.
            ValueError: the model was not written by this converter.
        """
        onnxruntime = _onnxruntime()
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 3
        options.intra_op_num_threads = threads or 0
        options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
        content = str(model) if isinstance(model, Path) else model
        if not isinstance(content, str | bytes):
            content = content.SerializeToString()
        providers = ["CPUExecutionProvider"]
        self._session = onnxruntime.InferenceSession(content, options, providers=providers)
        self._metadata: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map
        if "ai.snn.form" not in self._metadata:
            raise ValueError("the model has no metadata 'ai.snn.form': this converter wrote it not")
        self.form = self._metadata["ai.snn.form"]
        self.states: list[Mapping[str, Any]] = self.described("ai.snn.state")
        self._outputs = [str(output.name) for output in self._session.get_outputs()]

    def described(self, key: str) -> Any:
        """Return a metadata entry, read from JSON.

        Raises:
            ValueError: the model has none of that name.
        """
        if key not in self._metadata:
            raise ValueError(f"the model has no metadata '{key}'; was it lowered with probes?")
        return json.loads(self._metadata[key])

    @property
    def static(self) -> bool:
        """Whether the same sample is presented at every step."""
        return bool(self.described("ai.snn.input")["static"])

    def start(self, batch: int) -> dict[str, Array]:
        """Return the state before the first step, by the names of the model's inputs."""
        return {
            state["in"]: np.full(
                (batch, *state["shape"][1:]), state["init"], _DTYPES[state["dtype"]]
            )
            for state in self.states
        }

    def infer(self, x: Array, steps: int) -> dict[str, Array]:
        """Return every output over all steps, by node name."""
        outputs = {o["name"]: o["node"] for o in self.described("ai.snn.output")}
        if self.form == "sequence":
            found = self.call(x, steps)
            return {node: found[name] for name, node in outputs.items()}
        sums: dict[str, Array] = {}
        for values in self.steps(x, steps, list(outputs)):
            for name, node in outputs.items():
                sums[node] = sums[node] + values[name] if node in sums else values[name]
        if self._metadata["ai.snn.readout"] == "mean":
            return {n: a / steps if a.dtype.kind == "f" else a for n, a in sums.items()}
        return sums

    def call(self, x: Array, steps: int) -> dict[str, Array]:
        """Return all outputs of one call of the sequence form."""
        if self.static and steps != json.loads(self._metadata["ai.snn.steps"]):
            raise ValueError(
                f"the file has {self._metadata['ai.snn.steps']} steps, {steps} are asked for; "
                "lower the graph with that number, or use the step form"
            )
        fed = self._taken(x if self.static else self._first(x, steps))
        found = self._session.run(self._outputs, {"input": fed})
        return dict(zip(self._outputs, found, strict=True))

    def step(
        self, x: Array, state: Mapping[str, Array]
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """Return the outputs of one step, and the state after it, which the caller keeps.

        x: [B, *shape]; state: as `start` gives it.
        """
        found = self._session.run(self._outputs, {"input": self._taken(x), **state})
        values = dict(zip(self._outputs, found, strict=True))
        after = {s["in"]: values.pop(s["out"]) for s in self.states}
        return values, after

    def steps(self, x: Array, steps: int, names: list[str]) -> Iterator[dict[str, Array]]:
        """Yield the named outputs of step after step.

        The state stays inside ONNX Runtime: two buffers for each tensor change places. One buffer
        as both input and output would do for most neurons, but nothing promises it.
        """
        frames = x if self.static else self._first(x, steps)
        buffers = [self._buffers(x.shape[0 if self.static else 1]) for _ in range(2)]
        bindings = [self._binding(*buffers), self._binding(*reversed(buffers))]
        fed = self._taken(frames) if self.static else None
        for t in range(steps):
            binding = bindings[t % 2]
            # ONNX Runtime reads the array in place: it must live until the run is over.
            fed = fed if self.static else self._taken(frames[t])
            binding.bind_cpu_input("input", fed)
            for name in names:
                binding.bind_output(name, "cpu")
            self._session.run_with_iobinding(binding)
            outputs = binding.get_outputs()[-len(names) :]
            yield {name: value.numpy() for name, value in zip(names, outputs, strict=True)}

    def _buffers(self, batch: int) -> dict[str, Any]:
        """Return a tensor of ONNX Runtime for every state, full of its first value."""
        made = _onnxruntime().OrtValue.ortvalue_from_numpy
        return {name: made(array) for name, array in self.start(batch).items()}

    def _binding(self, past: Mapping[str, Any], present: Mapping[str, Any]) -> Any:
        """Bind the states to what is read and what is written."""
        binding = self._session.io_binding()
        for state in self.states:
            binding.bind_ortvalue_input(state["in"], past[state["in"]])
            binding.bind_ortvalue_output(state["out"], present[state["in"]])
        return binding

    def _taken(self, x: Array) -> Array:
        """Return x in the type of the model's input.

        Integers beyond the model's limits are refused: its exactness is proved for those within.
        """
        wanted = self.described("ai.snn.input")
        if "low" in wanted and x.size:
            low, high = wanted["low"], wanted["high"]
            if x.min() < low or x.max() > high:
                raise ValueError(
                    f"the input holds values from {x.min()} to {x.max()}, "
                    f"the model takes {low} to {high}"
                )
        return np.ascontiguousarray(x, _DTYPES[wanted["dtype"]])

    def _first(self, x: Array, steps: int) -> Array:
        if len(x) < steps:
            raise ValueError(f"input of {len(x)} steps, {steps} are asked for")
        return x[:steps]
