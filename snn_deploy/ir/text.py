"""A graph as text that a person can read and review, and back.

One line a node: `name = Op(options) <- inputs : type {role: dtype[shape] #digest}`. The arrays are
not in the text; their digests are, so that two texts differ where two graphs do.
"""

import ast
import hashlib
import re
from collections.abc import Iterator, Mapping

from snn_deploy.errors import GraphError

from .builder import GraphBuilder
from .graph import Array, Graph, Node, Readout
from .ops import OPS, Op

_OPS = {op.__name__: op for op in OPS}
_LINE = re.compile(r"(\S+) = (\w+)\((.*?)\)(?: <- ([^:{]+))? : .*")
_HEAD = re.compile(r"graph (.+) steps=(\d+) readout=(mean|sum) -> (.+)")


def to_text(graph: Graph) -> str:
    """Return the text form of a float or integer graph."""
    head = f"graph {graph.name} steps={graph.steps} readout={graph.readout} -> "
    return "\n".join([head + ", ".join(graph.outputs), *_lines(graph)]) + "\n"


def _lines(graph: Graph) -> Iterator[str]:
    """Yield a line for each node."""
    for node in graph.nodes:
        reads = f" <- {', '.join(node.inputs)}" if node.inputs else ""
        yield f"{node.name} = {node.op}{reads} : {node.type}{_arrays(graph, node)}"


def _arrays(graph: Graph, node: Node) -> str:
    roles = node.op.required + node.op.optional
    arrays = [(role, graph.param(node, role)) for role in roles]
    parts = [f"{role}: {_summary(array)}" for role, array in arrays if array is not None]
    return f" {{{', '.join(parts)}}}" if parts else ""


def _summary(array: Array) -> str:
    digest = hashlib.sha256(array.tobytes()).hexdigest()[:8]
    return f"{array.dtype}{list(array.shape)} #{digest}"


def from_text(text: str, params: Mapping[str, Array]) -> Graph:
    """Return the graph that a text describes, given its arrays by `"<node>.<role>"`.

    Raises:
        ValueError: a line that is not of the form above; it is quoted.
    """
    head, *lines = text.strip().splitlines() or [""]
    match = _HEAD.fullmatch(head)
    if not match:
        raise ValueError(f"not the head of a graph: {head!r}")
    builder = GraphBuilder(match[1])
    for line in lines:
        try:
            _read_node(builder, line, params)
        except (GraphError, SyntaxError, TypeError, ValueError) as error:
            raise ValueError(f"not a node: {line!r} ({error})") from error
    readout: Readout = "mean" if match[3] == "mean" else "sum"
    return builder.finish(*match[4].split(", "), steps=int(match[2]), readout=readout)


def _read_node(builder: GraphBuilder, line: str, params: Mapping[str, Array]) -> None:
    match = _LINE.fullmatch(line)
    if not match or match[2] not in _OPS:
        raise ValueError("no such form")
    name, kind, options, reads = match.groups()
    op = _read_op(_OPS[kind], options)
    roles = op.required + op.optional
    arrays = {role: params.get(f"{name}.{role}") for role in roles}
    builder.add(name, op, *(reads.split(", ") if reads else ()), **arrays)


def _read_op(kind: type[Op], options: str) -> Op:
    call = ast.parse(f"f({options})", mode="eval").body
    assert isinstance(call, ast.Call), "a call was written on the line above"
    return kind(**{str(k.arg): ast.literal_eval(k.value) for k in call.keywords})
