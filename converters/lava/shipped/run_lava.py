"""Runs the network beside this file in Lava's fixed-point simulation.

    python run_lava.py                                  replay golden/golden.npz: must be equal
    python run_lava.py --input x.npy --output out.npz   your samples; all spikes of all steps

`x.npy` holds integers, [N, *shape], or [T, N, *shape] where the input changes from step to step.
`out.npz` gets `spikes/<layer>` [T, N, *shape], `messages/<layer>` [T, N, *shape], the values that
layers send on, and `output/<name>` [N, *shape], summed over the T steps.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
Arrays = Mapping[str, np.ndarray]


def main() -> int:
    """Return 0 if all is well, 1 if something differs or fails."""
    options = _options()
    try:
        if options.input is None:
            return _replay(options.samples)
        np.savez(options.output, **_run(np.load(options.input), options.samples))
    except (ImportError, OSError, ValueError) as error:
        return _complain(str(error))
    except KeyboardInterrupt:
        return _complain("interrupted")
    print(f"wrote {options.output}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--input", type=Path, metavar="X.NPY", help="samples to run")
    parser.add_argument("--output", type=Path, metavar="OUT.NPZ", help="where results go")
    parser.add_argument("--samples", type=int, metavar="N", help="run the first N only")
    options = parser.parse_args()
    if (options.input is None) != (options.output is None):
        parser.error("--input and --output go together")
    if options.samples is not None and options.samples < 1:
        parser.error("--samples: 1 is the least")
    return options


def _replay(samples: int | None) -> int:
    path = HERE / "golden" / "golden.npz"
    golden = np.load(path)
    counts = _counts(_run(golden["input"], samples))
    expected = {key: golden[key] for key in golden if key.startswith(("spikes/", "output/"))}
    difference = next(_differences(expected, counts), None)
    if difference is not None:
        return _complain(f"differs from {path}: {difference}")
    print(f"equal: {len(expected)} layers and outputs of {path}")
    return 0


def _differences(expected: Arrays, counts: Arrays) -> Iterator[str]:
    """Yield where the counts are not what they must be."""
    for key, wanted in expected.items():
        if key not in counts:
            yield f"this network has no {key}"
            continue
        found = counts[key]
        for sample, *place in np.argwhere(wanted[: len(found)] != found).tolist():
            where = f"sample {sample}" + (f", index {place}" if place else "")
            index = (sample, *place)
            yield f"{key}, {where}: expected {wanted[index]}, found {found[index]}"


def _counts(results: Arrays) -> Arrays:
    """Return what a golden file holds: the spikes of each layer by sample, and the outputs."""
    counts = {key: array for key, array in results.items() if key.startswith("output/")}
    for key, array in results.items():
        if key.startswith("spikes/"):
            layer = tuple(range(2, array.ndim))
            counts[key] = array.sum(axis=(0, *layer), dtype=np.int64)
    return counts


def _run(x: np.ndarray, samples: int | None) -> Arrays:
    """Return what every layer did in the first samples of x, as `--output` keeps it."""
    from lava_network import network  # makes Lava importable, which takes a second
    from lava_network.simulate import SimulationError, simulate

    _check(x, network.INPUT_SHAPE, network.INPUT_RANGE, None if network.STATIC else network.STEPS)
    try:
        kept = simulate(network.build(x[:samples] if network.STATIC else x[:, :samples]), _progress)
    except SimulationError as error:
        raise ValueError(str(error)) from error
    results = {}
    for key, rows in kept.items():
        steps = rows.reshape(-1, network.STEPS, *rows.shape[1:]).swapaxes(0, 1)
        results[key] = steps[-1] if key.startswith("output/") else steps
    return results


def _check(
    x: np.ndarray, sample: tuple[int, ...], allowed: tuple[int, int], steps: int | None
) -> None:
    """Raise ValueError where x is no input. steps: of a sequence; None where there is none."""
    axes = 1 if steps is None else 2
    fits = x.ndim == axes + len(sample) and x.shape[axes:] == sample and x.size
    if not fits or x.dtype.kind not in "iu" or steps not in (None, x.shape[0]):
        wanted = ", ".join(map(str, ("N", *sample) if steps is None else (steps, "N", *sample)))
        raise ValueError(f"the input is {x.dtype} {list(x.shape)}, it must be integers [{wanted}]")
    low, high = allowed
    if x.min() < low or x.max() > high:
        raise ValueError(f"the input holds {x.min()} to {x.max()}, it may hold {low} to {high}")


def _progress(done: int, steps: int) -> None:
    print(f"step {done} of {steps}", flush=True)


def _complain(problem: str) -> int:
    print(problem, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
