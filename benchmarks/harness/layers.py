"""Single convolutions of 3 x 3: the operator of an export, alone in a file, and torch's.

An exported network keeps channels innermost, so that is what the operator reads and writes here.
Every call reads the same spikes and writes into the same memory; nothing but the operator runs.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import onnxruntime  # type: ignore[import-untyped]  # it ships no types
import torch
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper
from torch import nn

from snn_deploy.converters.onnx import lower_model, native
from snn_deploy.ir.builder import GraphBuilder
from snn_deploy.ir.evaluate import evaluate
from snn_deploy.ir.ops import Conv, Input
from snn_deploy.quantization import QuantGraph

from .checks import WrongOutputError
from .frameworks import with_compiler
from .timing import Contender, Run

SHAPES = ((64, 56), (128, 32), (128, 28), (256, 16), (256, 14), (512, 8), (512, 7))
"""Channels and side: the stages of the wide CIFAR network and of the ImageNet networks."""
BATCHES = (1, 4)
RATES = (1, 5, 10, 20, 30, 50)
"""Percent of the inputs that are spikes."""
USUAL = 20
"""What dense contenders read, whose time does not depend on it."""
DENSE, STOCK = "native dense", "stock integer"
TORCH = ("torch nchw", "torch nhwc", "torch compile")

_EVENTS = "SNN_OPS_EVENTS"
"""Read by the operator library when a session is made: which of its two ways it goes."""
_DOMAIN = "ai.snn"


def events(rate: int) -> str:
    """Return the contender that looks at spikes alone, by the percentage of them."""
    return f"native events {rate} %"


@dataclass(frozen=True)
class Layer:
    """A convolution that keeps channels and size, on a batch."""

    channels: int
    side: int
    batch: int

    @property
    def name(self) -> str:
        """In tables."""
        return f"{self.channels} ch, {self.side} x {self.side}"

    @property
    def macs(self) -> int:
        """Multiplications of a dense convolution, those with padding included."""
        return self.batch * self.channels**2 * 9 * self.side**2

    @cached_property
    def graph(self) -> QuantGraph:
        """An integer graph of the layer alone, with weights of 8 bits."""
        rng = np.random.default_rng(self.channels + self.side)
        weight = rng.integers(-127, 128, (self.channels, self.channels, 3, 3)).astype(np.int8)
        builder = GraphBuilder("layer")
        builder.add("input", Input((self.channels, self.side, self.side), "spike", False))
        builder.add("conv", Conv((1, 1), (1, 1), (1, 1)), "input", weight=weight)
        made = builder.finish("conv", steps=1)
        return QuantGraph(
            made.name,
            made.nodes,
            made.outputs,
            made.params,
            made.steps,
            made.readout,
            scales={node.name: np.ones(1) for node in made.nodes},
            weight_bits=8,
            input_limit=127,
        )

    @cached_property
    def file(self) -> bytes:
        """The operator that an export makes of it, alone."""
        return _only_operator(lower_model(self.graph, "step")).SerializeToString()

    def spikes(self, rate: int) -> NDArray[np.uint8]:
        """[B, C, H, W]."""
        rng = np.random.default_rng(rate)
        shape = (self.batch, self.channels, self.side, self.side)
        return (rng.random(shape) < rate / 100).astype(np.uint8)

    @cached_property
    def reference(self) -> Mapping[int, NDArray[Any]]:
        """What it gives, [B, C, H, W], by the rate."""
        found = {}
        for rate in RATES:
            (step,) = evaluate(self.graph, self.spikes(rate).astype(np.int8)[np.newaxis])
            found[rate] = step["conv"]
        return found


def _only_operator(model: ModelProto) -> ModelProto:
    """Cut off what a file does before and after its one operator of ours: axes and types change."""
    graph = model.graph
    (node,) = (node for node in graph.node if node.domain == _DOMAIN)
    node.input[0], node.output[0] = "input", "output"
    shape = [d.dim_value or d.dim_param for d in graph.input[0].type.tensor_type.shape.dim]
    shape = [shape[0], *shape[2:], shape[1]]
    needed = [array for array in graph.initializer if array.name in node.input]
    model.graph.CopyFrom(
        helper.make_graph(
            [node],
            graph.name,
            [helper.make_tensor_value_info("input", TensorProto.UINT8, shape)],
            [helper.make_tensor_value_info("output", TensorProto.INT32, shape)],
            needed,
        )
    )
    return model


def contenders(layer: Layer, threads: int, spinning: bool) -> Iterator[Contender]:
    """Yield everyone, checked. Raises WrongOutputError."""
    asked: list[tuple[str, int, str | None]] = [(STOCK, USUAL, None)]
    if native.library() is not None:
        asked.append((DENSE, USUAL, "never"))
        asked += [(events(rate), rate, "always") for rate in RATES]
    for name, rate, way in asked:
        opened = partial(_session, layer, rate, way, threads, spinning)
        yield _checked(Contender(name, True, opened), layer, rate, (0, 3, 1, 2))
    for name in TORCH:
        opened = partial(_module, *_torch(layer, name))
        yield _checked(Contender(name, False, opened), layer, USUAL, (0, 1, 2, 3))


def _checked(contender: Contender, layer: Layer, rate: int, axes: Sequence[int]) -> Contender:
    """Compare with the reference: sums of integers this small are exact in float32, too."""
    with contender.open() as run:
        found = np.asarray(run()).transpose(axes)
    if not np.array_equal(np.rint(found), layer.reference[rate]):
        raise WrongOutputError(f"{layer.name}: {contender.name} differs from the reference")
    return contender


@contextmanager
def _session(
    layer: Layer, rate: int, way: str | None, threads: int, spinning: bool
) -> Iterator[Run]:
    """Give a session of stock operators, or of native ones that go one way.

    Input and output are bound once; the interface of the project copies outputs, which at this
    size one would see.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
    if way is not None:
        options.register_custom_ops_library(str(native.library()))
    with _environment(_EVENTS, way):
        session = onnxruntime.InferenceSession(
            layer.file, options, providers=["CPUExecutionProvider"]
        )
    read = np.ascontiguousarray(layer.spikes(rate).transpose(0, 2, 3, 1))
    written = np.empty(read.shape, np.int32)
    binding = session.io_binding()
    binding.bind_ortvalue_input("input", onnxruntime.OrtValue.ortvalue_from_numpy(read))
    binding.bind_ortvalue_output("output", onnxruntime.OrtValue.ortvalue_from_numpy(written))

    def run() -> NDArray[Any]:
        session.run_with_iobinding(binding)
        return written

    yield run


@contextmanager
def _environment(name: str, value: str | None) -> Iterator[None]:
    """Set a variable for a while, where there is a value."""
    before = os.environ.get(name)
    if value is not None:
        os.environ[name] = value
    yield
    if before is not None:
        os.environ[name] = before
    else:
        os.environ.pop(name, None)


def _torch(layer: Layer, name: str) -> tuple[nn.Module, torch.Tensor]:
    """Return a convolution, and what it reads."""
    module: nn.Module = nn.Conv2d(layer.channels, layer.channels, 3, padding=1, bias=False).eval()
    weight = layer.graph.params["conv.weight"].astype(np.float32)
    module.load_state_dict({"weight": torch.from_numpy(weight)})
    images = torch.from_numpy(layer.spikes(USUAL).astype(np.float32))
    if name != "torch nchw":
        module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        images = images.contiguous(memory_format=torch.channels_last)
    return (with_compiler(module) if name == "torch compile" else module), images


@contextmanager
def _module(module: nn.Module, images: torch.Tensor) -> Iterator[Run]:
    @torch.inference_mode()
    def run() -> NDArray[Any]:
        found: NDArray[Any] = module(images).numpy()
        return found

    yield run
