"""The parts of a report that the pipeline fills in from what it knows."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from snn_deploy.placement import Used


@dataclass(frozen=True, slots=True)
class ModelSection:
    """The network.

    Attributes:
        name: what people call it.
        source_sha256: of the file it came from; None where there was none.
        architecture: e.g. "ms_resnet20", or how it was found.
        parameters: numbers learned, as counted in the trained network.
        neurons: of all layers.
        spiking_layers: how many.
        steps: T.
        input_shape: of one sample at one step.
        event_step_us: width of a step of event recordings, None where the input is something else.
        event_limit: the highest count of a pixel, polarity and step, likewise.
    """

    name: str
    source_sha256: str | None
    architecture: str
    parameters: int
    neurons: int
    spiking_layers: int
    steps: int
    input_shape: tuple[int, ...]
    event_step_us: int | None = None
    event_limit: int | None = None


@dataclass(frozen=True, slots=True)
class TargetSection:
    """What was exported for. constants_sha256: of the target's file, None where it has none."""

    name: str
    kind: str
    constants_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class QuantizedLayer:
    """A weight layer in integers.

    Attributes:
        name: of its node.
        scale: real value of one unit of what it gives; the mean, where channels differ.
        shift: the power of two its sums are multiplied by; the largest, where channels differ.
        weight_error: norm of the rounding error over norm of the weights.
    """

    name: str
    scale: float
    shift: int
    weight_error: float


@dataclass(frozen=True, slots=True)
class QuantizationSection:
    """How real numbers became integers. saturated: how often a register was at its limit."""

    weight_bits: int
    saturated: int
    layers: tuple[QuantizedLayer, ...]


@dataclass(frozen=True, slots=True)
class AccuracySection:
    """Right answers as fractions of 1; None where it was not measured."""

    samples: int
    floating: float | None = None
    integer: float | None = None


@dataclass(frozen=True, slots=True)
class CoresSection:
    """A network on cores.

    Attributes:
        used: cores that hold neurons.
        available: of all chips in use.
        chips: in use.
        utilization: by resource.
        mean_hops: links that a message between cores passes on average.
        max_link_load: messages in a step over the busiest link, at the measured rates.
        layers: cores of each population, by its name.
    """

    used: int
    available: int
    chips: int
    utilization: Mapping[str, Used]
    mean_hops: float
    max_link_load: float
    layers: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChipSection:
    """A network as populations that send messages.

    Attributes:
        populations: of neurons, input and readouts included.
        synapses: layers of connections between them.
        strategy: relay or unroll, by stage of a residual network.
        longest_delay: of a synapse, in steps beyond the one of every hop.
        latency: chip steps from the first of a sample's input to the first of its readout.
        cores: where the target has any.
    """

    populations: int
    synapses: int
    strategy: Mapping[str, str]
    longest_delay: int
    latency: int
    cores: CoresSection | None = None
