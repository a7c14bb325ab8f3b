"""Relay or unroll: what is chosen, by what it costs."""

import pytest

from snn_deploy import targets
from snn_deploy.errors import MappingError, UsageError
from snn_deploy.ir.ops import Relay
from snn_deploy.placement import fit, known_rates, needs, total
from snn_deploy.placement.strategy import MESSAGE_OPERATIONS, _cheaper, messages_of
from tests.mapping.chips import integer

LOIHI, LOIHI2, LAVA = (targets.load(name) for name in ("loihi", "loihi2", "lava"))


def test_messages() -> None:
    assert not messages_of(LOIHI).graded
    assert messages_of(LOIHI2).graded
    assert messages_of(LOIHI2).max_delay == 62
    assert messages_of(LAVA).graded
    assert messages_of(LAVA).max_delay > 10**6


@pytest.mark.parametrize("how", ["relay", "unroll"])
def test_what_was_asked_for(how: str) -> None:
    made = fit(integer("narrow_projection"), LOIHI2, how)  # type: ignore[arg-type]
    assert set(made.strategy.values()) == {how}


def test_a_simulation_relays() -> None:
    assert fit(integer("ms_identity"), LAVA, "auto").strategy == {"stream": "relay"}


def test_a_chip_of_spikes_unrolls() -> None:
    made = fit(integer("ms_identity"), LOIHI, "auto")
    assert made.strategy == {"stream": "unroll"}
    assert not any(isinstance(n.op, Relay) and not n.op.hosted for n in made.graph.nodes)
    with pytest.raises(UsageError, match="--residual unroll"):
        fit(integer("ms_identity"), LOIHI, "relay")
    with pytest.raises(MappingError):
        fit(integer("narrow_projection"), LOIHI, "auto")


@pytest.mark.parametrize(("rate", "expected"), [(0.001, "unroll"), (1.0, "relay")])
def test_the_choice_is_the_cheaper_one(rate: float, expected: str) -> None:
    """Spikes are cheap where they are rare, and a relayed stream is not."""
    graph = integer("ms_identity")
    rates = {node.name: rate for node in graph.spiking} | {
        "stem": 1.0,
        "stream": 1.0,
        "input": rate,
    }
    work = {}
    for how in ("relay", "unroll"):
        made = fit(graph, LOIHI2, how)  # type: ignore[arg-type]
        needed = total(needs(made.network, LOIHI2, known_rates(made, rates)).values())
        work[how] = needed.operations + MESSAGE_OPERATIONS * needed.messages
    assert work[expected] == min(work.values())
    assert fit(graph, LOIHI2, "auto", rates).strategy == {"stream": expected}


@pytest.mark.parametrize(
    ("one", "other", "cheaper"),
    [
        ((50.0, 9.0), (60.0, 1.0), True),
        ((60.0, 1.0), (50.0, 9.0), False),
        ((50.5, 1.0), (50.0, 9.0), True),
        ((49.5, 9.0), (50.0, 1.0), False),
        ((50.0, 1.0), (float("inf"), 0.0), True),
        ((float("inf"), 0.0), (float("inf"), 0.0), False),
    ],
)
def test_cores_count_first_where_they_differ(
    one: tuple[float, float], other: tuple[float, float], cheaper: bool
) -> None:
    assert _cheaper(one, other) is cheaper


def test_rates_of_relays_are_those_of_what_they_relay() -> None:
    made = fit(integer("ms_identity"), LOIHI2, "relay")
    found = known_rates(made, {"stem": 0.9, "lif1": 0.1, "conv1": 0.5})
    assert found == {"stem.relay": 0.9, "lif1": 0.1}
    assert known_rates(made, None) == {}
