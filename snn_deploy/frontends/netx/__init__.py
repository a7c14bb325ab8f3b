"""Lava-DL's `.net` files (HDF5), which hold integers already, as integer graphs."""

from .network import NetxNetwork, read

__all__ = ["NetxNetwork", "read"]
