"""Makes graphs node by node, inferring types on the way."""

from collections.abc import Mapping

import numpy as np

from snn_deploy.errors import GraphError

from .graph import Array, Graph, Node, Readout, ValueType
from .ops import Op
from .shapes import infer


class GraphBuilder:
    """Collects nodes; `finish` gives the graph."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.nodes: dict[str, Node] = {}
        self.params: dict[str, Array] = {}

    def add(self, name: str, op: Op, *inputs: str, **arrays: Array | None) -> str:
        """Append a node and return its name. Arrays are given by role; None is left out.

        Raises:
            ShapeError: the op does not fit its inputs.
            GraphError: the name is taken, an input is not there yet, or a needed array not given.
        """
        if name in self.nodes:
            raise GraphError(self.name, name, "two nodes of this name")
        for source in inputs:
            if source not in self.nodes:
                raise GraphError(self.name, name, f"reads '{source}', which is not before it")
        for role in op.required:
            if arrays.get(role) is None:
                raise GraphError(self.name, name, f"has no parameter '{role}'")
        present = {role: np.asarray(a) for role, a in arrays.items() if a is not None}
        shapes = {role: a.shape for role, a in present.items()}
        value = infer(op, [self.nodes[source].type for source in inputs], shapes)
        self.nodes[name] = Node(name, op, inputs, value)
        self.params |= {f"{name}.{role}": array for role, array in present.items()}
        return name

    def copy(self, graph: Graph, node: Node, renamed: Mapping[str, str]) -> str:
        """Append a node of another graph with its arrays, reading what its inputs became."""
        roles = node.op.required + node.op.optional
        arrays = {role: graph.param(node, role) for role in roles}
        return self.add(node.name, node.op, *(renamed[i] for i in node.inputs), **arrays)

    def type(self, name: str) -> ValueType:
        """Return the type of a node added before."""
        return self.nodes[name].type

    def finish(self, *outputs: str, steps: int, readout: Readout = "mean") -> Graph:
        """Return the graph."""
        nodes = tuple(self.nodes.values())
        return Graph(self.name, nodes, outputs, self.params, steps, readout)
