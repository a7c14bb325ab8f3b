"""Puts the neurons of a chip network on cores, and the cores on a mesh."""

from .fullness import Usage, usage
from .placing import place
from .result import Placement, Slot, Used, Ways
from .strategy import CHOICES, Choice, fit, known_rates
from .totals import Needs, needs, total

__all__ = [
    "CHOICES",
    "Choice",
    "Needs",
    "Placement",
    "Slot",
    "Usage",
    "Used",
    "Ways",
    "fit",
    "known_rates",
    "needs",
    "place",
    "total",
    "usage",
]
