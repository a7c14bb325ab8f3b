"""Which operators of ours a file calls: its nodes are read, its weights are passed over.

The package onnx would do it, but a device has none, and it would read hundreds of megabytes.
"""

import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path

DOMAIN = "ai.snn"
"""As in function_text.py, which needs the package onnx."""

# Fields of the messages in onnx.proto, whose numbers never change.
_MODEL_GRAPH = 7
_GRAPH_NODE = 1
_NODE_OUTPUT, _NODE_NAME, _NODE_DOMAIN = 2, 3, 7

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


def calls(model: bytes | Path) -> Mapping[str, tuple[str, ...]]:
    """Return the outputs of every node of the domain ai.snn, by the node's name.

    Nothing is found in a file of ONNX Runtime's own format.

    Args:
        model: what ONNX Runtime has taken as a model.
    """
    if isinstance(model, bytes):
        return _calls(model)
    with model.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return _calls(content)


def _calls(content: bytes | mmap.mmap) -> Mapping[str, tuple[str, ...]]:
    if content[4:8] == b"ORTM":
        return {}
    found = {}
    for graph in _messages(content, (0, len(content)), _MODEL_GRAPH):
        for node in _messages(content, graph, _GRAPH_NODE):
            if _texts(content, node, _NODE_DOMAIN) == (DOMAIN,):
                (name,) = _texts(content, node, _NODE_NAME)
                found[name] = _texts(content, node, _NODE_OUTPUT)
    return found


def _texts(content: bytes | mmap.mmap, place: tuple[int, int], wanted: int) -> tuple[str, ...]:
    return tuple(content[a:b].decode() for a, b in _messages(content, place, wanted))


def _messages(
    content: bytes | mmap.mmap, place: tuple[int, int], wanted: int
) -> Iterator[tuple[int, int]]:
    """Yield where the fields of a number lie that have a length: messages and texts."""
    at, end = place
    while at < end:
        key, at = _varint(content, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            _, at = _varint(content, at)
        elif kind == _LENGTH:
            size, at = _varint(content, at)
            if number == wanted:
                yield at, at + size
            at += size
        else:
            assert kind in (_FIXED64, _FIXED32), "ONNX Runtime has read the file"
            at += 8 if kind == _FIXED64 else 4


def _varint(content: bytes | mmap.mmap, at: int) -> tuple[int, int]:
    """Return a number, seven bits a byte, and where it ends."""
    value = shift = 0
    while True:
        byte = content[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
