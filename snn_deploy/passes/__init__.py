"""Graph to graph: each pass a file, each order a tuple in `sequences`."""

from .base import Pass, run_passes
from .sequences import FOLD, JOIN_SCALES

__all__ = ["FOLD", "JOIN_SCALES", "Pass", "run_passes"]
