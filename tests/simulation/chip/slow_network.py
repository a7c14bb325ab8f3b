"""A network on chip in plain Python, every buffer in every tick: what the compiled one must match.

Ports are named, not numbered: ("link", row, column, direction) is a link by where it begins,
("core", core) is the way between a router and a core.
"""

from collections import deque
from dataclasses import dataclass
from itertools import count

import numpy as np

from snn_deploy.ir.graph import Array
from snn_deploy.simulation.chip.emission import Emissions
from snn_deploy.simulation.chip.machine import Machine
from snn_deploy.simulation.chip.routes import picoseconds
from snn_deploy.simulation.chip.timing import StepTime, link_latencies

Place = tuple[int, int]
Port = tuple[str, int] | tuple[str, int, int, int]

STEPS = ((0, 1), (0, -1), (1, 0), (-1, 0))
"""Rows and columns to the next router: east, west, south, north."""


@dataclass
class Message:
    """A message and when what happened to it, in picoseconds."""

    source: int
    target: int
    pause_ps: int
    work_ps: int
    flits: int
    ready_ps: int = -1
    taken_ps: int = -1
    there_ps: int = -1
    begun_ps: int = -1


@dataclass
class Flit:
    message: Message
    last: bool
    since: int


class SlowNetwork:
    """One step of a machine."""

    def __init__(self, machine: Machine, made: Emissions) -> None:
        network = machine.chip.network
        self.tick_ps = int(picoseconds([network.flit_s])[0])
        self.buffer_flits, self.receive_messages = network.buffer_flits, network.receive_messages
        self.homes: list[Place] = [*zip(machine.row.tolist(), machine.column.tolist(), strict=True)]
        self.rows, self.columns = machine.mesh.core_at.shape
        self.latencies_ps = link_latencies(machine).reshape(self.rows, self.columns, 4)
        self.to_give = [deque(_messages(machine, made, core)) for core in range(len(self.homes))]
        self.messages = [message for own in self.to_give for message in own]
        self.rest_ps = [_rest(machine, made, core) for core in range(len(self.homes))]
        self.clocks_ps = [0] * len(self.homes)
        self.entered = [0] * len(self.homes)
        self.received: list[list[Message]] = [[] for _ in self.homes]
        self.flits: dict[Port, deque[Flit]] = {}
        self.asked: dict[Port, int] = {}
        self.holders: dict[Port, Port] = {}
        self.turns: dict[Port, int] = {}
        for tick in count():
            if all(message.begun_ps >= 0 for message in self.messages):
                break
            self.move(tick)

    def move(self, tick: int) -> None:
        """Let happen what happens in a tick; what it makes room for is for the next one."""
        room = {port: len(flits) < self.buffer_flits for port, flits in self.flits.items()}
        for core in range(len(self.homes)):
            if room.get(("core", core), True):
                self.give(core, tick)
        asking: dict[Port, list[Port]] = {}
        for port in self.flits:
            output = self.wanted(port, tick)
            if output is not None and self.opens(port, output, room, tick):
                asking.setdefault(output, []).append(port)
        for output, ports in asking.items():
            numbers = 4 + len(self.homes)
            turn = self.turns.get(output, 0)
            self.serve(min(ports, key=lambda p: (self.number(p) - turn) % numbers), output, tick)

    def give(self, core: int, tick: int) -> None:
        if not self.to_give[core]:
            return
        message = self.to_give[core][0]
        if not self.entered[core]:
            message.ready_ps = self.clocks_ps[core] + message.pause_ps
            if message.ready_ps > tick * self.tick_ps:
                return
            late = (tick - 1) * self.tick_ps >= message.ready_ps
            message.taken_ps = tick * self.tick_ps if late else message.ready_ps
            self.clocks_ps[core] = message.taken_ps
        self.entered[core] += 1
        last = self.entered[core] == message.flits
        self.flits.setdefault(("core", core), deque()).append(Flit(message, last, tick))
        if last:
            self.to_give[core].popleft()
            self.entered[core] = 0

    def wanted(self, port: Port, tick: int) -> Port | None:
        """Return the output that the front of an input asks for, if it does."""
        if not self.flits[port] or self.flits[port][0].since > tick:
            return None
        self.asked.setdefault(port, tick)
        target = self.flits[port][0].message.target
        (row, column), (to_row, to_column) = self.router(port), self.homes[target]
        if column != to_column:
            return ("link", row, column, 0 if column < to_column else 1)
        if row != to_row:
            return ("link", row, column, 2 if row < to_row else 3)
        return ("core", target)

    def opens(self, port: Port, output: Port, room: dict[Port, bool], tick: int) -> bool:
        """Return whether an output would take a flit of an input."""
        holder = self.holders.get(output)
        if holder not in (None, port):
            return False
        if output[0] == "link":
            return room.get(output, True)
        before = self.received[output[1]]
        if holder == port or len(before) < self.receive_messages:
            return True
        return before[-self.receive_messages].begun_ps <= tick * self.tick_ps

    def serve(self, port: Port, output: Port, tick: int) -> None:
        flit = self.flits[port].popleft()
        self.turns[output] = self.number(port) + 1
        self.holders[output] = port
        if flit.last:
            del self.holders[output]
        if output[0] == "link":
            moved = Flit(flit.message, flit.last, tick + self.ticks(output))
            self.flits.setdefault(output, deque()).append(moved)
        elif flit.last:
            self.receive(flit, self.asked[port], tick)
        if flit.last:
            del self.asked[port]

    def receive(self, flit: Flit, asked: int, tick: int) -> None:
        message = flit.message
        assert message.begun_ps < 0, "a message is received once"
        before = self.received[message.target]
        free_ps = before[-1].begun_ps + before[-1].work_ps if before else 0
        message.there_ps = max(asked + message.flits - 1, flit.since) * self.tick_ps
        message.begun_ps = max(tick * self.tick_ps, free_ps)
        before.append(message)

    def router(self, port: Port) -> Place:
        """Return the router of an input."""
        if port[0] == "core":
            return self.homes[port[1]]
        _, row, column, direction = port
        down, right = STEPS[direction]
        return row + down, column + right

    def number(self, port: Port) -> int:
        """Return the number of an input at its router: by direction, then by core."""
        return 4 + port[1] if port[0] == "core" else port[3]

    def ticks(self, link: Port) -> int:
        """Return what a link takes: whole ticks, the nearest, the even one of two."""
        return max(1, round(int(self.latencies_ps[link[1:]]) / self.tick_ps))

    def time(self) -> StepTime:
        sent = [clock + rest for clock, rest in zip(self.clocks_ps, self.rest_ps, strict=True)]
        received, blocked, queued = np.zeros((3, len(self.homes)), np.int64)
        for message in self.messages:
            blocked[message.source] += message.taken_ps - message.ready_ps
            queued[message.target] += message.begun_ps - message.there_ps
        for core, own in enumerate(self.received):
            received[core] = own[-1].begun_ps + own[-1].work_ps if own else 0
        return StepTime(np.array(sent), received, blocked, queued)


def _messages(machine: Machine, made: Emissions, core: int) -> list[Message]:
    """Return what a core sends, in order."""
    routes, found = machine.routes, []
    waited = 0
    for e in range(made.core_at[core], made.core_at[core + 1]):
        waited += int(made.wait[e])
        for m in range(routes.message_at[made.route[e]], routes.message_at[made.route[e] + 1]):
            pause = waited + int(machine.pace.message[core])
            target, work = int(routes.core[m]), int(routes.work[m])
            found.append(Message(core, target, pause, work, int(made.flits[e])))
            waited = 0
    return found


def _rest(machine: Machine, made: Emissions, core: int) -> int:
    """Return how long a core works after its last message."""
    waited = 0
    for e in range(made.core_at[core], made.core_at[core + 1]):
        route = made.route[e]
        heard = machine.routes.message_at[route] < machine.routes.message_at[route + 1]
        waited = 0 if heard else waited + int(made.wait[e])
    return waited + int(made.rest[core])


def ideal_ps(machine: Machine, made: Emissions) -> tuple[Array, Array]:
    """Return how long cores send and receive if nothing waits."""
    cores = range(len(machine.row))
    sent = [
        sum(m.pause_ps for m in _messages(machine, made, core)) + _rest(machine, made, core)
        for core in cores
    ]
    received = np.zeros(len(cores), np.int64)
    for core in cores:
        for message in _messages(machine, made, core):
            received[message.target] += message.work_ps
    return np.array(sent), received
