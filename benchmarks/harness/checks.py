"""Whether contenders compute what they are to compute, which is asked before they are timed."""

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from .exports import Exported
from .networks import Floats, Subject, logits
from .timing import Logits

SAME_FUNCTION = 1e-9
"""Largest difference of logits in float64, where no potential lies between two roundings."""
CLOSE = 0.3
"""Largest relative difference in float32, where a few spikes flip: norm of it over the logits'.

Every spike that flips changes what follows it. Of one image in a random network of 110 layers, that
has made 0.14; another function makes about 1.
"""
CHECKED_IMAGES = 2
"""In float64."""


class WrongOutputError(Exception):
    """Something that was to be measured computes something else."""


@dataclass(frozen=True, slots=True)
class Expected:
    """Logits of images: of the reference evaluator, and of the torch module in float32."""

    integers: Logits
    floats: Logits

    def first(self, batch: int) -> "Expected":
        """Return those of the first images."""
        return Expected(self.integers[:batch], self.floats[:batch])

    def compared(self, name: str, found: Logits, *, integer: bool) -> str:
        """Say how logits compare with what is expected. Raises WrongOutputError."""
        if integer:
            if not np.array_equal(found, self.integers):
                raise WrongOutputError(f"{name}: the integers differ from the reference's")
            return "= reference"
        difference = float(np.linalg.norm(found - self.floats) / np.linalg.norm(self.floats))
        if not difference < CLOSE:
            raise WrongOutputError(f"{name}: logits differ from torch's by {difference:.1%}")
        return "= torch" if difference == 0 else f"± {difference:.0e}"


def expected(subject: Subject, exported: Exported, images: Floats) -> Expected:
    """Return what contenders are compared with."""
    return Expected(exported.reference(images), logits(subject.module, images).numpy())


def check_function(name: str, module: nn.Module, subject: Subject, images: Floats) -> float:
    """Return the largest difference in float64, which is then one of the function.

    Raises:
        WrongOutputError: it is no rounding.
    """
    shown = torch.from_numpy(images[:CHECKED_IMAGES]).double()
    with torch.inference_mode():
        found = [copy.deepcopy(m).double()(shown) for m in (module, subject.module)]
    difference = float((found[0] - found[1]).abs().max())
    if not difference < SAME_FUNCTION:
        raise WrongOutputError(f"{name}: another function, off by {difference:.1e} in float64")
    return difference
