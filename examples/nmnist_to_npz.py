"""N-MNIST, or what is left of it, as the `.npz` files of events that `snn-deploy` reads.

    python examples/nmnist_to_npz.py SOURCE OUT

SOURCE is a folder of the data set as its authors publish it (`Train/0/00002.bin` …,
`Test/9/…`), a folder of such digit folders alone, or one `.npz` with some recordings (`xy`,
`p` as bits, `dt`, `offset`, `label`). OUT gets `nmnist_train.npz` and `nmnist_test.npz`, each
with x, y, p, t in microseconds, offset, labels and sensor.

Where SOURCE does not say which recordings are for testing, a fifth of them are: ordered by digit,
and within a digit as they come, every fifth one from the fifth on.

Orchard, Jayawant, Cohen, Thakor: Converting static image datasets to spiking neuromorphic datasets
using saccades, Frontiers in Neuroscience 2015.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Events = dict[str, Array]
"""x, y, p and t of one recording, [E] each."""
Labelled = list[tuple[Events, int]]

SENSOR = (34, 34)
EVENT_BYTES = 5
OVERFLOW_ROW = 240
"""A row that no sensor has: the event says that the clock has gone on by `OVERFLOW_US`."""
OVERFLOW_US = 2**13
EVERY = 5


def read_bin(path: Path) -> Events:
    """Read one recording: x, y, then polarity in the highest bit of a 24-bit time, big-endian."""
    raw = np.fromfile(path, np.uint8).reshape(-1, EVENT_BYTES).astype(np.int64)
    x, y, high, middle, low = raw.T
    t = ((high & 127) << 16) + (middle << 8) + low
    marks = y == OVERFLOW_ROW
    t += np.cumsum(marks) * OVERFLOW_US
    return {name: array[~marks] for name, array in zip("xypt", (x, y, high >> 7, t), strict=True)}


def read_digits(folder: Path) -> Labelled:
    """Read the recordings of a folder with a folder a digit, in order."""
    return [
        (read_bin(path), digit)
        for digit in range(10)
        for path in sorted((folder / str(digit)).glob("*.bin"))
    ]


def read_compact(path: Path) -> Labelled:
    """Read the recordings of one file in which time is what passed since the event before."""
    with np.load(path) as held:
        limits = zip(held["offset"][:-1], held["offset"][1:], strict=True)
        xy, p, dt = held["xy"], np.unpackbits(held["p"]), held["dt"].astype(np.int64)
        labels = held["label"]
    return [
        ({"x": xy[0, a:b], "y": xy[1, a:b], "p": p[a:b], "t": np.cumsum(dt[a:b])}, int(label))
        for (a, b), label in zip(limits, labels, strict=True)
    ]


def split(labels: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return the places of the recordings for training and for testing, each in order."""
    by_digit = sorted(range(len(labels)), key=lambda place: (labels[place], place))
    chosen = set(by_digit[EVERY - 1 :: EVERY])
    places = range(len(labels))
    return [k for k in places if k not in chosen], [k for k in places if k in chosen]


def read(source: Path) -> Iterator[tuple[str, Labelled]]:
    """Yield the training and the test part of whatever the source is."""
    if (source / "Train").is_dir():
        yield "train", read_digits(source / "Train")
        yield "test", read_digits(source / "Test")
        return
    recordings = read_digits(source) if source.is_dir() else read_compact(source)
    parts = split([label for _, label in recordings])
    for name, places in zip(("train", "test"), parts, strict=True):
        yield name, [recordings[place] for place in places]


def write(path: Path, recordings: Labelled) -> None:
    """Write recordings one after another."""
    kinds = {"x": np.uint8, "y": np.uint8, "p": np.uint8, "t": np.uint32}
    arrays = {
        name: np.concatenate([events[name] for events, _ in recordings]).astype(kind)
        for name, kind in kinds.items()
    }
    lengths = [len(events["t"]) for events, _ in recordings]
    labels = np.array([label for _, label in recordings], np.uint8)
    offset = np.concatenate([[0], np.cumsum(lengths)])
    np.savez_compressed(path, **arrays, offset=offset, labels=labels, sensor=np.array(SENSOR))


def main() -> None:
    """Convert the source named on the command line."""
    if len(sys.argv) != 3:
        sys.exit("usage: python examples/nmnist_to_npz.py SOURCE OUT")
    source, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    for name, recordings in read(source):
        path = out / f"nmnist_{name}.npz"
        write(path, recordings)
        sys.stdout.write(f"{path}: {len(recordings)} recordings\n")


if __name__ == "__main__":
    main()
