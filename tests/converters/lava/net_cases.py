"""Networks that a `.net` can say, one for each thing that is easily said wrong."""

from collections.abc import Callable, Mapping

import numpy as np

from snn_deploy.ir.graph import Array
from snn_deploy.ir.ops import SumPool
from snn_deploy.quantization.graph import QuantGraph
from tests.networks import Network


def finished(net: Network, steps: int = 4) -> QuantGraph:
    graph = net.finish(steps=steps)
    assert isinstance(graph, QuantGraph)
    return graph


def events(shape: tuple[int, ...] = (2, 6, 6)) -> Network:
    return Network(shape, kind="spike", static=False)


def give(net: Network, **arrays: Array) -> Network:
    """Replace or add parameters of the layer added last."""
    net.builder.params |= {f"{net.at}.{role}": array for role, array in arrays.items()}
    return net


def inhibiting_dense() -> QuantGraph:
    """netx loses the largest magnitude of weights of which none is above zero."""
    net = events().conv("conv", 4, padding=1).lif("lif1").flatten().linear("all_negative", 8)
    weight = -np.abs(net.builder.params["all_negative.weight"].astype(np.int8)).clip(1, 127)
    weight[0, 0] = -128
    give(net, weight=weight, bias=np.arange(4095, 3295, -100, np.int32)).lif(
        "lif2", voltage_decay=512
    )
    return finished(net.linear("fc", 3))


def silent_dense() -> QuantGraph:
    """netx divides by the largest weight, and here it is 0."""
    net = events((12,)).linear("all_zero", 8)
    give(net, weight=np.zeros((8, 12), np.int8), bias=np.arange(8, dtype=np.int32) * 50)
    net.builder.params["all_zero.bias"][0] = 4095
    net.lif("lif1", voltage_decay=100)
    return finished(net.linear("fc1", 6).lif("lif2").linear("fc2", 4))


def most_weights() -> QuantGraph:
    """Even weights over the whole range, and odd ones over half of it."""
    net = events((16,)).linear("even", 8)
    weight = (2 * net.rng.integers(-128, 128, (8, 16))).astype(np.int16)
    weight[0, :2] = -256, 254
    give(net, weight=weight).lif("lif1").linear("odd", 8).lif("lif2")
    net.linear("exciting", 8)
    exciting = net.rng.integers(1, 128, (8, 8)).astype(np.int8)
    return finished(give(net, weight=exciting).lif("lif3").linear("fc", 4))


def exact_shifts() -> QuantGraph:
    """A left shift multiplies weights; a right one divides weights that it divides."""
    net = events().conv("left", 6, shift=[1]).lif("lif1").conv("right", 6, shift=[-2, 0, 1])
    weight = net.builder.params["right.weight"]
    factor = np.resize([4, 1, 1], 6).reshape(-1, 1, 1, 1)
    weight = (weight // (factor * 4) * factor).astype(np.int8)
    return finished(give(net, weight=weight).lif("lif2").flatten().linear("fc", 3))


def many_groups() -> QuantGraph:
    """Lava keeps the number of groups in a signed byte: 130 become 65, and 131 become one."""
    net = events((130, 3, 3)).conv("depthwise", 130, (2, 2), groups=130).lif("lif1")
    return finished(net.conv("one", 2, (1, 1)).lif("lif2"))


def prime_groups() -> QuantGraph:
    net = events((131, 2, 2)).conv("prime", 131, (2, 2), groups=131, bias=True).lif("lif1")
    return finished(net.flatten().linear("fc", 3))


def wide_volume() -> QuantGraph:
    """Lava computes with sizes and with signed bytes, and numpy 2 does not widen these."""
    net = events((1, 2, 130)).conv("conv", 2, (2, 3), stride=2, padding=1).lif("lif")
    return finished(net.flatten().linear("fc", 3))


def one_axis() -> QuantGraph:
    net = events((3, 20)).conv("conv1", 6, (5,), stride=2, padding=2, bias=True).lif("lif1")
    net.conv("conv2", 4, (3,), dilation=2, padding=1).lif("lif2", per_channel=True)
    return finished(net.flatten().linear("fc", 3))


def two_unequal_axes() -> QuantGraph:
    """Nothing is the same along both axes, so that nothing can be exchanged in silence."""
    net = Network((2, 9, 5), kind="graded", static=False, limit=5)
    net.conv("conv1", 6, (5, 2), stride=2, padding=1).lif("lif1")
    return finished(net.conv("conv2", 4, (1, 3)).lif("lif2").flatten().linear("fc", 3))


def leaky_currents() -> QuantGraph:
    net = events((24,)).linear("fc1", 16).lif("lif1", current_decay=1024, voltage_decay=512)
    net.linear("fc2", 16).lif("lif2", current_decay=0, voltage_decay=4096)
    net.linear("fc3", 8).lif("lif3", current_decay=1, voltage_decay=4095)
    return finished(net.linear("fc4", 4).lif("lif4", current_decay=4095, voltage_decay=1), 7)


def at_equality() -> QuantGraph:
    """Neurons without a leak hold multiples of 64, so that any threshold has an equal."""
    net = events().conv("conv1", 6).lif("lif1", voltage_decay=0, at_equality=True)
    net.conv("conv2", 4).lif("lif2", voltage_decay=4096, at_equality=True)
    return finished(net.flatten().linear("fc", 3))


def biases() -> QuantGraph:
    """Of the layer and of its neurons, a channel and a neuron; they act before anything arrives."""
    net = events().conv("conv1", 5, bias=True).lif("lif1", voltage_decay=512)
    give(net, bias=net.rng.integers(-20, 200, (5, 4, 4)).astype(np.int32) * 64)
    net.conv("conv2", 4).lif("lif2", current_decay=2048)
    give(net, bias=np.array([6400, 0, -640, 12800], np.int32))
    net.flatten().linear("fc1", 6, bias=True).lif("lif3")
    give(net, bias=net.rng.integers(0, 100, 6).astype(np.int32) * 64)
    return finished(net.linear("fc2", 3, bias=True), 6)


def read_out_finely() -> QuantGraph:
    """A last layer with a shift, and a bias that the shift does not divide."""
    net = events((20,)).linear("fc1", 12).lif("lif1")
    net.linear("fc2", 5, bias=True, shift=[5])
    give(net, bias=np.array([-32767, -1, 0, 31, 100001], np.int32))
    return finished(net)


def read_out_by_channel() -> QuantGraph:
    net = events((20,)).linear("fc1", 12).lif("lif1")
    return finished(net.linear("fc2", 5, bias=True, shift=[0, 3, 1, 0, 9]))


def read_out_a_volume() -> QuantGraph:
    return finished(events().conv("conv1", 4).lif("lif1").conv("conv2", 3, (2, 3), bias=True))


def read_out_step_by_step() -> QuantGraph:
    """The sum over all steps may pass the register, that of a step may not."""
    net = events((1600,)).linear("fc", 3, bias=True)
    return finished(give(net, weight=np.full((3, 1600), 60, np.int8)), 3)


def pooled() -> QuantGraph:
    net = events((2, 9, 9)).conv("conv1", 4, padding=1).lif("lif1").pool("sum1", SumPool, 2, 2, 0)
    net.conv("conv2", 4, (2, 2)).lif("lif2").pool("sum2", SumPool, 3, 3, 0)
    return finished(net.flatten().linear("fc", 3))


def one_step() -> QuantGraph:
    return finished(Network((5,)).linear("fc1", 6).lif("lif1").linear("fc2", 3), 1)


def flat_input() -> QuantGraph:
    net = Network((2, 3, 4), static=False, limit=9).flatten().linear("fc1", 7).lif("lif1")
    return finished(net.linear("fc2", 3))


def spikes_out() -> QuantGraph:
    return finished(Network((1, 5, 4)).conv("conv1", 4, (2, 2)).lif("lif1", voltage_decay=100))


OWN: Mapping[str, Callable[[], QuantGraph]] = {
    build.__name__: build
    for build in (
        inhibiting_dense,
        silent_dense,
        most_weights,
        exact_shifts,
        many_groups,
        prime_groups,
        wide_volume,
        one_axis,
        two_unequal_axes,
        leaky_currents,
        at_equality,
        biases,
        read_out_finely,
        read_out_by_channel,
        read_out_a_volume,
        read_out_step_by_step,
        pooled,
        one_step,
        flat_input,
        spikes_out,
    )
}


def random_network(seed: int) -> QuantGraph:
    """Return convolutions, then dense layers, of any geometry, decay and end."""
    rng = np.random.default_rng(seed)
    kind = ("spike", "graded", "current")[seed % 3]
    shape = tuple(int(n) for n in rng.integers(6, 10, 3) // (2, 1, 1))
    net = Network(shape, kind=kind, static=bool(rng.integers(2)), limit=1 if kind == "spike" else 7)
    net.rng = rng
    for i in range(int(rng.integers(1, 3))):
        kernel = tuple(int(n) for n in rng.integers(2, 4, 2))
        groups = int(
            rng.choice([g for g in (1, 2, 3, 4) if net.builder.type(net.at).shape[0] % g == 0])
        )
        net.conv(
            f"conv{i}",
            groups * int(rng.integers(1, 4)),
            kernel,
            stride=int(rng.integers(1, 3)),
            padding=int(rng.integers(0, 2)),
            groups=groups,
            bias=bool(rng.integers(2)),
        )
        net.lif(f"lif{i}", voltage_decay=int(rng.integers(0, 4097)))
    net.flatten()
    for i in range(int(rng.integers(1, 3))):
        net.linear(f"fc{i}", int(rng.integers(2, 9)))
        net.lif(
            f"neurons{i}",
            current_decay=int(rng.integers(0, 4097)),
            voltage_decay=int(rng.integers(0, 4097)),
            per_channel=bool(rng.integers(2)),
        )
    if rng.integers(2):
        net.linear("head", 3, bias=True, shift=[int(rng.integers(0, 5))])
    return finished(net, int(rng.integers(1, 7)))


CASES: Mapping[str, Callable[[], QuantGraph]] = (
    dict(OWN) | {f"random{seed}": lambda seed=seed: random_network(seed) for seed in range(6)}  # type: ignore[misc]
)
