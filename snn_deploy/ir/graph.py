"""A network as data: one time step, immutable, in topological order."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from snn_deploy.errors import GraphError

from .ops import NEURONS, Input, Kind, Op

Array = NDArray[Any]
Readout = Literal["mean", "sum"]

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*\Z")
"""What a node may be called; anything else never reaches a generated file."""


@dataclass(frozen=True, slots=True)
class ValueType:
    """What a node gives for one sample at one step: its shape, and whether it is spikes."""

    shape: tuple[int, ...]
    kind: Kind

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    def __str__(self) -> str:
        """Return e.g. `spike[16, 32, 32]`."""
        return f"{self.kind}{list(self.shape)}"


@dataclass(frozen=True, slots=True)
class Node:
    """One operation. Its value is called by its name; inputs are an ordered tuple of names."""

    name: str
    op: Op
    inputs: tuple[str, ...]
    type: ValueType


@dataclass(frozen=True, slots=True)
class Graph:
    """A float network of one time step.

    Attributes:
        name: of the network.
        nodes: in topological order.
        outputs: names of the nodes whose values are read out.
        params: arrays by `"<node>.<role>"`, read-only.
        steps: T, how many steps an inference has.
        readout: what an output becomes over the steps: their sum, or their mean.

    Raises:
        GraphError: a name twice or not allowed, a source that does not come before its reader, not
            one input, no output or one twice, no step, a parameter that is missing, left over, or
            not finite.
    """

    name: str
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]
    params: Mapping[str, Array]
    steps: int
    readout: Readout = "mean"
    _by_name: Mapping[str, Node] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the graph's own promises and freeze its arrays."""
        by_name: dict[str, Node] = {}
        for node in self.nodes:
            self._check_node(node, by_name)
            by_name[node.name] = node
        self._check_ends(by_name)
        wanted = {key for node in self.nodes for key in self._keys(node)}
        for key in self.params.keys() - wanted:
            raise GraphError(self.name, key, "a parameter that no node reads")
        frozen = {key: _frozen(array) for key, array in self.params.items()}
        for key, array in frozen.items():
            if not np.isfinite(array).all():
                raise GraphError(self.name, key, "a parameter that is not finite")
        object.__setattr__(self, "params", MappingProxyType(frozen))
        object.__setattr__(self, "_by_name", MappingProxyType(by_name))

    def _check_node(self, node: Node, before: Mapping[str, Node]) -> None:
        if not NAME.match(node.name):
            raise GraphError(self.name, node.name, "not a name: letters, digits, '_' and '.'")
        if node.name in before:
            raise GraphError(self.name, node.name, "two nodes of this name")
        for source in node.inputs:
            if source not in before:
                raise GraphError(self.name, node.name, f"reads '{source}', which is not before it")
        for role in node.op.required:
            if f"{node.name}.{role}" not in self.params:
                raise GraphError(self.name, node.name, f"has no parameter '{role}'")

    def _check_ends(self, by_name: Mapping[str, Node]) -> None:
        inputs = [node.name for node in self.nodes if isinstance(node.op, Input)]
        if len(inputs) != 1:
            raise GraphError(self.name, ", ".join(inputs), f"{len(inputs)} inputs, one is needed")
        if not self.outputs:
            raise GraphError(self.name, self.nodes[-1].name, "no output is named")
        for name in self.outputs:
            if name not in by_name:
                raise GraphError(self.name, name, "an output that no node gives")
            if self.outputs.count(name) > 1:
                raise GraphError(self.name, name, "an output twice")
        if self.steps < 1:
            raise GraphError(self.name, inputs[0], f"{self.steps} steps, one is the least")

    def _keys(self, node: Node) -> Iterable[str]:
        for role in node.op.required + node.op.optional:
            yield f"{node.name}.{role}"

    def __getitem__(self, name: str) -> Node:
        """Return a node by name."""
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        """Say whether there is a node of this name."""
        return name in self._by_name

    def param(self, node: Node | str, role: str) -> Array | None:
        """Return an array of a node, or None where the node has none of that role."""
        name = node if isinstance(node, str) else node.name
        return self.params.get(f"{name}.{role}")

    def weight(self, node: Node | str) -> Array:
        """Return a node's weight; KeyError where it has none."""
        name = node if isinstance(node, str) else node.name
        return self.params[f"{name}.weight"]

    @property
    def input(self) -> Node:
        """The node through which samples enter."""
        return next(node for node in self.nodes if isinstance(node.op, Input))

    @property
    def static(self) -> bool:
        """Whether a sample is the same at every step, as an image is; otherwise a sequence."""
        op = self.input.op
        return isinstance(op, Input) and op.static

    def readers(self) -> Mapping[str, tuple[Node, ...]]:
        """Return for every node those that read it, in graph order."""
        found: dict[str, list[Node]] = {node.name: [] for node in self.nodes}
        for node in self.nodes:
            for source in dict.fromkeys(node.inputs):
                found[source].append(node)
        return {name: tuple(nodes) for name, nodes in found.items()}

    @property
    def spiking(self) -> tuple[Node, ...]:
        """The neuron layers, in graph order."""
        return tuple(node for node in self.nodes if isinstance(node.op, NEURONS))


def _frozen(array: Array) -> Array:
    view = np.asarray(array).view()
    view.flags.writeable = False
    return view
