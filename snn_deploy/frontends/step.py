"""The graph of one step, as it grows: what is made the same way twice is one node."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from snn_deploy.ir.builder import GraphBuilder
from snn_deploy.ir.graph import Array, ValueType
from snn_deploy.ir.ops import Op
from snn_deploy.ir.shapes import ShapeError

from .values import Refused

_DIVIDED = {"bias", "mean"}
_FOREIGN = re.compile(r"[^A-Za-z0-9_.]")


def node_name(path: str) -> str:
    """Return the node name of a module path: `layer` before a leading digit, `_` for what else."""
    name = _FOREIGN.sub("_", path)
    return name if re.match(r"[A-Za-z_]", name) else f"layer{name}"


class Step:
    """Emits nodes into a builder.

    Args:
        name: of the graph.
        paths: of the modules, whose names no function's node may take.
    """

    def __init__(self, name: str, paths: Collection[str]) -> None:
        self.builder = GraphBuilder(name)
        self._reserved = {node_name(path) for path in paths}
        self._known: dict[tuple[Any, ...], str] = {}
        self._alive: list[Tensor] = []
        self._constants: dict[tuple[float, int], Tensor] = {}

    def type(self, node: str) -> ValueType:
        """Return a node's type."""
        return self.builder.type(node)

    def constant(self, number: float, length: int) -> Tensor:
        """Return a vector of one number; the same object for the same arguments."""
        key = (number, length)
        if key not in self._constants:
            self._constants[key] = torch.full((length,), number, dtype=torch.float64)
        return self._constants[key]

    def emit(
        self,
        name: str,
        op: Op,
        inputs: Sequence[str],
        arrays: Mapping[str, Tensor | None] | None = None,
        *,
        divide: float = 1.0,
        owner: str | None = None,
    ) -> str:
        """Return the node that does this; the one that is there, or a new one.

        Args:
            name: to be called by, with a number behind it if that is taken.
            op: the operation.
            inputs: nodes.
            arrays: by role.
            divide: what offsets (bias, mean) are divided by.
            owner: the module that the node belongs to: a neuron of another module is another one.

        Raises:
            Refused: the op does not fit its inputs.
        """
        given = {role: t for role, t in (arrays or {}).items() if t is not None}
        identity = tuple((role, id(t)) for role, t in given.items())
        key = (op, tuple(inputs), identity, divide, owner)
        if key not in self._known:
            self._alive += given.values()
            self._known[key] = self._add(self._free(name, owner), op, inputs, given, divide)
        return self._known[key]

    def _add(
        self, name: str, op: Op, inputs: Sequence[str], given: Mapping[str, Tensor], divide: float
    ) -> str:
        converted = {
            role: _array(tensor, divide if role in _DIVIDED else 1.0)
            for role, tensor in given.items()
        }
        try:
            return self.builder.add(name, op, *inputs, **converted)
        except ShapeError as error:
            raise Refused(f"does not fit what it reads ({error})", "mend the shapes") from error

    def _free(self, name: str, owner: str | None) -> str:
        taken = self.builder.nodes
        if name not in taken and (owner is not None or name not in self._reserved):
            return name
        count = 2
        while f"{name}_{count}" in taken or f"{name}_{count}" in self._reserved:
            count += 1
        return f"{name}_{count}"


def _array(tensor: Tensor, divide: float) -> Array:
    """Return a copy, so that training on does not change the graph; half precision is widened."""
    if tensor.dtype in (torch.float16, torch.bfloat16):
        tensor = tensor.float()
    array = np.array(tensor.detach().cpu().numpy())
    return array if divide == 1.0 else (array / divide).astype(array.dtype)
