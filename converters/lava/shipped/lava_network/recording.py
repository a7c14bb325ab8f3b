"""One process that keeps what all others send, and the memory in which it keeps it.

Lava hands variables out number by number, which takes longer than the simulation. This memory is
shared between the processes of the operating system instead.
"""

import mmap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from .arrays import from_lava


@dataclass(frozen=True)
class Record:
    """What to keep of one port.

    Attributes:
        key: what it will be called, e.g. "spikes/layer1".
        port: that sends it.
        shape: in the network's order of axes.
        depth: of the layer that sends it; what it sends at step c belongs to step c - depth.
        dtype: in which it is kept.
    """

    key: str
    port: OutPort
    shape: tuple[int, ...]
    depth: int
    dtype: type


class Recorder(AbstractProcess):
    """Keeps what all ports send while samples are in their layers, lags taken off.

    Attributes:
        steps: how many the simulation takes until the last value has come out.
        done: how many it has taken, in an array of one element.
        kept: by key, [samples * window, *shape], in the order in which samples were shown.
    """

    def __init__(self, *, records: Sequence[Record], samples: int, window: int) -> None:
        shown = samples * window
        self.steps = shown + max(record.depth for record in records)
        self.done = shared((1,), np.int64)
        self.kept = {r.key: shared((shown, *r.shape), r.dtype) for r in records}
        wanted = tuple((r.depth, r.shape, self.kept[r.key]) for r in records)
        super().__init__(name="recorder", wanted=wanted, shown=shown, done=self.done)
        self._records = tuple(records)
        for place, record in enumerate(records):
            setattr(self, f"in_{place}", InPort(shape=record.port.shape))

    def connect(self) -> None:
        """Connect all ports; Lava can do so only once the process is made."""
        for place, record in enumerate(self._records):
            record.port.connect(getattr(self, f"in_{place}"))

    def model(self) -> type[PyLoihiProcessModel]:
        """Return a process model with as many ports as this recorder has."""
        ports = {f"in_{i}": LavaPyType(PyInPort.VEC_DENSE, np.int64) for i in range(len(self.kept))}
        model = type("PyRecorderModel", (_PyRecorderModel,), ports)
        return tag("fixed_pt")(requires(CPU)(implements(Recorder, LoihiProtocol)(model)))


class _PyRecorderModel(PyLoihiProcessModel):
    """Base of what `Recorder.model` makes."""

    def run_spk(self) -> None:
        """Take what every port sends, and keep it if it belongs to a sample."""
        shown = self.proc_params["shown"]
        for place, (depth, shape, kept) in enumerate(self.proc_params["wanted"]):
            value = getattr(self, f"in_{place}").recv()
            step = self.time_step - 1 - depth
            if 0 <= step < shown:
                kept[step] = from_lava(value, shape)
        self.proc_params["done"][0] = self.time_step


def shared(shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """Return zeros in memory that child processes write into and this one reads."""
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    return np.frombuffer(mmap.mmap(-1, max(size, 1)), dtype, int(np.prod(shape))).reshape(shape)
