"""Runs network.net in Lava's netx, which simulates Loihi's fixed-point neurons.

    python run_net.py                                  replay golden/golden.npz and compare
    python run_net.py --input x.npy --trace trace.npz  write every spike and output of every step

Needs lava-nc 0.10.0, lava-dl 0.6.0, numpy older than 2.4, scipy, networkx, asteval and h5py, and
compat.py beside this file. An input is an array of integers: [samples, ...] where every step of
the network sees the same, else [steps, samples, ...].

Samples follow each other without a gap, and each layer works one step after the one before it:
layer d (0, 1, ...) has step t of sample k at Lava's step 2 + d + k * steps + t, the first being 1.
Before its step 0 of every sample it is reset.
"""

import argparse
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
LOOK_EVERY_S = 0.2


def main() -> int:
    """Run what the command line asks for; 0 if all is equal, 1 if not."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--net", type=Path, default=HERE / "network.net")
    parser.add_argument("--golden", type=Path, default=HERE / "golden" / "golden.npz")
    parser.add_argument("--input", type=Path, help="run this instead, an .npy file")
    parser.add_argument("--trace", type=Path, help="where its values go, an .npz file")
    given = parser.parse_args()
    if given.input is None:
        return compare(simulate(given.net, np.load(given.golden)["input"]), given.golden)
    values = simulate(given.net, np.load(given.input))
    if given.trace is not None:
        np.savez(given.trace, **values)
    return 0


def compare(values: dict[str, np.ndarray], path: Path) -> int:
    """Print whether spike counts and outputs are those of a golden file; 0 if all of them are."""
    golden = np.load(path)
    wrong = 0
    for key in golden:
        kind, _, name = key.partition("/")
        if kind not in ("spikes", "output"):
            continue
        expected, found = golden[key], values[name].sum(axis=0)
        if kind == "spikes":
            found = found.reshape(len(found), -1).sum(axis=1)
        different = np.argwhere(expected != found.reshape(expected.shape))
        wrong += len(different)
        print(f"{key}: {expected.size} values, {len(different) or 'none'} of them wrong")
        for at in map(tuple, different[:1]):
            print(f"    {expected[at]} is expected at {[int(i) for i in at]}")
    return int(wrong > 0)


def simulate(path: Path, x: np.ndarray) -> dict[str, np.ndarray]:
    """Return, by layer, the spikes or outputs of every step, [steps, samples, *shape]."""
    import compat

    compat.prepare()
    import h5py
    from lava.lib.dl.netx.hdf5 import Network

    with h5py.File(path) as file:
        steps = int(file["simulation/tSample"][()])
        apart = {key: file["snn_deploy"][key][()] for key in file["snn_deploy"]}
    # netx would reset its first layer at step 1, where nothing has arrived yet.
    net = Network(
        str(path),
        input_message_bits=int(apart["inputMessageBits"]),
        reset_interval=steps,
        reset_offset=1,
    )
    by_step = np.repeat(x[None], steps, axis=0) if apart["static"] else x[:steps]
    rows = by_step.swapaxes(0, 1).reshape(-1, *net.inp.shape[::-1])
    recorded = run(net, rows, steps, reads_potential="offset" in apart)
    names = [name.decode() for name in apart["names"]]
    values = {}
    for depth, (name, record) in enumerate(zip(names, recorded, strict=True)):
        seen = record[1 + depth : 1 + depth + len(rows)].astype(np.int64)
        seen = seen.transpose(0, *range(seen.ndim - 1, 0, -1))
        values[name] = seen.reshape(-1, steps, *seen.shape[1:]).swapaxes(0, 1)
    if "offset" in apart:
        accumulates = int(net.out_layer.neuron.dv.init) == 0
        values[names[-1]] = read_out(values[names[-1]], apart, accumulates)
    return values


def run(net: object, rows: np.ndarray, steps: int, *, reads_potential: bool) -> list[np.ndarray]:
    """Let Lava work through rows of input and return what each layer does, [time, W, H, C].

    Lava's axes are those of the network backwards.
    """
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.io.source import RingBuffer
    from lava.proc.monitor.process import Monitor

    source = RingBuffer(data=rows.T)
    source.s_out.connect(net.inp)
    targets = [layer.neuron.s_out for layer in net.layers]
    if reads_potential:
        targets[-1] = net.out_layer.neuron.v
    monitors = [Monitor() for _ in targets]
    for monitor, target in zip(monitors, targets, strict=True):
        monitor.probe(target, len(rows) + len(targets))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # each connection takes some files
    settings = Loihi2SimCfg(select_tag="fixed_pt")
    samples = len(rows) // steps
    try:
        with watched(net):
            for k in range(samples):
                net.run(RunSteps(steps), settings)
                print(f"sample {k + 1} of {samples}", flush=True)
            net.run(RunSteps(len(targets)), settings)
            recorded = [monitor.get_data() for monitor in monitors]
    finally:
        end(net)
    return [record for data in recorded for ports in data.values() for record in ports.values()]


@contextmanager
def watched(net: object) -> Iterator[None]:
    """Raise RuntimeError soon after a process of Lava has failed; the others would wait for it."""

    def look(*_: object) -> None:
        actors = net.runtime._messaging_infrastructure.actors if net.runtime else []
        for actor in actors:
            if actor.exception:
                raise RuntimeError(f"a process of Lava failed: {actor.exception[0]!r}")

    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, LOOK_EVERY_S, LOOK_EVERY_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def end(net: object) -> None:
    """End all processes of Lava at once; its own `stop` waits for those that have failed."""
    if net.runtime is not None:
        net.runtime._is_started = False
        for actor in net.runtime._messaging_infrastructure.actors:
            actor.kill()
        net.runtime._messaging_infrastructure.stop()


def read_out(potential: np.ndarray, apart: dict, accumulates: bool) -> np.ndarray:
    """Return what each step gives: a * 2^exponent + offset, where v / 64 is a or their sum."""
    each = np.diff(potential, axis=0, prepend=0) if accumulates else potential
    shape = (-1, *(1,) * (each.ndim - 3))
    exponent, offset = (apart[key].reshape(shape) for key in ("exponent", "offset"))
    return ((each >> 6) << exponent) + offset


if __name__ == "__main__":
    sys.exit(main())
