"""What is understood: tables from torch's functions and methods to handlers."""

import operator
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.nn import functional as F  # noqa: N812 - its name everywhere

from . import arithmetic as a
from . import layouts as s
from . import pooling as p
from . import weighted as w
from .layers import identity

Handler = Callable[..., Any]

UNDERSTOOD = (
    "tracing understands Conv1d/2d, Linear, BatchNorm, Dropout, average, sum, max and adaptive "
    "pooling, Flatten and reshapes that keep T and B apart, additions, factors, the mean or sum "
    "over time or over the image, and spiking neurons (snn_deploy.neurons, norse)"
)

_BOTH: Mapping[str, Handler] = {
    "add": a.add,
    "sub": a.sub,
    "mul": a.mul,
    "div": a.div,
    "true_divide": a.div,
    "neg": a.neg,
    "mean": s.mean,
    "sum": s.sum_,
    "flatten": s.reshape,
    "unflatten": s.reshape,
    "reshape": s.reshape,
    "squeeze": s.reshape,
    "unsqueeze": s.reshape,
    "tile": s.repeat,
    "repeat_interleave": s.repeat_interleave,
    "transpose": s.transpose,
    "swapaxes": s.transpose,
    "permute": s.transpose,
    "movedim": s.transpose,
    "unbind": s.unbind,
    "chunk": s.chunk,
    "clone": s.same,
    "detach": s.same,
    "zeros_like": s.zeros_like,
}
"""Functions of torch and methods of tensors of one name and one signature."""

METHODS: Mapping[str, Handler] = {
    **_BOTH,
    "view": s.reshape,
    "repeat": s.repeat,
    "expand": s.repeat,
    "contiguous": s.same,
    "float": s.same,
    "double": s.same,
    "to": s.same,
    "cpu": s.same,
    "requires_grad_": s.same,
    "add_": a.add_,
    "sub_": a.sub_,
    "mul_": a.mul_,
    "div_": a.div_,
    "new_zeros": s.zeros,
}

FUNCTIONS: Mapping[Any, Handler] = {
    **{getattr(torch, name): handler for name, handler in _BOTH.items() if hasattr(torch, name)},
    operator.add: a.add,
    operator.iadd: a.add,
    operator.sub: a.sub,
    operator.mul: a.mul,
    operator.truediv: a.div,
    operator.neg: a.neg,
    operator.getitem: s.getitem,
    operator.setitem: s.setitem,
    torch.stack: s.stack,
    torch.cat: s.cat,
    torch.concat: s.cat,
    torch.zeros: s.zeros,
    torch.empty: s.empty,
    torch.nn.functional.conv1d: w.conv,
    torch.nn.functional.conv2d: w.conv,
    F.linear: w.linear,
    F.batch_norm: w.batch_norm,
    F.dropout: w.dropout,
    F.dropout1d: w.dropout,
    F.dropout2d: w.dropout,
    F.dropout3d: w.dropout,
    F.alpha_dropout: w.dropout,
    F.feature_alpha_dropout: w.dropout,
    identity: w.unchanged,
    F.avg_pool1d: p.avg_pool,
    F.avg_pool2d: p.avg_pool,
    F.max_pool1d: p.max_pool,
    F.max_pool2d: p.max_pool,
    F.lp_pool1d: p.lp_pool,
    F.lp_pool2d: p.lp_pool,
    F.adaptive_avg_pool1d: p.adaptive_avg_pool,
    F.adaptive_avg_pool2d: p.adaptive_avg_pool,
    F.adaptive_max_pool1d: p.adaptive_max_pool,
    F.adaptive_max_pool2d: p.adaptive_max_pool,
}

NAMES: Mapping[Any, str] = {
    operator.iadd: "add",
    operator.truediv: "div",
    F.max_pool1d: "max_pool1d",
    F.max_pool2d: "max_pool2d",
    F.adaptive_max_pool1d: "adaptive_max_pool1d",
    F.adaptive_max_pool2d: "adaptive_max_pool2d",
}
"""Functions whose __name__ says something else."""
