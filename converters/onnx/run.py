"""Runs the files of this converter in ONNX Runtime, step by step or in one call.

Operators are stock unless somebody asks for native ones: a proof says which it proves. `run` gives
what `ir.evaluate.evaluate` gives, `infer` what `read_out` gives, so that the two can be compared
value by value.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from snn_deploy.errors import MissingDependencyError, MissingToolError
from snn_deploy.ir.graph import Array

from .calls import calls
from .native import library as native_library

if TYPE_CHECKING:
    from onnx import ModelProto

logger = logging.getLogger(__name__)

PROBE = "probe_"

DTYPES = {
    "uint8": np.uint8,
    "int8": np.int8,
    "int16": np.int16,
    "int32": np.int32,
    "float": np.float32,
}
"""By the names of ONNX."""


def run(
    model: ModelProto | bytes | Path,
    x: Array,
    steps: int,
    *,
    threads: int | None = None,
    native: bool | None = False,
) -> Iterator[Mapping[str, Array]]:
    """Yield the value of every node, step by step, of a model lowered with `probes=True`.

    Args:
        model: of either form.
        x: [B, *shape] for a static input, [T, B, *shape] for a sequence.
        steps: how many; a sequence form of a static input has its own number.
        threads: of ONNX Runtime within an operator; its own choice if None.
        native: as `Session` has it.

    Raises:
        MissingDependencyError: onnxruntime is not installed, or what `native` asks for.
        ValueError: x does not fit the model, or the model has no probes.
    """
    return run_session(Session(model, threads=threads, native=native), x, steps)


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
    model: ModelProto | bytes | Path,
    x: Array,
    steps: int,
    *,
    threads: int | None = None,
    native: bool | None = False,
) -> Mapping[str, Array]:
    """Return every output over all steps, by node name: the sum, or the mean of real numbers.

    Arguments and errors as `run`.
    """
    return Session(model, threads=threads, native=native).infer(x, steps)


def _onnxruntime() -> Any:
    try:
        import onnxruntime  # type: ignore[import-untyped]  # it ships no types
    except ModuleNotFoundError as error:
        raise MissingDependencyError("running a model", "onnxruntime", "onnx") from error
    return onnxruntime


def onnxruntime_errors() -> tuple[type[Exception], ...]:
    """Return what ONNX Runtime raises; its errors have no base of their own.

    Raises:
        MissingDependencyError: it is not installed.
    """
    names = vars(_onnxruntime().capi.onnxruntime_pybind11_state)
    found = [value for value in names.values() if isinstance(value, type)]
    return tuple(kind for kind in found if issubclass(kind, Exception))


def _registered(options: Any, native: bool | None) -> Path | None:
    """Let a session use the library of native operators; return it, None for stock ones.

    Raises:
        MissingToolError: `native` is True, and there is none, or it does not load.
        UsageError: SNN_DEPLOY_OPS names no file.
    """
    found = None if native is False else native_library()
    if found is None:
        if native:
            raise _missing("the operator library")
        return None
    try:
        options.register_custom_ops_library(str(found))
    except onnxruntime_errors() as error:
        reason = str(error).splitlines()[0]
        if native:
            raise _missing(f"another operator library than {found} ({reason})") from error
        logger.warning("%s does not load, stock operators are used (%s)", found, reason)
        return None
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    return found


def has_native() -> bool:
    """Say whether native operators are here, and load.

    Raises:
        MissingDependencyError: onnxruntime is not installed.
    """
    return _registered(_onnxruntime().SessionOptions(), None) is not None


def _missing(tool: str) -> MissingToolError:
    return MissingToolError("running native operators", tool, "run `snn-deploy build-ops`")


class Session:
    """A loaded model. It holds no state between calls; a `Stream` holds one.

    Attributes:
        form: "step" or "sequence".
        states: as the file describes them.
        inputs: what ONNX Runtime says of them, by name.
        library: the native operators that it may use; None if stock ones were chosen, or are all
            there is.
        native: the nodes that they run, by name; empty in files that call no operator of ours.
        in_place: the states that a native operator keeps, by the names of the model's inputs. One
            tensor is enough for what goes in and what comes out.
    """

    def __init__(
        self,
        model: ModelProto | bytes | Path,
        *,
        threads: int | None = None,
        spinning: bool = False,
        native: bool | None = False,
    ) -> None:
        """Load a model from memory or a file.

        Args:
            model: written by this converter.
            threads: within an operator; ONNX Runtime's own choice if None.
            spinning: threads that wait keep their processor busy. It helps on an idle machine and
                halves the speed on a busy one, or beside a second session.
            native: False for stock operators, True for the library's, None for whichever is there.

        Raises:
            MissingDependencyError: onnxruntime is not installed, or `native` is True and there is
                no library.
            UsageError: SNN_DEPLOY_OPS names no file.
            ValueError: the model was not written by this converter.
        """
        onnxruntime = _onnxruntime()
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 3
        options.intra_op_num_threads = threads or 0
        options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
        self.library = _registered(options, native)
        content = model if isinstance(model, bytes | Path) else model.SerializeToString()
        given = str(content) if isinstance(content, Path) else content
        providers = ["CPUExecutionProvider"]
        self._session = onnxruntime.InferenceSession(given, options, providers=providers)
        self._metadata: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map
        if "ai.snn.form" not in self._metadata:
            raise ValueError("the model has no metadata 'ai.snn.form': this converter wrote it not")
        self.form = self._metadata["ai.snn.form"]
        self.states: list[Mapping[str, Any]] = self.described("ai.snn.state")
        self.inputs = {str(given.name): given for given in self._session.get_inputs()}
        self._outputs = [str(output.name) for output in self._session.get_outputs()]
        self.native, self.in_place = self._run_natively(content)

    def says(self, key: str) -> bool:
        """Whether the model has a metadata entry."""
        return key in self._metadata

    def described(self, key: str) -> Any:
        """Return a metadata entry, read from JSON.

        Raises:
            ValueError: the model has none of that name.
        """
        if key not in self._metadata:
            raise ValueError(f"the model has no metadata '{key}'; was it lowered with probes?")
        return json.loads(self._metadata[key])

    def _run_natively(self, content: bytes | Path) -> tuple[frozenset[str], frozenset[str]]:
        """Return the nodes that the library runs, and the states that only these read and write.

        ONNX Runtime takes the function in the file where the library lacks an operator. Before
        1.24 it does not say which; then no state is taken to be safe.
        """
        if self.library is None:
            return frozenset(), frozenset()
        called = calls(content)
        if not hasattr(self._session, "get_provider_graph_assignment_info"):
            return frozenset(called), frozenset()
        groups = self._session.get_provider_graph_assignment_info()
        run = frozenset(called) & {node.name for group in groups for node in group.get_nodes()}
        written = {output for name in run for output in called[name]}
        return run, frozenset(s["in"] for s in self.states if s["out"] in written)

    @property
    def static(self) -> bool:
        """Whether the same sample is presented at every step."""
        return bool(self.described("ai.snn.input")["static"])

    def start(self, batch: int) -> dict[str, Array]:
        """Return the state before the first step, by the names of the model's inputs."""
        return {
            state["in"]: np.full(
                (batch, *state["shape"][1:]), state["init"], DTYPES[state["dtype"]]
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
        """Yield the named outputs of step after step, from a new state on."""
        frames = x if self.static else self._first(x, steps)
        stream = self.stream(x.shape[0 if self.static else 1], names)
        fed = self._taken(frames) if self.static else None
        for t in range(steps):
            yield stream.step(self._taken(frames[t]) if fed is None else fed)

    def stream(self, batch: int, names: Sequence[str]) -> Stream:
        """Return a stream of so many samples before its first step; `names` are its outputs."""
        past = self.start(batch)
        present = {k: a if k in self.in_place else np.empty_like(a) for k, a in past.items()}
        pairs = [(state["in"], state["out"]) for state in self.states]
        return Stream(self._session, pairs, (past, present), names)

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
        return np.ascontiguousarray(x, DTYPES[wanted["dtype"]])

    def _first(self, x: Array, steps: int) -> Array:
        if len(x) < steps:
            raise ValueError(f"input of {len(x)} steps, {steps} are asked for")
        return x[:steps]


class Stream:
    """A state of a model of one step, which stays where ONNX Runtime reads and writes it.

    What a native operator keeps is one tensor, read and written in place. Of every other state
    there are two, which change places: one as both input and output would do for most operators,
    but nothing promises it.
    """

    def __init__(
        self,
        session: Any,
        pairs: Sequence[tuple[str, str]],
        states: tuple[dict[str, Array], dict[str, Array]],
        names: Sequence[str],
    ) -> None:
        """Take what `Session.stream` has made: an InferenceSession, and arrays for its states."""
        self._session = session
        self._names = tuple(names)
        self._past, self._present = states
        self._now = self._bound(pairs, self._past, self._present)
        self._next = self._bound(pairs, self._present, self._past)

    def step(self, x: Array) -> dict[str, Array]:
        """Return the named outputs of one step. x: [B, *shape], in the type of the model's input.

        Several threads must not call it at once.
        """
        self._now.bind_cpu_input("input", x)
        for name in self._names:
            self._now.bind_output(name, "cpu")
        self._session.run_with_iobinding(self._now)
        outputs = self._now.get_outputs()[-len(self._names) :]
        self._past, self._present = self._present, self._past
        self._now, self._next = self._next, self._now
        return {name: value.numpy() for name, value in zip(self._names, outputs, strict=True)}

    def state(self) -> dict[str, Array]:
        """Return a copy of the state, by the names of the model's inputs."""
        return {name: array.copy() for name, array in self._past.items()}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Go on from a state with the names, shapes and types of `state`."""
        for name, array in self._past.items():
            array[...] = state[name]

    def _bound(
        self,
        pairs: Sequence[tuple[str, str]],
        past: Mapping[str, Array],
        present: Mapping[str, Array],
    ) -> Any:
        """Bind our arrays to what is read and what is written. ONNX Runtime copies none of them."""
        made = _onnxruntime().OrtValue.ortvalue_from_numpy
        binding = self._session.io_binding()
        for read, written in pairs:
            binding.bind_ortvalue_input(read, made(past[read]))
            binding.bind_ortvalue_output(written, made(present[read]))
        return binding
