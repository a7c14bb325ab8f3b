"""Spiking torch modules of our own; tracing treats each as one leaf."""

from .lif import LIF, set_fused, set_steps

__all__ = ["LIF", "set_fused", "set_steps"]
