"""Runs in Lava: processes one by one, all in one simulation. Writes what each sent to a file.

python process_cases.py out.npz        lava_network lies beside it
"""

import sys

import lava_network  # noqa: F401  makes Lava importable
import numpy as np
from lava.proc.conv.process import Conv
from lava.proc.dense.process import Dense
from lava.proc.lif.process import LIFReset
from lava.utils.weightutils import SignMode
from lava_network.arrays import kernel, matrix, window
from lava_network.processes import (
    DelayLine,
    Neurons,
    Readout,
    Relays,
    ResidualNeurons,
    Source,
    WideConv,
    WideDense,
)
from lava_network.recording import Record, Recorder
from lava_network.simulate import simulate

WINDOW = 4
SAMPLES = 3

records: list[Record] = []


def record(key: str, port: object, shape: tuple[int, ...], depth: int = 0) -> None:
    records.append(Record(key, port, shape, depth, np.int64))


def source(values: object) -> Source:
    """Show each of three samples."""
    samples = np.array(values)
    name = f"source{len(records)}"
    return Source(name=name, samples=samples, shape=samples.shape[1:], window=WINDOW)


def sources() -> None:
    still = source([[1, 2], [3, 4], [5, 6]])
    record("source/static", still.s_out, (2,))
    moving = Source(
        name="moving",
        samples=np.arange(WINDOW * SAMPLES).reshape(WINDOW, SAMPLES, 1),
        shape=(1,),
        window=WINDOW,
    )
    record("source/sequence", moving.s_out, (1,))
    image = source(np.arange(SAMPLES * 12).reshape(SAMPLES, 2, 3, 2))
    record("source/image", image.s_out, (2, 3, 2))
    for delay in (1, 3):
        line = DelayLine(name=f"delay{delay}", shape=(1,), delay=delay)
        moving.s_out.connect(line.s_in)
        record(f"delay/{delay}", line.s_out, (1,))


def resets() -> None:
    """Neurons of each depth see the same current, 1; Lava's and ours begin together."""
    one = source([[1], [1], [1]])
    for depth in range(6):
        lava = LIFReset(
            name=f"lava{depth}",
            shape=(1,),
            vth=2,
            du=4095,
            dv=0,
            reset_interval=WINDOW,
            reset_offset=depth + 1,
        )
        ours = Neurons(
            name=f"ours{depth}",
            shape=(1,),
            threshold=128,
            current_decay=4096,
            voltage_decay=0,
            reset="hard",
            window=WINDOW,
            depth=depth,
        )
        total = Readout(name=f"total{depth}", shape=(1,), window=WINDOW, depth=depth)
        for name, process in (("lava", lava), ("ours", ours), ("total", total)):
            one.s_out.connect(process.a_in)
            port = process.total_out if name == "total" else process.s_out
            record(f"reset/{name}{depth}", port, (1,), depth)


def neurons() -> None:
    """Every constant that Lava's neurons have no field for."""
    cases = {
        "soft": {"reset": "soft"},
        "none": {"reset": "none"},
        "equality": {"reset": "soft", "at_equality": True, "threshold": 14 * 64 - 1},
        "current": {"reset": "hard", "current_decay": 2048, "current_bias": 8, "threshold": 256},
        "potential": {
            "reset": "none",
            "voltage_decay": 1000,
            "bias": np.array([3, -3]),
            "threshold": np.array([791, -792]),
        },
        "clipped": {"reset": "none", "bias": 2**22, "threshold": np.array([2**23 - 1, 2**23 - 2])},
    }
    current = source([[7, -7]] * SAMPLES)
    same = source([[7, 7]] * SAMPLES)
    for name, case in cases.items():
        usual = {"threshold": 64 * 10, "current_decay": 4096, "voltage_decay": 0, "depth": 0}
        made = ResidualNeurons(name=name, shape=(2,), window=WINDOW, **(usual | case))
        (same if name == "clipped" else current).s_out.connect(made.a_in)
        record(f"neurons/{name}", made.s_out, (2,))
        record(f"sent/{name}", made.m_out, (2,))


def relays() -> None:
    values = [-6, -5, -3, -2, -1, 0, 1, 2, 3, 5, 6]
    given = source([values] * SAMPLES)
    shift = np.array([-2] * len(values))
    for name, fields in {
        "plain": {"current_bias": 100},
        "right": {"shift": shift, "bias": 10},
        "left": {"shift": 3, "current_bias": 1},
    }.items():
        made = Relays(name=name, shape=(len(values),), depth=0, **fields)
        given.s_out.connect(made.a_in)
        record(f"relay/{name}", made.m_out, (len(values),))


def synapses() -> None:
    image = source(np.arange(1, 1 + SAMPLES * 24).reshape(SAMPLES, 2, 3, 4))
    weight = np.arange(2 * 2 * 2 * 3).reshape(2, 2, 2, 3) - 11
    exponent = np.array([0, 2])
    for made in (
        Conv(
            name="conv",
            weight=kernel(weight, exponent),
            input_shape=(4, 3, 2),
            stride=(1, 2),
            padding=(2, 1),
            dilation=(2, 1),
            num_message_bits=24,
        ),
        Conv(
            name="pool",
            weight=window(2, 3, 2),
            input_shape=(4, 3, 2),
            stride=(2, 1),
            groups=2,
            num_message_bits=24,
        ),
        WideConv(
            name="wide",
            weight=kernel(weight, 9),
            input_shape=(4, 3, 2),
            num_message_bits=24,
            depth=1,
        ),
    ):
        image.s_out.connect(made.s_in)
        w, h, c = made.a_out.shape
        record(f"synapse/{made.name}", made.a_out, (c, h, w), 1)
    line = source(np.arange(SAMPLES * 10).reshape(SAMPLES, 2, 5) - 9)
    conv1d = Conv(
        name="conv1d",
        weight=kernel(weight[:, :, 0], 1),
        input_shape=(5, 1, 2),
        stride=(2, 1),
        padding=(1, 0),
        num_message_bits=24,
    )
    line.s_out.connect(conv1d.s_in)
    record("synapse/conv1d", conv1d.a_out, (2, 3), 1)
    many = source(np.ones((SAMPLES, 150, 1, 1), int))
    depthwise = WideConv(
        name="depthwise",
        weight=kernel(np.arange(150).reshape(150, 1, 1, 1)),
        input_shape=(1, 1, 150),
        groups=150,
        num_message_bits=24,
        depth=1,
    )
    many.s_out.connect(depthwise.s_in)
    record("synapse/depthwise", depthwise.a_out, (150, 1, 1), 1)
    dense = np.array([[-128, 127, 1, -1, 3, -3], [-5, -7, -9, -128, -128, -1]])
    flat = source(np.arange(SAMPLES * 6).reshape(SAMPLES, 3, 2, 1))
    for made in (
        Dense(
            name="dense",
            weights=2 * matrix(dense, (3, 2, 1)),
            weight_exp=0,
            sign_mode=SignMode.MIXED,
            num_message_bits=24,
        ),
        WideDense(
            name="wide_dense",
            weights=matrix(dense * 100, (3, 2, 1), np.array([0, 3])),
            num_message_bits=24,
            depth=1,
        ),
    ):
        flat.s_out.flatten().connect(made.s_in)
        record(f"synapse/{made.name}", made.a_out, (2,), 1)
    relay = Relays(name="flattened", shape=(24,), depth=0)
    image.s_out.transpose((2, 1, 0)).flatten().connect(relay.a_in)
    record("synapse/flattened", relay.m_out, (2, 3, 4))


if __name__ == "__main__":
    for case in (sources, resets, neurons, relays, synapses):
        case()
    recorder = Recorder(records=records, samples=SAMPLES, window=WINDOW)
    recorder.connect()
    np.savez(sys.argv[1], **simulate(recorder))
