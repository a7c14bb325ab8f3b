"""Message by message: circuits counted by hand, and bounds that hold for any traffic."""

import numpy as np
import pytest
from hypothesis import given

from snn_deploy.simulation.chip.contention import Contention
from snn_deploy.simulation.chip.timing import StepTime
from tests.simulation.chip.slow_network import ideal_ps
from tests.simulation.chip.traffic import NS, Send, Traffic, any_traffic, chip_of, traffic


def timed(of: Traffic) -> StepTime:
    machine, made = of
    return Contention(machine).time(made)


def ns(times_ps: np.ndarray, *cores: int) -> list[float]:
    return (times_ps[list(cores)] / NS).tolist()


def test_two_messages_meet_on_a_link() -> None:
    """The link takes one a tick, the one of the first core first."""
    sends = {core: [Send({2: 10 * NS}, after_ps=5 * NS)] for core in (0, 1)}
    time = timed(traffic(chip_of(), sends))
    assert ns(time.received_ps, 2) == [5 + 3 + 20]
    assert ns(time.blocked_ps, 0, 1) == [0, 1]
    assert ns(time.queued_ps, 2) == [0 + 10 - 1]


def test_times_are_not_rounded() -> None:
    sends = {0: [Send({2: 300}, after_ps=1_234)]}
    time = timed(traffic(chip_of(hop_x_s=4.1e-9), sends, message_ps=5_100))
    assert time.sent_ps[0] == 1_234 + 5_100
    assert time.received_ps[2] == 1_234 + 5_100 + 4_100 + 300


def test_a_full_queue_blocks_the_sender() -> None:
    """With room for one message in each place, the fourth has to wait for the first one's end.

    First: leaves 0, there 3, worked on from 3. Second: leaves 3, there 6, worked on from 103.
    Third: 6, 9, 203; the queue takes it at 103. Fourth: 103, 106, 303.
    """
    chip = chip_of(buffer_flits=1, receive_messages=1)
    time = timed(traffic(chip, {0: [Send({2: 100 * NS})] * 4}))
    assert ns(time.sent_ps, 0) == [103]
    assert ns(time.blocked_ps, 0) == [0 + 3 + 3 + 97]
    assert ns(time.received_ps, 2) == [403]
    assert ns(time.queued_ps, 2) == [0 + 97 + 194 + 197]


def test_a_message_starts_when_there_is_room_for_all_of_it() -> None:
    """The first is there at 3, and gone when its second flit is, at 4; only then two more fit."""
    time = timed(traffic(chip_of(buffer_flits=3), {0: [Send({2: 100 * NS}, flits=2)] * 2}))
    assert ns(time.sent_ps, 0) == [4]
    assert ns(time.queued_ps, 2) == [104 - (4 + 3 + 1)]


@pytest.mark.parametrize(
    ("after", "flits", "start"), [(1, 1, 1), (1, 5, 1), (1, 6, 7), (5, 1, 5), (5, 2, 7), (6, 1, 7)]
)
def test_before_a_message_that_is_still_far_away(after: int, flits: int, start: int) -> None:
    """One from the first router takes the last link in tick 6; it is sent, and followed, before."""
    chip = chip_of(buffer_flits=8)
    near = Send({7: NS}, after_ps=after * NS, flits=flits)
    time = timed(traffic(chip, {0: [Send({6: NS})], 4: [near]}))
    assert ns(time.received_ps, 6) == [3 * 3 + 1]
    assert ns(time.received_ps, 7) == [start + 3 + (flits - 1) + 1]


def test_in_what_is_left_of_a_gap() -> None:
    """Of the six ticks before it, messages take one, three and one, from the second on."""
    near = [Send({7: NS}, after_ps=NS), Send({7: NS}, flits=3), Send({7: 50 * NS})]
    time = timed(traffic(chip_of(buffer_flits=8), {0: [Send({6: NS})], 4: near}))
    # They leave in 1, in 2 to 4, in 5, and are there in 4, 7, 8.
    assert ns(time.received_ps, 7) == [8 + 50]
    assert ns(time.blocked_ps, 4) == [0 + 1 + 3]


@given(any_traffic())
def test_never_faster_than_without_a_network(of: Traffic) -> None:
    time, (sent, received) = timed(of), ideal_ps(*of)
    assert (time.sent_ps - time.blocked_ps == sent).all()
    assert (time.blocked_ps >= 0).all()
    assert (time.received_ps >= received).all()
    assert (time.queued_ps >= 0).all()
