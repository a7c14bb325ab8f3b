"""What remembers without being a neuron: running sums and delays, in standard operators."""

from dataclasses import replace

import numpy as np
from onnx import TensorProto, helper

from snn_deploy.ir.graph import Array, Node
from snn_deploy.ir.ops import Delay, Sigma

from .bounds import INT32, bounds
from .scope import Scope, State, Value


def emit_sigma(scope: Scope, node: Node) -> Value:
    """Add up over the steps: int32 [B, *L, C] -> the same."""
    assert isinstance(node.op, Sigma), "called through EMIT"
    x = scope.laid_out(scope.cast(scope.value(node), TensorProto.INT32), last=True)
    like = replace(x, bounds=bounds(-INT32, INT32))
    if scope.form == "sequence":
        first = scope.constant(np.array(0, np.int64), "axis")
        return scope.folded(scope.add("CumSum", [scope.unfolded(x), first], "sums"), like)
    state = State(scope.node, "sigma", x.dtype, x.inner, 0, x.last)
    scope.states.append(state)
    scope.add("Add", [state.past, x.name], "sum", output=state.present)
    return replace(like, name=state.present)


def emit_delay(scope: Scope, node: Node) -> Value:
    """Give every element of a vector as it was so many steps before. [B, N] -> the same.

    The values of several steps lie one after the other, each in a place of its own: a step is N
    places, so that an element is fetched by its number plus N times its delay.
    """
    assert isinstance(node.op, Delay), "called through EMIT"
    x = scope.value(node)
    (size,) = x.shape
    steps = np.resize(scope.graph.params[f"{node.name}.steps"].astype(np.int64), size)
    longest = int(steps.max())
    if scope.form == "sequence":
        return _delayed_sequence(scope, x, steps, longest)
    state = State(scope.node, "past", x.dtype, (longest * size,), 0, x.last)
    scope.states.append(state)
    known = scope.add("Concat", [x.name, state.past], "known", axis=1)  # the newest first
    places = scope.constant(np.arange(size) + size * steps, "places")
    ends = [np.array([n], np.int64) for n in (0, longest * size, 1)]
    kept = [scope.constant(end, "slice") for end in ends]
    scope.add("Slice", [known, *kept], "kept", output=state.present)
    return replace(x, name=scope.add("Gather", [known, places], "delayed", axis=1))


def _delayed_sequence(scope: Scope, x: Value, steps: Array, longest: int) -> Value:
    """Put so many empty steps before [T, B, N] and fetch [T, N] places of each sample."""
    (size,) = x.shape
    pads = scope.constant(np.array([longest, 0, 0, 0, 0, 0], np.int64), "pads")
    empty = scope.constant(np.zeros((), helper.tensor_dtype_to_np_dtype(x.dtype)), "empty")
    padded = scope.add("Pad", [scope.unfolded(x), pads, empty], "padded")  # the oldest first
    by_sample = scope.add("Transpose", [padded], "by_sample", perm=(1, 0, 2))
    rows = scope.add("Reshape", [by_sample, scope.constant(np.array([0, -1]), "shape")], "known")
    start = scope.constant(np.array(0, np.int64), "start")
    one = scope.constant(np.array(1, np.int64), "one")
    count = scope.add("Squeeze", [scope.time()], "count")
    numbers = scope.add("Range", [start, count, one], "numbers")
    column = scope.add("Reshape", [numbers, scope.constant(np.array([-1, 1]), "column")], "step")
    offsets = scope.add("Mul", [column, scope.constant(np.array([size]), "size")], "offsets")
    first = scope.constant(np.arange(size) + size * (longest - steps), "places")
    places = scope.add("Add", [offsets, first], "places_of_steps")
    found = scope.add("Gather", [rows, places], "delayed", axis=1)
    return scope.folded(scope.add("Transpose", [found], "by_step", perm=(1, 0, 2)), x)
