"""The networks that ship: names on the command line and what builds them."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, get_args

import torch
from torch import nn

from . import conv_snn, ms_resnet, sew_resnet, spiking_resnet
from .ms_resnet import Shortcut

Builder = Callable[..., nn.Module]

_THIN_FAMILIES: Mapping[str, Builder] = {
    "ms_resnet": ms_resnet.cifar,
    "sew_resnet": sew_resnet.cifar,
    "spiking_resnet": spiking_resnet.cifar,
}
_THIN_DEPTHS = (20, 32, 44, 56, 110, 482)

ARCHITECTURES: Mapping[str, Builder] = {
    f"{family}{depth}": partial(builder, depth)
    for family, builder in _THIN_FAMILIES.items()
    for depth in _THIN_DEPTHS
} | {
    "ms_resnet18_cifar": ms_resnet.cifar_wide,
    "ms_resnet18": partial(ms_resnet.imagenet, 18),
    "ms_resnet34": partial(ms_resnet.imagenet, 34),
    "ms_resnet104": partial(ms_resnet.imagenet, 104),
    "conv_snn_nmnist": conv_snn.nmnist,
}
"""Every builder takes `classes` and `steps` as keywords, an MS-ResNet also `shortcut`."""


def build(architecture: str, **config: Any) -> nn.Module:
    """Build a network by name, with random weights.

    Raises:
        KeyError: no such architecture.
        TypeError: an option that the architecture does not have.
    """
    return ARCHITECTURES[architecture](**config)


def shortcuts(architecture: str) -> Sequence[str]:
    """Return the kinds of shortcut that an architecture can be built with, if it has a choice."""
    options = inspect.signature(ARCHITECTURES[architecture]).parameters
    return get_args(Shortcut) if "shortcut" in options else ()


def input_shape(architecture: str) -> tuple[int, ...] | None:
    """Return the shape of an input that an architecture insists on; None where any will do."""
    with torch.device("meta"):
        return getattr(build(architecture), "input_shape", None)


def parameter_count(architecture: str) -> int:
    """Return the number of trainable parameters, without making them."""
    with torch.device("meta"):
        return sum(p.numel() for p in build(architecture).parameters())
