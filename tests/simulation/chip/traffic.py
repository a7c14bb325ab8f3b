"""Messages made by hand: a machine of bare cores, and what leaves them in a step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from hypothesis import strategies as st

from snn_deploy import targets
from snn_deploy.hardware import Chip
from snn_deploy.placement.mesh import mesh
from snn_deploy.simulation.chip.emission import Emissions
from snn_deploy.simulation.chip.machine import Machine, Pace, Routes, Tiles

NS = 1000
"""Picoseconds."""

Traffic = tuple[Machine, Emissions]


@dataclass(frozen=True)
class Send:
    """A neuron that sends.

    to: cores that get a message, and the picoseconds of work that it is.
    after_ps: that its core works for neurons before, since the one before it.
    """

    to: Mapping[int, int]
    after_ps: int = 0
    flits: int = 1


def chip_of(rows: int = 1, columns: int = 4, router_cores: int = 2, **network: float) -> Chip:
    """Return a chip of so many routers whose network is the usual one but for `network`.

    A link takes a flit each nanosecond, and passes it on in 3 along a row and 5 along a column.
    """
    chip = targets.load("loihi2").chip
    assert chip is not None
    limits = replace(
        chip.limits,
        cores=rows * columns * router_cores,
        mesh_rows=rows,
        mesh_columns=columns,
        router_cores=router_cores,
    )
    usual = {"flit_s": 1e-9, "hop_x_s": 3e-9, "hop_y_s": 5e-9, "chip_hop_s": 20e-9}
    sizes = {"buffer_flits": 4, "receive_messages": 2}
    return replace(
        chip, limits=limits, network=replace(chip.network, **{**usual, **sizes, **network})
    )


def traffic(
    chip: Chip,
    sends: Mapping[int, Sequence[Send]],
    *,
    chips: int = 1,
    host: Sequence[Send] = (),
    message_ps: int = 0,
    rest_ps: int = 0,
) -> Traffic:
    """Return a machine of all cores, and what those send that are given.

    message_ps: that a core takes to put out each message.
    rest_ps: that each core works in the end.
    """
    grid = mesh(chip.limits, chips)
    by_core = [[*sends.get(core, ())] for core in range(grid.places)] + [[*host]]
    every = [send for own in by_core for send in own]
    none = np.zeros(0, np.int64)
    routes = Routes(
        first=np.zeros(1, np.int64),
        message_at=np.cumsum([0, *(len(send.to) for send in every)]),
        core=np.array([core for send in every for core in send.to], np.int32),
        work=np.array([work for send in every for work in send.to.values()], np.int64),
        event_at=np.zeros(len(every) + 1, np.int64),
        tile=none.astype(np.int32),
        kind=none.astype(np.int8),
        events=none.astype(np.int32),
    )
    nothing = np.zeros(len(by_core), np.int64)
    machine = Machine(
        name="traffic",
        chip=chip,
        mesh=grid,
        populations=(),
        depths=none,
        boxes=(),
        cores=np.arange(grid.places),
        senders=(),
        tiles=Tiles(none, none.reshape(0, 3), none.reshape(0, 3), none),
        routes=routes,
        pace=Pace(nothing, nothing, nothing, nothing + message_ps),
    )
    made = Emissions(
        core_at=np.cumsum([0, *map(len, by_core)]),
        tile_at=none,
        wait=np.array([send.after_ps for send in every], np.int64),
        route=np.arange(len(every), dtype=np.int32),
        flits=np.array([send.flits for send in every], np.int32),
        rest=nothing + rest_ps,
        spikes=none,
        graded=none,
        updates=none,
    )
    return machine, made


@st.composite
def any_traffic(draw: st.DrawFn) -> Traffic:
    """Return messages of few cores that meet often, on a chip or two."""
    rows, columns, router_cores = (draw(st.integers(1, most)) for most in (3, 3, 3))
    network = {
        "flit_s": draw(st.sampled_from([0.7e-9, 1e-9, 2e-9])),
        "hop_x_s": draw(st.sampled_from([0.1e-9, 1e-9, 3.4e-9])),
        "hop_y_s": draw(st.sampled_from([1e-9, 6.5e-9])),
        "buffer_flits": draw(st.integers(1, 4)),
        "receive_messages": draw(st.integers(1, 3)),
    }
    chip = chip_of(rows, columns, router_cores, **network)
    chips = draw(st.integers(1, 2))
    core = st.integers(0, chips * chip.limits.cores - 1)
    work = st.integers(0, 60 * NS)
    send = st.builds(
        Send,
        to=st.dictionaries(core, work, max_size=4),
        after_ps=st.integers(0, 12 * NS),
        flits=st.integers(1, 3),
    )
    some = st.lists(send, max_size=6)
    pace = {"message_ps": draw(st.integers(0, 3 * NS)), "rest_ps": draw(st.integers(0, 9 * NS))}
    sends = draw(st.dictionaries(core, some, max_size=6))
    return traffic(chip, sends, chips=chips, host=draw(some), **pace)
