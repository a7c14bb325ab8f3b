"""A random network in native operators, in stock ones and in the reference, value by value."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import product
from typing import NamedTuple

import numpy as np
from onnx import ModelProto

from snn_deploy.converters.onnx import lower_model
from snn_deploy.converters.onnx.emit_shapes import input_range
from snn_deploy.converters.onnx.function_text import DOMAIN
from snn_deploy.converters.onnx.lower import Form
from snn_deploy.converters.onnx.run import PROBE, Session, onnxruntime_errors, run_session
from snn_deploy.ir.evaluate import Values, evaluate, read_out
from snn_deploy.ir.graph import Array, Graph
from snn_deploy.ir.ops import Input
from snn_deploy.quantization.graph import QuantGraph
from snn_deploy.validation import Comparison
from tests.converters.onnx.native.chances import Chances
from tests.converters.onnx.native.graphs import random_graph
from tests.networks import stimulus

EVENTS = "SNN_OPS_EVENTS"
INSTRUCTION_SET = "SNN_OPS_ISA"
FORMS: tuple[Form, ...] = ("step", "sequence")
REPEAT = "python -m tests.converters.onnx.native.fuzz --graphs 1 --seed"


class Setting(NamedTuple):
    """How native operators run: when they add rows for spikes, and in how many threads."""

    events: str
    threads: int

    def __str__(self) -> str:
        return f"events {self.events}, threads {self.threads}"


SETTINGS = tuple(Setting(*pair) for pair in product(("faster", "always", "never"), (1, 2)))


class DisagreementError(AssertionError):
    """Two executors made different integers of one network."""


class Sample(NamedTuple):
    """A network, what it sees, and the value of every node at every step."""

    seed: int
    graph: Graph
    x: Array
    expected: list[Values]

    @property
    def frames(self) -> list[Array]:
        """What enters, step by step."""
        steps = self.graph.steps
        return [self.x] * steps if self.graph.static else [self.x[t] for t in range(steps)]


def sample(seed: int) -> Sample:
    """Return the sample of this number.

    Raises:
        OverflowError: its integers need more than 32 bits.
    """
    graph = random_graph(seed)
    chance = Chances(np.random.default_rng((seed, 1)))
    x = _seen(graph, chance, stimulus(graph, chance.between(1, 3), seed))
    return Sample(seed, graph, x, list(evaluate(graph, x)))


def _seen(graph: Graph, chance: Chances, x: Array) -> Array:
    """Return this input, or one with little in it, with nothing, or with all there can be."""
    assert isinstance(graph.input.op, Input), "a graph's input is an Input"
    assert isinstance(graph, QuantGraph), "these are networks of integers"
    x = x.astype(np.int8 if graph.input_limit < 128 else np.int16)
    low, high = input_range(graph, graph.input.op)
    few = np.where(chance.rng.random(x.shape) < 0.1, x, 0).astype(x.dtype)
    mixed = np.where(chance.rng.random(x.shape[-1]) < 0.5, np.full_like(x, high), few)
    extremes = [np.full_like(x, value) for value in (0, low, high)]
    return chance.one_of(x, x, x, few, mixed, *extremes)


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Set environment variables for a while."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            del os.environ[name]
            if value is not None:
                os.environ[name] = value


class Ways(NamedTuple):
    """In which forms to lower a network, and how to run each of them."""

    forms: Sequence[Form]
    settings: Sequence[Setting]


EVERY_WAY = Ways(FORMS, SETTINGS)


def one_way(seed: int) -> Ways:
    """Return one way; the next number has another one."""
    half, form = divmod(seed, len(FORMS))
    return Ways((FORMS[form],), (SETTINGS[half % len(SETTINGS)],))


def check(seed: int, ways: Ways = EVERY_WAY) -> Counter[str]:
    """Compare all nodes, the states and the delivered model; return how many values, by executor.

    Raises:
        DisagreementError: there is a difference.
        OverflowError: as `sample`.
    """
    found = sample(seed)
    counts: Counter[str] = Counter()
    for form in ways.forms:
        probed = lower_model(found.graph, form, probes=True)
        delivered = lower_model(found.graph, form)
        check = _Check(found, f"{form}, stock", counts)
        states = check.probes(Session(probed, threads=1))
        for setting in ways.settings:
            check = _Check(found, f"{form}, {setting}", counts)
            try:
                session, bare = (check.session(model, setting) for model in (probed, delivered))
                check.states(states, check.probes(session))
                check.states(states, check.outputs(bare))
            except onnxruntime_errors() as error:
                raise check.disagreement(str(error)) from error
    return counts


class _Check:
    """Compares an executor with the reference."""

    def __init__(self, found: Sample, label: str, counts: Counter[str]) -> None:
        self._found = found
        self._label = label
        self._counts = counts

    def session(self, model: ModelProto, setting: Setting) -> Session:
        """Load a model with native operators; all have one but messengers."""
        with environment(**{EVENTS: setting.events}):
            session = Session(model, threads=setting.threads, native=True)
        ours = [node for node in model.graph.node if node.domain == DOMAIN]
        missing = {n.name for n in ours if "Delta" not in n.op_type} - session.native
        if missing:
            raise self.disagreement(f"no kernel runs {sorted(missing)}")
        return session

    def probes(self, session: Session) -> Mapping[str, Array]:
        """Compare every node at every step; return the states after the last."""
        found, states = self._found, {}
        comparison = Comparison(self._label, session.form)
        if session.form == "sequence":
            for step, values in enumerate(run_session(session, found.x, found.graph.steps)):
                comparison.add_step(step, found.expected[step], values)
        else:
            names = [PROBE + node.name for node in found.graph.nodes]
            stream = session.stream(len(found.frames[0]), names)
            for step, frame in enumerate(found.frames):
                values = {n.removeprefix(PROBE): a for n, a in stream.step(frame).items()}
                comparison.add_step(step, found.expected[step], values)
            states = stream.state()
        result = comparison.result()
        first = result.first_mismatch
        if first is not None:
            where = f"{first}: {first.observed}, expected {first.expected}"
            raise self.disagreement(f"{result.mismatches} values differ, {where}")
        self._counts[self._label] += result.values_compared
        return states

    def outputs(self, session: Session) -> Mapping[str, Array]:
        """Compare what the delivered model gives; return the states after the last step."""
        found, label = self._found, f"{self._label}, delivered"
        readout = read_out(found.graph, iter(found.expected))
        observed = session.infer(found.x, found.graph.steps)
        self._equal(label, readout, observed)
        state = session.start(len(found.frames[0]))
        for step, frame in enumerate(found.frames if session.form == "step" else ()):
            values, state = session.step(frame, state)
            outputs = {o["node"]: values[o["name"]] for o in session.described("ai.snn.output")}
            expected = {name: found.expected[step][name] for name in outputs}
            self._equal(label, expected, outputs)
        return state

    def states(self, expected: Mapping[str, Array], observed: Mapping[str, Array]) -> None:
        """Compare what is kept for the next step."""
        self._equal(f"{self._label}, states", expected, observed)

    def _equal(
        self, label: str, expected: Mapping[str, Array], observed: Mapping[str, Array]
    ) -> None:
        wrong = [n for n, a in expected.items() if not np.array_equal(a, observed[n])]
        if wrong or expected.keys() != observed.keys():
            raise self.disagreement(f"{label}: {wrong} differ")
        self._counts[label] += sum(array.size for array in expected.values())

    def disagreement(self, what: str) -> DisagreementError:
        """Say what is different, and how to see it again."""
        chosen = os.environ.get(INSTRUCTION_SET)
        told = f"{INSTRUCTION_SET}={chosen} " if chosen else ""
        seed = self._found.seed
        repeat = f"{told}{REPEAT} {seed}"
        return DisagreementError(f"network {seed}, {self._label}: {what}\n  {repeat}")
