"""The schedule of a chip against the reference: every value, every step, samples in a row."""

import numpy as np
import pytest

from snn_deploy.errors import MappingError, ModelError
from snn_deploy.ir.evaluate import evaluate
from snn_deploy.mapping import Messages, Residual, run
from snn_deploy.quantization.graph import QuantGraph
from tests.mapping.chips import BINARY, GRADED, integer, mapped
from tests.networks import Network, stimulus

ON_A_CHIP = [
    "at_equality",
    "biases",
    "conv1d",
    "dense_cuba",
    "dense",
    "events",
    "flattened_neurons",
    "graded_input",
    "groups",
    "leaks",
    "long_stage",
    "ms_identity",
    "ms_spiking_projection",
    "narrow_projection",
    "nested_sum",
    "neuron_first",
    "pooled_shortcut",
    "resets",
    "saturation",
    "sequence",
    "sew",
    "shifts",
    "spike_pools",
    "strides",
    "sum_pools",
    "two_outputs",
    "vanilla",
    "wide_input",
    "wide_weights",
]
BY_SPIKES_ALONE = [
    "at_equality",
    "biases",
    "conv1d",
    "dense",
    "events",
    "flattened_neurons",
    "graded_input",
    "groups",
    "leaks",
    "long_stage",
    "ms_identity",
    "ms_spiking_projection",
    "nested_sum",
    "neuron_first",
    "pooled_shortcut",
    "resets",
    "saturation",
    "sew",
    "spike_pools",
    "strides",
    "vanilla",
    "wide_input",
]


def assert_same(graph: QuantGraph, how: Residual, messages: Messages, batch: int) -> None:
    network = mapped(graph, how, messages).network
    x = stimulus(graph, batch)
    reference = evaluate(graph, x)
    seen = set()
    for expected, observed in zip(reference, run(network, x, graph.steps), strict=True):
        for name, value in observed.items():
            assert np.array_equal(value, expected[name]), name
            seen.add(name)
    assert seen >= {node.name for node in graph.spiking} | set(graph.outputs)


@pytest.mark.parametrize("how", ["relay", "unroll"])
@pytest.mark.parametrize("name", ON_A_CHIP)
def test_every_value_is_that_of_the_reference(name: str, how: Residual) -> None:
    assert_same(integer(name), how, GRADED, batch=5)


@pytest.mark.parametrize("name", BY_SPIKES_ALONE)
def test_with_messages_that_carry_no_value(name: str) -> None:
    messages = Messages("binary", graded=False, max_delay=200)
    assert_same(integer(name), "unroll", messages, batch=3)


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_any_number_of_samples_in_a_row(batch: int) -> None:
    assert_same(integer("ms_identity"), "relay", GRADED, batch)


def test_a_sample_does_not_touch_the_next() -> None:
    """The same sample gives the same, whatever came before it on the same neurons."""
    graph = integer("sequence")
    network = mapped(graph, "unroll").network
    x = stimulus(graph, batch=2)
    loud = x.copy()
    loud[:, 0] = graph.input_limit
    quiet, after_loud = (list(run(network, given, graph.steps)) for given in (x, loud))
    for a, b in zip(quiet, after_loud, strict=True):
        assert all(np.array_equal(a[name][1], b[name][1]) for name in a)
    assert any(
        not np.array_equal(a["lif2"][0], b["lif2"][0])
        for a, b in zip(quiet, after_loud, strict=True)
    )


@pytest.mark.parametrize(
    ("name", "where"), [("ms_projection", "shortcut"), ("large_counts", "conv1")]
)
def test_a_current_beyond_24_bits_is_named(name: str, where: str) -> None:
    graph = integer(name)
    network = mapped(graph, "relay").network
    with pytest.raises(ModelError, match="leaves the register of 24 bits") as caught:
        list(run(network, stimulus(graph), graph.steps))
    assert caught.value.where == where
    assert "--current-bits" in caught.value.remedy


@pytest.mark.parametrize("current_decay", [4096, 1000])
def test_a_synaptic_current_that_would_wrap_around_is_named(current_decay: int) -> None:
    """u has 6 bits more than what arrives; the reference counts what a chip would wrap around."""
    net = Network((1, 4, 4), limit=127).conv("conv1", 4, padding=1, shift=[4])
    net.lif("lif1", current_decay=current_decay, voltage_decay=0)
    graph = net.finish("lif1", steps=6)
    assert isinstance(graph, QuantGraph)
    network = mapped(graph, "relay").network
    with pytest.raises(ModelError, match="leaves the neurons' register u") as caught:
        list(run(network, np.full((1, 1, 4, 4), 127, np.int8), graph.steps))
    assert caught.value.where == "lif1"


def test_what_the_host_writes_fits_its_register() -> None:
    graph = integer("ms_identity")
    network = mapped(graph, "unroll", BINARY).network
    x = stimulus(graph)
    largest = max(int(np.abs(step["stem"].astype(np.int64)).max()) for step in evaluate(graph, x))
    enough = largest.bit_length() + 1
    list(run(network, x, graph.steps, bias_bits=enough))
    with pytest.raises(ModelError, match="leaves the host's bias register") as caught:
        list(run(network, x, graph.steps, bias_bits=enough - 1))
    assert caught.value.where == "lif1"


@pytest.mark.parametrize("name", sorted(set(ON_A_CHIP) - set(BY_SPIKES_ALONE)))
def test_what_is_on_one_list_only_is_refused(name: str) -> None:
    messages = Messages("binary", graded=False, max_delay=200)
    with pytest.raises(MappingError):
        mapped(integer(name), "unroll", messages)
