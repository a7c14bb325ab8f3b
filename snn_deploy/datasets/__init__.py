"""Samples from files: what a network is calibrated and validated on, and what trains it."""

from .files import load
from .recordings import Recordings
from .samples import Kind, Samples

__all__ = ["Kind", "Recordings", "Samples", "load"]
