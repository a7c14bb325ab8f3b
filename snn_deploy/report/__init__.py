"""What an export says about itself: prices of counts, verdicts, report.json and report.html."""

from .claim import Claim, PerNeuron, SpikesSection, SpikingPart, describe, judge
from .criticism import Check, examine
from .document import SCHEMA, Report
from .energy import Estimate, Share, charged, paper
from .html import render
from .memory import lemaire
from .neurobench import NeuroBench, measure
from .pricing import Charge, ChipEnergy, price
from .sections import (
    AccuracySection,
    ChipSection,
    CoresSection,
    ModelSection,
    QuantizationSection,
    QuantizedLayer,
    TargetSection,
)
from .simulated import Simulation, describe_run

__all__ = [
    "SCHEMA",
    "AccuracySection",
    "Charge",
    "Check",
    "ChipEnergy",
    "ChipSection",
    "Claim",
    "CoresSection",
    "Estimate",
    "ModelSection",
    "NeuroBench",
    "PerNeuron",
    "QuantizationSection",
    "QuantizedLayer",
    "Report",
    "Share",
    "Simulation",
    "SpikesSection",
    "SpikingPart",
    "TargetSection",
    "charged",
    "describe",
    "describe_run",
    "examine",
    "judge",
    "lemaire",
    "measure",
    "paper",
    "price",
    "render",
]
