"""A model without functions and our domain, for readers that know standard operators only."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from onnx import AttributeProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnx.inliner import inline_local_functions
from onnx.reference import ReferenceEvaluator

from snn_deploy.ir.graph import Array

from .function_text import DOMAIN, OPSET


def inlined(model: ModelProto) -> ModelProto:
    """Return the model with every function's body in the place of its calls.

    What a body computes from attributes and weights alone is computed here, and all constants
    become initializers: OpenVINO refuses Constant nodes with `value_float`, and C generators would
    compute them anew at every step.
    """
    plain = inline_local_functions(model)
    graph = plain.graph
    arrays = {tensor.name: tensor for tensor in graph.initializer}
    constants: dict[str, Array] = {}
    kept = []
    for node in graph.node:
        if all(name in constants or name in arrays for name in node.input):
            known = {n: _array(n, constants, arrays) for n in node.input}
            constants[node.output[0]] = _constant(node, known)
        else:
            kept.append(node)
    _share(kept, constants)
    used = {name for node in _all_nodes(kept) for name in node.input}
    tensors = [numpy_helper.from_array(constants[n], n) for n in sorted(constants.keys() & used)]
    tensors += [tensor for name, tensor in arrays.items() if name in used]
    made = helper.make_graph(kept, graph.name, graph.input, graph.output, tensors)
    graph.CopyFrom(made)
    opsets = [opset for opset in plain.opset_import if opset.domain != DOMAIN]
    del plain.opset_import[:]
    plain.opset_import.extend(opsets)
    return plain


def _array(name: str, constants: Mapping[str, Array], arrays: Mapping[str, TensorProto]) -> Array:
    return constants[name] if name in constants else numpy_helper.to_array(arrays[name])


def _constant(node: NodeProto, known: Mapping[str, Array]) -> Array:
    """Return what a node gives whose inputs are known."""
    evaluator = ReferenceEvaluator(node, opsets={"": OPSET})
    (value,) = evaluator.run(None, {name: known[name] for name in node.input})
    return np.asarray(value)


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
