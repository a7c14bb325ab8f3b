"""What is wrong with a `.net` file is said in one line: file, layer, data set; all at once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from snn_deploy.errors import ModelError
from snn_deploy.frontends.netx import read

from .files import CUBA, SDNN, Layer, conv, dense, flatten, input_layer, write

W = np.full((4, 6), 2.0)
K = np.full((3, 2, 3, 3), 2.0)
IN = input_layer((2, 5, 4))


def complaint(path: Path) -> str:
    with pytest.raises(ModelError) as raised:
        read(path)
    text = str(raised.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    assert raised.value.exit_code == 3
    return text.removeprefix(f"{path}: ")


def without(layer: Layer, *names: str) -> Layer:
    return {name: value for name, value in layer.items() if name not in names}


def cuba(**more: Any) -> Layer:
    return dense(W, neuron=CUBA | more)


def sdnn(**more: Any) -> Layer:
    return dense(W, neuron=SDNN | more)


def fraction() -> Layer:
    weight = W.copy()
    weight[0, :3] = (0.5, np.nan, np.inf)
    return dense(weight)


CASES: dict[str, tuple[list[Layer], str]] = {
    # data sets that are missing
    "no type": ([without(dense(W), "type")], "layer, 0, type: is missing"),
    "no shape": ([without(dense(W), "shape")], "layer, 0, shape: is missing"),
    "no weight": ([without(dense(W), "weight")], "layer, 0, weight: is missing"),
    "no kernels": ([IN, without(conv(K, (3, 3, 2)), "weight")], "layer, 1, weight: is missing"),
    "no stride": ([IN, without(conv(K, (3, 3, 2)), "stride")], "layer, 1, stride: is missing"),
    "no neuron type": ([dense(W, neuron=without(CUBA, "type"))], "0, neuron, type: is missing"),
    "no decay": ([dense(W, neuron=without(CUBA, "iDecay"))], "0, neuron, iDecay: is missing"),
    "no threshold": ([dense(W, neuron=without(SDNN, "vThMant"))], "neuron, vThMant: is missing"),
    # kinds that are not read
    "unknown layer": ([dense(W, type="denze")], "0, type: 'denze' is unknown; input, dense, conv"),
    "recurrent": ([dense(W, type="dense_rec")], "'dense_rec' cannot be read: its connections are"),
    "pool": ([dense(W, type="pool")], "'pool' cannot be read: whether its weights or sums of"),
    "convT": ([dense(W, type="convT")], "'convT' cannot be read: transposed convolutions have"),
    "unpool": ([dense(W, type="unpool")], "'unpool' cannot be read: unpooling has no equal"),
    "concat": ([dense(W, type="concat")], "'concat' cannot be read: what it joins is not in"),
    "complex": ([dense(W) | {"weight": {"real": W, "imag": W}}], "weight: is a group: complex"),
    "unknown neuron": ([cuba(type="LIFF")], "type: 'LIFF' is unknown; CUBA, LOIHI and SDNN can"),
    "adaptive": ([cuba(type="ALIF")], "type: 'ALIF' adapts its threshold; CUBA, LOIHI"),
    "resonator": ([cuba(type="RF_PHASE")], "type: 'RF_PHASE' resonates; CUBA, LOIHI"),
    "adaptive resonator": ([cuba(type="ADRF_IZHIKEVICH")], "'ADRF_IZHIKEVICH' resonates"),
    "other activation": ([sdnn(activation="tanh")], "activation: is 'tanh', Lava has nothing but"),
    "unknown data": ([dense(W, gain=3)], "0, gain: is not known; take it out if it means nothing"),
    "unknown neuron data": ([cuba(noise=3)], "neuron, noise: is not known; take it out"),
    # numbers that cannot be
    "real weights": ([fraction()], "0, weight: 3 of 24 values are no whole numbers"),
    "large weights": ([dense(W * 1e5)], "weight: holds 200000 to 200000, magnitudes up to 32767"),
    "huge weights": ([dense(W * 1e20)], "weight: holds values that need more than 32 bits"),
    "large bias": ([dense(W, bias=[2**18] * 4)], "bias: holds 262144 to 262144, magnitudes up to"),
    "decay below": ([cuba(iDecay=-1)], "neuron, iDecay: is -1, from 0 to 4096 is expected"),
    "decay above": ([cuba(vDecay=4097)], "neuron, vDecay: is 4097, from 0 to 4096 is expected"),
    "decays": ([cuba(vDecay=[1, 2, 3, 4])], "vDecay: differs between neurons, one number is"),
    "no real decay": ([cuba(vDecay=0.5)], "vDecay: 1 of 1 values are no whole numbers"),
    "threshold below": ([cuba(vThMant=-1)], "vThMant: is -1, from 0 to 262143 is expected"),
    "threshold above": ([cuba(vThMant=2**17)], "is 131072, from 0 to 131071 is expected of neur"),
    "threshold far above": ([cuba(vThMant=2**18)], "is 262144, from 0 to 262143 is expected"),
    "message threshold": ([sdnn(vThMant=2048)], "vThMant: is 2048, from 0 to 2047 is expected"),
    "refractory": ([cuba(refDelay=2)], "refDelay: is 2, from 1 to 1 is expected"),
    "graded": ([cuba(gradedSpike=True)], "gradedSpike: is 1, from 0 to 0 is expected"),
    "exponent": ([cuba(weight_exp=1)], "weight_exp: is 1, from 0 to 0 is expected"),
    "delay below": ([dense(W, delay=[-1, 0, 0, 0])], "delay: holds steps from -1 to 0, 0 to 62"),
    "delay above": ([dense(W, delay=63)], "delay: holds steps from 63 to 63, 0 to 62 are"),
    "real delay": ([dense(W, delay=1.5)], "delay: 1 of 1 values are no whole numbers"),
    "delay of a convolution": ([IN, conv(K, (3, 3, 2), delay=1)], "delay: delays of convolutions"),
    "no stride at all": ([IN, conv(K, (3, 3, 2), stride=[0, 1])], "stride: is [0, 1], two numbers"),
    "padding": (
        [IN, conv(K, (3, 3, 2), padding=[3, 2**26], stride=[2, 2**27])],
        "padding: is [3, 67108864], kernels that reach [3, 3] need less",
    ),
    "three strides": ([IN, conv(K, (3, 3, 2), stride=[1, 1, 1])], "stride: is [1, 1, 1], two num"),
    "no shape of anything": ([dense(W, shape=[0])], "shape: is [0], [N] or [C, H, W] with at most"),
    "two axes": ([input_layer((5, 4)), dense(W)], "layer, 0, shape: is [5, 4], [N] or [C, H, W]"),
    "absurd shape": ([dense(W, shape=[2**30, 2**30, 2**30])], "is [1073741824, 1073741824, 10737"),
    # what does not fit within a layer
    "rows": ([dense(W, shape=[5])], "0, weight: is [4, 6] for 5 neurons of 'shape'"),
    "flat rows": (
        [dense(W, shape=[5]) | {"weight": W.ravel()}],
        "weight: is [24] for 5 neurons of",
    ),
    "four axes": (
        [dense(W) | {"weight": K}],
        "weight: is float64 [3, 2, 3, 3], numbers with 1 or 2 ax",
    ),
    "text": ([dense(W) | {"weight": "much"}], "weight: is object [], numbers with 1 or 2 axes are"),
    "number for a word": ([cuba(type=3)], "neuron, type: is int64 [], one word is expected"),
    "kernels": ([IN, conv(K, (4, 3, 2))], "1, weight: 3 kernels for 4 channels of 'shape'"),
    "thick kernels": ([IN, conv(K[..., None].repeat(2, -1), (3, 3, 2))], "a fifth axis may only"),
    "flat convolution": ([IN, conv(K, (3,))], "shape: is [3], a convolution gives [C, H, W]"),
    "bias": ([dense(W, bias=[1, 2])], "bias: is [2], [4] or [1] is expected"),
    "bias of channels": (
        [IN, conv(K, (3, 3, 2), bias=[1, 2])],
        "bias: is [2], [3] or [W, H, C] = [2, 3, 3] is expected",
    ),
    "delays": ([dense(W, delay=[1, 2])], "delay: has 2 places for 4 x 6 weights"),
    "delays of synapses": ([dense(W, delay=W)], "delay: is float64 [4, 6], numbers with 0 or 1 ax"),
    "sigma without output": ([sdnn(sigma_output=False)], "sigma_output: is 0, from 1 to 1 is"),
    "a transform of nothing": ([input_layer((4,), weight=3), dense(W)], "transforms what enters"),
    # what does not fit from layer to layer
    "inputs": ([input_layer((5,)), dense(W)], "layer 1: weights for 6 inputs, 5 arrive ([5])"),
    "next": ([dense(W), dense(W)], "layer 1: weights for 6 inputs, 4 arrive ([4])"),
    "flattened": ([IN, dense(W)], "layer 1: weights for 6 inputs, 40 arrive ([2, 5, 4])"),
    "flatten": (
        [IN, flatten() | {"shape": [41]}, dense(W)],
        "layer 1: says it gives 41 values, 40",
    ),
    "convolution": ([IN, conv(K, (3, 3, 3))], "layer 1: 'shape' is [3, 3, 3], of [2, 5, 4] it ma"),
    "channels": ([IN, conv(K[:, :1], (3, 3, 2))], "layer 1: reads [2, 5, 4]: 2 input channels, w"),
    "groups": ([IN, conv(K[:, :1], (3, 3, 2), groups=2)], "layer 1: reads [2, 5, 4]: 2 input chan"),
    "window": ([IN, conv(np.ones((3, 2, 9, 9)), (3, 3, 2))], "a window of [9, 9] does not fit"),
    "convolution of a list": ([dense(W), conv(K, (3, 3, 2))], "layer 1: reads [4]: a convolution"),
    "averages": (
        [dense(W), {"type": "average", "shape": [3]}],
        "layer 1: 4 values do not fall into 3 equal groups",
    ),
    "average inside": (
        [dense(W), {"type": "average", "shape": [2]}, dense(np.ones((4, 2)))],
        "layer 1: is an average, only the last layer can be one",
    ),
    "input inside": ([dense(W), input_layer((4,)), dense(W.T)], "layer 1: is an input, only the"),
    "silent inside": ([dense(W, neuron=None), dense(W.T)], "layer 0: has no neurons, only the"),
    "out of reach": (
        [cuba(vDecay=0, vThMant=2**18 - 1), dense(W.T)],
        "layer 0: its threshold is out of reach (262143), only the last layer's may be",
    ),
    "filtered input": (
        [input_layer((6,), neuron=CUBA | {"iDecay": 9}), dense(W)],
        "layer 0: neurons of the input with an iDecay other than 4096 have no agreed meaning",
    ),
    "sigma of the input": (
        [input_layer((6,), neuron=SDNN | {"sigma_output": True}), dense(W)],
        "layer 0: its neurons add up messages, and none arrive at an input",
    ),
    "sigma with a bias": (
        [dense(W, neuron=SDNN | {"sigma_output": True}, bias=[1, 1, 1, 1])],
        "layer 0: neurons with sigma_output take no bias in Lava",
    ),
    "biases of a readout": (
        [IN, conv(K, (3, 3, 2), neuron=None, bias=np.ones((2, 3, 3)))],
        "layer 1: is read out, and has a bias for every place; it may have one for every channel",
    ),
    "no weights": ([IN, flatten()], "no layer has weights"),
}


@pytest.mark.parametrize("case", CASES)
def test_one_thing_is_wrong(case: str, tmp_path: Path) -> None:
    layers, expected = CASES[case]
    found = complaint(write(tmp_path / "bad.net", layers))
    assert expected in found
    assert found.endswith("; mend the file, or write it again with the network's export_hdf5")


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    layers = [
        IN,
        conv(K, (3, 3, 2), stride=[0, 0]),
        dense(W, type="pool"),
        dense(W, neuron=CUBA | {"vDecay": 9999, "vThMant": -1}, delay=99),
        dense(W, type="dense_rec"),
        dense(W),
        dense(W),
    ]
    found = complaint(write(tmp_path / "bad.net", layers)).split("; ")
    places = [text.split(": ")[0] for text in found]
    assert places == [
        "layer, 1, stride",
        "layer, 2, type",
        "input, dense, conv, flatten, average can be read",
        "layer, 3, neuron, vDecay",
        "layer, 3, neuron, vThMant",
        "layer, 3, delay",
        "layer, 4, type",
        "input, dense, conv, flatten, average can be read",
        "layer 6",
        "mend the file, or write it again with the network's export_hdf5",
    ]


Break = Callable[[h5py.File, Path], None]


def external_link(file: h5py.File, elsewhere: Path) -> None:
    del file["layer/0/weight"]
    file["layer/0/weight"] = h5py.ExternalLink(str(elsewhere), "layer/0/weight")


def external_layer(file: h5py.File, elsewhere: Path) -> None:
    del file["layer/0"]
    file["layer/0"] = h5py.ExternalLink(str(elsewhere), "layer/0")


def soft_link(file: h5py.File, _: Path) -> None:
    del file["layer/0/shape"]
    file["layer/0/shape"] = h5py.SoftLink("/layer/0/weight")


def external_data(file: h5py.File, elsewhere: Path) -> None:
    del file["layer/0/weight"]
    file["layer/0"].create_dataset(
        "weight", (4, 6), np.float32, external=[(str(elsewhere), 0, h5py.h5f.UNLIMITED)]
    )


def virtual_data(file: h5py.File, elsewhere: Path) -> None:
    layout = h5py.VirtualLayout((4, 6), np.float32)
    layout[:] = h5py.VirtualSource(str(elsewhere), "layer/0/weight", (4, 6))
    del file["layer/0/weight"]
    file["layer/0"].create_virtual_dataset("weight", layout)


def huge(file: h5py.File, _: Path) -> None:
    del file["layer/0/weight"]
    file["layer/0"].create_dataset("weight", (2**40, 2**20), np.float32, chunks=(64, 64))


def unwritten(file: h5py.File, _: Path) -> None:
    del file["layer/0/weight"]
    file["layer/0"].create_dataset("weight", (4, 6), np.float32, chunks=(4, 6))


def empty(file: h5py.File, _: Path) -> None:
    del file["layer/0/weight"]
    file["layer/0/weight"] = h5py.Empty(np.float32)


def reference(file: h5py.File, _: Path) -> None:
    del file["layer/0/weight"]
    file["layer/0"].create_dataset("weight", data=file["layer"].ref, dtype=h5py.ref_dtype)


def group_for_data(file: h5py.File, _: Path) -> None:
    del file["layer/0/shape"]
    file.create_group("layer/0/shape")


def data_for_group(file: h5py.File, _: Path) -> None:
    del file["layer/0/neuron"]
    file["layer/0/neuron"] = 3


def data_for_layers(file: h5py.File, _: Path) -> None:
    del file["layer"]
    file["layer"] = 3


def numbered_from_one(file: h5py.File, _: Path) -> None:
    file.move("layer/0", "layer/1")


def no_layers(file: h5py.File, _: Path) -> None:
    del file["layer/0"]


def something_else(file: h5py.File, _: Path) -> None:
    del file["layer"]
    file["images"] = np.zeros(3)


def nir(file: h5py.File, _: Path) -> None:
    del file["layer"]
    file["node/type"] = "NIRGraph"
    file["version"] = "1.0"


STRUCTURES: dict[Break, str] = {
    external_link: "layer, 0, weight: is a link to another place, which is not followed",
    external_layer: "layer, 0: is a link to another place, which is not followed",
    soft_link: "layer, 0, shape: is a link to another place, which is not followed",
    external_data: "layer, 0, weight: lies outside of this file or is put together from other data",
    virtual_data: "layer, 0, weight: lies outside of this file or is put together from other data",
    huge: "layer, 0, weight: says it holds 1,152,921,504,606,846,976 values, 1 to 134,217,728 are",
    unwritten: "layer, 0, weight: says it holds 24 values, and none was written",
    empty: "layer, 0, weight: says it holds nothing, 1 to 134,217,728 are expected",
    reference: "layer, 0, weight: is object [], numbers with 1 or 2 axes are expected",
    group_for_data: "layer, 0, shape: is a group, a data set is expected",
    data_for_group: "layer, 0, neuron: is a data set, a group is expected",
    data_for_layers: "layer: is a data set, a group is expected",
    numbered_from_one: "has layers called 1; call them 0, 1, 2, …",
    no_layers: "has layers called nothing; call them 0, 1, 2, …",
    something_else: "is an HDF5 file without a group 'layer', it holds images; give a .net file",
    nir: "is a NIR graph, which cannot be read yet; give a .net file of Lava-DL",
}


@pytest.mark.parametrize("change", STRUCTURES, ids=lambda change: change.__name__)
def test_the_structure_is_wrong(change: Break, tmp_path: Path) -> None:
    elsewhere = write(tmp_path / "elsewhere.net", [dense(W)])
    path = write(tmp_path / "bad.net", [dense(W)])
    with h5py.File(path, "a") as file:
        change(file, elsewhere)
    assert STRUCTURES[change] in complaint(path)


def test_a_file_that_is_cut_off(tmp_path: Path) -> None:
    path = write(tmp_path / "bad.net", [dense(np.ones((200, 200)))])
    whole = path.read_bytes()
    for length in (9, 100, 600, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert complaint(path) == "is damaged or cut off; fetch or write it again"


def test_packed_data_that_is_damaged(tmp_path: Path) -> None:
    path = write(tmp_path / "bad.net", [dense(W)])
    with h5py.File(path, "a") as file:
        del file["layer/0/weight"]
        packed = file["layer/0"].create_dataset("weight", data=W, compression="gzip")
        offset, size = packed.id.get_chunk_info(0).byte_offset, packed.id.get_chunk_info(0).size
    content = bytearray(path.read_bytes())
    content[offset : offset + size] = bytes(size)
    path.write_bytes(content)
    assert "layer, 0, weight: is damaged, or packed in a way that cannot be read" in complaint(path)


def test_packed_data_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "fine.net", [dense(W)])
    with h5py.File(path, "a") as file:
        del file["layer/0/weight"]
        file["layer/0"].create_dataset("weight", data=W, compression="gzip")
    (layer,) = read(path).layers
    assert np.array_equal(layer.weight, W)  # type: ignore[union-attr]
