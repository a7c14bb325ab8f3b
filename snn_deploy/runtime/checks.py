"""Arrays that enter: they are taken as they are, or refused with what would be taken."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from snn_deploy.errors import ModelError
from snn_deploy.ir.graph import Array

from .contract import Contract

LIMIT = 2**23 - 1
"""Of an integer neuron's potential and current: the register they stand for has 24 bits."""

_MOST_PROBLEMS = 5


def checked_input(x: Any, contract: Contract, leading: Sequence[int | str]) -> Array:
    """Return x in the type of the model's input. Nothing is rounded, and nothing clipped.

    Args:
        x: [*leading, *shape].
        contract: the model's.
        leading: lengths of the axes before the sample's own; a letter stands for any from 1 on.

    Raises:
        ModelError: another shape or type, or values beyond what may enter.
    """
    array = _array(x)
    _check_shape(array, (*leading, *contract.shape))
    return _real(array) if contract.scale is None else _whole(array, contract)


def quantized(x: Any, contract: Contract) -> Array:
    """Return clip(round_half_even(x / scale), low, high) in the type of the model's input.

    x: [..., *shape], real numbers.

    Raises:
        ModelError: another shape, no finite numbers, or a model that takes real numbers itself.
    """
    array = _array(x)
    if contract.scale is None:
        raise ModelError("the model", "takes real numbers", "there is nothing to quantize")
    axes = max(array.ndim - len(contract.shape), 0)
    _check_shape(array, (*("…",) * axes, *contract.shape))
    if array.dtype.kind not in "biuf" or not np.isfinite(array).all():
        raise ModelError("the input", "holds NaN, infinity or no numbers", "give finite numbers")
    scaled = np.rint(array.astype(np.float64) / contract.scale)
    return np.clip(scaled, contract.low, contract.high).astype(contract.dtype)


def checked_state(
    state: Mapping[str, Any], wanted: Mapping[str, Array], registers: Collection[str]
) -> dict[str, Array]:
    """Return a state as arrays.

    Args:
        state: what somebody kept.
        wanted: a state of the model.
        registers: the names of those that hold 24 bits.

    Raises:
        ModelError: it is of another model or another batch, or no state that there can be.
    """
    found = {name: np.asarray(value) for name, value in state.items()}
    problems = [
        *(f"lacks '{name}'" for name in wanted if name not in found),
        *(f"has '{name}', the model has not" for name in found if name not in wanted),
    ]
    for name in wanted:
        if name in found:
            problems += _problems(name, found[name], wanted[name], name in registers)
    if problems:
        listed, more = problems[:_MOST_PROBLEMS], len(problems) - _MOST_PROBLEMS
        listed += [f"and {more} more"] * (more > 0)
        remedy = "give what `state` was, of this model and batch"
        raise ModelError("the state", "; ".join(listed), remedy)
    return found


def _array(x: Any) -> Array:
    try:
        return np.asarray(x)
    except ValueError as error:
        raise ModelError("the input", f"is no array ({error})", "give one of numpy") from error


def _check_shape(x: Array, wanted: Sequence[int | str]) -> None:
    fits = x.ndim == len(wanted) and all(
        have > 0 if isinstance(want, str) else have == want
        for have, want in zip(x.shape, wanted, strict=True)
    )
    if not fits:
        listed = ", ".join(map(str, wanted))
        raise ModelError("the input", f"has shape {list(x.shape)}", f"give [{listed}]")


def _whole(x: Array, contract: Contract) -> Array:
    allowed = f"the model takes whole numbers from {contract.low} to {contract.high}"
    remedy = "quantize() makes them of real numbers"
    if x.dtype.kind not in "biu":
        raise ModelError("the input", f"holds {x.dtype}, {allowed}", remedy)
    low, high = int(x.min()), int(x.max())
    assert contract.low is not None, "a contract of integers has limits"
    assert contract.high is not None, "a contract of integers has limits"
    if low < contract.low or high > contract.high:
        raise ModelError("the input", f"holds values from {low} to {high}, {allowed}", remedy)
    return np.ascontiguousarray(x, contract.dtype)


def _real(x: Array) -> Array:
    if x.dtype.kind not in "biuf":
        raise ModelError("the input", f"holds {x.dtype}", "give real numbers")
    with np.errstate(over="ignore"):
        taken = np.ascontiguousarray(x, np.float32)
    if not np.isfinite(taken).all():
        problem = "holds NaN, infinity or what float32 cannot hold"
        raise ModelError("the input", problem, "give finite numbers: the state would keep others")
    return taken


def _problems(name: str, array: Array, wanted: Array, register: bool) -> Iterator[str]:
    if (array.dtype, array.shape) != (wanted.dtype, wanted.shape):
        held, taken = (f"{a.dtype} {list(a.shape)}" for a in (array, wanted))
        yield f"'{name}' is {held}, the model has {taken}"
    elif array.dtype.kind == "f" and not np.isfinite(array).all():
        yield f"'{name}' holds NaN or infinity"
    elif register and array.size and max(-int(array.min()), int(array.max())) > LIMIT:
        yield f"'{name}' holds integers beyond {-LIMIT:,} to {LIMIT:,}"
