"""The shape of a target: what a chip or a runtime has; `targets/` says how much."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

Evidence = Literal["published", "measured", "derived", "fitted", "assumed"]
"""What a number rests on: a primary source, a measurement, arithmetic on such numbers, a formula
that reproduces somebody's recorded output, or nobody."""

SynapseStore = Literal["kernels", "lists"]
"""How a core keeps the weights of a convolution: once, as it is written, or once for each set of
outputs that an input position can reach. `snn_deploy/placement/storage.py` has both in words."""

_UNITS = {
    "_bits": "bit",
    "_words": "word",
    "_bytes": "byte",
    "_flits": "flit",
    "_j": "J",
    "_s": "s",
    "_w": "W",
}
_UNITS_OF = {"max_delay": "step", "chip_hops": "hop"}


@dataclass(frozen=True, slots=True)
class Fact:
    """A number of a chip and what it rests on.

    Attributes:
        value: the number, or the pairs of `Latencies.barrier_s`.
        source: a key of the bibliography in `targets/README.md`.
        kind: how good it is.
        unit: "J", "s", "W", "bit", "byte", "word", "flit", "step" or "hop"; "" for a count.
        note: what a reader of the number should know.
    """

    value: int | float | tuple[tuple[int, float], ...]
    source: str
    kind: Evidence
    unit: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of everything there is. None: the chip has no such table, or no such limit.

    Attributes:
        chips: of the largest system that was built.
        cores: of a chip that a compiler may use.
        mesh_rows, mesh_columns: routers of a chip.
        router_cores: cores at one router.
        chip_hops: how many hops within a chip one hop between chips is worth.

        neurons: of a core, as published.
        allocated_neurons: the most that the vendor's own partitioner gives a core.
        neuron_groups: sets of neurons of a core with a program of their own.
        core_words: memory of a core for neurons, synapses, axon map and axon memory together; a
            neuron takes one word.
        synapse_words, axon_map_words, axon_memory_words: of a core, each.
        input_axons, output_axons: of a core.
        delay_slots: sums of currents that a core can hold for later steps.
        neuron_formats, thresholds, synapse_formats: entries of a core's tables.

        word_bits: of a word of memory.
        index_bits: beside the weight of each synapse of a list (`kernels`), or the narrowest
            index of a list (`lists`).
        list_bits: of the head of a list of synapses.
        list_synapses: the longest part of a list that shares a head.
        population_axon_slots: output axons that an axon of a shared kernel takes.

        message_bits: of a spike's payload; 1 is no payload.
        max_delay: of a synapse.
        delay_bits: of a synapse that has a delay.
        state_bits: of current and potential; the end is never reached.
        state_bytes: of a neuron, the two and all else.
        threshold_bits, bias_bits, decay_bits: of their fields, the bias's sign included.
        bias_exponent, weight_exponent: largest power of two that multiplies.
        weight_bits: of a stored weight, sign included.
    """

    chips: int
    cores: int
    mesh_rows: int
    mesh_columns: int
    router_cores: int
    chip_hops: int

    neurons: int
    allocated_neurons: int | None = None
    neuron_groups: int | None = None
    core_words: int | None = None
    synapse_words: int
    axon_map_words: int | None = None
    axon_memory_words: int | None = None
    input_axons: int
    output_axons: int | None = None
    delay_slots: int
    neuron_formats: int | None = None
    thresholds: int | None = None
    synapse_formats: int | None = None

    word_bits: int
    index_bits: int
    list_bits: int
    list_synapses: int | None = None
    population_axon_slots: int | None = None

    message_bits: int
    max_delay: int
    delay_bits: int
    state_bits: int
    state_bytes: int
    threshold_bits: int
    bias_bits: int
    decay_bits: int
    bias_exponent: int
    weight_exponent: int
    weight_bits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Energies:
    """What is charged for each event, and for time.

    Attributes:
        neuron_access_j: every neuron that a core holds, every step.
        neuron_update_j: on top, a neuron with input, a bias, or a state that is not zero.
        send_j: on top, a neuron that fires or sends a value.

        axon_out_j: each message, at its source.
        axon_in_j: each message, at its destination.
        conv_event_j, dense_event_j, sparse_event_j: each synaptic event, of a shared kernel, of
            all-to-all connections, of single ones.

        hop_x_j, hop_y_j: each flit, over each link along a row, along a column.
        chip_hop_j: each flit, over each link between chips.
        barrier_j: each core in use, every step.

        static_w: each chip in use, all the time.
        host_w: the embedded processors that serve a run, while an inference lasts.
    """

    neuron_access_j: float
    neuron_update_j: float
    send_j: float

    axon_out_j: float
    axon_in_j: float
    conv_event_j: float
    dense_event_j: float
    sparse_event_j: float

    hop_x_j: float
    hop_y_j: float
    chip_hop_j: float
    barrier_j: float

    static_w: float
    host_w: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Latencies:
    """How long each event keeps its core, and what ends a step.

    Attributes:
        neuron_access_s, neuron_update_s, send_s: as in `Energies`, one neuron after the other.
        axon_out_s, axon_in_s: as in `Energies`, one message after the other.
        conv_event_s, dense_event_s, sparse_event_s: as in `Energies`, one event after the other.
        host_message_s: the host's interface puts out one message in so long.
        barrier_s: routers in use and what a step's barrier then takes, routers ascending.
    """

    neuron_access_s: float
    neuron_update_s: float
    send_s: float

    axon_out_s: float
    axon_in_s: float
    conv_event_s: float
    dense_event_s: float
    sparse_event_s: float

    host_message_s: float
    barrier_s: tuple[tuple[int, float], ...]

    def barrier(self, routers: int) -> float:
        """Return what the barrier takes with so many routers in use.

        It is a staircase, as SANA-FE 2.2.9 reads its table: the last entry of no more routers
        counts, and the first one below that.
        """
        reached = [seconds for least, seconds in self.barrier_s if least <= routers]
        return reached[-1] if reached else self.barrier_s[0][1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interconnect:
    """What the network between cores does with a message.

    Attributes:
        hop_x_s, hop_y_s: the head of a message, over a link along a row, along a column.
        chip_hop_s: the same over a link between chips.
        flit_s: a link passes one flit in so long.
        buffer_flits: of the input buffer of each link.
        receive_messages: what a core's input queue holds before it blocks the network.
        spike_flits: of a message that is only a spike.
        graded_flits: of a message with a value.
    """

    hop_x_s: float
    hop_y_s: float
    chip_hop_s: float
    flit_s: float

    buffer_flits: int
    receive_messages: int
    spike_flits: int
    graded_flits: int


def unit_of(name: str) -> str:
    """Return the unit of a number by its name; "" for a count."""
    ends = (unit for end, unit in _UNITS.items() if name.endswith(end))
    return _UNITS_OF.get(name) or next(ends, "")


@dataclass(frozen=True, slots=True)
class Chip:
    """A chip as placement and simulation know it.

    Attributes:
        limits: how much of everything there is.
        energy: what things cost.
        latency: how long they take in a core.
        network: how long they take between cores.
        synapse_store: how it keeps shared weights.
        facts: what each number of these four rests on, by its name.
    """

    limits: Limits
    energy: Energies
    latency: Latencies
    network: Interconnect
    synapse_store: SynapseStore
    facts: Mapping[str, Fact] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        """Freeze the facts."""
        object.__setattr__(self, "facts", MappingProxyType(dict(self.facts)))


@dataclass(frozen=True, slots=True)
class Target:
    """Something that a network is exported for.

    Attributes:
        name: on the command line, and of its file.
        kind: a "runtime" executes a step at once; a "chip" has cores and passes spikes on.
        title: for people.
        converter: which converter writes for it, unless `--to` says otherwise.
        weight_bits: the widest weight it takes.
        chip: of a chip.
        sha256: of its file, so that a report says which constants it was made with.
    """

    name: str
    kind: Literal["runtime", "chip"]
    title: str
    converter: str
    weight_bits: int
    chip: Chip | None = None
    sha256: str = ""
