"""Counting what a network does, in integers. Prices are made in `snn_deploy.report`."""

from .activity import Activity, NeuronActivity, Reads, Spread, StageActivity, SynapseActivity
from .counting import ActivityCounter
from .rates import measure_rates

__all__ = [
    "Activity",
    "ActivityCounter",
    "NeuronActivity",
    "Reads",
    "Spread",
    "StageActivity",
    "SynapseActivity",
    "measure_rates",
]
