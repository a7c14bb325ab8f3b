"""Values without content that know their shapes, and what stops a forward that wants more."""

import operator
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx

from .values import NeuronState

_FACTS = {"shape", "ndim", "dtype", "is_sparse", "requires_grad", "is_cuda", "is_meta", "layout"}
_NOT_USERS = (str(Path(torch.__file__).parent), str(Path(__file__).parent), "<")
_CONTENT = (
    "a forward's control flow may depend on shapes and constants only, and a neuron's state goes "
    "to the same neuron's next step only"
)


class Stopped(Exception):  # noqa: N818 - becomes a TraceError with the other offences
    """The forward cannot be followed any further."""

    def __init__(self, path: str, what: str, remedy: str) -> None:
        self.path = path
        self.what = what
        self.remedy = remedy
        super().__init__(what)


def is_user_code(filename: str) -> bool:
    """Say whether a file is neither torch's nor ours."""
    return not filename.startswith(_NOT_USERS)


def user_line() -> str:
    """Return file:line of the user's code that is being run."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        frame = frame.f_back
        if is_user_code(frame.f_code.co_filename):
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
    return ""


class ShapedProxy(fx.Proxy):
    """A proxy that answers questions about its shape and type."""

    def _value(self) -> Any:
        return self.node.meta["value"]

    def __getattr__(self, k: str) -> Any:
        if k == "device":
            return torch.device("cpu")
        if k in _FACTS and isinstance(self._value(), Tensor):
            return getattr(self._value(), k)
        if isinstance(self._value(), NeuronState):
            raise self._refuse(f"reads '{k}' of a neuron's state")
        return super().__getattr__(k)

    def _refuse(self, what: str) -> Stopped:
        tracer: Any = self.tracer
        return Stopped(tracer.path(), f"{what} at {user_line()}", _CONTENT)

    def size(self, dim: int | None = None) -> Any:
        """As of a tensor."""
        shape = self._value().shape
        return shape if dim is None else shape[dim]

    def dim(self) -> int:
        """As of a tensor."""
        return int(self._value().dim())

    ndimension = dim

    def numel(self) -> int:
        """As of a tensor."""
        return int(self._value().numel())

    def is_floating_point(self) -> bool:
        """As of a tensor."""
        return bool(self._value().is_floating_point())

    def item(self) -> Any:
        """As of a tensor, which here has none."""
        raise self._refuse("uses a tensor's value as a number")

    def __len__(self) -> int:
        return len(self._value())

    def __iter__(self) -> Iterator[Any]:
        return iter([operator.getitem(self, i) for i in range(len(self))])

    def __setitem__(self, key: Any, value: Any) -> None:
        self.tracer.create_proxy("call_function", operator.setitem, (self, key, value), {})

    def __bool__(self) -> bool:
        raise self._refuse("takes a decision by a tensor's values")

    def __index__(self) -> int:
        raise self._refuse("uses a tensor's value as a number")

    def __int__(self) -> int:
        raise self._refuse("uses a tensor's value as a number")

    def __float__(self) -> float:
        raise self._refuse("uses a tensor's value as a number")
