"""Constants of a neuron as kernels see them. torch's compiler takes each as a number, untraced."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch


def _folded(function: Callable[..., float]) -> Callable[..., float]:
    """Let torch's compiler call the function once instead of tracing it.

    This is torch.compiler.assume_constant_result without loading the compiler. Traced, functions of
    `math` would be operators as soon as something in the process, such as norse, uses torch.jit.
    """
    marked: Any = function
    marked._dynamo_marked_constant = True
    return function


@_folded
def just_above(threshold: float, dtype: torch.dtype) -> float:
    """Return the smallest number above the threshold: `u < it` says the same as `u <= threshold`.

    Kernels for bfloat16 and float16 compare in float32, to which the threshold is rounded.
    """
    exact = np.float64 if dtype == torch.float64 else np.float32
    return float(np.nextafter(exact(threshold), exact(np.inf)))


@_folded
def rounded(factor: float, dtype: torch.dtype) -> float:
    """Return a factor as the type of what it multiplies has it.

    Torch's vectorised kernels round it so, its scalar ones and those on CUDA do not. A default of
    0.25 is the same everywhere.
    """
    unit = torch.finfo(dtype).eps / 2
    mantissa, exponent = math.frexp(factor)
    return math.ldexp(round(mantissa / unit) * unit, exponent)
