"""The networks are the paper's by their counts (reference/paper-ms-resnet.md 3); the neuron."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from snn_deploy.frontends.tracing import trace
from snn_deploy.ir.graph import Graph
from snn_deploy.ir.ops import Add, Conv, Linear
from snn_deploy.models import ARCHITECTURES, build
from snn_deploy.models.ms_resnet import cifar, imagenet
from snn_deploy.neurons import LIF, set_steps

PARAMETERS = {
    "ms_resnet20": 272_474,
    "ms_resnet32": 466_906,
    "ms_resnet44": 661_338,
    "ms_resnet56": 855_770,
    "ms_resnet110": 1_730_714,
    "ms_resnet482": 7_758_106,
    "ms_resnet18_cifar": 12_502_090,
    "ms_resnet18": 11_693_736,
    "ms_resnet34": 21_801_896,
    "ms_resnet104": 77_350_504,
}
ENTRIES = {"ms_resnet18": 128, "ms_resnet34": 224, "ms_resnet104": 649}
MACS = {
    "ms_resnet20": 40.8e6,
    "ms_resnet32": 69.1e6,
    "ms_resnet44": 97.4e6,
    "ms_resnet56": 125.7e6,
    "ms_resnet110": 253.1e6,
    "ms_resnet482": 1.131e9,
    "ms_resnet18_cifar": 2.216e9,
    "ms_resnet18": 1.827e9,
    "ms_resnet34": 3.677e9,
    "ms_resnet104": 12.597e9,
}
NEURONS = {"ms_resnet18": 2_308_096, "ms_resnet34": 3_562_496, "ms_resnet104": 7_225_344}


def on_meta(name: str, **options: object) -> nn.Module:
    with torch.device("meta"):
        return build(name, **options)


@pytest.fixture(scope="module")
def traced() -> Callable[[str], Graph]:
    known: dict[str, Graph] = {}

    def graph(name: str) -> Graph:
        if name not in known:
            side = 224 if name in NEURONS else 32
            known[name] = trace(build(name), (3, side, side), name=name)
        return known[name]

    return graph


def macs(graph: Graph, *, only: str = "") -> int:
    """Return the multiplications of all weighted layers at one step."""
    return sum(
        graph.weight(node)[0].size * node.type.size
        for node in graph.nodes
        if isinstance(node.op, Conv | Linear) and only in node.name
    )


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters(name: str) -> None:
    assert sum(p.numel() for p in on_meta(name).parameters()) == PARAMETERS[name]


def test_every_architecture_has_its_counts() -> None:
    ours = {name for name in ARCHITECTURES if name.startswith("ms_")}
    assert PARAMETERS.keys() == MACS.keys() == ours


@pytest.mark.parametrize("name", ENTRIES)
def test_state_dict_entries(name: str) -> None:
    assert len(on_meta(name).state_dict()) == ENTRIES[name]


@pytest.mark.parametrize("name", [n for n in MACS if n not in ("ms_resnet482", "ms_resnet104")])
def test_macs(name: str, traced: Callable[[str], Graph]) -> None:
    # The reference prints four digits.
    assert macs(traced(name)) == pytest.approx(MACS[name], rel=1e-3)


def test_analog_layers_of_imagenet_18(traced: Callable[[str], Graph]) -> None:
    graph = traced("ms_resnet18")
    assert macs(graph, only="conv1.") == pytest.approx(118.0e6, rel=1e-3)
    assert macs(graph, only="shortcut") == pytest.approx(32.1e6, rel=1e-3)


@pytest.mark.parametrize("name", ["ms_resnet18", "ms_resnet34"])
def test_neurons(name: str, traced: Callable[[str], Graph]) -> None:
    assert sum(node.type.size for node in traced(name).spiking) == NEURONS[name]
    assert len(traced(name).spiking) == int(name[9:]) - 1


def test_residual_adds_of_imagenet_18(traced: Callable[[str], Graph]) -> None:
    adds = [n.type.size for n in traced("ms_resnet18").nodes if isinstance(n.op, Add)]
    assert sum(adds) == pytest.approx(0.753e6, rel=1e-3)


PUBLISHED = {
    "ms_resnet18": {
        "conv1.0.weight": (64, 3, 7, 7),
        "conv1.1.bn.running_mean": (64,),
        "conv2_x.0.shortcut.0.weight": (64, 64, 1, 1),
        "conv2_x.0.shortcut.1.bn.weight": (64,),
        "conv5_x.1.residual_function.4.weight": (512, 512, 3, 3),
        "conv5_x.1.residual_function.5.bn.num_batches_tracked": (),
        "fc.weight": (1000, 512),
        "fc.bias": (1000,),
    },
    "ms_resnet104": {
        "conv1.2.bias": (64,),
        "conv1.3.bn.weight": (64,),
        "conv3_x.0.shortcut.1.weight": (128, 64, 1, 1),
        "conv3_x.0.shortcut.2.bn.bias": (128,),
        "conv4_x.31.residual_function.1.weight": (256, 256, 3, 3),
    },
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_keys(name: str) -> None:
    shapes = {key: tuple(t.shape) for key, t in on_meta(name).state_dict().items()}
    assert PUBLISHED[name].items() <= shapes.items()
    assert not [key for key in shapes if ".residual_function.0" in key]


def test_initial_scales() -> None:
    scales = {n: p for n, p in build("ms_resnet20").named_parameters() if n.endswith("bn.weight")}
    for name, scale in scales.items():
        expected = 0.0 if "residual_function.5" in name else 0.5
        assert torch.all(scale == expected), name


def test_blocks_start_as_the_identity() -> None:
    block = build("ms_resnet20", steps=2).get_submodule("conv2_x.1").eval()
    x = torch.randn(4, 16, 8, 8)
    torch.testing.assert_close(block(x), x, rtol=0, atol=0)


def test_an_image_is_the_sequence_of_itself() -> None:
    network = build("ms_resnet20", steps=3).eval()
    x = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(network(x), network(x.expand(3, *x.shape)))


@pytest.mark.parametrize("depth", [19, 2, 21])
def test_no_such_depth(depth: int) -> None:
    with pytest.raises(ValueError, match="6n"):
        cifar(depth)
    with pytest.raises(ValueError, match="18, 34 or 104"):
        imagenet(depth)


def plain(x: np.ndarray, decay: float, threshold: float) -> np.ndarray:  # type: ignore[type-arg]
    """Return the spikes of section 1.1, neuron by neuron in Python floats."""
    spikes = np.zeros_like(x)
    for n in range(x.shape[1]):
        u, s = 0.0, 0.0
        for t in range(len(x)):
            u = decay * u * (1 - s) + float(x[t, n])
            s = 1.0 if u > threshold else 0.0
            spikes[t, n] = s
    return spikes


@pytest.mark.parametrize(("decay", "threshold"), [(0.25, 0.5), (1.0, 1.0), (0.5, 0.25)])
def test_neuron_is_the_recurrence(decay: float, threshold: float, rng: np.random.Generator) -> None:
    # Multiples of 1/64, so that equality with the threshold occurs and float32 is exact.
    x = rng.integers(-64, 96, size=(6, 200)) / 64
    lif = LIF(decay, threshold, steps=6)
    for dtype in (torch.float32, torch.float64):
        spikes = lif(torch.as_tensor(x, dtype=dtype).reshape(6 * 10, 20))
        np.testing.assert_array_equal(spikes.reshape(6, 200).numpy(), plain(x, decay, threshold))


def test_neuron_fires_strictly_above() -> None:
    above64 = float(np.nextafter(0.5, 1))
    x = torch.tensor([0.5, above64, float(np.nextafter(np.float32(0.5), np.float32(1)))])
    assert LIF()(x[:, None]).flatten().tolist() == [0, 0, 1]
    x64 = torch.tensor([[0.5], [above64]], dtype=torch.float64)
    assert LIF()(x64).flatten().tolist() == [0, 1]


def test_a_spike_just_above_the_threshold_resets_in_float64() -> None:
    above = float(np.nextafter(0.5, 1))
    x = torch.tensor([[above], [0.45]], dtype=torch.float64)
    assert LIF(steps=2)(x).flatten().tolist() == [1, 0]


class Textbook(torch.autograd.Function):
    """`ActFun` of the published code: rectangular surrogate of full width `width`."""

    @staticmethod
    def forward(ctx: object, u: Tensor, threshold: float, width: float) -> Tensor:
        ctx.save_for_backward(u)  # type: ignore[attr-defined]
        ctx.constants = (threshold, width)  # type: ignore[attr-defined]
        return u.gt(threshold).to(u.dtype)

    @staticmethod
    def backward(ctx: object, grad: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        (u,) = ctx.saved_tensors  # type: ignore[attr-defined]
        threshold, width = ctx.constants  # type: ignore[attr-defined]
        return grad * ((u - threshold).abs() < width / 2) / width, None, None


@pytest.mark.parametrize("width", [1.0, 2.0, 0.5])
def test_surrogate_gradient_is_the_textbooks(width: float) -> None:
    x = torch.randn(5, 300, dtype=torch.float64, requires_grad=True)
    outer = torch.randn(5, 300, dtype=torch.float64)
    LIF(0.25, 0.5, steps=5, width=width)(x.reshape(5 * 300, 1)).backward(outer.reshape(-1, 1))
    ours, x.grad = x.grad, None
    u = torch.zeros(300, dtype=torch.float64)
    s = torch.zeros(300, dtype=torch.float64)
    total = torch.zeros(())
    for t in range(5):
        u = 0.25 * u * (1 - s.detach()) + x[t]
        s = Textbook.apply(u, 0.5, width)
        total = total + (s * outer[t]).sum()
    total.backward()
    torch.testing.assert_close(ours, x.grad, rtol=1e-12, atol=1e-12)


def test_set_steps_reaches_every_neuron() -> None:
    network = build("ms_resnet20", steps=6)
    set_steps(network, 2)
    assert {m.steps for m in network.modules() if hasattr(m, "steps")} == {2}
    assert network(torch.zeros(1, 3, 32, 32)).shape == (1, 10)
