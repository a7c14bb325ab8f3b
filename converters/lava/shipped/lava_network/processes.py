"""Processes for what Lava has none of, or none that is exact to the bit.

Everything is computed in integers and nothing wraps around: a current that does not fit the 24 bits
of a chip's accumulator is an error. Time is counted in steps of the simulation, from 0. A layer of
depth d starts a new inference at the steps d, d + window, d + 2 window, ...; it forgets all then,
and that is all that keeps one sample from the next. What it computes before step d is of no sample.
"""

from collections import deque
from typing import Any

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.conv.models import AbstractPyConvModel
from lava.proc.conv.process import Conv
from lava.proc.dense.process import Dense

from .arrays import to_lava

LIMIT = 2**23
"""What a signed number of 24 bits stays below: accumulators, messages and potentials."""

IN = LavaPyType(PyInPort.VEC_DENSE, np.int64)
OUT = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
STATE = LavaPyType(np.ndarray, np.int64)


def checked(x: np.ndarray, *, of_sample: bool) -> np.ndarray:
    """Return x. Raises OverflowError where it does not fit 24 bits, and matters."""
    reach = int(np.abs(x).max(initial=0))
    if reach >= LIMIT and of_sample:
        raise OverflowError(f"a sum of {reach:,} does not fit 24 bits")
    return x


def decayed(state: np.ndarray, decay: int) -> np.ndarray:
    """Return state * (4096 - decay) / 4096, rounded towards zero."""
    return np.sign(state) * ((np.abs(state) * (4096 - decay)) >> 12)


def rescaled(x: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Return x * 2^shift; to the right rounded to nearest, halves away from zero."""
    right = np.maximum(-shift, 0)
    half = np.left_shift(1, right) >> 1
    return np.sign(x) * (((np.abs(x) << np.maximum(shift, 0)) + half) >> right)


class Source(AbstractProcess):
    """Shows one sample after another, `window` steps each, and the last one for ever.

    Args:
        samples: [N, *shape], each shown unchanged for a window; a sequence is [T, N, *shape].
        shape: of a sample at one step, as the network counts it.
        window: steps an inference takes.
    """

    def __init__(
        self, *, name: str, samples: np.ndarray, shape: tuple[int, ...], window: int
    ) -> None:
        static = samples.ndim == 1 + len(shape)
        super().__init__(name=name, samples=samples, static=static, window=window)
        self.s_out = OutPort(shape=to_lava(np.empty(shape)).shape)


@implements(proc=Source, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PySourceModel(PyLoihiProcessModel):
    """See `Source`."""

    s_out: PyOutPort = OUT

    def run_spk(self) -> None:
        """Send what belongs to this step."""
        self.s_out.send(to_lava(self._frame()).astype(np.int32))

    def _frame(self) -> np.ndarray:
        samples, static = self.proc_params["samples"], self.proc_params["static"]
        k, t = divmod(self.time_step - 1, self.proc_params["window"])
        k = min(k, samples.shape[0 if static else 1] - 1)
        return samples[k] if static else samples[t, k]


class DelayLine(AbstractProcess):
    """Gives what it gets, `delay` steps later; zeros before. delay: 1 or more."""

    def __init__(self, *, name: str, shape: tuple[int, ...], delay: int) -> None:
        super().__init__(name=name, shape=shape, delay=delay)
        self.s_in = InPort(shape=shape)
        self.s_out = OutPort(shape=shape)


@implements(proc=DelayLine, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyDelayLineModel(PyLoihiProcessModel):
    """See `DelayLine`."""

    s_in: PyInPort = IN
    s_out: PyOutPort = OUT

    def __init__(self, proc_params: dict) -> None:
        super().__init__(proc_params)
        silence = np.zeros(proc_params["shape"], np.int64)
        self._line = deque([silence] * proc_params["delay"])

    def run_spk(self) -> None:
        """Send what came `delay` steps ago, then take what comes: like this nobody waits."""
        self.s_out.send(self._line.popleft())
        self._line.append(self.s_in.recv())


class WideConv(Conv):
    """Lava's `Conv` where sums could leave 24 bits, which is an error here, or fields 8 bits.

    depth: of the layer that it delivers to.
    """

    def __init__(self, *, depth: int, **of_conv: Any) -> None:
        super().__init__(**of_conv)
        self.proc_params["depth"] = depth


@implements(proc=WideConv, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyWideConvModel(AbstractPyConvModel):
    """See `WideConv`."""

    s_in: PyInPort = IN
    a_out: PyOutPort = OUT
    a_buf: np.ndarray = STATE
    weight: np.ndarray = STATE
    kernel_size: np.ndarray = STATE
    stride: np.ndarray = STATE
    padding: np.ndarray = STATE
    dilation: np.ndarray = STATE
    groups: np.ndarray = STATE

    def clamp_precision(self, x: np.ndarray) -> np.ndarray:
        """Refuse what Lava's own model would wrap around."""
        return checked(x, of_sample=self.time_step >= self.proc_params["depth"])


class WideDense(Dense):
    """Lava's `Dense` with weights of any width, no rounding, and sums checked.

    depth: of the layer that it delivers to.
    """

    def __init__(self, *, depth: int, **of_dense: Any) -> None:
        super().__init__(depth=depth, **of_dense)


@implements(proc=WideDense, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyWideDenseModel(PyLoihiProcessModel):
    """See `WideDense`."""

    s_in: PyInPort = IN
    a_out: PyOutPort = OUT
    a_buff: np.ndarray = STATE
    weights: np.ndarray = STATE
    num_message_bits: np.ndarray = STATE

    def run_spk(self) -> None:
        """Send the sums of the step before, as every synapse does."""
        self.a_out.send(self.a_buff)
        sums = self.weights @ self.s_in.recv()
        self.a_buff = checked(sums, of_sample=self.time_step >= self.proc_params["depth"])


class Neurons(AbstractProcess):
    """Leaky integrate-and-fire like Lava's `LIFReset`, for what that one has no field for.

        x = a_in + current_bias
        u = rz(u (4096 - current_decay) / 4096) + 64 x
        v = clip(rz(v (4096 - voltage_decay) / 4096) + u + bias)
        s_out = v > threshold
        v = 0, v - threshold - at_equality, or v where it fired     reset "hard", "soft" or "none"

    rz rounds towards zero, clip keeps to 24 bits. Arrays have a value for each channel, for each
    neuron, or one for all. `at_equality` neurons fire from threshold + 1 on.
    """

    def __init__(
        self,
        *,
        name: str,
        shape: tuple[int, ...],
        threshold: np.ndarray,
        current_decay: int,
        voltage_decay: int,
        reset: str,
        at_equality: bool = False,
        current_bias: np.ndarray | int = 0,
        bias: np.ndarray | int = 0,
        window: int,
        depth: int,
    ) -> None:
        super().__init__(
            name=name,
            current_decay=current_decay,
            voltage_decay=voltage_decay,
            reset=reset,
            at_equality=at_equality,
            window=window,
            depth=depth,
        )
        self.a_in = InPort(shape=shape)
        self.s_out = OutPort(shape=shape)
        self.u = Var(shape=shape, init=0)
        self.v = Var(shape=shape, init=0)
        self.threshold = Var(shape=shape, init=threshold)
        self.current_bias = Var(shape=shape, init=current_bias)
        self.bias = Var(shape=shape, init=bias)


class AbstractPyNeuronsModel(PyLoihiProcessModel):
    """What `Neurons` and `ResidualNeurons` compute."""

    a_in: PyInPort = IN
    s_out: PyOutPort = OUT
    u: np.ndarray = STATE
    v: np.ndarray = STATE
    threshold: np.ndarray = STATE
    current_bias: np.ndarray = STATE
    bias: np.ndarray = STATE

    def current(self) -> np.ndarray:
        """Return x, once a step."""
        x = self.a_in.recv() + self.current_bias
        return checked(x, of_sample=self.time_step > self.proc_params["depth"])

    def fire(self, x: np.ndarray) -> np.ndarray:
        """Charge, fire and reset; return the spikes."""
        of = self.proc_params
        if begins(self.time_step, of["depth"], of["window"]):
            self.u[:] = self.v[:] = 0
        self.u = decayed(self.u, of["current_decay"]) + (x << 6)
        v = decayed(self.v, of["voltage_decay"]) + self.u + self.bias
        v = np.clip(v, 1 - LIMIT, LIMIT - 1)
        fired = v > self.threshold
        if of["reset"] == "hard":
            v = v * ~fired
        elif of["reset"] == "soft":
            v = v - fired * (self.threshold + of["at_equality"])
        self.v = v
        return fired


@implements(proc=Neurons, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyNeuronsModel(AbstractPyNeuronsModel):
    """See `Neurons`."""

    def run_spk(self) -> None:
        """Take the current and fire."""
        self.s_out.send(self.fire(self.current()))


class ResidualNeurons(Neurons):
    """`Neurons` that also send their current on: m_out = x, a message that carries its value."""

    def __init__(self, *, shape: tuple[int, ...], **of_neurons: Any) -> None:
        super().__init__(shape=shape, **of_neurons)
        self.m_out = OutPort(shape=shape)


@implements(proc=ResidualNeurons, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyResidualNeuronsModel(AbstractPyNeuronsModel):
    """See `ResidualNeurons`."""

    m_out: PyOutPort = OUT

    def run_spk(self) -> None:
        """Take the current, fire, and send both."""
        x = self.current()
        self.s_out.send(self.fire(x))
        self.m_out.send(x)


class Relays(AbstractProcess):
    """Neurons without state or spikes, which send their current on as a message.

    m_out = rescaled(a_in + current_bias, shift) + bias
    """

    def __init__(
        self,
        *,
        name: str,
        shape: tuple[int, ...],
        current_bias: np.ndarray | int = 0,
        shift: np.ndarray | int = 0,
        bias: np.ndarray | int = 0,
        depth: int,
    ) -> None:
        super().__init__(name=name, depth=depth)
        self.a_in = InPort(shape=shape)
        self.m_out = OutPort(shape=shape)
        self.current_bias = Var(shape=shape, init=current_bias)
        self.shift = Var(shape=shape, init=shift)
        self.bias = Var(shape=shape, init=bias)


@implements(proc=Relays, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyRelaysModel(PyLoihiProcessModel):
    """See `Relays`."""

    a_in: PyInPort = IN
    m_out: PyOutPort = OUT
    current_bias: np.ndarray = STATE
    shift: np.ndarray = STATE
    bias: np.ndarray = STATE

    def run_spk(self) -> None:
        """Take the current and send it on."""
        x = self.a_in.recv() + self.current_bias
        of_sample = self.time_step > self.proc_params["depth"]
        message = rescaled(checked(x, of_sample=of_sample), self.shift) + self.bias
        self.m_out.send(checked(message, of_sample=of_sample))


class Readout(AbstractProcess):
    """Adds its current up: total = what came since its window began, a_in + current_bias a step."""

    def __init__(
        self,
        *,
        name: str,
        shape: tuple[int, ...],
        current_bias: np.ndarray | int = 0,
        window: int,
        depth: int,
    ) -> None:
        super().__init__(name=name, window=window, depth=depth)
        self.a_in = InPort(shape=shape)
        self.total_out = OutPort(shape=shape)
        self.total = Var(shape=shape, init=0)
        self.current_bias = Var(shape=shape, init=current_bias)


@implements(proc=Readout, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyReadoutModel(PyLoihiProcessModel):
    """See `Readout`."""

    a_in: PyInPort = IN
    total_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int64)
    total: np.ndarray = STATE
    current_bias: np.ndarray = STATE

    def run_spk(self) -> None:
        """Add, and send the sum so far."""
        x = self.a_in.recv() + self.current_bias
        x = checked(x, of_sample=self.time_step > self.proc_params["depth"])
        if begins(self.time_step, self.proc_params["depth"], self.proc_params["window"]):
            self.total[:] = 0
        self.total += x
        self.total_out.send(self.total)


def begins(time_step: int, depth: int, window: int) -> bool:
    """Say whether a window begins at a step, which Lava counts from 1, in a layer of a depth."""
    return (time_step - 1) % window == depth % window
