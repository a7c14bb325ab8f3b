"""Each kind of layer alone, against torch in float64."""

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from snn_deploy.frontends.tracing import trace
from snn_deploy.ir.evaluate import evaluate
from snn_deploy.ir.ops import Identity
from snn_deploy.ir.spec import TRACED, complaints
from snn_deploy.neurons import LIF

from .agreement import agree


class Function(nn.Module):
    """A forward of one line, with some weights at hand."""

    def __init__(self, function: Callable[["Function", Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function
        self.conv = nn.Conv2d(4, 6, 3)
        self.norm = nn.BatchNorm2d(4)
        self.register_buffer("kernel", torch.randn(3, 4, 3))
        self.scale = nn.Parameter(torch.tensor(0.3))

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, x)


def bn(norm: nn.Module) -> nn.Module:
    """Give a batch norm statistics worth folding."""
    assert isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 2)
    return norm


SPATIAL = (4, 8, 12)
LAYERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "conv2d": (lambda: nn.Conv2d(4, 6, 3), SPATIAL),
    "conv2d-stride": (lambda: nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 0), bias=False), SPATIAL),
    "conv2d-same": (lambda: nn.Conv2d(4, 6, (3, 5), padding="same", dilation=(1, 2)), SPATIAL),
    "conv2d-valid": (lambda: nn.Conv2d(4, 6, 3, padding="valid"), SPATIAL),
    "conv2d-groups": (lambda: nn.Conv2d(4, 6, 3, groups=2, dilation=2), SPATIAL),
    "conv2d-depthwise": (lambda: nn.Conv2d(4, 8, 3, groups=4), SPATIAL),
    "conv1d": (lambda: nn.Conv1d(4, 6, 3, 2, 1), (4, 9)),
    "linear": (lambda: nn.Linear(7, 3), (7,)),
    "linear-no-bias": (lambda: nn.Linear(7, 3, bias=False), (7,)),
    "batch-norm-1d": (lambda: bn(nn.BatchNorm1d(7)), (7,)),
    "batch-norm-1d-length": (lambda: bn(nn.BatchNorm1d(4)), (4, 9)),
    "batch-norm-2d": (lambda: bn(nn.BatchNorm2d(4, eps=1e-3)), SPATIAL),
    "batch-norm-plain": (lambda: bn(nn.BatchNorm2d(4, affine=False)), SPATIAL),
    "dropout": (lambda: nn.Dropout(0.5), SPATIAL),
    "identity": (nn.Identity, SPATIAL),
    "flatten": (nn.Flatten, SPATIAL),
    "avg-pool-2d": (lambda: nn.AvgPool2d(2), SPATIAL),
    "avg-pool-2d-padding": (lambda: nn.AvgPool2d(3, 2, 1), SPATIAL),
    "avg-pool-2d-divisor": (lambda: nn.AvgPool2d(2, divisor_override=3), SPATIAL),
    "avg-pool-1d": (lambda: nn.AvgPool1d(3), (4, 9)),
    "max-pool-2d": (lambda: nn.MaxPool2d(3, 2, 1), SPATIAL),
    "max-pool-1d": (lambda: nn.MaxPool1d(3, ceil_mode=True), (4, 9)),
    "adaptive-avg": (lambda: nn.AdaptiveAvgPool2d((2, 3)), SPATIAL),
    "adaptive-avg-1d": (lambda: nn.AdaptiveAvgPool1d(3), (4, 9)),
    "adaptive-avg-none": (lambda: nn.AdaptiveAvgPool2d((None, 1)), SPATIAL),
    "adaptive-max": (lambda: nn.AdaptiveMaxPool2d(1), SPATIAL),
    "sequential": (
        lambda: nn.Sequential(nn.Conv2d(4, 3, 1), nn.Flatten(), nn.Linear(288, 5)),
        SPATIAL,
    ),
    "f.conv2d": (
        lambda: Function(lambda m, x: F.conv2d(x, m.conv.weight * 2, m.conv.bias)),
        SPATIAL,
    ),
    "f.conv1d": (lambda: Function(lambda m, x: F.conv1d(x, m.kernel, padding=1)), (4, 9)),
    "f.linear": (lambda: Function(lambda m, x: F.linear(x, m.kernel[0])), (3,)),
    "f.batch_norm": (
        lambda: Function(lambda m, x: F.batch_norm(x, m.norm.running_mean, m.norm.running_var)),
        SPATIAL,
    ),
    "f.dropout": (lambda: Function(lambda m, x: F.dropout(x, 0.5, m.training)), SPATIAL),
    "f.avg_pool2d": (lambda: Function(lambda m, x: F.avg_pool2d(x, 2)), SPATIAL),
    "f.max_pool2d": (lambda: Function(lambda m, x: F.max_pool2d(x, 2, stride=1)), SPATIAL),
    "f.sum-pool": (lambda: Function(lambda m, x: F.avg_pool2d(x, 2, divisor_override=1)), SPATIAL),
    "torch.flatten": (lambda: Function(lambda m, x: torch.flatten(x, 1)), SPATIAL),
    "x.view": (lambda: Function(lambda m, x: x.view(x.size(0), -1)), SPATIAL),
    "x.reshape": (lambda: Function(lambda m, x: x.reshape(len(x), 4 * 8 * 12)), SPATIAL),
    "mean-of-image": (lambda: Function(lambda m, x: x.mean((2, 3))), SPATIAL),
    "mean-keepdim": (lambda: Function(lambda m, x: x.mean([-2, -1], keepdim=True)), SPATIAL),
    "sum-of-image": (lambda: Function(lambda m, x: x.sum(dim=(2, 3))), SPATIAL),
    "first-of-one": (
        lambda: Function(lambda m, x: F.adaptive_avg_pool2d(x, 1)[:, :, 0, 0]),
        SPATIAL,
    ),
    "add": (lambda: Function(lambda m, x: m.conv(x) + m.conv(x)), SPATIAL),
    "torch.add": (lambda: Function(lambda m, x: torch.add(x, m.norm(x), alpha=2)), SPATIAL),
    "add-in-place": (lambda: Function(lambda m, x: m.norm(x).add_(x)), SPATIAL),
    "sub": (lambda: Function(lambda m, x: m.norm(x) - x), SPATIAL),
    "factors": (lambda: Function(lambda m, x: 3 * m.conv(x) / 2 + 1), SPATIAL),
    "learned-factor": (lambda: Function(lambda m, x: m.scale * x), SPATIAL),
    "constant": (lambda: Function(lambda m, x: 2 - x * 0.5), SPATIAL),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layer_is_torchs(name: str, rng: np.random.Generator) -> None:
    make, shape = LAYERS[name]
    module = make().eval()
    graph = trace(module, shape, name="layer", steps=1)
    assert not list(complaints(graph, TRACED))
    x = rng.normal(size=(3, *shape))
    (values,) = evaluate(graph, x)
    with torch.no_grad():
        expected = copy.deepcopy(module).double()(torch.as_tensor(x))
    # Float64 sums in another order than torch's.
    np.testing.assert_allclose(values[graph.outputs[0]], expected.numpy(), rtol=1e-9, atol=1e-9)


def test_sum_pooling_of_spikes(rng: np.random.Generator) -> None:
    module = nn.Sequential(
        nn.Conv2d(2, 4, 3), LIF(steps=3), nn.LPPool2d(1, 2), nn.Conv2d(4, 4, 3), LIF(steps=3)
    )
    graph = agree(module, (2, 12, 12), rng.normal(size=(2, 2, 12, 12)))
    assert graph["layer2"].type.kind == "graded"


def test_dropout_stays_as_identity() -> None:
    graph = trace(nn.Sequential(nn.Linear(3, 3), nn.Dropout()), (3,), name="x", steps=1)
    assert isinstance(graph["layer1"].op, Identity)


def test_training_mode_is_left_as_it_was() -> None:
    module = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1), nn.Dropout())
    module[1].eval()
    trace(module, (1, 4, 4), name="x", steps=1)
    assert [m.training for m in module.modules()] == [True, True, False, True]


def test_training_on_does_not_change_the_graph() -> None:
    module = nn.Linear(3, 3)
    graph = trace(module, (3,), name="x", steps=1)
    before = graph.weight(graph.outputs[0]).copy()
    with torch.no_grad():
        module.weight.zero_()
    np.testing.assert_array_equal(graph.weight(graph.outputs[0]), before)


def test_half_precision_is_widened() -> None:
    graph = trace(nn.Linear(3, 3).bfloat16().float().half(), (3,), name="x", steps=1)
    assert graph.weight(graph.outputs[0]).dtype == np.float32


def test_names_are_paths() -> None:
    module = nn.ModuleDict(
        {"a-b": nn.Linear(3, 3), "input": nn.Linear(3, 3), "add": nn.Linear(3, 3)}
    )

    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = module
            self.input = nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            y = self.parts["a-b"](x) + self.input(x)
            return self.parts["add"](y) + self.input(y)

    graph = trace(Named(), (3,), name="x", steps=1)
    assert [n.name for n in graph.nodes] == [
        "input", "parts.a_b", "input_2", "add", "parts.add", "input_3", "add_2",
    ]  # fmt: skip


def test_what_no_output_needs_is_left_out() -> None:
    module = Function(lambda m, x: (m.conv(x), m.norm(x))[1])
    assert [n.name for n in trace(module, SPATIAL, name="x", steps=1).nodes] == ["input", "norm"]
