"""How long a step takes where every flit is moved tick by tick: the yardstick of the other tiers.

A tick is what a link takes for a flit. A router has an input buffer for each neighbour and for each
of its cores, and passes one message at a time in each direction.

- A core gives a message to its router when its neurons are that far. A flit enters in each tick in
  which the core's buffer has room; the core goes on when the first has entered.
- Ways go along the row, then along the column. The front of a buffer asks for its output; of those
  that ask, the next one in turn gets it, and keeps it until its last flit has passed.
- A flit moves if the buffer behind had room when the tick began. It can move on after as many ticks
  as its link takes, to the nearest and at least one; between a router and its own cores at once.
- A core's queue has room for a message once the one `receive_messages` before it is worked on.
  Cores keep time to the picosecond; a router sees in a tick what was there by then.

Nothing can lock up: the order of the ways has no circles, and a core works on what it receives
whatever else it does. What cannot move is not looked at before something changes for it, so the
cost grows with flits and links, not with ticks.
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

_NOBODY = -1

_AHEAD = 256
"""Ticks of which the agenda has a list each, at least; a power of two."""

_PORT = np.dtype(
    [
        # As an input, of what comes over a link or from a core: its router and its number there;
        # its ring of flits; where its front wants to go, since when, whether it waits for that.
        ("row", np.int32),
        ("column", np.int32),
        ("number", np.int32),
        ("front", np.int32),
        ("used", np.int32),
        ("output", np.int32),
        ("asked", np.int64),
        ("asks", np.bool_),
        # As an output, of what goes over a link or to a core: the router that it leaves, ticks that
        # it takes; how many ask for it, and which if it is known; whose message it passes, how much
        # of that it has passed; whose turn it is; when it was last looked at, whether it will be.
        ("router", np.int32),
        ("ticks", np.int32),
        ("asking", np.int32),
        ("asker", np.int32),
        ("holder", np.int32),
        ("passed", np.int32),
        ("turn", np.int32),
        ("seen", np.int64),
        ("planned", np.bool_),
    ],
    align=True,
)

_CORE = np.dtype(
    [
        ("row", np.int32),
        ("column", np.int32),
        # The message that it gives: how much of it has entered, when it was ready, whether it waits
        # for room.
        *CURSOR,
        ("entered", np.int32),
        ("ready_ps", np.int64),
        ("stuck", np.bool_),
        # What it receives: the oldest place in its queue.
        ("oldest", np.int32),
        # As in StepTime.
        ("sent_ps", np.int64),
        ("received_ps", np.int64),
        ("blocked_ps", np.int64),
        ("queued_ps", np.int64),
    ],
    align=True,
)


class _Net(NamedTuple):
    """Routers and cores, and what is in them.

    ports: links, by router and DIRECTIONS, then cores.  _PORT [ports]
    inputs: by router and number, _NOBODY where there is none.  int64 [routers, numbers]
    flit, since: in the ring of each input: twice its message, and 1 more if it is the last of it;
        the tick from which on it can move.  int64 [ports, buffer]
    served: outputs that have something to do in a tick.  int64 [ports]
    cores: the host is the last.  _CORE [cores]
    queue: when the messages before left each core's queue, a ring.  int64 [cores, queue]
    columns: of routers.
    tick_ps: picoseconds.
    """

    ports: Array
    inputs: Array
    flit: Array
    since: Array
    served: Array
    cores: Array
    queue: Array
    columns: int
    tick_ps: int


class _Agenda(NamedTuple):
    """What happens when: inputs ask, outputs look who asks, cores give; numbered in this order.

    first: of each tick to come, in turn, where its list begins, or _NOBODY.  int64 [ahead]
    after: what follows in the list.  int64 [items]
    times, items: a heap of what is later.  int64 [items]
    counts: of what is in lists, and in the heap.  int64 [2]
    """

    first: Array
    after: Array
    times: Array
    items: Array
    counts: Array


class Cycle:
    """Times the steps of a machine, flit by flit."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._tick_ps = int(picoseconds([machine.chip.network.flit_s])[0])
        self._ports = _ports(machine, self._tick_ps)
        self._inputs = _inputs(self._ports, *machine.mesh.core_at.shape)

    def time(self, made: Emissions) -> StepTime:
        """Return how long a step takes."""
        net = self._net()
        _travel(sending(self._machine, made), net, _agenda(net))
        return StepTime(*(net.cores[name].copy() for name in StepTime.__slots__))

    def _net(self) -> _Net:
        machine, count = self._machine, len(self._ports)
        cores = np.zeros(len(machine.row), _CORE)
        cores["row"], cores["column"] = machine.row, machine.column
        network = machine.chip.network
        flit, since = np.zeros((2, count, network.buffer_flits), np.int64)
        return _Net(
            ports=self._ports.copy(),
            inputs=self._inputs,
            flit=flit,
            since=since,
            served=np.zeros(count, np.int64),
            cores=cores,
            queue=np.zeros((len(cores), network.receive_messages), np.int64),
            columns=machine.mesh.core_at.shape[1],
            tick_ps=self._tick_ps,
        )


def _ports(machine: Machine, tick_ps: int) -> Array:
    """Return the ports while nothing is in them."""
    rows, columns = machine.mesh.core_at.shape
    links = rows * columns * 4
    begin, direction = np.divmod(np.arange(links), 4)
    home = machine.row * columns + machine.column
    ports = np.zeros(links + len(home), _PORT)
    ports["router"] = np.concatenate([begin, home])
    # Links off the edge end nowhere, and are never used.
    ports["row"][:links] = begin // columns + np.array([0, 0, 1, -1])[direction]
    ports["column"][:links] = begin % columns + np.array([1, -1, 0, 0])[direction]
    ports["row"][links:], ports["column"][links:] = machine.row, machine.column
    ports["number"] = np.concatenate([direction, 4 + _rank(home)])
    ports["ticks"][:links] = np.maximum(1, np.rint(link_latencies(machine) / tick_ps))
    for name in ("output", "asker", "holder", "seen"):
        ports[name] = _NOBODY
    return ports


def _rank(values: Array) -> Array:
    """Return how many of the same value come before each one: int64 [values]."""
    order = np.argsort(values, kind="stable")
    rank = np.empty(len(values), np.int64)
    rank[order] = np.arange(len(values)) - np.searchsorted(values[order], values[order])
    return rank


def _inputs(ports: Array, rows: int, columns: int) -> Array:
    """Return the inputs of each router: int64 [routers, numbers]."""
    row, column = ports["row"].astype(np.int64), ports["column"].astype(np.int64)
    inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    inputs = np.full((rows * columns, int(ports["number"].max()) + 1), _NOBODY, np.int64)
    inputs[(row * columns + column)[inside], ports["number"][inside]] = np.flatnonzero(inside)
    return inputs


def _agenda(net: _Net) -> _Agenda:
    """Return an agenda with nothing on it."""
    items = 2 * len(net.ports) + len(net.cores)
    ahead = max(_AHEAD, 2 ** int(net.ports["ticks"].max()).bit_length())
    after, times, numbers = np.zeros((3, items), np.int64)
    first = np.full(ahead, _NOBODY, np.int64)
    return _Agenda(first, after, times, numbers, np.zeros(2, np.int64))


@whole
def _travel(sent, net, agenda):  # type: ignore[no-untyped-def]
    """Move all messages to where they go."""
    for core in range(len(net.cores)):
        _wait(sent, net, agenda, core, np.int64(-1), begin(sent, net.cores, core))
    tick = _next_tick(agenda, np.int64(0))
    while tick >= 0:
        number = 0
        item = _take(agenda, tick)
        while item >= 0:
            following = agenda.after[item]
            agenda.counts[0] -= 1
            output = _act(sent, net, agenda, item, tick)
            if output >= 0 and net.ports[output].seen < tick:
                net.ports[output].seen = tick
                net.served[number] = output
                number += 1
            item = following
        # All choose before any flit moves.
        chosen = 0
        for k in range(number):
            if _choose(net, agenda, net.served[k], tick):
                net.served[chosen] = net.served[k]
                chosen += 1
        for k in range(chosen):
            _pass(sent, net, agenda, net.served[k], tick)
        tick = _next_tick(agenda, tick + 1)


@part
def _tick(net, time_ps):  # type: ignore[no-untyped-def]
    """Return the first tick that does not begin before a time."""
    return -(-time_ps // net.tick_ps)


@part
def _plan(agenda, tick, when, item):  # type: ignore[no-untyped-def]
    """Put an item on the agenda."""
    ahead = len(agenda.first)
    if when - tick < ahead:
        place = when & (ahead - 1)
        agenda.after[item] = agenda.first[place]
        agenda.first[place] = item
        agenda.counts[0] += 1
    else:
        agenda.counts[1] = push(agenda.times, agenda.items, agenda.counts[1], when, item)


@part
def _next_tick(agenda, tick):  # type: ignore[no-untyped-def]
    """Return the first tick from this one on that has something, or _NOBODY."""
    ahead = len(agenda.first)
    if agenda.counts[0] == 0:
        if agenda.counts[1] == 0:
            return np.int64(_NOBODY)
        tick = agenda.times[0]
    while True:
        while agenda.counts[1] and agenda.times[0] - tick < ahead:
            when, item = agenda.times[0], agenda.items[0]
            agenda.counts[1] -= 1
            size = agenda.counts[1]
            agenda.times[0], agenda.items[0] = agenda.times[size], agenda.items[size]
            sift(agenda.times, agenda.items, size)
            _plan(agenda, tick, when, item)
        if agenda.first[tick & (ahead - 1)] >= 0:
            return tick
        tick += 1


@part
def _take(agenda, tick):  # type: ignore[no-untyped-def]
    """Take the list of a tick off the agenda, and return its first item."""
    place = tick & (len(agenda.first) - 1)
    item = agenda.first[place]
    agenda.first[place] = _NOBODY
    return item


@part
def _act(sent, net, agenda, item, tick):  # type: ignore[no-untyped-def]
    """Do what is on the agenda; return the output that has something to do then, or _NOBODY."""
    ports = len(net.ports)
    if item >= 2 * ports:
        item = _give(sent, net, agenda, item - 2 * ports, tick)
    if item < ports:
        return _ask(sent, net, item, tick) if item >= 0 else _NOBODY
    net.ports[item - ports].planned = False
    return item - ports


@part
def _wait(sent, net, agenda, core, tick, some):  # type: ignore[no-untyped-def]
    """Plan when a core gives its next message, if there is one."""
    own = net.cores[core]
    if some:
        own.ready_ps = own.clock_ps + sent.pause[core]
        when = max(tick + 1, _tick(net, own.ready_ps))
        _plan(agenda, tick, when, 2 * len(net.ports) + core)
    else:
        own.sent_ps = own.clock_ps + sent.rest[core]


@part
def _give(sent, net, agenda, core, tick):  # type: ignore[no-untyped-def]
    """Let a flit of a core enter; return the input if it has something to ask, or _NOBODY."""
    own = net.cores[core]
    port = len(net.ports) - len(net.cores) + core
    if net.ports[port].used == net.flit.shape[1]:
        own.stuck = True
        return _NOBODY
    if own.entered == 0:
        # A core that was not kept waiting goes on at its own time, not at the tick.
        now_ps = tick * net.tick_ps
        own.clock_ps = now_ps if now_ps - own.ready_ps >= net.tick_ps else own.ready_ps
        own.blocked_ps += own.clock_ps - own.ready_ps
    own.entered += 1
    last = own.entered == sent.flits[own.emission]
    _put(net, port, 2 * own.message + last, tick)
    if last:
        own.entered = 0
        _wait(sent, net, agenda, core, tick, turn(sent, net.cores, core))
    else:
        _plan(agenda, tick, tick + 1, 2 * len(net.ports) + core)
    return port if net.ports[port].used == 1 else _NOBODY


@part
def _put(net, port, flit, since):  # type: ignore[no-untyped-def]
    """Put a flit into the buffer of an input."""
    own = net.ports[port]
    place = own.front + own.used
    if place >= net.flit.shape[1]:
        place -= net.flit.shape[1]
    net.flit[port, place] = flit
    net.since[port, place] = since
    own.used += 1


@part
def _ask(sent, net, port, tick):  # type: ignore[no-untyped-def]
    """Let an input ask for where its front goes, and return that output."""
    own = net.ports[port]
    if own.output < 0:
        own.output = _way(sent, net, own, net.flit[port, own.front] // 2)
        own.asked = tick
    own.asks = True
    wanted = net.ports[own.output]
    wanted.asking += 1
    wanted.asker = port if wanted.asking == 1 else _NOBODY
    return own.output


@part
def _way(sent, net, here, message):  # type: ignore[no-untyped-def]
    """Return the output that a message takes."""
    core = sent.target[message]
    there = net.cores[core]
    place = (here.row * net.columns + here.column) * 4
    if here.column < there.column:
        return place
    if here.column > there.column:
        return place + 1
    if here.row < there.row:
        return place + 2
    if here.row > there.row:
        return place + 3
    return len(net.ports) - len(net.cores) + core


@part
def _choose(net, agenda, output, tick):  # type: ignore[no-untyped-def]
    """Choose the input that an output serves; return whether it serves one."""
    own = net.ports[output]
    if own.asking == 0:
        return False
    core = output - len(net.ports) + len(net.cores)
    if core < 0:
        if own.used == net.flit.shape[1]:
            return False
    elif own.holder < 0:
        opens_ps = net.queue[core, net.cores[core].oldest]
        if opens_ps > tick * net.tick_ps:
            _look(net, agenda, output, tick, _tick(net, opens_ps))
            return False
    if own.holder >= 0:
        own.asker = own.holder
        return net.ports[own.holder].asks
    while own.asker < 0:
        port = net.inputs[own.router, own.turn]
        if port >= 0 and net.ports[port].asks and net.ports[port].output == output:
            own.asker = port
        own.turn = _behind(own.turn, net.inputs.shape[1])
    return True


@part
def _look(net, agenda, output, tick, when):  # type: ignore[no-untyped-def]
    """Plan to look at an output."""
    if not net.ports[output].planned:
        net.ports[output].planned = True
        _plan(agenda, tick, when, len(net.ports) + output)


@part
def _behind(place, length):  # type: ignore[no-untyped-def]
    """Return the next place in a ring."""
    return place + 1 if place + 1 < length else 0


@part
def _pass(sent, net, agenda, output, tick):  # type: ignore[no-untyped-def]
    """Pass a flit of the chosen input."""
    own = net.ports[output]
    port = own.asker
    at = net.ports[port]
    flit, since = net.flit[port, at.front], net.since[port, at.front]
    last = flit % 2 == 1
    own.turn = _behind(at.number, net.inputs.shape[1])
    own.asker = _NOBODY
    own.asking -= 1
    own.passed += 1
    own.holder = _NOBODY if last else port
    core = output - len(net.ports) + len(net.cores)
    if core < 0:
        _put(net, output, flit, tick + own.ticks)
        if own.used == 1:
            _plan(agenda, tick, tick + own.ticks, output)
    elif last:
        there = max(at.asked + own.passed - 1, since)
        _receive(sent, net, core, flit // 2, tick, there)
    if last:
        own.passed = 0
        at.output = _NOBODY
    _leave(net, agenda, port, tick)
    if own.asking:
        _look(net, agenda, output, tick, tick + 1)


@part
def _leave(net, agenda, port, tick):  # type: ignore[no-untyped-def]
    """Take the front out of the buffer of an input."""
    own = net.ports[port]
    own.asks = False
    own.front = _behind(own.front, net.flit.shape[1])
    own.used -= 1
    if own.used:
        _plan(agenda, tick, max(tick + 1, net.since[port, own.front]), port)
    core = port - len(net.ports) + len(net.cores)
    if core < 0:
        if own.asking:
            _look(net, agenda, port, tick, tick + 1)
    elif net.cores[core].stuck:
        net.cores[core].stuck = False
        _plan(agenda, tick, tick + 1, 2 * len(net.ports) + core)


@part
def _receive(sent, net, core, message, tick, there):  # type: ignore[no-untyped-def]
    """Put a message into the queue of a core; without others it would have been `there` earlier."""
    own = net.cores[core]
    begin_ps = max(tick * net.tick_ps, own.received_ps)
    own.received_ps = begin_ps + sent.work[message]
    own.queued_ps += begin_ps - there * net.tick_ps
    net.queue[core, own.oldest] = begin_ps
    own.oldest = _behind(own.oldest, net.queue.shape[1])
