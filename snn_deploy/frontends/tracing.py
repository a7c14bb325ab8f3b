"""A torch module becomes the graph of one time step.

Two walks: `recording` runs the forward once on shapes (torch.fx), `interpreter` gives what was
recorded its meaning. A time loop unrolls into T copies of one structure, a merged axis is one copy;
both end as the same nodes, because what is made the same way twice is one node.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

from snn_deploy.errors import TraceError
from snn_deploy.ir.graph import Graph
from snn_deploy.ir.ops import Input, Kind
from snn_deploy.ir.spec import TRACED, verify

from .adapters import Calling, adapter
from .interpreter import Interpreter, Offence
from .recording import Recording, record, user_path
from .values import ALWAYS, BATCH, EVERY, Axes, Clock, Value, When

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Traced:
    """A graph and how the module takes its argument.

    Attributes:
        graph: of one step.
        axes: of the forward's argument.
        one_step: the module runs one step a call; who calls it makes the time.
    """

    graph: Graph
    axes: Axes
    one_step: bool


def trace(
    module: nn.Module,
    sample_shape: tuple[int, ...],
    *,
    name: str,
    steps: int | None = None,
    sequence: bool = False,
    kind: Kind = "current",
) -> Graph:
    """Return the graph of one time step of a module in eval mode.

    Args:
        module: its forward takes one tensor: [B, *S], [T, B, *S], [B, T, *S] or [T*B, *S].
        sample_shape: S, of one sample at one step.
        name: of the graph.
        steps: T. A module that loops or merges time has its own, which must be the same.
        sequence: samples have a time axis; otherwise one sample is presented at every step.
        kind: of the input: real values, spikes or counts of them.

    Raises:
        TraceError: names every operation that has no meaning in a step, with its place.
    """
    how = trace_how(module, sample_shape, name=name, steps=steps, sequence=sequence, kind=kind)
    return how.graph


def trace_how(
    module: nn.Module,
    sample_shape: tuple[int, ...],
    *,
    name: str,
    steps: int | None = None,
    sequence: bool = False,
    kind: Kind = "current",
) -> Traced:
    """As `trace`; says also how the module takes its argument."""
    own = _own_steps(module)
    if steps and own - {1, steps}:
        failure = f"its neurons run {max(own)} steps, {steps} are asked for"
        raise TraceError("", failure, "call snn_deploy.neurons.set_steps(module, steps) before")
    asked = _Asked(name, tuple(sample_shape), steps or max(own, default=None), sequence, kind)
    failures: list[_Failure] = []
    for axes in _ways(sequence, asked.steps):
        result = _attempt(module, asked, axes)
        if isinstance(result, Traced):
            verify(result.graph, TRACED)
            return result
        failures.append(result)
        logger.debug("not traced as %s: %s", axes.value, result.offences)
    raise _error(min(failures, key=_Failure.rank).offences)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a trace is asked for; steps: None where nothing says how many."""

    name: str
    sample: tuple[int, ...]
    steps: int | None
    sequence: bool
    kind: Kind


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why the forward's argument is not what was tried, or what the forward does wrong."""

    offences: list[Offence]
    stopped: bool
    operations: int

    def rank(self) -> tuple[bool, int, int]:
        """Return what is least for the way that the forward was most likely written for."""
        return self.stopped, -self.operations if self.stopped else 0, len(self.offences)


def _own_steps(module: nn.Module) -> set[int]:
    """Return the numbers of steps that the module's neurons say they run."""
    found = set()
    for m in module.modules():
        neuron = adapter(m)
        if neuron is not None and neuron.calling is Calling.MERGED:
            found.add(int(m.steps))  # type: ignore[arg-type]
    return found


def _ways(sequence: bool, length: int | None) -> Iterator[Axes]:
    """Yield what the forward's argument may be, the usual first."""
    if not sequence:
        yield Axes.BATCH
    if length is not None:
        yield from (Axes.STACKED, Axes.MERGED, Axes.BATCH_FIRST)
    if sequence:
        yield Axes.BATCH


def _attempt(module: nn.Module, asked: _Asked, axes: Axes) -> Traced | _Failure:
    """Trace with an argument of a layout."""
    leading = Clock(asked.steps or 1, BATCH).prefix(axes)
    recording = record(module, torch.empty((*leading, *asked.sample), device="meta"))
    found = _steps_of(recording)
    one_step = axes is Axes.BATCH and found == 1
    total = _total(module, asked, axes, found)
    steps = found if isinstance(total, Offence) else total
    clock = Clock(1 if one_step else steps, BATCH)
    interpreter = Interpreter(
        recording,
        clock,
        asked.name,
        Input(asked.sample, asked.kind, static=not asked.sequence),
        Value("input", _when(asked.sequence, axes), axes),
    )
    graph = interpreter.run(steps)
    if graph is None or isinstance(total, Offence):
        length = [total] if isinstance(total, Offence) else []
        offences = interpreter.offences or length
        return _Failure(offences, recording.stopped is not None, len(recording.graph.nodes))
    return Traced(graph, axes, one_step)


def _total(module: nn.Module, asked: _Asked, axes: Axes, found: int) -> int | Offence:
    """Return T, of which the forward runs `found` steps."""
    if axes is not Axes.BATCH:
        assert asked.steps is not None, "only then are these layouts tried"
        return asked.steps
    if found == 1 and (asked.steps is not None or _timeless(module)):
        return asked.steps or 1
    if found == 1:
        what = "one step a call, and nothing says how many an inference has"
        return Offence("", f"the forward runs {what}", "give steps")
    if asked.sequence:
        what = "the forward takes one sample and makes its own steps"
        return Offence("", what, "use sequence=False")
    if asked.steps not in (None, found):
        what = f"the forward runs {found} steps, {asked.steps} are asked for"
        return Offence("", what, "ask for as many, or change the forward")
    return found


def _when(sequence: bool, axes: Axes) -> When:
    """Return the steps that the forward's argument is for."""
    if axes is Axes.BATCH:
        return 0 if sequence else ALWAYS
    return EVERY


def _timeless(module: nn.Module) -> bool:
    """Say whether a module has no neuron, or neurons that say themselves that they run one step."""
    neurons = [adapter(m) for m in module.modules()]
    return all(n.calling is Calling.MERGED for n in neurons if n is not None)


def _steps_of(recording: Recording) -> int:
    """Return how many steps the forward runs: the longest way of a neuron's state."""
    depth: dict[fx.Node, int] = {}
    steps = 1
    for node in recording.graph.nodes:
        if node.op != "call_module":
            continue
        module = recording.modules[user_path(str(node.target))]
        neuron = adapter(module)
        if neuron is None:
            continue
        depth[node] = _depth(node, neuron.calling, module, depth)
        steps = max(steps, depth[node])
    return steps


def _depth(node: fx.Node, calling: Calling, module: nn.Module, depth: dict[fx.Node, int]) -> int:
    if calling is Calling.MERGED:
        return int(module.steps)  # type: ignore[arg-type]
    if calling is Calling.SEQUENCE:
        x = node.meta["value"][0]
        assert isinstance(x, Tensor), "a sequence neuron gives spikes first"
        return 1 if x.shape[0] == BATCH else int(x.shape[0])  # it takes the batch for time
    state = node.args[1] if len(node.args) > 1 else node.kwargs.get("state")
    before = state.args[0] if isinstance(state, fx.Node) else None
    return depth.get(before, 0) + 1 if isinstance(before, fx.Node) else 1


def _error(offences: list[Offence]) -> TraceError:
    distinct = list(dict.fromkeys(offences))
    first, *others = distinct
    listed = [f"{o.path}: {o.what}" if o.path else o.what for o in others]
    operation = "; also ".join([first.what, *listed[:20]])
    if len(listed) > 20:
        operation += f"; and {len(listed) - 20} more"
    remedy = first.remedy or "change this operation"
    return TraceError(first.path, operation, remedy)
