"""Numbers that no field holds: one violation each, and none where there is none."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from snn_deploy.mapping import ChipNetwork
from snn_deploy.placement.fields import REMEDIES, field_misfits, remedy
from tests.placement.chips import KERNELS, network

assert KERNELS.chip is not None
WIDE = KERNELS.chip.limits
NAME = "ms_identity relay"


def misfits(chip_network: ChipNetwork, **limits: int) -> list[tuple[str, str, int, int]]:
    return list(field_misfits(chip_network, replace(WIDE, **limits)))


def with_param(key: str, change: Callable[[np.ndarray], np.ndarray]) -> ChipNetwork:
    found = network(NAME)
    params = {**found.graph.params, key: change(found.graph.params[key])}
    return replace(found, graph=replace(found.graph, params=params))


def with_op(node: str, **options: int) -> ChipNetwork:
    found = network(NAME)
    nodes = tuple(
        replace(n, op=replace(n.op, **options)) if n.name == node else n for n in found.graph.nodes
    )
    return replace(found, graph=replace(found.graph, nodes=nodes))


def test_all_fits() -> None:
    assert misfits(network(NAME)) == []


def test_graded_messages_on_a_chip_of_spikes() -> None:
    told = misfits(network(NAME), message_bits=1)
    assert told == [
        ("input", "bits of a message", 8, 1),
        ("stem.relay", "bits of a message", 24, 1),
        ("stream.relay", "bits of a message", 24, 1),
        ("pool.relay", "bits of a message", 24, 1),
    ]


def test_what_the_host_computes_is_no_message() -> None:
    assert misfits(network("ms_identity binary"), message_bits=1) == []


def test_a_long_delay() -> None:
    found = network(NAME)
    synapses = tuple(replace(s, delay=63) if s.name == "conv1" else s for s in found.synapses)
    told = list(field_misfits(replace(found, synapses=synapses), WIDE))
    assert told == [("conv1", "steps of delay", 63, 62)]


def test_a_wide_weight() -> None:
    """8 bits are needed: -127 to 127."""
    told = misfits(network(NAME), weight_bits=7)
    assert {(what, needed, limit) for _, what, needed, limit in told} == {
        ("bits of a weight", 8, 7)
    }
    assert {"conv1", "conv2", "conv3", "head"} <= {where for where, *_ in told}


def test_a_large_exponent() -> None:
    assert misfits(network(NAME), weight_exponent=4) == [
        ("conv3", "powers of two of a weight", 5, 4)
    ]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"voltage_decay": 4096}, [("lif2", "bits of a decay", 13, 12)]),
        ({"current_decay": 0}, [("lif2", "bits of a decay", 13, 12)]),
        ({"voltage_decay": 4095, "current_decay": 4096}, []),
        ({"voltage_decay": 0, "current_decay": 1}, []),
    ],
)
def test_decays(options: dict[str, int], told: list[tuple[str, str, int, int]]) -> None:
    assert list(field_misfits(with_op("lif2", **options), replace(WIDE, decay_bits=12))) == told


@pytest.mark.parametrize(
    ("threshold", "told"),
    [
        (0, []),
        (64 * (2**17 - 1), []),
        (64 * 2**17, [("lif2", "bits of a threshold", 18, 17)]),
        (-64, [("lif2", "bits of a threshold", 18, 17)]),
        (64 * 5 + 1, [("lif2", "bits of a threshold below its unit", 6, 0)]),
    ],
)
def test_thresholds(threshold: int, told: list[tuple[str, str, int, int]]) -> None:
    found = with_param("lif2.threshold", lambda t: np.full_like(t, threshold))
    limits = replace(WIDE, threshold_bits=17)
    assert [m for m in field_misfits(found, limits) if m[0] == "lif2"] == told


@pytest.mark.parametrize(("bias", "whole"), [(0, True), (5, True), (None, False)])
def test_a_threshold_below_its_unit_matters_only_to_potentials_below_it(
    bias: int | None, whole: bool
) -> None:
    """What is kept whole or not at all is a multiple of 64, as currents and their biases are."""
    found = with_param("lif2.threshold", lambda t: t + 1)
    if bias is not None:
        kept = tuple(
            replace(n, op=replace(n.op, voltage_decay=0)) if n.name == "lif2" else n
            for n in found.graph.nodes
        )
        biases = {"lif2": np.full(8, bias, np.int32)}
        found = replace(found, graph=replace(found.graph, nodes=kept), biases=biases)
    assert ([m for m in misfits(found) if m[0] == "lif2"] == []) == whole


@pytest.mark.parametrize(
    ("bias", "bits"),
    [
        (4095, None),
        (-4095, None),
        (4096, None),
        (4097, 14),
        (8190, None),
        (8192, 14),
        (1 << 14, 15),
    ],
)
def test_biases(bias: int, bits: int | None) -> None:
    """In units of the current: times 2^6, of 2^7 that the exponent can say."""
    found = network(NAME)
    biases = {"lif2": np.full(8, bias, np.int32)}
    told = list(field_misfits(replace(found, biases=biases), replace(WIDE, bias_bits=13)))
    expected = [] if bits is None else [("lif2", "bits of a bias", bits, 13)]
    assert [m for m in told if m[0] == "lif2"] == expected


def test_state() -> None:
    told = misfits(network(NAME), state_bytes=2)
    assert ("lif1", "bytes of state", 3, 2) in told


def test_remedies_are_told_once() -> None:
    several = [("a", "bits of a bias", 14, 13), ("b", "bits of a bias", 14, 13), ("c", "x", 2, 1)]
    assert (
        remedy(several) == f"{REMEDIES['bits of a bias']}, let neurons hear and reach fewer others"
    )
