"""What an adapter says about a neuron class."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from torch import nn

from snn_deploy.frontends.values import Refused
from snn_deploy.ir.ops import Lif

T = TypeVar("T")


class Calling(Enum):
    """How a neuron module takes time."""

    MERGED = "neuron(x [T*B, ...]) -> spikes; T is its attribute `steps`"
    CELL = "neuron(x [B, ...], state) -> (spikes, state), one step"
    SEQUENCE = "neuron(x [T, B, ...], state) -> (spikes, state), all steps"


@dataclass(frozen=True, slots=True)
class Adapter:
    """A neuron class.

    Attributes:
        calling: how its modules take time.
        lif: gives a module's normal form, or raises Refused.
    """

    calling: Calling
    lif: Callable[[nn.Module], Lif]

    @property
    def gives_state(self) -> bool:
        """Whether a call returns (spikes, state)."""
        return self.calling is not Calling.MERGED


def mro_entry(module: nn.Module, table: Mapping[str, T]) -> T | None:
    """Return the table's entry of the module's class or its nearest base, by "module:Class".

    A subclass with a forward of its own is another thing and has no entry.
    """
    for cls in type(module).__mro__:
        found = table.get(f"{cls.__module__}:{cls.__qualname__}")
        if found is not None:
            return found if type(module).forward is cls.forward else None  # type: ignore[attr-defined]
    return None


def refuse(reason: str, remedy: str) -> Callable[[nn.Module], Lif]:
    """Return an adapter function for a class that has no normal form."""

    def lif(module: nn.Module) -> Lif:
        raise Refused(reason, remedy)

    return lif
