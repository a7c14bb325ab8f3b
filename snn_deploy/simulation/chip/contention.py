"""How long a step takes where messages meet: on links, in buffers, at the core that they go to.

Messages are followed one at a time, in the order in which their cores send them; each takes from
every link and queue on its way the first moment that those before it have left. That is a handful
of operations a hop, whatever else is under way: cost grows with messages, not with their square.

- A core sends when its neurons are that far, and waits while the network does not take a message.
- Ways go along the row, then along the column. A link passes a flit in `flit_s`; a message starts
  over it once the buffer behind it has room, and holds its own buffer until then.
- A core takes messages one after the other and holds some in a queue. Where that is full, the last
  link is blocked, and what is behind it.

What is left out: a message that is sent later but is at a link earlier can pass the last one that
took that link, if it is gone by then, and none before; and messages leave a buffer in any order.
`cycle.py` shows what that costs in accuracy.
"""

from typing import NamedTuple

import numpy as np

from snn_deploy.ir.graph import Array

from .compiled import part, push, sift, whole
from .emission import Emissions
from .machine import Machine
from .routes import picoseconds
from .sending import CURSOR, begin, sending, turn
from .timing import StepTime, link_latencies

_NONE = -1

_LINK = np.dtype(
    [
        ("latency_ps", np.int64),
        # From when on nobody has taken it; before that, where the last gap begins and ends.
        ("free_ps", np.int64),
        ("gap_ps", np.int64),
        ("taken_ps", np.int64),
        # The oldest place in the buffer at its end.
        ("oldest", np.int64),
    ]
)

_CORE = np.dtype(
    [
        ("row", np.int64),
        ("column", np.int64),
        *CURSOR,
        # The oldest place in its queue.
        ("oldest", np.int64),
        # As in StepTime.
        ("sent_ps", np.int64),
        ("received_ps", np.int64),
        ("blocked_ps", np.int64),
        ("queued_ps", np.int64),
    ]
)


class _Net(NamedTuple):
    """Links and cores, and when they were taken last.

    links: by router and DIRECTIONS.  _LINK [links]
    left: when the flits before left the buffer at the end of each link, a ring.
        int64 [links, buffer]
    cores: the host is the last.  _CORE [cores]
    queue: when the messages before left each core's queue, a ring.  int64 [cores, queue]
    columns: of routers.
    flit_ps: that a link takes for a flit.
    """

    links: Array
    left: Array
    cores: Array
    queue: Array
    columns: int
    flit_ps: int


class Contention:
    """Times the steps of a machine, message by message."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._flit_ps = int(picoseconds([machine.chip.network.flit_s])[0])
        self._latency_ps = link_latencies(machine)

    def time(self, made: Emissions) -> StepTime:
        """Return how long a step takes."""
        net = self._net()
        times, cores = np.zeros((2, len(net.cores)), np.int64)
        _contend(sending(self._machine, made), net, times, cores)
        return StepTime(*(net.cores[name].copy() for name in StepTime.__slots__))

    def _net(self) -> _Net:
        machine, network = self._machine, self._machine.chip.network
        cores, links = np.zeros(len(machine.row), _CORE), np.zeros(len(self._latency_ps), _LINK)
        cores["row"], cores["column"] = machine.row, machine.column
        links["latency_ps"] = self._latency_ps
        return _Net(
            links=links,
            left=np.zeros((len(links), network.buffer_flits), np.int64),
            cores=cores,
            queue=np.zeros((len(cores), network.receive_messages), np.int64),
            columns=machine.mesh.core_at.shape[1],
            flit_ps=self._flit_ps,
        )


@whole
def _contend(sent, net, times, who):  # type: ignore[no-untyped-def]
    """Follow all messages.

    times, who: memory for a heap: cores by when they have the next message to give.
    """
    size = 0
    for core in range(len(net.cores)):
        own = net.cores[core]
        if begin(sent, net.cores, core):
            size = push(times, who, size, own.clock_ps + sent.pause[core], core)
        else:
            own.sent_ps = own.clock_ps + sent.rest[core]
    while size:
        core = who[0]
        own = net.cores[core]
        _follow(sent, net, core, times[0])
        if turn(sent, net.cores, core):
            times[0] = own.clock_ps + sent.pause[core]
        else:
            own.sent_ps = own.clock_ps + sent.rest[core]
            size -= 1
            times[0], who[0] = times[size], who[size]
        sift(times, who, size)


@part
def _follow(sent, net, core, ready_ps):  # type: ignore[no-untyped-def]
    """Bring the message of a core to where it goes; the core goes on when it has left."""
    own = net.cores[core]
    target = sent.target[own.message]
    to = net.cores[target]
    room = min(sent.flits[own.emission], net.left.shape[1])
    long_ps = sent.flits[own.emission] * net.flit_ps
    row, column = own.row, own.column
    clock_ps = ready_ps  # when it could leave where it is
    start_ps = np.int64(_NONE)  # when it left its core
    held = _NONE  # the link whose buffer it is in
    while row != to.row or column != to.column:
        link = (row * net.columns + column) * 4
        if column < to.column:
            column += 1
        elif column > to.column:
            link += 1
            column -= 1
        elif row < to.row:
            link += 2
            row += 1
        else:
            link += 3
            row -= 1
        clock_ps = _book(net, link, clock_ps, room, long_ps)
        if held < 0:
            start_ps = clock_ps
        else:
            _leave(net, held, clock_ps, room)
        held = link
        clock_ps += net.links[link].latency_ps
    arrived_ps = clock_ps + long_ps - net.flit_ps
    clock_ps = max(arrived_ps, net.queue[target, to.oldest])
    if held < 0:
        start_ps = clock_ps - long_ps + net.flit_ps
    else:
        _leave(net, held, clock_ps, room)
    begin_ps = max(clock_ps, to.received_ps)
    to.received_ps = begin_ps + sent.work[own.message]
    to.queued_ps += begin_ps - arrived_ps
    net.queue[target, to.oldest] = begin_ps
    to.oldest = _behind(to.oldest, net.queue.shape[1])
    own.blocked_ps += start_ps - ready_ps
    own.clock_ps = start_ps


@part
def _book(net, link, clock_ps, room, long_ps):  # type: ignore[no-untyped-def]
    """Take a link as soon as it is free and the buffer at its end has room; return when."""
    own = net.links[link]
    buffer = net.left.shape[1]
    place = own.oldest + room - 1
    clock_ps = max(clock_ps, net.left[link, place if place < buffer else place - buffer])
    start_ps = max(clock_ps, own.gap_ps)
    if start_ps + long_ps <= own.taken_ps:
        own.gap_ps = start_ps + long_ps
        return start_ps
    start_ps = max(clock_ps, own.free_ps)
    if start_ps > own.free_ps:
        own.gap_ps, own.taken_ps = own.free_ps, start_ps
    own.free_ps = start_ps + long_ps
    return start_ps


@part
def _leave(net, link, clock_ps, room):  # type: ignore[no-untyped-def]
    """Note when the flits of a message left the buffer at the end of a link."""
    place = net.links[link].oldest
    for _ in range(room):
        net.left[link, place] = clock_ps
        place = _behind(place, net.left.shape[1])
    net.links[link].oldest = place


@part
def _behind(place, length):  # type: ignore[no-untyped-def]
    """Return the next place in a ring."""
    return place + 1 if place + 1 < length else 0
