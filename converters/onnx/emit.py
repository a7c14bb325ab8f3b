"""Which emitter writes which operation: the whole of what this format can say."""

from collections.abc import Callable, Mapping

from snn_deploy.ir.graph import Node
from snn_deploy.ir.ops import (
    Add,
    AvgPool,
    Conv,
    Delay,
    Delta,
    Flatten,
    Input,
    IntegerLif,
    Lif,
    Linear,
    MaxPool,
    Op,
    Sigma,
    SigmaDelta,
    SumPool,
)

from .emit_memory import emit_delay, emit_sigma
from .emit_neurons import emit_integer_lif, emit_lif, emit_messenger
from .emit_pools import emit_avg_pool, emit_max_pool, emit_sum_pool
from .emit_products import emit_conv, emit_linear
from .emit_shapes import emit_add, emit_flatten, emit_input
from .scope import Scope, Value

Emitter = Callable[[Scope, Node], Value]

EMIT: Mapping[type[Op], Emitter] = {
    Input: emit_input,
    Conv: emit_conv,
    Linear: emit_linear,
    Lif: emit_lif,
    IntegerLif: emit_integer_lif,
    Delta: emit_messenger,
    SigmaDelta: emit_messenger,
    Sigma: emit_sigma,
    Delay: emit_delay,
    Add: emit_add,
    AvgPool: emit_avg_pool,
    SumPool: emit_sum_pool,
    MaxPool: emit_max_pool,
    Flatten: emit_flatten,
}

UNSUPPORTED: Mapping[type[Op], str] = {}
"""Operation -> why there is no emitter. Empty: ONNX can say all of them."""
