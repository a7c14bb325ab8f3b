"""A machine's counts beside those of the slow chip: integers, and none may differ."""

from collections.abc import Sequence

from snn_deploy.placement import Placement
from snn_deploy.simulation.chip.emission import Emissions, StepCounts
from snn_deploy.simulation.chip.machine import Machine, machine
from snn_deploy.simulation.chip.marks import Marker
from snn_deploy.simulation.chip.result import DIRECTIONS, EVENT_KINDS, ChipCounts, ChipTimes
from snn_deploy.simulation.chip.routes import PER_SECOND
from snn_deploy.simulation.chip.run import Begin, Simulator
from tests.simulation.chip.circuits import Case
from tests.simulation.chip.slow import HOST, Recount, Recounting


def compare(case: Case, placement: Placement, begin: Begin = "stream") -> ChipCounts:
    """Assert that all counts of a sample are those of the slow chip, and return them."""
    made = machine(case.network, placement, case.target)
    simulator = Simulator(made, "ideal")
    counts, times = simulator.simulate(Marker(case.network, made).mark(case.x), begin)
    recounting = Recounting(case.network, case.fans, placement, case.target)
    expected = [recounting.count(did) for did in case.watched[begin]]
    assert_counts(made, counts, expected)
    assert_times(made, times, expected)
    return counts


def assert_counts(made: Machine, counts: ChipCounts, expected: Sequence[Recount]) -> None:
    assert counts.samples == 1
    assert len(counts.hosted) == len(expected)
    assert counts.spikes.shape == (len(expected), len(made.slots))
    for t, step in enumerate(expected):
        for name in ("spikes", "graded", "updates", "sent"):
            assert getattr(counts, name)[t].tolist() == by_tile(made, step, name), (name, t)
        assert counts.events[t].tolist() == events(made, step), t
        assert counts.received[t].tolist() == [step.received[core] for core in made.cores], t
        assert counts.hosted[t] == step.hosted, t
        assert counts.links[t].tolist() == links(made, step), t


def assert_step(made: Machine, emissions: Emissions, counts: StepCounts, expected: Recount) -> None:
    """The same of a single step, and of what each core works, the host too."""
    mine = made.on_cores
    for name in ("spikes", "graded", "updates"):
        assert getattr(emissions, name)[mine].tolist() == by_tile(made, expected, name), name
    assert counts.sent[mine].tolist() == by_tile(made, expected, "sent")
    assert counts.sent[~mine].sum() == expected.hosted
    assert counts.events[mine].tolist() == events(made, expected)
    assert not counts.events[~mine].any()
    cores = made.cores.tolist()
    assert counts.received.tolist() == [expected.received[core] for core in cores]
    assert counts.receiving_ps.tolist() == [expected.receiving[core] for core in cores]
    assert counts.sending_ps.tolist() == [expected.sending[core] for core in [*cores, HOST]]
    assert counts.links.tolist() == links(made, expected)


def by_tile(made: Machine, step: Recount, name: str) -> list[int]:
    return [getattr(step, name)[slot] for slot in made.slots]


def events(made: Machine, step: Recount) -> list[list[int]]:
    return [[step.events[slot, kind] for kind in EVENT_KINDS] for slot in made.slots]


def links(made: Machine, step: Recount) -> list[list[list[int]]]:
    rows, columns = (range(length) for length in made.mesh.core_at.shape)
    return [
        [[step.links[d, row, column] for column in columns] for row in rows] for d in DIRECTIONS
    ]


def assert_times(made: Machine, times: ChipTimes, expected: Sequence[Recount]) -> None:
    """Busy times, and the steps of the ideal tier, which are as long as the longest of them."""
    cores = made.cores.tolist()
    routers = {(int(made.mesh.row[core]), int(made.mesh.column[core])) for core in cores}
    barrier_s = made.chip.latency.barrier(len(routers))
    for t, step in enumerate(expected):
        sending = [step.sending[core] / PER_SECOND for core in cores]
        receiving = [step.receiving[core] / PER_SECOND for core in cores]
        assert times.busy_s[0, t].tolist() == sending, t
        assert times.busy_s[1, t].tolist() == receiving, t
        slowest = max([*sending, *receiving, step.sending[HOST] / PER_SECOND])
        assert times.step_s[0, t] == slowest + barrier_s, t


def leaving(made: Machine, emissions: Emissions) -> dict[int, list[tuple[int, list[int], int]]]:
    """Return what leaves each core, as the slow chip writes it down."""
    found = {}
    for place, core in enumerate([*made.cores.tolist(), HOST]):
        span = range(emissions.core_at[place], emissions.core_at[place + 1])
        found[core] = [
            (int(emissions.wait[e]), heard_by(made, emissions.route[e]), int(emissions.flits[e]))
            for e in span
        ]
    return found


def heard_by(made: Machine, route: int) -> list[int]:
    """Return the cores that hear neurons of a class."""
    span = slice(made.routes.message_at[route], made.routes.message_at[route + 1])
    return list(made.cores[made.routes.core[span]].tolist())
