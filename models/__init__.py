"""The networks that ship: names on the command line and what builds them."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import nn

from .ms_resnet import cifar, cifar_wide, imagenet

Builder = Callable[..., nn.Module]

ARCHITECTURES: Mapping[str, Builder] = {
    "ms_resnet20": partial(cifar, 20),
    "ms_resnet32": partial(cifar, 32),
    "ms_resnet44": partial(cifar, 44),
    "ms_resnet56": partial(cifar, 56),
    "ms_resnet110": partial(cifar, 110),
    "ms_resnet482": partial(cifar, 482),
    "ms_resnet18_cifar": cifar_wide,
    "ms_resnet18": partial(imagenet, 18),
    "ms_resnet34": partial(imagenet, 34),
    "ms_resnet104": partial(imagenet, 104),
}
"""Every builder takes `classes`, `steps` and `shortcut` as keywords."""


def build(architecture: str, **config: Any) -> nn.Module:
    """Build a network by name, with random weights.

    Raises:
        KeyError: no such architecture.
        TypeError: an option that the architecture does not have.
    """
    return ARCHITECTURES[architecture](**config)
