"""From an integer graph to populations and synapses: relays, unrolled streams, balanced delays."""

from .executor import ScheduleExecutor
from .layout import lay_out
from .mapper import Mapped, Messages, Residual, Strategy, map_graph, stages_of
from .network import ChipNetwork, Population, Synapse
from .schedule import run
from .stages import Stage, find_stages

__all__ = [
    "ChipNetwork",
    "Mapped",
    "Messages",
    "Population",
    "Residual",
    "ScheduleExecutor",
    "Stage",
    "Strategy",
    "Synapse",
    "find_stages",
    "lay_out",
    "map_graph",
    "run",
    "stages_of",
]
