"""The text form: reviewed as a golden file, read back, different where graphs are."""

import re
from collections.abc import Callable

import numpy as np
import pytest

from snn_deploy.ir.builder import GraphBuilder
from snn_deploy.ir.graph import Graph
from snn_deploy.ir.ops import Add, BatchNorm, Conv, Input, Lif, Linear
from snn_deploy.ir.text import from_text, to_text
from tests.networks import FLOAT, INTEGER

ALL = {**FLOAT, **INTEGER}


def ms_block() -> Graph:
    """The block of an MS-ResNet as it is traced, with its batch norms."""
    builder = GraphBuilder("ms_block")
    builder.add("input", Input((3, 8, 8)))
    ones, nine = (1, 1), (3, 3)
    conv = Conv(ones, ones, ones)
    weight = np.arange(4 * 3 * 9, dtype=np.float32).reshape(4, 3, *nine)
    builder.add("stem", conv, "input", weight=weight, bias=np.zeros(4, np.float32))
    at = "stem"
    for number in (1, 2):
        builder.add(f"lif{number}", Lif(0.25, threshold=0.5), at)
        weight = np.arange(4 * 4 * 9, dtype=np.float32).reshape(4, 4, *nine) / 2**number
        builder.add(f"conv{number}", conv, f"lif{number}", weight=weight)
        arrays = {role: np.full(4, 0.5, np.float32) for role in BatchNorm.required}
        at = builder.add(f"norm{number}", BatchNorm(1e-5), f"conv{number}", **arrays)
    builder.add("stream", Add(), at, "stem")
    return builder.finish("stream", "stem", steps=4)


def test_how_it_reads(golden: Callable[[str, str], None]) -> None:
    golden("text_ms_block.txt", to_text(ms_block()))


@pytest.mark.parametrize("name", ALL)
def test_and_back(name: str) -> None:
    """Nodes, ops with all options, types, outputs and steps; the arrays are given."""
    graph = ALL[name]()
    read = from_text(to_text(graph), graph.params)
    assert read.nodes == graph.nodes
    assert (read.name, read.outputs) == (graph.name, graph.outputs)
    assert (read.steps, read.readout) == (graph.steps, graph.readout)
    assert read.params.keys() == graph.params.keys()
    assert to_text(read) == to_text(graph)


def test_a_sum_over_steps_and_back() -> None:
    builder = GraphBuilder("a name with steps=3 in it")
    builder.add("input", Input((1,), "graded", static=False))
    graph = builder.finish("input", steps=7, readout="sum")
    read = from_text(to_text(graph), {})
    assert (read.name, read.steps, read.readout) == (graph.name, 7, "sum")
    assert read.nodes == graph.nodes


@pytest.mark.parametrize("key", ["stem.weight", "stem.bias", "norm2.mean"])
def test_one_number_changes_the_text_of_its_node_alone(key: str) -> None:
    graph = ms_block()
    changed = graph.params[key].copy()
    changed.flat[-1] = np.nextafter(changed.flat[-1], np.float32(9))
    other = Graph(
        graph.name,
        graph.nodes,
        graph.outputs,
        {**graph.params, key: changed},
        graph.steps,
    )
    pairs = zip(to_text(graph).splitlines(), to_text(other).splitlines(), strict=True)
    different = [a.split(" = ")[0] for a, b in pairs if a != b]
    assert different == [key.split(".")[0]]


def test_the_type_of_an_array_is_in_the_text() -> None:
    texts = set()
    for dtype in (np.int8, np.uint8, np.int16):
        builder = GraphBuilder("types")
        builder.add("input", Input((2,)))
        builder.add("fc", Linear(), "input", weight=np.zeros((2, 2), dtype))
        texts.add(re.sub("#.*", "", to_text(builder.finish("fc", steps=1))))
    assert len(texts) == 3


@pytest.mark.parametrize(
    ("line", "broken"),
    [
        (0, "graph ms_block steps=x readout=mean -> stream"),
        (0, "network ms_block"),
        (1, "input = Input(shape=(3, 8, 8), kind='current', static=True)"),
        (2, "stem = Convolution(groups=1) <- input : current[4, 8, 8]"),
        (2, "stem = Conv(groups=1) <- input : current[4, 8, 8]"),
        (2, "stem = Conv(strides=(1, 1)) <- input : current[4, 8, 8]"),
        (3, "lif1 = Lif(membrane_keep=open('x')) <- stem : spike[4, 8, 8]"),
        (3, "lif1 = Lif(membrane_keep=) <- stem : spike[4, 8, 8]"),
        (3, "lif1 = Lif(membrane_keep=0.25) <- missing : spike[4, 8, 8]"),
        (3, "stem = Lif(membrane_keep=0.25) <- stem : spike[4, 8, 8]"),
        (9, "stream = Add() <- norm2 : current[4, 8, 8]"),
    ],
)
def test_a_line_that_is_not_of_the_form_is_quoted(line: int, broken: str) -> None:
    graph = ms_block()
    lines = to_text(graph).splitlines()
    lines[line] = broken
    with pytest.raises(ValueError, match=re.escape(repr(broken))):
        from_text("\n".join(lines), graph.params)


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_nothing_is_not_a_graph(text: str) -> None:
    with pytest.raises(ValueError, match="not the head of a graph"):
        from_text(text, {})


def test_arrays_must_be_given() -> None:
    with pytest.raises(ValueError, match="no parameter 'weight'"):
        from_text(to_text(ms_block()), {})
