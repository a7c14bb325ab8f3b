"""Chips of both kinds with so little of everything that small networks fill many cores."""

from dataclasses import replace

from snn_deploy import targets
from snn_deploy.hardware import Chip, Target
from snn_deploy.mapping import ChipNetwork
from tests.mapping.chips import BINARY, GRADED, integer, mapped

WIDE = {
    "threshold_bits": 32,
    "bias_bits": 32,
    "decay_bits": 13,
    "weight_bits": 16,
    "weight_exponent": 31,
}
"""Fields that hold whatever the small networks come up with."""

MESH = {"chips": 200, "cores": 6, "mesh_rows": 2, "mesh_columns": 2, "router_cores": 2}


def chip_of(name: str) -> Chip:
    """Return a chip that ships."""
    chip = targets.load(name).chip
    assert chip is not None
    return chip


def changed(name: str, **limits: int) -> Target:
    """Return a target that ships with other limits."""
    target, chip = targets.load(name), chip_of(name)
    return replace(target, chip=replace(chip, limits=replace(chip.limits, **limits)))


KERNELS = changed(
    "loihi2",
    **WIDE,
    **MESH,
    neurons=150,
    allocated_neurons=120,
    neuron_groups=3,
    core_words=1100,
    synapse_words=1000,
    axon_map_words=60,
    axon_memory_words=200,
    input_axons=600,
    delay_slots=1200,
)
LISTS = changed(
    "loihi",
    **WIDE,
    **MESH,
    neurons=130,
    synapse_words=1500,
    input_axons=1100,
    output_axons=700,
    delay_slots=1040,
    neuron_formats=12,
    thresholds=5,
    synapse_formats=6,
)


def network(name: str) -> ChipNetwork:
    """Return a small network, mapped: its name, and `relay`, `unroll` or `binary`."""
    graph, how = name.split()
    if how == "binary":
        return mapped(integer(graph), "unroll", BINARY).network
    assert how in ("relay", "unroll")
    return mapped(integer(graph), "relay" if how == "relay" else "unroll", GRADED).network


NETWORKS = (
    "ms_identity relay",
    "ms_identity unroll",
    "ms_projection relay",
    "sew relay",
    "vanilla relay",
    "conv1d relay",
    "biases relay",
    "strides relay",
    "groups relay",
    "sum_pools relay",
    "flattened_neurons relay",
    "nested_sum unroll",
)
BINARY_NETWORKS = (
    "ms_identity binary",
    "ms_spiking_projection binary",
    "vanilla binary",
    "conv1d binary",
    "biases binary",
    "strides binary",
    "groups binary",
    "spike_pools binary",
    "flattened_neurons binary",
)
CASES = [("loihi2", name) for name in NETWORKS] + [("loihi", name) for name in BINARY_NETWORKS]
"""Every network on the chip that can take it."""


def small(target: str) -> Target:
    """Return the small chip of a kind."""
    return KERNELS if target == "loihi2" else LISTS
