"""What a tier is: how long a step takes, by what leaves the cores in it."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from snn_deploy.ir.graph import Array

from .emission import Emissions
from .machine import Machine
from .routes import picoseconds


@dataclass(frozen=True, slots=True)
class StepTime:
    """How long a step took each core, without the barrier at its end; the host is the last.

    Attributes:
        sent_ps: when it was done with its neurons and had sent all.  int64 [cores + 1]
        received_ps: when it was done with all that reached it.  int64 [cores + 1]
        blocked_ps: how long the network kept it from sending.  int64 [cores + 1]
        queued_ps: how long messages waited at it, all together.  int64 [cores + 1]
    """

    sent_ps: Array
    received_ps: Array
    blocked_ps: Array
    queued_ps: Array


class Timing(Protocol):
    """Tells how long the emissions of a step take."""

    def time(self, made: Emissions, /) -> StepTime:
        """Return times of all cores."""
        ...


def link_latencies(machine: Machine) -> Array:
    """Return picoseconds of the link from every router in every direction, by DIRECTIONS.

    int64 [rows * columns * 4]; links between chips take longer.
    """
    limits, network = machine.chip.limits, machine.chip.network
    along, across, between = picoseconds([network.hop_x_s, network.hop_y_s, network.chip_hop_s])
    rows, columns = machine.mesh.core_at.shape
    found = np.empty((rows, columns, 4), np.int64)
    last_column = (np.arange(columns) + 1) % limits.mesh_columns == 0
    last_row = (np.arange(rows) + 1) % limits.mesh_rows == 0
    found[:, :, 0] = np.where(last_column, between, along)
    found[:, :, 1] = np.where(np.roll(last_column, 1), between, along)
    found[:, :, 2] = np.where(last_row, between, across)[:, None]
    found[:, :, 3] = np.where(np.roll(last_row, 1), between, across)[:, None]
    return found.ravel()
