"""Which classes are spiking neurons, by name, so that no library needs to be imported."""

from torch import nn

from .base import Adapter, Calling, mro_entry
from .norse import NORSE
from .own import OWN

ADAPTERS = {**OWN, **NORSE}

__all__ = ["ADAPTERS", "Adapter", "Calling", "adapter"]


def adapter(module: nn.Module) -> Adapter | None:
    """Return what is known of a module as a neuron, or None."""
    return mro_entry(module, ADAPTERS)
