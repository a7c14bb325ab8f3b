"""What an export says about itself: prices of counts, verdicts, report.json and report.html."""

from .claim import Claim, PerNeuron, SpikesSection, SpikingPart, describe, judge
from .document import SCHEMA, Report
from .energy import Estimate, Share, charged, paper
from .html import render
from .neurobench import NeuroBench, measure
from .sections import (
    AccuracySection,
    ChipSection,
    CoresSection,
    ModelSection,
    QuantizationSection,
    QuantizedLayer,
    TargetSection,
)

__all__ = [
    "SCHEMA",
    "AccuracySection",
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
    "SpikesSection",
    "SpikingPart",
    "TargetSection",
    "charged",
    "describe",
    "judge",
    "measure",
    "paper",
    "render",
]
