"""What a `.net` cannot say is refused, all of it at once, with the layers."""

import numpy as np
import pytest

from snn_deploy.converters.lava import NetConverter
from snn_deploy.converters.lava.net_rules import CAN, CANNOT, check, complaints
from snn_deploy.errors import UnsupportedError
from snn_deploy.ir.graph import Graph
from snn_deploy.ir.ops import Conv, MaxPool, SumPool
from snn_deploy.ir.spec import QUANTIZED
from snn_deploy.quantization.graph import QuantGraph
from tests.converters.lava.net_cases import events, finished, give
from tests.networks import INTEGER, Network

HEAD = "head"


def refused(net: Network) -> dict[str, list[str]]:
    """Return the complaints about a network to which a dense layer is added, by layer."""
    if len(net.builder.type(net.at).shape) > 1:
        net.flatten()
    found: dict[str, list[str]] = {}
    for name, text in complaints(finished(net.linear(HEAD, 2))):
        found.setdefault(name, []).append(text)
    return found


def test_every_integer_operation_is_known() -> None:
    assert CAN | CANNOT.keys() == QUANTIZED.ops
    assert not CAN & CANNOT.keys()


def test_what_can_be_said_is_not_refused() -> None:
    assert refused(events().conv("conv", 4).lif("lif")) == {}


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"reset": "soft"}, "reset is soft, Lava's neurons fall back to 0"),
        ({"reset": "none"}, "reset is none"),
        ({"at_equality": True}, "a threshold that is no multiple of 64, because it fires at"),
    ],
)
def test_neurons(options: dict[str, bool], text: str) -> None:
    found = refused(events().conv("conv", 4).lif("lif", **options))  # type: ignore[arg-type]
    assert found.keys() == {"lif"}
    assert text in found["lif"][0]


def test_a_potential_that_may_saturate_may_leave_the_multiples_of_64() -> None:
    net = events((1000,)).linear("fc", 4)
    give(net, weight=np.full((4, 1000), 100, np.int8))
    found = refused(net.lif("lif", voltage_decay=0, at_equality=True))
    assert found == {"lif": ["a threshold that is no multiple of 64, because it fires at equality"]}


@pytest.mark.parametrize("threshold", [-64, 2**17 * 64])
def test_thresholds(threshold: int) -> None:
    net = events().conv("conv", 4).lif("lif")
    found = refused(give(net, threshold=np.array([threshold], np.int32)))
    assert found == {
        "lif": [f"thresholds from {threshold} to {threshold}, the register holds 0 to 8388544"]
    }


def test_a_bias_of_neurons() -> None:
    net = events().conv("conv", 4).lif("lif")
    found = refused(give(net, bias=np.array([64, 128, 96, 0], np.int32)))
    assert found == {"lif": ["a bias that is no multiple of 64"]}


def test_the_sum_of_biases() -> None:
    """Each fits its register, the two together do not."""
    net = events().conv("conv", 4)
    give(net, bias=np.array([4095, 0, -4096, 1], np.int32)).lif("lif")
    assert refused(give(net, bias=np.array([64], np.int32))) == {
        "conv": ["biases from -4095 to 4096, the register holds -4096 to 4095"]
    }


def test_a_bias_that_joins_a_current_which_stays() -> None:
    net = events().conv("conv", 4, bias=True).lif("lif", current_decay=4095)
    [text] = refused(net)["conv"]
    assert text.startswith("its bias joins a current of which 1 / 4096 are kept")


@pytest.mark.parametrize(
    ("shift", "step", "fewer"), [([3], 8, 2), ([0, 3, 1], 1, 3), ([7], 128, 6)]
)
def test_weights_that_a_shift_makes_too_wide(shift: list[int], step: int, fewer: int) -> None:
    [text] = refused(events().conv("conv", 3, shift=shift).lif("lif"))["conv"]
    assert f"in steps of {step} (shift {max(shift)})" in text
    assert text.endswith(f"give {fewer} fewer --current-bits")
    less = [max(s - fewer, 0) for s in shift]
    assert refused(events().conv("conv", 3, shift=less).lif("lif")) == {}


@pytest.mark.parametrize(
    ("weights", "fits"),
    [
        ([-256, 254], True),
        ([-128, 127], True),
        ([-129, 1], False),
        ([128, 1], False),
        ([128, 2], True),
        ([256, 2], False),
        ([-512, 256], False),
        ([0, 0], True),
    ],
)
def test_weights_have_eight_bits_times_a_power_of_two(weights: list[int], fits: bool) -> None:
    net = give(events((2,)).linear("fc", 1), weight=np.array([weights], np.int16))
    assert (refused(net.lif("lif")) == {}) is fits


def test_a_sum_that_is_rounded() -> None:
    found = refused(events().conv("conv", 3, shift=[-1, 2]).lif("lif"))
    assert found == {"conv": ["its sums are rounded (shift -1)"]}


@pytest.mark.parametrize(("decay", "most"), [(4096, 1), (2048, 2), (1000, 4), (0, 4), (1, 4)])
def test_currents_stay_in_the_register(decay: int, most: int) -> None:
    """`most`: how many steps of the largest current are in it at once, of 4 steps."""
    for largest, fits in ((131071 // most, True), (131071 // most + 1, False)):
        full, rest = divmod(largest, 127)
        weight = np.full((1, full + 1), 127, np.int8)
        weight[0, 0] = rest
        net = give(events((full + 1,)).linear("fc", 1), weight=weight)
        found = refused(net.lif("lif", current_decay=decay))
        assert (found == {}) is fits, found


def test_a_readout_stays_in_the_register() -> None:
    net = events((1100,))
    net.linear("fc", 1)
    graph = finished(give(net, weight=np.full((1, 1100), 127, np.int8)))
    assert list(complaints(graph)) == [
        ("fc", "a current of up to 139700, the register wraps around above 131071")
    ]


@pytest.mark.parametrize(
    ("op", "shape", "kernel", "text"),
    [
        (Conv((128, 1), (0, 0), (1, 1)), (1, 2, 4), (1, 1), "a stride of 128"),
        (Conv((1, 1), (64, 0), (1, 1)), (1, 2, 4), (1, 1), "a padding on both sides of 128"),
        (Conv((1,), (0,), (43,)), (1, 150), (4,), "a dilated kernel of 130"),
        (Conv((1, 1), (0, 0), (1, 1)), (1, 130, 2), (128, 1), "a dilated kernel of 128"),
    ],
)
def test_what_a_byte_does_not_hold(
    op: Conv, shape: tuple[int, ...], kernel: tuple[int, ...], text: str
) -> None:
    net = events(shape)
    net.at = net.builder.add("conv", op, net.at, weight=np.ones((1, 1, *kernel), np.int8))
    [found] = refused(net.lif("lif"))["conv"]
    assert found.startswith(text)


def test_layers_that_do_not_come_in_pairs() -> None:
    net = events().conv("conv1", 4).conv("conv2", 4).lif("lif1").lif("lif2")
    found = refused(net)
    assert found == {
        "conv1": ["no neurons follow it, and netx has no layer without"],
        "lif2": ["no weights before it, and netx has no layer without"],
    }


@pytest.mark.parametrize("op", [SumPool, MaxPool])
def test_pools(op: type[SumPool | MaxPool]) -> None:
    found = refused(events().conv("conv", 4).lif("lif").pool("pool", op, 2, 1, 0))
    assert found == {"pool": [CANNOT[op]]}


def test_neurons_of_another_branch_are_not_taken_for_its_own() -> None:
    net = events().conv("conv1", 4).lif("lif1").conv("conv2", 6)
    found = refused(net.lif("lif2", source="conv1"))
    assert found["conv2"] == ["no neurons follow it, and netx has no layer without"]
    assert found["lif2"] == ["reads 'conv1', not the layer before it"]


def complaints_about(name: str) -> list[tuple[str, str]]:
    graph = INTEGER[name]()
    assert isinstance(graph, QuantGraph)
    return list(complaints(graph))


def test_outputs() -> None:
    assert ("stem_lif", "an output that is not the last layer") in complaints_about("two_outputs")


def test_a_network_that_ends_in_between() -> None:
    graph = finished(events().conv("conv", 4).lif("lif").flatten("flat"))
    assert list(complaints(graph)) == [
        ("flat", "the last layer is Flatten, neither weights nor neurons")
    ]


def test_a_residual_network_is_refused_with_all_its_reasons() -> None:
    found = complaints_about("ms_identity")
    assert ("stream", CANNOT[type(INTEGER["ms_identity"]()["stream"].op)]) in found
    assert {name for name, _ in found} >= {"stream", "stream2", "conv2", "conv3", "stem"}


def test_one_error_tells_all() -> None:
    net = events().conv("conv", 4, shift=[3]).lif("lif", reset="soft").flatten()
    graph = finished(net.linear("fc", 2).lif("last", reset="soft"))
    with pytest.raises(UnsupportedError) as caught:
        NetConverter().lower(graph)
    text = str(caught.value)
    assert caught.value.exit_code == 3
    assert text.startswith("network: the net converter cannot express 3 of its layers; conv: ")
    assert "; lif, last: reset is soft" in text
    assert "\n" not in text


def test_many_layers_of_one_fault_are_counted() -> None:
    net = events((4,))
    for number in range(5):
        net.linear(f"fc{number}", 4).lif(f"lif{number}", reset="none")
    with pytest.raises(UnsupportedError, match=r"; lif0, lif1, lif2 and 2 more: reset is none"):
        check(finished(net))


@pytest.mark.parametrize("name", INTEGER)
def test_no_network_is_too_strange_to_be_judged(name: str) -> None:
    graph: Graph = INTEGER[name]()
    assert isinstance(graph, QuantGraph)
    for layer, text in complaints(graph):
        assert layer in graph
        assert text
