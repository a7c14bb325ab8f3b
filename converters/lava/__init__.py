"""Writes a network for Intel's Lava: a `.net` file for netx, and Lava's own processes."""

from .lower import LavaConverter
from .net_lower import NetConverter

__all__ = ["LavaConverter", "NetConverter"]
