"""What a `.net` file, and netx that reads it, can say: every rule, and why the rest is refused."""

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise

import numpy as np

from snn_deploy.errors import UnsupportedError
from snn_deploy.ir.graph import Array, Node
from snn_deploy.ir.ops import (
    Add,
    Conv,
    Delay,
    Delta,
    Flatten,
    Input,
    IntegerLif,
    Linear,
    MaxPool,
    Op,
    Sigma,
    SigmaDelta,
    SumPool,
)
from snn_deploy.quantization.graph import QuantGraph

from .net_layers import (
    BYTE_LIMIT,
    THRESHOLD_LIMIT,
    UNIT,
    reach,
    read_out_parts,
    shifted_weight,
    total_bias,
)

CANNOT: Mapping[type[Op], str] = {
    Add: "an addition; a .net is one layer after another",
    SumPool: "a sum over windows; it becomes part of weights where the windows tile and a linear "
    "layer, or a convolution without padding and dilation, reads them",
    MaxPool: "a maximum over windows; netx has no pooling",
    Delay: "delays; here they belong to what is sent, in netx to what arrives",
    Delta: "a delta encoder; only leaky integrate-and-fire neurons are written",
    SigmaDelta: "sigma-delta neurons; only leaky integrate-and-fire neurons are written",
    Sigma: "a sigma decoder; only leaky integrate-and-fire neurons are written",
}
"""Operations of an integer graph that are refused wherever they stand."""

WEIGHTS = (-256, 254)
"""Range of a weight: 8 bits and a sign, of which Loihi stores the upper 8 where signs are mixed."""

BIASES = (-4096, 4095)
"""Range of a bias in units of current: Loihi's field has 13 bits."""

_NAMED = 3
"""So many layers with the same complaint are named."""


def check(graph: QuantGraph) -> None:
    """Check that a graph can be said exactly.

    Raises:
        UnsupportedError: lists everything that cannot, with the layers.
    """
    found: dict[str, list[str]] = {}
    for name, complaint in complaints(graph):
        found.setdefault(complaint, []).append(name)
    if found:
        listed = "; ".join(f"{_listed(names)}: {text}" for text, names in found.items())
        count = len({name for names in found.values() for name in names})
        what = f"{count} of its layers" if count > 1 else "one of its layers"
        raise UnsupportedError(graph.name, what, "net", listed)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def complaints(graph: QuantGraph) -> Iterator[tuple[str, str]]:
    """Yield (node, complaint) for everything that a `.net` cannot say."""
    last = graph.nodes[-1]
    for name in graph.outputs:
        if name != last.name:
            yield name, "an output that is not the last layer"
    if not isinstance(last.op, Conv | Linear | IntegerLif):
        yield last.name, f"the last layer is {type(last.op).__name__}, neither weights nor neurons"
    for node, after in pairwise((*graph.nodes, None)):
        assert node is not None, "only the last of a pair is"
        rule = _RULES.get(type(node.op))
        texts = [CANNOT[type(node.op)]] if rule is None else rule(graph, node, after)
        yield from ((node.name, text) for text in texts)
    for before, node in pairwise(graph.nodes):
        if type(node.op) not in CANNOT and node.inputs != (before.name,):
            yield node.name, f"reads '{node.inputs[0]}', not the layer before it"


def _of_input(_: QuantGraph, __: Node, ___: Node | None) -> Iterator[str]:
    """Anything may enter: binary spikes, or integers as graded spikes."""
    yield from ()


def _of_flatten(graph: QuantGraph, node: Node, after: Node | None) -> Iterator[str]:
    """A volume may be read as a vector by a linear layer."""
    if after is not None and not isinstance(after.op, Linear):
        yield "what is flattened is not read by a linear layer"


def _of_weights(graph: QuantGraph, node: Node, after: Node | None) -> Iterator[str]:
    """Weights must fit the synapses, and neurons must follow."""
    if after is not None and not (isinstance(after.op, IntegerLif) and node.name in after.inputs):
        yield "no neurons follow it, and netx has no layer without"
        return
    try:
        if after is None:
            weight, _, bias = read_out_parts(graph, node)
            largest = reach(graph, node, weight, bias)
        else:
            weight, bias = shifted_weight(graph, node), total_bias(graph, node, after)
            largest = reach(graph, node, weight) * _kept_steps(graph, after)
            yield from _of_current(graph, node, after)
    except ValueError as rounded:
        yield str(rounded)
        return
    shift = graph.param(node, "shift")
    yield from _of_range(weight, 0 if shift is None or after is None else int(shift.max()))
    yield from _of_bias(bias)
    if _reads_known(graph, node) and largest > THRESHOLD_LIMIT:
        yield f"a current of up to {largest}, the register wraps around above {THRESHOLD_LIMIT}"
    if isinstance(node.op, Conv):
        yield from _of_bytes(node.op, weight.shape[2:])


def _reads_known(graph: QuantGraph, node: Node) -> bool:
    """Say whether a layer reads spikes or the input, and nothing that is complained of itself."""
    below = graph[node.inputs[0]]
    if isinstance(below.op, Flatten):
        below = graph[below.inputs[0]]
    return isinstance(below.op, Input | IntegerLif)


def _kept_steps(graph: QuantGraph, neurons: Node) -> int:
    """Return how many times a step's largest current the current can become."""
    assert isinstance(neurons.op, IntegerLif), "the caller looked"
    decay = neurons.op.current_decay
    return min(graph.steps, -(-4096 // decay)) if decay else graph.steps


def _of_current(graph: QuantGraph, node: Node, neurons: Node) -> Iterator[str]:
    assert isinstance(neurons.op, IntegerLif), "the caller looked"
    bias = graph.param(node, "bias")
    if bias is not None and bias.any() and neurons.op.current_decay < 4096:
        yield (
            f"its bias joins a current of which {4096 - neurons.op.current_decay} / 4096 are kept, "
            "Lava's joins the potential"
        )


def _of_range(weight: Array, shift: int) -> Iterator[str]:
    """A weight is 8 bits, sign included, times a power of two that all of a layer share."""
    low, high = int(weight.min()), int(weight.max())
    union = int(np.bitwise_or.reduce(weight, axis=None))
    step = union & -union if union else 1
    stored = max(high // step, -low // step - 1)
    if WEIGHTS[0] <= low and high <= WEIGHTS[1] and stored < 128:
        return
    too_many = shift - int(step >> shift > 0)
    with_shift = f" (shift {shift})" if shift else ""
    fewer = f"; give {too_many} fewer --current-bits" if too_many > 0 else ""
    yield (
        f"weights from {low} to {high} in steps of {step}{with_shift}, they have 8 bits times a "
        f"power of two, from {WEIGHTS[0]} to {WEIGHTS[1]}{fewer}"
    )


def _of_bias(bias: Array) -> Iterator[str]:
    if bias.min() < BIASES[0] or bias.max() > BIASES[1]:
        yield (
            f"biases from {int(bias.min())} to {int(bias.max())}, "
            f"the register holds {BIASES[0]} to {BIASES[1]}"
        )


def _of_bytes(op: Conv, kernel: tuple[int, ...]) -> Iterator[str]:
    """Lava computes sizes in signed bytes; what it forms of them must fit too."""
    spans = [d * (k - 1) + 1 for d, k in zip(op.dilation, kernel, strict=True)]
    sizes = {"stride": op.stride, "padding on both sides": [2 * p for p in op.padding]}
    for what, values in {"dilated kernel": spans, **sizes}.items():
        if max(values) > BYTE_LIMIT:
            yield f"a {what} of {max(values)}, Lava holds it in a byte of {BYTE_LIMIT} at most"


def _of_neurons(graph: QuantGraph, node: Node, _: Node | None) -> Iterator[str]:
    """Thresholds and biases come in units of 64, and only a hard reset is known."""
    assert isinstance(node.op, IntegerLif), "called through the table below"
    if not isinstance(graph[node.inputs[0]].op, Conv | Linear):
        yield "no weights before it, and netx has no layer without"
        return
    if node.op.reset != "hard":
        yield f"reset is {node.op.reset}, Lava's neurons fall back to 0"
    threshold, bias = graph.params[f"{node.name}.threshold"], graph.param(node, "bias")
    low, high = int(threshold.min()), int(threshold.max())
    if low < 0 or high // UNIT > THRESHOLD_LIMIT:
        yield f"thresholds from {low} to {high}, the register holds 0 to {THRESHOLD_LIMIT * UNIT}"
    if bias is not None and (bias % UNIT).any():
        yield f"a bias that is no multiple of {UNIT}"
    elif (threshold % UNIT).any() and not _in_whole_units(graph, node):
        why = ", because it fires at equality" if node.op.at_equality else ""
        yield f"a threshold that is no multiple of {UNIT}{why}"


def _in_whole_units(graph: QuantGraph, node: Node) -> bool:
    """Say whether the potential is a multiple of 64 at every step.

    Then v > threshold where v > 64 * floor(threshold / 64), whatever the threshold. Currents come
    in units of 64; what leaves them is a decay that neither keeps nor drops everything, and the
    end of the register.
    """
    assert isinstance(node.op, IntegerLif), "the caller looked"
    if {node.op.current_decay, node.op.voltage_decay} - {0, 4096}:
        return False
    layer = graph[node.inputs[0]]
    try:
        weight = shifted_weight(graph, layer)
    except ValueError:
        return False
    kept = graph.steps * _kept_steps(graph, node)
    return reach(graph, layer, weight, total_bias(graph, layer, node)) * kept <= THRESHOLD_LIMIT


Rule = Callable[[QuantGraph, Node, Node | None], Iterator[str]]

_RULES: Mapping[type[Op], Rule] = {
    Input: _of_input,
    Flatten: _of_flatten,
    Conv: _of_weights,
    Linear: _of_weights,
    IntegerLif: _of_neurons,
}

CAN = frozenset(_RULES)
"""Operations that a rule looks at."""
