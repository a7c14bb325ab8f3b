"""Every executor of an export against the reference, over all samples, counting on the way."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from snn_deploy.artifact import Executor
from snn_deploy.checkpoints import InputSpec
from snn_deploy.datasets import Samples
from snn_deploy.errors import ValidationError
from snn_deploy.ir.evaluate import Values, accumulate, evaluate, read_out
from snn_deploy.ir.graph import Array, Graph
from snn_deploy.quantization.graph import QuantGraph
from snn_deploy.simulation.activity import Activity
from snn_deploy.simulation.counting import ActivityCounter
from snn_deploy.validation import Agreement, Comparison

_BATCH_BYTES = 2**27
"""What the values of all nodes and steps of one batch may take, roughly."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What running an integer graph over samples has shown.

    Attributes:
        agreement: one for each executor.
        activity: exact counts of the reference.
        outputs: integer sums over the steps, [N, classes], of the first output.
        saturated: neuron-steps that left the 24-bit register, all layers.
    """

    agreement: tuple[Agreement, ...]
    activity: Activity
    outputs: Array
    saturated: int


def prove(
    graph: QuantGraph,
    executors: Sequence[Executor],
    samples: Samples,
    spec: InputSpec,
    observe: Callable[[int], None],
    stop: Callable[[], bool] = lambda: False,
) -> Proof:
    """Run the reference and every executor over all samples and compare every value.

    An executor with a limit gets the first samples only, before the others begin.

    Args:
        graph: the integer graph.
        executors: of its artefact.
        samples: at least one.
        spec: how samples become the network's input.
        observe: called with the number of samples done.
        stop: asked after every batch; what is proved by then is returned.

    Raises:
        ValidationError: the first difference of the first batch that has one.
        ModelError: the samples do not fit the network.
    """
    comparisons = [Comparison(e.backend, e.form) for e in executors]
    compared = list(zip(executors, comparisons, strict=True))
    for executor, comparison in compared:
        if executor.limit is not None:
            _prove_few(graph, executor, comparison, samples.first(executor.limit), spec)
    unlimited = [(e, c) for e, c in compared if e.limit is None]
    counter = ActivityCounter(graph)
    saturated: Counter[str] = Counter()
    outputs: list[Array] = []
    done = 0
    for batch in samples.batches(batch_size(graph)):
        x = graph.quantize_input(batch.normalised(spec))
        sums = _compare(graph, x, unlimited, counter, saturated)
        outputs.append(sums[graph.outputs[0]])
        counter.add_samples(len(batch))
        done += len(batch)
        for executor, comparison in unlimited:
            _conclude(graph, executor, comparison, x, sums)
        observe(done)
        if stop():
            break
    agreement = tuple(c.result() for c in comparisons)
    return Proof(agreement, counter.activity(), np.concatenate(outputs), saturated.total())


def _prove_few(
    graph: QuantGraph,
    executor: Executor,
    comparison: Comparison,
    samples: Samples,
    spec: InputSpec,
) -> None:
    """Compare a slow executor on samples of its own."""
    for batch in samples.batches(batch_size(graph)):
        x = graph.quantize_input(batch.normalised(spec))
        sums = _compare(graph, x, [(executor, comparison)])
        _conclude(graph, executor, comparison, x, sums)


def _conclude(
    graph: QuantGraph,
    executor: Executor,
    comparison: Comparison,
    x: Array,
    sums: Mapping[str, Array],
) -> None:
    """Raise ValidationError unless all values of a batch were equal, and the readout is too."""
    comparison.add_samples(x.shape[0 if graph.static else 1])
    check(comparison.result(), _stage(executor))
    _check_readout(executor, executor.infer(x, graph.steps), sums)


@dataclass(frozen=True, slots=True)
class FloatCheck:
    """How a float artefact compares with the float reference, both in float32.

    Sums of another order differ in their last bits, a potential beside its threshold then falls on
    the other side, and what follows differs for real: flips are counted here, not forbidden.
    """

    form: str
    spikes: int
    flips: int
    output_error: float

    def __str__(self) -> str:
        """Return a sentence for the report."""
        return (
            f"float {self.form} file: {self.flips:,} of {self.spikes:,} spikes fall otherwise than "
            f"in the float reference (rounding), outputs differ by {self.output_error:.2g} at most"
        )


MOST_FLIPS = 0.01
"""Share of flipped spikes beyond which a float file counts as wrong and is not delivered."""


def check_floats(
    graph: Graph, executors: Sequence[Executor], samples: Samples, spec: InputSpec
) -> tuple[FloatCheck, ...]:
    """Run the executors of a float artefact on a few samples.

    Raises:
        ValidationError: more than `MOST_FLIPS` of the spikes differ.
    """
    x = samples.normalised(spec)
    reference = list(evaluate(graph, x))
    sums = read_out(graph, iter(reference))
    checks = []
    for executor in executors:
        flips = total = 0
        for expected, observed in zip(reference, executor.run(x, graph.steps), strict=True):
            for node in graph.spiking:
                flips += int(np.count_nonzero(expected[node.name] != observed[node.name]))
                total += expected[node.name].size
        found = executor.infer(x, graph.steps)
        error = max(float(np.abs(found[name] - sums[name]).max()) for name in graph.outputs)
        if flips > MOST_FLIPS * total:
            stage = f"{executor.backend} (float, {executor.form} form) against the float reference"
            raise ValidationError(stage, f"of {total} spikes", f"{MOST_FLIPS:.0%} flipped", flips)
        checks.append(FloatCheck(executor.form, total, flips, error))
    return tuple(checks)


def batch_size(graph: QuantGraph) -> int:
    """Return how many samples fit a batch: all values of all steps, four bytes each."""
    a_sample = 4 * graph.steps * sum(node.type.size for node in graph.nodes)
    return int(np.clip(_BATCH_BYTES // a_sample, 1, 100))


def _compare(
    graph: QuantGraph,
    x: Array,
    executors: Sequence[tuple[Executor, Comparison]],
    counter: ActivityCounter | None = None,
    saturated: Counter[str] | None = None,
) -> Mapping[str, Array]:
    """Walk all executors through the steps side by side; return the reference's output sums."""
    sums: dict[str, Array] = {}
    runs = [executor.run(x, graph.steps) for executor, _ in executors]
    reference = evaluate(graph, x, saturated=saturated)
    for step, (expected, *observed) in enumerate(zip_longest(reference, *runs)):
        for (executor, comparison), values in zip(executors, observed, strict=True):
            _check_complete(graph, executor, step, expected, values)
            comparison.add_step(step, expected, values)
        if counter is not None:
            counter.add(step, expected)
        accumulate(sums, graph.outputs, expected)
    return sums


def _stage(executor: Executor) -> str:
    return f"{executor.backend} ({executor.form} form) against the reference"


def _check_complete(
    graph: Graph, executor: Executor, step: int, expected: Values | None, observed: Values | None
) -> None:
    """Raise ValidationError where one has a step that the other lacks, or a neuron is not seen."""
    if expected is None or observed is None:
        ran = (f"{step} steps" if values is None else "more" for values in (expected, observed))
        raise ValidationError(_stage(executor), "the number of steps", *ran)
    unseen = [node.name for node in graph.spiking if node.name not in observed]
    if unseen:
        raise ValidationError(_stage(executor), f"layer '{unseen[0]}'", "its spikes", "nothing")


def check(agreement: Agreement, stage: str) -> None:
    """Raise ValidationError, with the first difference, unless all that was compared is equal."""
    first = agreement.first_mismatch
    if first is not None:
        where = f"{agreement.mismatches} of {agreement.values_compared} values, first at {first}"
        raise ValidationError(stage, where, first.expected, first.observed)
    if not agreement.equal:
        raise ValidationError(stage, "all layers", "values to compare", "none")


def _check_readout(
    executor: Executor, observed: Mapping[str, Array], expected: Mapping[str, Array]
) -> None:
    stage = f"the delivered {executor.form} file in {executor.backend}"
    for name, sums in expected.items():
        found = observed.get(name)
        if found is None or found.shape != sums.shape:
            shape = "nothing" if found is None else f"shape {list(found.shape)}"
            raise ValidationError(stage, f"output '{name}'", f"shape {list(sums.shape)}", shape)
        if not np.array_equal(sums, found):
            index = tuple(int(i) for i in np.argwhere(sums != found)[0])
            raise ValidationError(
                stage, f"output '{name}', index {index}", sums[index], found[index]
            )
