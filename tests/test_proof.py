"""An export is proven, or it is not made: one wrong number anywhere is found and named."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from snn_deploy.checkpoints import InputSpec
from snn_deploy.datasets import Samples
from snn_deploy.errors import ModelError, ValidationError
from snn_deploy.ir.builder import GraphBuilder
from snn_deploy.ir.evaluate import evaluate, read_out
from snn_deploy.ir.graph import Array, Graph
from snn_deploy.ir.ops import Input, IntegerLif
from snn_deploy.proof import batch_size, check, check_floats, prove
from snn_deploy.quantization import QuantGraph
from snn_deploy.validation import Agreement
from tests.networks import FLOAT, INTEGER

COUNT = 7
SPEC = InputSpec((3, 8, 8), (), (), 4)

Spoil = Callable[[int, dict[str, Array]], None]


@dataclass
class Fake:
    """The reference again, spoiled step by step or in its readout."""

    graph: Graph
    spoil: Spoil = lambda step, values: None
    spoil_readout: Callable[[dict[str, Array]], None] = lambda sums: None
    steps: int = 0
    backend: str = "fake"
    form: str = "step"
    limit: int | None = None

    def run(self, x: Array, steps: int, /) -> Iterator[Mapping[str, Array]]:
        for step, values in enumerate(evaluate(self.graph, x, steps + self.steps)):
            copies = {name: array.copy() for name, array in values.items()}
            self.spoil(step, copies)
            yield copies

    def infer(self, x: Array, steps: int, /) -> Mapping[str, Array]:
        sums = dict(read_out(self.graph, evaluate(self.graph, x, steps)))
        self.spoil_readout(sums)
        return sums


@pytest.fixture
def graph() -> QuantGraph:
    made = INTEGER["ms_identity"]()
    assert isinstance(made, QuantGraph)
    return made


@pytest.fixture
def samples(rng: np.random.Generator) -> Samples:
    values = rng.integers(-127, 128, (COUNT, 3, 8, 8)).astype(np.float32)
    return Samples("samples", values, None)


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three samples at a time, so that there are three batches, the last of one."""
    monkeypatch.setattr("snn_deploy.proof.batch_size", lambda _: 3)


def proven(
    graph: QuantGraph, samples: Samples, *executors: Fake, seen: list[int] | None = None
) -> tuple[Agreement, ...]:
    observe = seen.append if seen is not None else lambda _: None
    return prove(graph, executors, samples, SPEC, observe).agreement


@pytest.mark.usefixtures("small_batches")
def test_a_proof(graph: QuantGraph, samples: Samples) -> None:
    seen: list[int] = []
    found = prove(graph, [Fake(graph), Fake(graph, form="sequence")], samples, SPEC, seen.append)
    assert seen == [3, 6, 7]
    per_sample = graph.steps * sum(node.type.size for node in graph.nodes)
    for agreement, form in zip(found.agreement, ("step", "sequence"), strict=True):
        assert agreement == Agreement(
            "fake", form, len(graph.nodes), graph.steps, COUNT, COUNT * per_sample, 0, None
        )
        assert agreement.equal
    x = graph.quantize_input(samples.values)
    saturated: Counter[str] = Counter()
    expected = read_out(graph, evaluate(graph, x, saturated=saturated))[graph.outputs[0]]
    np.testing.assert_array_equal(found.outputs, expected)
    assert found.saturated == saturated.total()


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize(("limit", "samples_seen"), [(1, 1), (4, 4), (100, COUNT)])
def test_a_slow_executor_gets_the_first_samples(
    graph: QuantGraph, samples: Samples, limit: int, samples_seen: int
) -> None:
    first, others = proven(graph, samples, Fake(graph, limit=limit), Fake(graph))
    assert (first.samples, others.samples) == (samples_seen, COUNT)
    assert COUNT * first.values_compared == samples_seen * others.values_compared


@pytest.mark.usefixtures("small_batches")
def test_a_slow_executor_is_held_to_the_same(graph: QuantGraph, samples: Samples) -> None:
    def spoil(step: int, values: dict[str, Array]) -> None:
        if step == 1:
            values["lif2"][0, 0, 0, 0] ^= 1

    seen: list[int] = []
    with pytest.raises(ValidationError, match="layer 'lif2', step 1"):
        proven(graph, samples, Fake(graph), Fake(graph, spoil, limit=2), seen=seen)
    assert seen == [], "it goes first"

    def wrong(sums: dict[str, Array]) -> None:
        sums["head"] = sums["head"] + 1

    with pytest.raises(ValidationError, match="the delivered step file"):
        proven(graph, samples, Fake(graph, spoil_readout=wrong, limit=2))


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("at_sample", [0, 4, 6])
@pytest.mark.parametrize("at_step", [0, 2, 3])
def test_one_flipped_spike_is_found_and_named(
    graph: QuantGraph, samples: Samples, at_step: int, at_sample: int
) -> None:
    batches = [0]

    def flip(step: int, values: dict[str, Array]) -> None:
        first = 3 * batches[0]
        batches[0] += step == graph.steps - 1
        if step == at_step and first <= at_sample < first + 3:
            values["lif2"][at_sample - first, 5, 7, 1] ^= 1

    seen: list[int] = []
    with pytest.raises(ValidationError) as caught:
        proven(graph, samples, Fake(graph), Fake(graph, flip, form="sequence"), seen=seen)
    error = caught.value
    assert error.stage == "fake (sequence form) against the reference"
    index = (at_sample % 3, 5, 7, 1)
    assert f"layer 'lif2', step {at_step}, index {index}" in error.where
    assert error.where.startswith("1 of ")
    assert {error.expected, error.observed} == {0.0, 1.0}
    assert error.exit_code == 5
    assert seen == [3, 6][: at_sample // 3], "batches before it were proven"


def test_the_first_of_many_differences_is_named(graph: QuantGraph, samples: Samples) -> None:
    def spoil(step: int, values: dict[str, Array]) -> None:
        if step >= 1:
            values["conv1"][:] += 1

    with pytest.raises(ValidationError) as caught:
        proven(graph, samples, Fake(graph, spoil))
    assert "first at layer 'conv1', step 1, index (0, 0, 0, 0)" in caught.value.where
    assert caught.value.observed == caught.value.expected + 1  # type: ignore[operator]


def test_a_wrong_readout_of_the_delivered_file(graph: QuantGraph, samples: Samples) -> None:
    """The probes were right, but the file that is delivered is not the file that was probed."""

    def spoil(sums: dict[str, Array]) -> None:
        sums["head"] = sums["head"].copy()
        sums["head"][2, 9] -= 1

    with pytest.raises(ValidationError) as caught:
        proven(graph, samples, Fake(graph, spoil_readout=spoil))
    assert caught.value.stage == "the delivered step file in fake"
    assert caught.value.where == "output 'head', index (2, 9)"
    assert caught.value.expected == caught.value.observed + 1  # type: ignore[operator]


@pytest.mark.parametrize(
    ("spoil", "observed"),
    [
        (lambda sums: sums.clear(), "nothing"),
        (lambda sums: sums.update(head=sums["head"][:, :9]), f"shape [{COUNT}, 9]"),
        (lambda sums: sums.update(head=sums["head"][:1]), "shape [1, 10]"),
    ],
)
def test_a_readout_of_another_form(
    graph: QuantGraph,
    samples: Samples,
    spoil: Callable[[dict[str, Array]], None],
    observed: str,
) -> None:
    with pytest.raises(ValidationError) as caught:
        proven(graph, samples, Fake(graph, spoil_readout=spoil))
    assert caught.value.where == "output 'head'"
    assert (caught.value.expected, caught.value.observed) == (f"shape [{COUNT}, 10]", observed)


@pytest.mark.parametrize(("more", "ran"), [(-1, ("more", "3 steps")), (1, ("4 steps", "more"))])
def test_an_executor_with_other_steps(
    graph: QuantGraph, samples: Samples, more: int, ran: tuple[str, str]
) -> None:
    with pytest.raises(ValidationError) as caught:
        proven(graph, samples, Fake(graph, steps=more))
    assert caught.value.where == "the number of steps"
    assert (caught.value.expected, caught.value.observed) == ran


def test_an_executor_that_shows_nothing_proves_nothing(graph: QuantGraph, samples: Samples) -> None:
    with pytest.raises(ValidationError) as caught:
        proven(graph, samples, Fake(graph, lambda _, values: values.clear()))
    assert caught.value.where == "layer 'lif1'"


def test_every_neuron_layer_must_be_seen_at_every_step(graph: QuantGraph, samples: Samples) -> None:
    def hide(step: int, values: dict[str, Array]) -> None:
        if step == 2:
            del values["lif3"]

    with pytest.raises(ValidationError) as caught:
        proven(graph, samples, Fake(graph, hide))
    assert caught.value.where == "layer 'lif3'"
    assert caught.value.observed == "nothing"


def test_check_wants_something_compared() -> None:
    check(Agreement("a", "b", values_compared=1), "stage")
    with pytest.raises(ValidationError) as caught:
        check(Agreement("a", "b"), "stage")
    assert caught.value.stage == "stage"


def test_without_executors_there_are_counts_all_the_same(
    graph: QuantGraph, samples: Samples
) -> None:
    found = prove(graph, [], samples, SPEC, lambda _: None)
    assert found.agreement == ()
    assert found.activity.samples == COUNT


def test_samples_of_another_shape(graph: QuantGraph) -> None:
    with pytest.raises(ModelError):
        proven(graph, Samples("other", np.zeros((2, 3, 8, 9), np.float32), None), Fake(graph))


def test_registers_that_overflow_are_counted() -> None:
    made = INTEGER["saturation"]()
    assert isinstance(made, QuantGraph)
    values = np.full((2, 3, 8, 8), 127, np.float32)
    found = prove(made, [], Samples("full", values, None), SPEC, lambda _: None)
    assert found.saturated > 0


def test_spikes_of_long_runs_are_summed_in_full() -> None:
    """More spikes than a byte holds: the reference must not be the one that is wrong."""
    builder = GraphBuilder("long")
    builder.add("input", Input((2,)))
    builder.add("lif", IntegerLif(4096, 4096), "input", threshold=np.array([0], np.int32))
    plain = builder.finish("lif", steps=300)
    graph = QuantGraph(
        "long",
        plain.nodes,
        plain.outputs,
        plain.params,
        300,
        scales={"input": np.ones(1), "lif": np.ones(1)},
    )
    samples = Samples("ones", np.ones((1, 2), np.float32), None)
    found = prove(graph, [], samples, InputSpec((2,), (), (), 300), lambda _: None)
    assert found.outputs.tolist() == [[300, 300]]


@pytest.mark.parametrize("name", ["ms_identity", "large_counts", "dense_static"])
def test_batches_fit_into_memory(name: str) -> None:
    made = INTEGER[name]()
    assert isinstance(made, QuantGraph)
    size = batch_size(made)
    assert 1 <= size <= 100


def test_batches_of_a_large_network_are_small() -> None:
    builder = GraphBuilder("large")
    builder.add("input", Input((64, 512, 512)))
    plain = builder.finish("input", steps=100)
    assert batch_size(QuantGraph("l", *_parts(plain), scales={"input": np.ones(1)})) == 1


def _parts(graph: Graph) -> Sequence[object]:
    return graph.nodes, graph.outputs, graph.params, graph.steps


# --- float files ----------------------------------------------------------------------------------


@pytest.fixture
def floats() -> tuple[Graph, Samples, InputSpec]:
    graph = FLOAT["float_residual"]()
    values = np.random.default_rng(20).standard_normal((4, 2, 6, 6)).astype(np.float32)
    return graph, Samples("floats", values, None), InputSpec((2, 6, 6), (), (), 4)


def test_a_float_file_that_agrees(floats: tuple[Graph, Samples, InputSpec]) -> None:
    graph, samples, spec = floats
    (found,) = check_floats(graph, [Fake(graph)], samples, spec)
    assert (found.flips, found.output_error, found.form) == (0, 0.0, "step")
    assert found.spikes == 4 * 4 * sum(node.type.size for node in graph.spiking)


def test_few_flips_are_counted_and_many_refused(floats: tuple[Graph, Samples, InputSpec]) -> None:
    graph, samples, spec = floats
    total = 4 * 4 * sum(node.type.size for node in graph.spiking)

    def flipping(count: int) -> Spoil:
        def spoil(step: int, values: dict[str, Array]) -> None:
            if step == 1:
                flat = values["lif1"].reshape(-1)
                flat[:count] = 1 - flat[:count]

        return spoil

    few = total // 100
    (found,) = check_floats(graph, [Fake(graph, flipping(few))], samples, spec)
    assert found.flips == few
    with pytest.raises(ValidationError) as caught:
        check_floats(graph, [Fake(graph, flipping(few + 1))], samples, spec)
    assert caught.value.observed == few + 1
