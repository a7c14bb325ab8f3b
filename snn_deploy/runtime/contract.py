"""What a file says of its input, its output and its states."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from snn_deploy.converters.onnx.run import DTYPES
from snn_deploy.converters.onnx.run import Session as Loaded
from snn_deploy.errors import ModelError, UsageError
from snn_deploy.ir.graph import Array

_REGISTERS = ("v", "u")
"""Roles of states of integer neurons, which have 24 bits; other integers have their type's."""

_DAMAGED = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What reading JSON ends with that is of another form than ours."""


@dataclass(frozen=True, slots=True)
class Contract:
    """How a model is used.

    Attributes:
        form: "step" or "sequence".
        steps: T of the network.
        static: the same input at every step, else one for each.
        shape: of a sample's input, without batch and steps.
        dtype: of the input.
        low: of integers, the smallest that may enter; None of real numbers.
        high: likewise the largest.
        scale: of integers, what one of them stands for; None of real numbers.
        output: the tensor that is read out.
        node: the node of the graph whose value it is.
        output_scale: factors from an output of integers to real numbers; they broadcast.
        registers: the states that hold 24 bits, by the names of the model's inputs.
    """

    form: str
    steps: int
    static: bool
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    low: int | None
    high: int | None
    scale: Array | None
    output: str
    node: str
    output_scale: Array
    registers: frozenset[str]


def read(loaded: Loaded, where: str, output: str | None) -> Contract:
    """Read the contract of a file.

    Args:
        loaded: by ONNX Runtime.
        where: its path.
        output: the node to read out; None if there is one only.

    Raises:
        ModelError: the file contradicts itself.
        UsageError: there is no such output, or it was not said which.
    """
    try:
        said = _chosen(loaded, where, output)
        found = _read(loaded, said)
        _check(found, loaded)
    except _DAMAGED as error:
        problem = f"its metadata are damaged ({type(error).__name__}: {error})"
        raise ModelError(where, problem, "export the network again") from error
    return found


def _chosen(loaded: Loaded, where: str, output: str | None) -> dict[str, Any]:
    """Return what the file says of the output that is asked for."""
    outputs = {entry["node"]: entry for entry in loaded.described("ai.snn.output")}
    chosen = next(iter(outputs)) if output is None and len(outputs) == 1 else output
    if chosen not in outputs:
        problem = "has several outputs" if output is None else f"has no output '{output}'"
        raise UsageError(f"{where} {problem}", f"give output=, one of: {', '.join(outputs)}")
    return outputs[chosen]


def _read(loaded: Loaded, output: dict[str, Any]) -> Contract:
    entry, given = loaded.described("ai.snn.input"), loaded.inputs["input"]
    axes = 1 if loaded.static or loaded.form == "step" else 2
    factors = [1.0]
    if loaded.says("ai.snn.output_scale"):
        factors = loaded.described("ai.snn.output_scale")[output["name"]]
    inner = (1,) * (len(output["shape"]) - 2)
    return Contract(
        form=loaded.form,
        steps=int(loaded.described("ai.snn.steps")),
        static=loaded.static,
        shape=tuple(int(length) for length in given.shape[axes:]),
        dtype=_dtype(given),
        low=entry.get("low"),
        high=entry.get("high"),
        scale=np.array(entry["scale"], np.float64) if "scale" in entry else None,
        output=output["name"],
        node=output["node"],
        output_scale=np.array(factors, np.float64).reshape(-1, *inner),
        registers=frozenset(
            state["in"]
            for state in loaded.states
            if state["dtype"] == "int32" and state["role"] in _REGISTERS
        ),
    )


def _dtype(given: Any) -> np.dtype[Any]:
    """Return the type of a tensor: ONNX Runtime calls it, for example, tensor(int8)."""
    return np.dtype(DTYPES[given.type.removeprefix("tensor(").removesuffix(")")])


def _check(found: Contract, loaded: Loaded) -> None:
    """Raise ValueError where the file contradicts itself."""
    if found.form not in ("step", "sequence") or found.steps < 1:
        raise ValueError(f"form '{found.form}' of {found.steps} steps")
    for state in loaded.states:
        np.full((), state["init"], DTYPES[state["dtype"]])
    said = {s["in"]: (s["shape"][1:], np.dtype(DTYPES[s["dtype"]])) for s in loaded.states}
    held = {
        name: (given.shape[1:], _dtype(given))
        for name, given in loaded.inputs.items()
        if name != "input"
    }
    if said != held:
        raise ValueError("they describe other states than there are")
    if found.scale is not None:
        _check_range(found, found.scale)


def _check_range(found: Contract, scale: Array) -> None:
    np.broadcast_to(scale, found.shape)
    if not (np.isfinite(scale) & (scale > 0)).all():
        raise ValueError("a scale is no positive number")
    info, low, high = np.iinfo(found.dtype), found.low, found.high
    if not isinstance(low, int) or not isinstance(high, int):
        raise TypeError("a limit is no whole number")
    if not info.min <= low <= high <= info.max:
        raise ValueError(f"{found.dtype} from {low} to {high}")
