"""Depths, delays and roles of small networks, counted by hand."""

import numpy as np
import pytest

from snn_deploy.errors import GraphError
from snn_deploy.ir.ops import Conv, Identity, Linear, SumPool
from snn_deploy.mapping import ChipNetwork, lay_out
from tests.mapping.chips import BINARY, integer, mapped


def depths(network: ChipNetwork) -> dict[str, int]:
    return {p.name: p.depth for p in network.populations}


def paths(network: ChipNetwork) -> set[tuple[str, str, int]]:
    return {(s.source, s.target, s.delay) for s in network.synapses}


def test_a_block_with_relays() -> None:
    """Two MS blocks: `stem` and `stream` are currents of lif1 and lif3, which relay them."""
    network = mapped(integer("ms_identity"), "relay").network
    assert depths(network) == {
        "input": 0, "lif1": 1, "lif2": 2, "lif3": 3, "lif4": 4, "pool.relay": 5, "head": 6,
    }  # fmt: skip
    assert paths(network) == {
        ("input", "lif1", 0),
        ("lif1", "lif2", 0),
        ("lif2", "lif3", 0),
        ("stem.relay", "lif3", 1),
        ("lif3", "lif4", 0),
        ("stream.relay", "lif4", 0),
        ("lif4", "pool.relay", 0),
        ("pool.relay", "head", 0),
    }
    both = network.by_name["lif1"]
    assert (both.neuron, both.relay, both.sends) == ("lif1", "stem.relay", ("lif1", "stem.relay"))
    assert network.by_name["head"].output == "head"
    assert network.latency == 6


def test_a_block_unrolled() -> None:
    """What is added to a stream goes to all who read it later: the stem to three of them."""
    network = mapped(integer("ms_identity"), "unroll").network
    assert paths(network) == {
        ("input", "lif1", 0),
        ("lif1", "lif2", 0),
        ("input", "lif3", 2),
        ("lif2", "lif3", 0),
        ("input", "lif4", 3),
        ("lif2", "lif4", 1),
        ("lif3", "lif4", 0),
        ("lif4", "pool.relay", 0),
        ("pool.relay", "head", 0),
    }
    assert [s.layer for s in network.synapses].count("stem") == 3
    assert len({s.name for s in network.synapses}) == len(network.synapses)


def test_biases_reach_every_reader_of_a_sum() -> None:
    graph = integer("ms_identity")
    network = mapped(graph, "unroll").network
    stem = graph.params["stem.bias"]
    for name in ("lif1", "lif3", "lif4"):
        assert np.array_equal(network.biases[name], stem)
    relayed = mapped(graph, "relay").network
    assert np.array_equal(relayed.biases["lif1"], stem)
    assert "lif3" not in relayed.biases


def test_what_rounds_has_neurons_of_its_own() -> None:
    network = mapped(integer("narrow_projection"), "relay").network
    rounding = network.by_name["shortcut"]
    assert (rounding.neuron, rounding.relay) == (None, "shortcut")
    (synapse,) = network.incoming["shortcut"]
    assert (synapse.layer, synapse.source) == ("shortcut.sum", "stem.relay")
    assert isinstance(synapse.op, Conv)
    assert network.biases.get("shortcut") is None  # it is added after rounding
    assert network.meaning("shortcut") == "shortcut"
    assert network.meaning("stem.relay") == "stem"


def test_operations_of_synapses() -> None:
    network = mapped(integer("vanilla"), "relay").network
    kinds = {s.name: type(s.op) for s in network.synapses}
    assert kinds["one"] is Conv
    assert kinds["pool"] is SumPool
    assert kinds["head"] is Linear
    (spikes,) = network.outgoing["lif1"]
    assert not spikes.graded
    relayed = mapped(integer("ms_identity"), "relay").network
    (identity,) = relayed.outgoing["stream.relay"]
    assert (type(identity.op), identity.layer, identity.graded) == (Identity, None, True)


def test_the_host_computes_what_an_image_gives_before_the_first_neurons() -> None:
    network = mapped(integer("ms_identity"), "unroll", BINARY).network
    hosted = {p.name for p in network.populations if p.hosted}
    assert hosted == {"input", "stem.relay"}
    readers = {s.target for s in network.outgoing["stem.relay"]}
    assert readers == {"lif1", "lif3", "lif4"}
    assert all(isinstance(s.op, Identity) for s in network.outgoing["stem.relay"])


def test_a_classifier_on_spikes_alone_takes_the_pool_into_its_weights() -> None:
    graph = integer("vanilla")
    network = mapped(graph, "unroll", BINARY).network
    (head,) = network.incoming["head"]
    assert (head.source, head.source_shape, head.delay) == ("lif2", (8, 8, 8), 0)
    weight = network.weight(head)
    assert weight is not None
    assert np.array_equal(weight, np.repeat(graph.weight("head"), 64, axis=1))


def test_an_output_that_neurons_send_is_read_out_too() -> None:
    network = mapped(integer("two_outputs"), "relay").network
    outputs = {p.output: p.name for p in network.populations if p.output}
    assert outputs.keys() == {"lif1", "stem_lif", "conv1", "stem"}
    assert outputs["lif1"] == "lif1.readout"
    assert network.by_name["lif1"].output == "conv1"  # its current is read out beside its spikes
    assert network.shown(network.by_name["lif1.readout"]) == {}
    assert network.shown(network.by_name["lif1"]) == {"lif1": "lif1", "conv1": "conv1"}


def test_a_value_added_to_itself_has_two_synapses() -> None:
    network = mapped(integer("nested_sum"), "unroll").network
    names = [s.name for s in network.incoming["lif1"]]
    assert len(names) == len(set(names))
    assert sorted(s.delay for s in network.incoming["lif1"]) == [0, 0, 1, 1, 1, 1]


def test_neurons_behind_a_flattening_keep_their_places() -> None:
    network = mapped(integer("flattened_neurons"), "relay").network
    assert network.by_name["lif1"].shape == (4, 8, 8)


def test_only_mapped_graphs_are_laid_out() -> None:
    with pytest.raises(GraphError, match="shifts right"):
        lay_out(integer("narrow_projection"))
    with pytest.raises(GraphError, match="pass two layers, 'pool' and 'head'"):
        lay_out(integer("vanilla"))
