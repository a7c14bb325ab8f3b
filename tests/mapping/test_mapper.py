"""Strategies, cuts, and everything that a chip is told it cannot do."""

import pytest

from snn_deploy.errors import MappingError
from snn_deploy.ir.ops import Relay
from snn_deploy.mapping import Messages, map_graph, stages_of
from tests.mapping.chips import BINARY, GRADED, integer, mapped


def relays(name: str, how: str, messages: Messages = GRADED) -> list[str]:
    graph = integer(name)
    strategy = {stage.name: how for stage in stages_of(graph, messages)}
    made = map_graph(graph, messages, strategy)  # type: ignore[arg-type]
    return [node.name for node in made.graph.nodes if isinstance(node.op, Relay)]


def test_stages_are_what_can_be_chosen() -> None:
    (stage,) = stages_of(integer("long_stage"), GRADED)
    assert stage.name == "stage"
    assert stage.additions == tuple(f"stage.{b}.add" for b in range(40))
    assert stage.values == ("stem", *(f"stage.{b}.add" for b in range(39)))
    assert stages_of(integer("vanilla"), GRADED) == ()
    (sew,) = stages_of(integer("sew"), GRADED)
    assert sew.values == ("sew", "sew2")


def test_stages_of_one_name_are_told_apart() -> None:
    names = [s.name for s in stages_of(integer("narrow_projection"), GRADED)]
    assert len(set(names)) == len(names)


def test_relays_stand_where_a_stream_is_read_again() -> None:
    assert relays("ms_identity", "relay") == ["stem.relay", "stream.relay", "pool.relay"]
    assert relays("ms_identity", "unroll") == ["pool.relay"]
    assert relays("sew", "relay") == ["sew.relay", "sew2.relay", "pool.relay"]
    assert relays("sew", "unroll") == ["pool.relay"]


def test_a_projection_needs_its_relays_whatever_was_chosen() -> None:
    found = relays("narrow_projection", "unroll")
    assert found == ["stem.relay", "shortcut", "stream2.relay", "shortcut2", "pool.relay"]


def test_a_pool_that_tiles_is_part_of_the_shortcut() -> None:
    made = mapped(integer("pooled_shortcut"), "relay")
    assert "pooled" not in made.graph
    assert made.graph.weight("shortcut.sum").shape == (8, 8, 2, 2)


@pytest.mark.parametrize("name", ["long_stage", "long_stage_of_a_rounded_stem"])
@pytest.mark.parametrize(("max_delay", "least"), [(62, 0), (20, 1), (5, 6)])
def test_a_long_stage_is_cut_by_as_few_relays_as_it_takes(
    name: str, max_delay: int, least: int
) -> None:
    graph = integer(name)
    (stage,) = stages_of(graph, GRADED)
    made = map_graph(graph, Messages("graded", True, max_delay), {stage.name: "unroll"})
    others = {"stem", "pool.relay"}
    cut = [n.name for n in made.graph.nodes if isinstance(n.op, Relay) and n.name not in others]
    assert max(s.delay for s in made.network.synapses) <= max_delay
    assert len(cut) == least  # 41 readers in a row, the first step from the input


def test_every_delay_beyond_the_limit_is_named() -> None:
    with pytest.raises(MappingError) as caught:
        mapped(integer("long_stage"), "unroll", Messages("old", graded=False, max_delay=30))
    assert len(caught.value.complaints) > 1
    assert all("the limit is 30" in problem for _, problem, _ in caught.value.complaints)
    assert str(caught.value).startswith("old: ")
    assert caught.value.exit_code == 3


def test_all_that_needs_values_in_messages_is_named_at_once() -> None:
    with pytest.raises(MappingError) as caught:
        mapped(integer("narrow_projection"), "unroll", BINARY)
    assert [where for where, _, _ in caught.value.complaints] == ["stream2", "shortcut2.sum"]
    assert all("--shortcut spiking" in remedy for _, _, remedy in caught.value.complaints)


@pytest.mark.parametrize(
    ("name", "where", "remedy"),
    [
        ("sequence", "input", "--event-limit 1"),
        ("sum_pools", "sum1", "tile without padding"),
    ],
)
def test_what_a_binary_chip_is_told(name: str, where: str, remedy: str) -> None:
    with pytest.raises(MappingError) as caught:
        mapped(integer(name), "unroll", BINARY)
    found = {node: text for node, _, text in caught.value.complaints}
    assert remedy in found[where]


@pytest.mark.parametrize("name", ["delays", "sigma_delta"])
def test_neurons_of_other_kinds_are_refused(name: str) -> None:
    with pytest.raises(MappingError) as caught:
        mapped(integer(name), "relay")
    graph = integer(name)
    kinds = {"Delay", "Delta", "SigmaDelta", "Sigma"}
    expected = [node.name for node in graph.nodes if type(node.op).__name__ in kinds]
    assert [where for where, _, _ in caught.value.complaints] == expected


def test_a_maximum_of_currents_is_refused() -> None:
    with pytest.raises(MappingError, match="max1: a maximum of current values"):
        mapped(integer("max_pools"), "relay")
