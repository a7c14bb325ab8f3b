"""Recordings that nobody has made: a bar that wanders over a small sensor, as a camera sees it."""

from pathlib import Path
from typing import Any

import numpy as np

from snn_deploy.checkpoints import EventBinning, InputSpec

Arrays = dict[str, np.ndarray[Any, Any]]

SENSOR = (12, 14)
STEPS = 5
STEP_US = 2_000
CLASSES = 2
SPEC = InputSpec((2, *SENSOR), (), (), STEPS, EventBinning(STEP_US, 1))


def moving_bars(count: int, sensor: tuple[int, int] = SENSOR, seed: int = 20) -> Arrays:
    """Return recordings of 10 ms in the plain layout.

    Class 0 is a column that moves to the right, class 1 a row that moves down. What the bar enters
    becomes brighter (p = 1), what it leaves darker; a pixel in ten says nothing, and noise of 20
    events lies over all.
    """
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % CLASSES
    parts = [_bar(rng, sensor, int(label)) for label in labels]
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in "xypt"}
    offset = np.cumsum([0, *(len(part["t"]) for part in parts)])
    return arrays | {"offset": offset, "labels": labels}


def _bar(rng: np.random.Generator, sensor: tuple[int, int], label: int) -> Arrays:
    along, across = sensor if label == 0 else sensor[::-1]
    place, where = (axis.ravel() for axis in np.meshgrid(np.arange(across), np.arange(along)))
    duration_us = STEPS * STEP_US
    entered = place * (duration_us // across) + rng.integers(0, 300, place.size)
    kept = rng.random(place.size) < 0.9
    place, where, entered = place[kept], where[kept], entered[kept]
    left = entered + duration_us // across
    x, y = (place, where) if label == 0 else (where, place)
    noise = {
        "x": rng.integers(0, sensor[1], 20),
        "y": rng.integers(0, sensor[0], 20),
        "p": rng.integers(0, 2, 20),
        "t": rng.integers(0, duration_us, 20),
    }
    events = {
        "x": np.concatenate([x, x, noise["x"]]),
        "y": np.concatenate([y, y, noise["y"]]),
        "p": np.concatenate([np.ones_like(x), np.zeros_like(x), noise["p"]]),
        "t": np.concatenate([entered, left, noise["t"]]),
    }
    order = np.argsort(events["t"], kind="stable")
    kinds = {"x": np.uint8, "y": np.uint8, "p": np.uint8, "t": np.uint32}
    return {name: events[name][order].astype(kind) for name, kind in kinds.items()}


def compact(arrays: Arrays) -> Arrays:
    """Return the same recordings in the compact layout."""
    before = np.concatenate([[0], arrays["t"][:-1]]).astype(np.int64)
    before[arrays["offset"][:-1]] = 0
    return {
        "xy": np.stack([arrays["x"], arrays["y"]]),
        "p": np.packbits(arrays["p"]),
        "dt": (arrays["t"] - before).astype(np.uint16),
        "offset": arrays["offset"],
        "label": arrays["labels"].astype(np.uint8),
    }


def write(path: Path, arrays: Arrays, **more: Any) -> Path:
    np.savez(path, **arrays, **more)
    return path


def counted(arrays: Arrays, spec: InputSpec) -> np.ndarray[Any, Any]:
    """Count event by event: int64 [T, N, *shape]."""
    binning = spec.events
    assert binning is not None
    found = np.zeros((spec.steps, len(arrays["offset"]) - 1, *spec.shape), np.int64)
    for k in range(found.shape[1]):
        for e in range(arrays["offset"][k], arrays["offset"][k + 1]):
            step = int(arrays["t"][e]) // binning.step_us
            channel = int(arrays["p"][e]) if spec.shape[0] == 2 else 0
            if step < spec.steps:
                found[step, k, channel, arrays["y"][e], arrays["x"][e]] += 1
    return np.minimum(found, binning.limit)
