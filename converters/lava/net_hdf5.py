"""The layers of a `.net` as an HDF5 file: the datasets that netx reads, in its own words.

What netx has no words for stands apart, in a group `snn_deploy` that only `run_net.py` reads:
`names` of the layers with weights; `inputMessageBits`, which the constructor of netx's `Network`
wants as `input_message_bits`; `static`, whether every step sees the same input; and of a last layer
without neurons `exponent` and `offset`, see `net_layers.Readout`.
"""

from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np

from snn_deploy.ir.graph import Array

from .net_layers import Net, NetLayer


def to_hdf5(net: Net) -> bytes:
    """Return the file. The same layers give the same bytes: it holds no time of its making."""
    layers = [_input(net)]
    for layer in net.layers:
        if layer.flatten:
            layers.append({"type": _type("flatten")})
        layers.append(_layer(layer))
    groups = {f"layer/{number}": content for number, content in enumerate(layers)}
    groups["simulation"] = {"Ts": _integers(1), "tSample": _integers(net.steps)}
    groups["snn_deploy"] = _apart(net)
    with h5py.File("net", "w", driver="core", backing_store=False, libver="earliest") as file:
        for name, content in groups.items():
            _write(file.create_group(name), content)
        file.flush()
        return bytes(file.id.get_file_image())


def _write(group: h5py.Group, content: Mapping[str, Array]) -> None:
    for key, value in content.items():
        group.create_dataset(key, data=value, track_times=False)


def _input(net: Net) -> dict[str, Array]:
    return {"type": _type("input"), "shape": _integers(net.shape)}


def _layer(layer: NetLayer) -> dict[str, Array]:
    """Return the datasets of a layer, by their paths in its group."""
    made = {
        "type": _type("dense" if layer.geometry is None else "conv"),
        "shape": _integers(layer.shape),
        "weight": layer.weight.astype(np.float32),
        **_geometry(layer),
        **_neuron(layer),
    }
    if layer.bias is not None:
        made["bias"] = _bias(layer.bias)
    return made


def _geometry(layer: NetLayer) -> dict[str, Array]:
    outputs, inputs, *kernel = layer.weight.shape
    if layer.geometry is None:
        return {"inFeatures": _integers(inputs), "outFeatures": _integers(outputs)}
    return {
        "stride": _integers(layer.geometry.stride),
        "padding": _integers(layer.geometry.padding),
        "dilation": _integers(layer.geometry.dilation),
        "groups": _integers(layer.geometry.groups),
        "inChannels": _integers(inputs * layer.geometry.groups),
        "outChannels": _integers(outputs),
        "kernelSize": _integers(kernel),
    }


def _neuron(layer: NetLayer) -> dict[str, Array]:
    threshold = layer.neuron.threshold
    return {
        "neuron/type": np.array(b"CUBA"),
        "neuron/iDecay": _integers(layer.neuron.current_decay),
        "neuron/vDecay": _integers(layer.neuron.voltage_decay),
        "neuron/vThMant": _integers(threshold[0] if threshold.size == 1 else threshold),
        "neuron/refDelay": _integers(1),
        "neuron/gradedSpike": np.array(False),
    }


def _bias(bias: Array) -> Array:
    """One a channel as it is; one a neuron along Lava's axes, W, H, C."""
    return (bias if bias.ndim == 1 else bias.transpose(2, 1, 0)).astype(np.float32)


def _apart(net: Net) -> dict[str, Array]:
    readout = net.layers[-1].readout
    made = {
        "names": np.array([layer.name.encode() for layer in net.layers]),
        "inputMessageBits": _integers(net.message_bits),
        "static": np.array(net.static),
    }
    if readout is not None:
        made |= {"exponent": readout.exponent, "offset": readout.offset}
    return made


def _type(name: str) -> Array:
    return np.array([name], "S10")


def _integers(values: Any) -> Array:
    return np.asarray(values, np.int64)
