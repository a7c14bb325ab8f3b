"""The ImageNet networks as graphs, up to 104 layers: their published counts, and the whole way."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import nn

from snn_deploy.checkpoints import InputSpec
from snn_deploy.converters.onnx import OnnxConverter
from snn_deploy.datasets import Samples
from snn_deploy.frontends.float_reference import compare_with_torch
from snn_deploy.frontends.tracing import trace
from snn_deploy.ir.graph import Graph
from snn_deploy.ir.ops import Add, Conv, Linear
from snn_deploy.models import build
from snn_deploy.models.ms_resnet import MSResNet, MSResNetConfig
from snn_deploy.passes import FOLD, run_passes
from snn_deploy.proof import prove
from snn_deploy.quantization import calibrate, quantize

BLOCKS: Mapping[int, tuple[int, ...]] = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    104: (3, 8, 32, 8),
}


def traced(depth: int) -> Graph:
    """Return the graph at 224 x 224; its weights are zeros, which cost neither time nor memory."""
    name = f"ms_resnet{depth}"
    with torch.device("meta"):
        network = build(name)
    zeros = {key: torch.zeros(t.shape, dtype=t.dtype) for key, t in network.state_dict().items()}
    network.load_state_dict(zeros, assign=True)
    return trace(network.eval(), (3, 224, 224), name=name)


@pytest.mark.parametrize(
    ("depth", "parameters", "neurons", "giga_macs", "mega_additions"),
    [
        (18, 11_693_736, 2_308_096, 1.827, 0.753),
        (34, 21_801_896, 3_562_496, 3.677, 1.380),
        (104, 77_350_504, 7_225_344, 12.597, 3.211),
    ],
)
def test_published_counts(
    depth: int, parameters: int, neurons: int, giga_macs: float, mega_additions: float
) -> None:
    """reference/paper-ms-resnet.md 3.1, of the graph: nothing was lost or doubled on the way."""
    graph = traced(depth)
    weighted = [node for node in graph.nodes if isinstance(node.op, Conv | Linear)]
    macs = sum(graph.weight(node)[0].size * node.type.size for node in weighted)
    additions = sum(node.type.size for node in graph.nodes if isinstance(node.op, Add))
    trained = [a for key, a in graph.params.items() if not key.endswith((".mean", ".variance"))]
    assert sum(array.size for array in trained) == parameters
    assert len(graph.spiking) == depth - 1
    assert sum(node.type.size for node in graph.spiking) == neurons
    assert round(macs / 1e9, 3) == giga_macs
    assert round(additions / 1e6, 3) == mega_additions


def narrow(depth: int, steps: int) -> nn.Module:
    """Return a network of as many layers, but few channels, whose streams carry something.

    Untrained, the last batch norm of a block scales by 0, and nothing would depend on depth.
    """
    torch.manual_seed(depth)
    stem, shortcut = ("3x3-three", "pooled") if depth == 104 else ("7x7", "projection")
    config = MSResNetConfig(
        BLOCKS[depth],
        (8, 8, 16, 16),
        (2, 2, 2, 2),
        stem=stem,  # type: ignore[arg-type]  # one of the literals
        shortcut=shortcut,  # type: ignore[arg-type]  # likewise
        stem_channels=8,
        steps=steps,
    )
    network = MSResNet(config)
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.constant_(norm.weight, 0.7)
            norm.momentum = 1.0
    with torch.no_grad():
        network.train()(torch.randn(4, 3, 64, 64))
    return network.eval()


@pytest.mark.parametrize(("depth", "steps"), [(18, 6), (34, 6), (104, 5)])
def test_every_layer_is_proved(depth: int, steps: int, rng: np.random.Generator) -> None:
    """From the module to ONNX Runtime, all values of all layers and steps, on a small image."""
    network = narrow(depth, steps)
    images = rng.standard_normal((2, 3, 64, 64)).astype(np.float32)
    spec = InputSpec((3, 64, 64), (), (), steps)
    samples = Samples("random", images, None)
    graph = trace(network, spec.shape, name="narrow")
    assert graph.steps == steps
    assert compare_with_torch(network, graph, samples, spec).equal
    folded = run_passes(graph, FOLD)
    integer = quantize(folded, calibrate(folded, images)).graph
    converter = OnnxConverter()
    executors = converter.executors(integer, converter.lower(integer))
    assert {executor.form for executor in executors} == {"step", "sequence"}
    proof = prove(integer, executors, samples, spec, lambda _: None)
    assert all(a.equal and a.layers == len(integer.nodes) for a in proof.agreement)
    fired = [layer.name for layer in proof.activity.neurons if layer.spikes]
    assert len(fired) == depth - 1, "every layer of neurons had something to prove"
