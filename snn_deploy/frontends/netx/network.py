"""A `.net` file as a chain of layers that fit each other, or one error that says all that is wrong.

The format is that of Lava-DL 0.6.0: a group `layer` with the groups "0", "1", … in the order in
which they run.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py

from snn_deploy.errors import ModelError
from snn_deploy.ir.graph import ValueType
from snn_deploy.ir.shapes import ShapeError, infer

from .layers import (
    AverageLayer,
    ConvLayer,
    DenseLayer,
    FlattenLayer,
    InputLayer,
    Layer,
    read_layer,
)
from .neurons import LARGEST_THRESHOLD, Cuba, Sigma
from .section import Section

MOST_LAYERS = 10_000
_REMEDY = "mend the file, or write it again with the network's export_hdf5"

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NetxNetwork:
    """The layers of a file.

    Attributes:
        source: the file, for messages.
        layers: in order; they fit each other.
        at_equality: neurons fire at their threshold too, as those of Lava-DL once did; the ones
            of netx and of Lava fire above it only.
    """

    source: str
    layers: tuple[Layer, ...]
    at_equality: bool = False

    @property
    def input_shape(self) -> Shape | None:
        """Of a sample at one step; None where the file does not say it."""
        first = self.layers[0]
        if isinstance(first, InputLayer):
            return first.shape
        return first.weight.shape[1:] if isinstance(first, DenseLayer) else None

    @property
    def gain(self) -> int | None:
        """What real numbers are multiplied with on their way in; None where integers enter."""
        first = self.layers[0]
        return first.gain if isinstance(first, InputLayer) else None

    @property
    def parameters(self) -> int:
        """How many weights and biases there are."""
        weighted = [x for x in self.layers if isinstance(x, ConvLayer | DenseLayer)]
        arrays = [array for layer in weighted for array in (layer.weight, layer.bias)]
        return sum(array.size for array in arrays if array is not None)


def read(path: Path, *, at_equality: bool = False) -> NetxNetwork:
    """Return the network of a `.net` file; nothing outside this file is read.

    Args:
        path: of the file.
        at_equality: see `NetxNetwork`.

    Raises:
        ModelError: not HDF5, damaged, of another kind, or with layers that cannot be read; one
            line with everything that is wrong.
    """
    try:
        with h5py.File(path, "r") as file:
            layers, complaints = _read_layers(file, str(path))
    except (OSError, RuntimeError) as error:
        raise ModelError(str(path), "is damaged or cut off", "fetch or write it again") from error
    complaints += check(layers, None)
    if complaints:
        raise ModelError(str(path), "; ".join(complaints), _REMEDY)
    known = tuple(layer for layer in layers if layer is not None)
    return NetxNetwork(str(path), known, at_equality)


def _read_layers(file: h5py.File, source: str) -> tuple[list[Layer | None], list[str]]:
    complaints: list[str] = []
    root = Section(file, "", complaints)
    if "layer" not in root:
        held = ", ".join(root.names[:3]) or "nothing"
        nir = {"node", "version"} <= set(root.names)
        problem = (
            "is a NIR graph, which cannot be read yet"
            if nir
            else f"is an HDF5 file without a group 'layer', it holds {held}"
        )
        raise ModelError(source, problem, "give a .net file of Lava-DL")
    section = root.group("layer")
    if section is None:
        return [], complaints
    names = section.names
    if not 0 < len(names) <= MOST_LAYERS or set(names) != set(map(str, range(len(names)))):
        shown = ", ".join(sorted(names)[:5]) or "nothing"
        raise ModelError(source, f"has layers called {shown}", "call them 0, 1, 2, …")
    groups = [section.group(str(place)) for place in range(len(names))]
    read = [None if group is None else read_layer(group, i) for i, group in enumerate(groups)]
    return read, complaints


def reads_out(layer: ConvLayer | DenseLayer, last: bool) -> bool:
    """Say whether a layer's currents are the network's output, step by step.

    They are where the last layer has no neurons, and where its neurons do nothing but add up: the
    sum over the steps, which is what is read out, is their potential.
    """
    silent = layer.neuron is None or (isinstance(layer.neuron, Cuba) and layer.neuron.integrates)
    return last and silent


def check(layers: Sequence[Layer | None], shape: Shape | None) -> list[str]:
    """Return what does not fit from layer to layer.

    Args:
        layers: in order; None for those that could not be read.
        shape: of what enters the first; None where it is not known.
    """
    found: list[str] = []
    for place, layer in enumerate(layers):
        if layer is None:
            shape = None
            continue
        last = place == len(layers) - 1
        problems = [*_of_place(layer, last), *_of_neuron(layer, last), *_of_shape(layer, shape)]
        found += [f"layer {place}: {problem}" for problem in problems]
        shape = _shape_after(layer, shape)
    if layers and not any(isinstance(layer, ConvLayer | DenseLayer | None) for layer in layers):
        found.append("no layer has weights")
    return found


def _of_place(layer: Layer, last: bool) -> Iterator[str]:
    if isinstance(layer, InputLayer) and layer.place > 0:
        yield "is an input, only the first layer can be one"
    if isinstance(layer, AverageLayer) and not last:
        yield "is an average, only the last layer can be one"
    if not isinstance(layer, ConvLayer | DenseLayer):
        return
    if layer.neuron is None and not last:
        yield "has no neurons, only the last layer can do without"
    if reads_out(layer, last) and layer.bias is not None and layer.bias.ndim > 1:
        yield "is read out, and has a bias for every place; it may have one for every channel"


def _of_neuron(layer: Layer, last: bool) -> Iterator[str]:
    if not isinstance(layer, InputLayer | ConvLayer | DenseLayer):
        return
    neuron = layer.neuron
    if isinstance(layer, InputLayer) and isinstance(neuron, Sigma):
        yield "its neurons add up messages, and none arrive at an input"
    if isinstance(layer, InputLayer) and isinstance(neuron, Cuba) and neuron.current_decay < 4096:
        yield (
            "neurons of the input with an iDecay other than 4096 have no agreed meaning: Lava-DL "
            "filters what enters, netx does not"
        )
    biased = not isinstance(layer, InputLayer) and layer.bias is not None
    if biased and isinstance(neuron, Sigma):
        yield "neurons with sigma_output take no bias in Lava"
    if isinstance(neuron, Cuba) and neuron.threshold > LARGEST_THRESHOLD and not last:
        yield f"its threshold is out of reach ({neuron.threshold}), only the last layer's may be"


def _of_shape(layer: Layer, shape: Shape | None) -> Iterator[str]:
    if shape is None:
        return
    size = math.prod(shape)
    if isinstance(layer, InputLayer) and layer.shape != shape:
        yield f"takes {list(layer.shape)}, {list(shape)} is given"
    elif isinstance(layer, ConvLayer):
        yield from _of_convolution(layer, shape)
    elif isinstance(layer, DenseLayer) and layer.weight.shape[1] != size:
        yield f"weights for {layer.weight.shape[1]} inputs, {size} arrive ({list(shape)})"
    elif isinstance(layer, FlattenLayer) and layer.size not in (None, size):
        yield f"says it gives {layer.size} values, {size} arrive ({list(shape)})"
    elif isinstance(layer, AverageLayer) and size % layer.groups:
        yield f"{size} values do not fall into {layer.groups} equal groups"


def _of_convolution(layer: ConvLayer, shape: Shape) -> Iterator[str]:
    try:
        given = infer(layer.op, [ValueType(shape, "spike")], {"weight": layer.weight.shape})
    except ShapeError as error:
        yield f"reads {list(shape)}: {error}"
        return
    if given.shape != layer.shape:
        yield f"'shape' is {list(layer.shape)}, of {list(shape)} it makes {list(given.shape)}"


def _shape_after(layer: Layer, shape: Shape | None) -> Shape | None:
    if isinstance(layer, InputLayer | ConvLayer):
        return layer.shape
    if isinstance(layer, DenseLayer):
        return layer.weight.shape[:1]
    if isinstance(layer, AverageLayer):
        return (layer.groups,)
    return None if shape is None else (math.prod(shape),)
