"""A model without functions and our domain, for readers that know standard operators only."""

from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
from onnx import AttributeProto, ModelProto, NodeProto, helper, numpy_helper
from onnx.inliner import inline_local_functions

from snn_deploy.ir.graph import Array

from .function_text import DOMAIN

_FOLDED: Mapping[str, Callable[..., Array]] = {"Add": np.add, "Sub": np.subtract, "Div": np.divide}
"""With Cast, what the functions compute from their attributes before the first step."""


def inlined(model: ModelProto) -> ModelProto:
    """Return the model with every function's body in the place of its calls.

    What a body computes from attributes alone is computed here, and all constants become
    initializers: OpenVINO refuses Constant nodes with `value_float`, and C generators would
    compute them anew at every step.
    """
    plain = inline_local_functions(model)
    graph = plain.graph
    arrays = {tensor.name: tensor for tensor in graph.initializer}
    constants: dict[str, Array] = {}
    kept = []
    for node in graph.node:
        known = [
            constants[n] if n in constants else numpy_helper.to_array(arrays[n])
            for n in node.input
            if n in constants or n in arrays
        ]
        value = _constant(node, known) if len(known) == len(node.input) else None
        if value is None:
            kept.append(node)
        else:
            constants[node.output[0]] = value
    _share(kept, constants)
    used = {name for node in _all_nodes(kept) for name in node.input}
    tensors = [numpy_helper.from_array(constants[n], n) for n in sorted(constants.keys() & used)]
    made = helper.make_graph(
        kept, graph.name, graph.input, graph.output, [*graph.initializer, *tensors]
    )
    graph.CopyFrom(made)
    opsets = [opset for opset in plain.opset_import if opset.domain != DOMAIN]
    del plain.opset_import[:]
    plain.opset_import.extend(opsets)
    return plain


def _constant(node: NodeProto, known: list[Array]) -> Array | None:
    """Return what a node gives if that is known now, else None."""
    if node.op_type == "Constant":
        (attribute,) = node.attribute
        value = helper.get_attribute_value(attribute)
        if attribute.name == "value":
            return numpy_helper.to_array(value)
        return np.array(value, np.float32 if attribute.name == "value_float" else np.int64)
    if node.op_type == "Cast":
        return known[0].astype(helper.tensor_dtype_to_np_dtype(node.attribute[0].i))
    return _FOLDED[node.op_type](*known) if node.op_type in _FOLDED else None


def _share(nodes: list[NodeProto], constants: Mapping[str, Array]) -> None:
    """Let all nodes read the first of equal constants."""
    first: dict[tuple[str, tuple[int, ...], bytes], str] = {}
    same = {
        name: first.setdefault((a.dtype.str, a.shape, a.tobytes()), name)
        for name, a in constants.items()
    }
    for node in _all_nodes(nodes):
        for i, name in enumerate(node.input):
            if name in same:
                node.input[i] = same[name]


def _all_nodes(nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
    """Yield the nodes and those of their subgraphs."""
    for node in nodes:
        yield node
        for attribute in node.attribute:
            if attribute.type == AttributeProto.GRAPH:
                yield from _all_nodes(attribute.g.node)
