"""torch modules as calls of the functions that they are, with their weights as options.

One meaning for `nn.Conv2d` and `F.conv2d`: the interpreter knows functions only.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its name everywhere

from .values import Refused

Layer = tuple[Callable[..., Any], dict[str, Any]]


def identity(input: Tensor) -> Tensor:
    """Return the input: dropout and its like at inference."""
    return input


def layer(module: nn.Module) -> Callable[[Any], Layer] | None:
    """Return what makes a function call of a module, or None where its class is not known.

    A subclass with a forward of its own is not what its base is.
    """
    for cls in type(module).__mro__:
        if cls in LAYERS:
            base: Any = cls
            own: Any = type(module)
            return LAYERS[cls] if own.forward is base.forward else None
    return None


def _conv(function: Callable[..., Any]) -> Callable[[Any], Layer]:
    def call(m: Any) -> Layer:
        if m.padding_mode != "zeros":
            raise Refused(f"pads with padding_mode='{m.padding_mode}'", "pad with zeros")
        names = ("weight", "bias", "stride", "padding", "dilation", "groups")
        return function, {name: getattr(m, name) for name in names}

    return call


def _linear(m: nn.Linear) -> Layer:
    return F.linear, {"weight": m.weight, "bias": m.bias}


def _batch_norm(m: Any) -> Layer:
    if m.running_mean is None or m.running_var is None:
        raise Refused(
            "has no running statistics (track_running_stats=False), so its result depends on the "
            "other samples of the batch",
            "train it with track_running_stats=True",
        )
    return F.batch_norm, {
        "running_mean": m.running_mean,
        "running_var": m.running_var,
        "weight": m.weight,
        "bias": m.bias,
        "training": False,
        "eps": m.eps,
    }


def _avg_pool(function: Callable[..., Any]) -> Callable[[Any], Layer]:
    def call(m: Any) -> Layer:
        names = ["kernel_size", "stride", "padding", "ceil_mode", "count_include_pad"]
        if hasattr(m, "divisor_override"):
            names.append("divisor_override")
        return function, {name: getattr(m, name) for name in names}

    return call


def _max_pool(function: Callable[..., Any]) -> Callable[[Any], Layer]:
    def call(m: Any) -> Layer:
        if m.return_indices:
            raise Refused("returns indices (return_indices=True)", "pool without indices")
        names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
        return function, {name: getattr(m, name) for name in names}

    return call


def _lp_pool(function: Callable[..., Any]) -> Callable[[Any], Layer]:
    def call(m: Any) -> Layer:
        names = ("norm_type", "kernel_size", "stride", "ceil_mode")
        return function, {name: getattr(m, name) for name in names}

    return call


def _adaptive(function: Callable[..., Any]) -> Callable[[Any], Layer]:
    return lambda m: (function, {"output_size": m.output_size})


def _flatten(m: nn.Flatten) -> Layer:
    return torch.flatten, {"start_dim": m.start_dim, "end_dim": m.end_dim}


def _unflatten(m: nn.Unflatten) -> Layer:
    return torch.unflatten, {"dim": m.dim, "sizes": m.unflattened_size}


def _nothing(_: nn.Module) -> Layer:
    return identity, {}


LAYERS: Mapping[type[nn.Module], Callable[[Any], Layer]] = {
    nn.Conv1d: _conv(F.conv1d),
    nn.Conv2d: _conv(F.conv2d),
    nn.Linear: _linear,
    nn.BatchNorm1d: _batch_norm,
    nn.BatchNorm2d: _batch_norm,
    nn.BatchNorm3d: _batch_norm,
    nn.SyncBatchNorm: _batch_norm,
    nn.AvgPool1d: _avg_pool(F.avg_pool1d),
    nn.AvgPool2d: _avg_pool(F.avg_pool2d),
    nn.MaxPool1d: _max_pool(F.max_pool1d),
    nn.MaxPool2d: _max_pool(F.max_pool2d),
    nn.LPPool1d: _lp_pool(F.lp_pool1d),
    nn.LPPool2d: _lp_pool(F.lp_pool2d),
    nn.AdaptiveAvgPool1d: _adaptive(F.adaptive_avg_pool1d),
    nn.AdaptiveAvgPool2d: _adaptive(F.adaptive_avg_pool2d),
    nn.AdaptiveMaxPool1d: _adaptive(F.adaptive_max_pool1d),
    nn.AdaptiveMaxPool2d: _adaptive(F.adaptive_max_pool2d),
    nn.Flatten: _flatten,
    nn.Unflatten: _unflatten,
    nn.Identity: _nothing,
    nn.Dropout: _nothing,
    nn.Dropout1d: _nothing,
    nn.Dropout2d: _nothing,
    nn.Dropout3d: _nothing,
    nn.AlphaDropout: _nothing,
    nn.FeatureAlphaDropout: _nothing,
}
