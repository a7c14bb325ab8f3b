"""Small `.net` files, written data set by data set."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Layer = dict[str, Any]

CUBA: Layer = {"type": "CUBA", "iDecay": 4096, "vDecay": 128, "vThMant": 10}
SDNN: Layer = {"type": "SDNN", "vThMant": 3, "activation": "relu"}


def write(path: Path, layers: Sequence[Mapping[str, Any]]) -> Path:
    """Write layers as Lava-DL does; a value of None is left out, a dictionary is a group."""
    with h5py.File(path, "w") as file:
        for place, layer in enumerate(layers):
            fill(file.create_group(f"layer/{place}"), layer)
    return path


def fill(group: h5py.Group, content: Mapping[str, Any]) -> None:
    for name, value in content.items():
        if isinstance(value, Mapping):
            fill(group.create_group(name), value)
        elif name == "type" and group.name.count("/") == 2:
            group.create_dataset(name, (1,), "S10", [value.encode()])
        elif value is not None:
            group.create_dataset(name, data=value)


def input_layer(shape: Sequence[int], **more: Any) -> Layer:
    return {"type": "input", "shape": np.array(shape)} | more


def dense(weight: Any, **more: Any) -> Layer:
    weight = np.array(weight, np.float32)
    layer = {"type": "dense", "shape": np.array([len(weight)]), "weight": weight, "neuron": CUBA}
    return layer | more


def conv(weight: Any, shape: Sequence[int], **more: Any) -> Layer:
    layer = {
        "type": "conv",
        "shape": np.array(shape),
        "weight": np.array(weight, np.float32),
        "neuron": CUBA,
        "stride": np.array([1, 1]),
        "padding": np.array([0, 0]),
        "dilation": np.array([1, 1]),
        "groups": 1,
    }
    return layer | more


def flatten() -> Layer:
    return {"type": "flatten"}
