"""Flit by flit: circuits counted tick by tick, and a network in plain Python that must agree."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn_deploy.simulation.chip.contention import Contention
from snn_deploy.simulation.chip.cycle import Cycle
from snn_deploy.simulation.chip.machine import machine
from snn_deploy.simulation.chip.marks import Marker
from snn_deploy.simulation.chip.run import Simulator
from snn_deploy.simulation.chip.timing import StepTime
from tests.simulation.chip.circuits import case
from tests.simulation.chip.placements import by_chance
from tests.simulation.chip.slow_network import SlowNetwork, ideal_ps
from tests.simulation.chip.traffic import NS, Send, Traffic, any_traffic, chip_of, traffic

HOST = -1


def timed(of: Traffic) -> StepTime:
    machine, made = of
    return Cycle(machine).time(made)


def ns(times_ps: np.ndarray, cores: Sequence[int]) -> list[float]:
    return (times_ps[list(cores)] / NS).tolist()


def assert_same(one: StepTime, other: StepTime) -> None:
    for name in StepTime.__slots__:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), name)


def test_a_message_over_three_links() -> None:
    """Given at 5, it takes each link in 3 ticks, and its core works on it at once."""
    sends = {0: [Send({6: 7 * NS}, after_ps=4 * NS)]}
    time = timed(traffic(chip_of(), sends, message_ps=NS, rest_ps=2 * NS))
    assert ns(time.sent_ps, [0, 6]) == [7, 2]
    assert ns(time.received_ps, [0, 6]) == [0, 5 + 3 * 3 + 7]
    assert not time.blocked_ps.any()
    assert not time.queued_ps.any()


def test_along_the_row_then_along_the_column() -> None:
    """Both use the link from (0, 1) to (1, 1): the one from (0, 0) turns there."""
    chip = chip_of(rows=2, columns=2, router_cores=1)
    sends = {0: [Send({3: NS})], 1: [Send({3: NS}, after_ps=3 * NS)]}
    time = timed(traffic(chip, sends))
    # Both ask at 3; what came over a link is first. It is there at 8, the other one at 9.
    assert ns(time.received_ps, [3]) == [10]
    crossing = {0: [Send({3: NS})], 2: [Send({3: NS}, after_ps=3 * NS)]}
    assert ns(timed(traffic(chip, crossing)).received_ps, [3]) == [9]


@pytest.mark.parametrize(
    ("rows", "columns", "to", "arrival"),
    [(2, 1, 2, 20), (2, 1, 3, 20 + 5), (1, 2, 2, 20), (1, 2, 3, 3 + 20)],
)
def test_to_the_next_chip(rows: int, columns: int, to: int, arrival: int) -> None:
    """Of two chips of two routers, which lie so that all are a square."""
    chip = chip_of(rows, columns, router_cores=1)
    time = timed(traffic(chip, {0: [Send({to: NS})]}, chips=2))
    assert ns(time.received_ps, [to]) == [arrival + 1]


def test_two_messages_meet_at_an_output() -> None:
    """Two cores of a router send two messages each over one link: they take turns."""
    sends = {core: [Send({2: 100 * NS}), Send({3: 10 * NS})] for core in (0, 1)}
    time = timed(traffic(chip_of(), sends))
    # Ticks 0 to 3 take core 0's first, core 1's first, core 0's second, core 1's second.
    assert ns(time.received_ps, [2, 3]) == [3 + 200, 3 + 2 + 20]
    assert ns(time.queued_ps, [2, 3]) == [100 - 1, 10 - 1]
    # The second ones enter their buffers one tick after the first, and wait there.
    assert ns(time.blocked_ps, [0, 1]) == [1, 1]


def test_turns_begin_with_links() -> None:
    """Three inputs ask at once for a core of the second router: a link, then its two cores."""
    sends = {
        0: [Send({2: 100 * NS})],
        2: [Send({2: 10 * NS}, after_ps=3 * NS)],
        3: [Send({2: NS}, after_ps=3 * NS)],
    }
    time = timed(traffic(chip_of(), sends))
    assert ns(time.received_ps, [2]) == [3 + 111]
    assert ns(time.queued_ps, [2]) == [0 + 100 + 110]


def test_a_full_queue_blocks_the_sender() -> None:
    """With room for one message in each place, the fifth has to wait for the second's end.

    First: enters 0, leaves 0, there 3, worked on from 3. Second: enters 1, leaves 4, when the first
    has made room, there 7, worked on from 103. Third: 5, 8, 11, 203; the queue takes it at 103.
    Fourth: 9, 104, 107, 303. Fifth: 105, 204, 207, 403.
    """
    chip = chip_of(buffer_flits=1, receive_messages=1)
    time = timed(traffic(chip, {0: [Send({2: 100 * NS})] * 5}))
    assert ns(time.sent_ps, [0]) == [105]
    assert ns(time.blocked_ps, [0]) == [0 + 1 + 4 + 4 + 96]
    assert ns(time.received_ps, [2]) == [503]
    assert ns(time.queued_ps, [2]) == [0 + 96 + 192 + 196 + 196]


def test_whoever_waits_keeps_those_behind_waiting() -> None:
    """The third message goes to an idle core, but the second is in front of it until 200."""
    chip = chip_of(buffer_flits=4, receive_messages=1)
    busy = [Send({2: 100 * NS})] * 3
    time = timed(traffic(chip, {0: [*busy, Send({3: NS})]}))
    # The queue takes the third at 103, when the second is begun; the last is behind it.
    assert ns(time.received_ps, [2, 3]) == [303, 105]
    assert ns(time.queued_ps, [3]) == [0]


def test_two_flits_stay_together() -> None:
    """The link is the first message's until its second flit has passed, in tick 1."""
    sends = {0: [Send({2: 9 * NS}, flits=2)], 1: [Send({3: 9 * NS})]}
    time = timed(traffic(chip_of(), sends))
    # Both begin in tick 0. Without the second flit, core 3 would have its message at 4.
    assert ns(time.received_ps, [2, 3]) == [1 + 3 + 9, 2 + 3 + 9]
    other = {0: [Send({2: 9 * NS})], 1: [Send({3: 9 * NS}, flits=2)]}
    assert ns(timed(traffic(chip_of(), other)).received_ps, [2, 3]) == [3 + 9, 2 + 3 + 9]


def test_a_message_longer_than_all_buffers() -> None:
    """Of six flits two fit; each follows when there is room, a tick after one has left."""
    chip = chip_of(buffer_flits=2)
    sends = {0: [Send({2: 9 * NS}, flits=6), Send({2: NS})]}
    time = timed(traffic(chip, sends))
    # The link passes flits 0 and 1 in ticks 0 and 1; they leave in 3 and 4; 2 and 3 follow in 4
    # and 5, leave in 7 and 8; 4 and 5 in 8 and 9, and are there in 11 and 12.
    assert ns(time.received_ps, [2]) == [12 + 9 + 1]
    # Its flits enter in 0, 1, 2, 3, 5 and 6; the next message as the buffer has room again, in 9.
    assert ns(time.sent_ps, [0]) == [9]


def test_within_a_router() -> None:
    """To a neighbour or to itself a message takes no time; a flit more takes a tick more."""
    sends = {0: [Send({0: 5 * NS, 1: 5 * NS}), Send({1: NS}, after_ps=20 * NS, flits=3)]}
    time = timed(traffic(chip_of(), sends, message_ps=NS))
    assert ns(time.sent_ps, [0]) == [1 + 1 + 20 + 1]
    assert ns(time.received_ps, [0, 1]) == [1 + 5, 23 + 2 + 1]


def test_the_host_enters_at_the_first_router() -> None:
    time = timed(traffic(chip_of(), {}, host=[Send({4: NS}, after_ps=8 * NS)], message_ps=NS))
    assert ns(time.received_ps, [4]) == [9 + 2 * 3 + 1]
    assert ns(time.sent_ps, [HOST]) == [9]


def test_cores_keep_their_own_time() -> None:
    """A message each 5.1 ticks is sent every 5.1, and seen by the network in the next tick."""
    of = traffic(chip_of(), {0: [Send({1: 0})] * 9 + [Send({1: 300})]}, message_ps=5_100)
    time = timed(of)
    assert time.sent_ps[0] == 10 * 5_100
    assert time.received_ps[1] == 51 * NS + 300
    assert timed(traffic(chip_of(), {0: [Send({1: 0})]}, message_ps=1)).received_ps[1] == NS


def test_neurons_that_nobody_hears_take_time() -> None:
    sends = {0: [Send({}, 5 * NS), Send({1: NS}, 2 * NS), Send({}, 4 * NS)], 1: [Send({}, 6 * NS)]}
    time = timed(traffic(chip_of(), sends, message_ps=NS, rest_ps=3 * NS))
    assert ns(time.received_ps, [1]) == [5 + 2 + 1 + 1]
    assert ns(time.sent_ps, [0, 1]) == [5 + 2 + 1 + 4 + 3, 6 + 3]


@pytest.mark.parametrize(("hop", "ticks"), [(0.1, 1), (1.4, 1), (1.6, 2), (4.1, 4), (6.5, 6)])
def test_links_take_whole_ticks(hop: float, ticks: int) -> None:
    chip = chip_of(hop_x_s=hop * 1e-9)
    assert ns(timed(traffic(chip, {0: [Send({2: 0})]})).received_ps, [2]) == [ticks]


def test_long_ways_and_long_waits() -> None:
    """Longer than the agenda's lists reach ahead, in every way that there is."""
    chip = chip_of(hop_x_s=1e-6, receive_messages=1)
    sends = {0: [Send({2: 5000 * NS}, after_ps=2000 * NS)] * 4}
    time = timed(traffic(chip, sends))
    assert ns(time.received_ps, [2]) == [2000 + 1000 + 4 * 5000]


@given(any_traffic())
@settings(max_examples=400)
def test_as_in_plain_python(of: Traffic) -> None:
    """There every message is received once: it is asserted, and that none is missing ends it."""
    assert_same(timed(of), SlowNetwork(*of).time())


@given(any_traffic())
def test_never_faster_than_without_a_network(of: Traffic) -> None:
    time, (sent, received) = timed(of), ideal_ps(*of)
    assert (time.sent_ps - time.blocked_ps == sent).all()
    assert (time.blocked_ps >= 0).all()
    assert (time.received_ps >= received).all()
    assert (time.queued_ps >= 0).all()


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=24), st.integers(1, 3))
def test_every_message_is_received_once(ways: list[tuple[int, int]], flits: int) -> None:
    """Cores begin to work when all is there; the work of each message is a bit of the sum."""
    late = 10_000 * NS
    sends: dict[int, list[Send]] = {core: [Send({core: late})] for core in range(12)}
    for bit, (source, target) in enumerate(ways):
        sends[source].append(Send({target: 1 << bit}, flits=flits))
    chip = chip_of(rows=2, columns=3, buffer_flits=80, receive_messages=80)
    time = timed(traffic(chip, sends))
    expected = [late + sum(1 << b for b, way in enumerate(ways) if way[1] == c) for c in range(12)]
    assert time.received_ps[:HOST].tolist() == expected


@given(any_traffic())
@settings(max_examples=30)
def test_twice_the_same(of: Traffic) -> None:
    """A step leaves nothing behind for the next."""
    machine, made = of
    cycle = Cycle(machine)
    assert_same(cycle.time(made), cycle.time(made))


@st.composite
def lonely_messages(draw: st.DrawFn, grain_ps: int) -> Traffic:
    """Return messages of which the next one leaves when the one before has long been received."""
    chip = chip_of(rows=3, columns=3, hop_x_s=3e-9, hop_y_s=5e-9)
    core = st.integers(0, 35)
    ways = draw(st.lists(st.tuples(core, core, st.integers(1, 3)), max_size=12))
    sends: dict[int, list[Send]] = {}
    last = dict.fromkeys(range(36), 0)
    for k, (source, target, flits) in enumerate(ways):
        begin = 1000 * NS * k + grain_ps * draw(st.integers(0, 100 * NS // grain_ps))
        send = Send({target: 77}, begin - last[source], flits)
        sends.setdefault(source, []).append(send)
        last[source] = begin
    return traffic(chip, sends, chips=2)


@given(lonely_messages(NS))
def test_where_nothing_meets_messages_are_as_fast_as_flits(of: Traffic) -> None:
    machine, made = of
    assert_same(timed(of), Contention(machine).time(made))


@given(lonely_messages(1))
def test_between_ticks_messages_wait_for_the_next(of: Traffic) -> None:
    machine, made = of
    flits, messages = timed(of), Contention(machine).time(made)
    assert flits.sent_ps.tolist() == messages.sent_ps.tolist()
    later = flits.received_ps - messages.received_ps
    assert ((later >= 0) & (later < NS)).all()


@pytest.mark.parametrize("seed", range(6))
def test_a_placed_network(seed: int) -> None:
    """Counts do not depend on the tier; steps take longer than their slowest core works."""
    network = case("corner binary")
    placement = by_chance(network.network, network.target, np.random.default_rng(seed))
    on = machine(network.network, placement, network.target)
    marks = Marker(network.network, on).mark(network.x)
    plain, ideal = Simulator(on, "ideal").simulate(marks)
    counts, times = Simulator(on, "cycle").simulate(marks)
    for name in ("spikes", "sent", "received", "links"):
        np.testing.assert_array_equal(getattr(counts, name), getattr(plain, name))
    assert times.tier == "cycle"
    assert (times.step_s >= ideal.step_s).all()
