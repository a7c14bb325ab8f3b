"""Calls of spiking modules: which step a call is, and that every step is the same neuron."""

from typing import Any

from torch import nn

from snn_deploy.ir.ops import Lif

from .adapters import Calling
from .call import Call
from .values import ALWAYS, EVERY, Axes, NeuronState, Refused, Sum, Value

_HAND_ON = "hand its state on from step to step: `out, state = neuron(x, state)`"


def run_neuron(
    call: Call, calling: Calling, module: nn.Module, lif: Lif, x: Any, state: Any = None
) -> Any:
    """Emit a neuron layer and return what its module returns."""
    value = call.plain(call.value(x))
    if isinstance(value.when, Sum):
        raise Refused("reads a sum or mean over time", "neurons read single steps")
    if calling is Calling.MERGED:
        return _merged(call, int(module.steps), lif, value)  # type: ignore[arg-type]
    if calling is Calling.SEQUENCE:
        return _sequence(call, lif, value, state)
    return _cell(call, lif, value, state)


def _emit(call: Call, lif: Lif, value: Value) -> str:
    return call.step.emit(call.name, lif, [value.node], owner=call.owner)


def _merged(call: Call, steps: int, lif: Lif, value: Value) -> Value:
    if value.when == EVERY and value.axes in (Axes.MERGED, Axes.STACKED):
        if steps != call.clock.steps:
            raise Refused(
                f"runs {steps} steps of {call.clock.steps}", "snn_deploy.neurons.set_steps sets all"
            )
        return value.of(_emit(call, lif, value))
    if steps == 1 and value.axes is Axes.BATCH and value.when in (ALWAYS, 0):
        return Value(_emit(call, lif, value), 0)
    raise Refused(
        f"takes [T*B, ...] of {steps} steps and is given {value.axes.value}",
        "repeat the input T times along the batch, or give the neurons steps=1",
    )


def _sequence(call: Call, lif: Lif, value: Value, state: Any) -> tuple[Value, NeuronState]:
    if state is not None:
        raise Refused("starts from a given state", "start from none")
    if value.when != EVERY or value.axes is not Axes.STACKED:
        raise Refused(
            f"takes [T, B, ...] and is given {value.axes.value}",
            "give it a sequence, or use a cell",
        )
    node = _emit(call, lif, value)
    return value.of(node), NeuronState(node, call.clock.steps)


def _cell(call: Call, lif: Lif, value: Value, state: Any) -> tuple[Value, NeuronState]:
    if value.when == EVERY or value.axes is not Axes.BATCH:
        raise Refused(
            f"runs one step and is given {value.axes.value}", "loop over the steps, or use Lift"
        )
    if state is not None and not isinstance(state, NeuronState):
        raise Refused("starts from a state that is not its own", _HAND_ON)
    at = state.steps if state else 0
    if value.when not in (ALWAYS, at):
        here = f"is at step {at} and reads step {value.when}"
        raise Refused(here if state else f"starts from nothing at step {value.when}", _HAND_ON)
    node = _emit(call, lif, value)
    if state and state.node != node:
        raise Refused(
            f"continues '{state.node}' with another input or as another neuron",
            "every step runs the same layers; " + _HAND_ON,
        )
    return Value(node, at), NeuronState(node, at + 1)
