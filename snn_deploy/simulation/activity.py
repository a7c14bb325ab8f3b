"""What a network did on a set of samples: integers only, no joules and no seconds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

Reads = Literal["analog", "spike", "graded", "message", "stream"]
"""What a weight layer multiplies.

analog: real numbers on their way to the first neurons (an image, or a stem's output).
spike: 0 or 1, of neurons or of a spiking input.
graded: spikes that were pooled or added to one another, or events counted in a step: small counts.
message: signed numbers that sigma-delta neurons send, and send only now and then.
stream: real-valued currents that neurons have shaped already, or that go straight into such a
stream: the projection shortcuts of an MS-ResNet.
"""


@dataclass(frozen=True, slots=True)
class Spread:
    """A count taken in every sample, as its exact moments."""

    samples: int
    total: int
    squares: int
    smallest: int
    largest: int

    @classmethod
    def of(cls, counts: Sequence[int]) -> Self:
        """Return the spread of one count a sample; of no samples all is 0."""
        squares = sum(count * count for count in counts)
        return cls(
            len(counts), sum(counts), squares, min(counts, default=0), max(counts, default=0)
        )

    @property
    def mean(self) -> float:
        """Of the samples; 0 where there are none."""
        return self.total / self.samples if self.samples else 0.0

    @property
    def deviation(self) -> float:
        """Standard deviation of the samples (divided by n - 1); 0 below two samples."""
        if self.samples < 2:
            return 0.0
        scatter = self.samples * self.squares - self.total * self.total
        return math.sqrt(scatter / (self.samples * (self.samples - 1)))


@dataclass(frozen=True, slots=True)
class NeuronActivity:
    """One layer of neurons. A spike of sigma-delta neurons is a message that is not zero.

    Attributes:
        name: of its node.
        stage: the stage it belongs to, see `StageActivity`.
        shape: [C, *L] or [N].
        spikes_by_step: [T], over all samples.
        per_sample: spikes of all steps.
    """

    name: str
    stage: str
    shape: tuple[int, ...]
    spikes_by_step: tuple[int, ...]
    per_sample: Spread

    @property
    def neurons(self) -> int:
        """How many."""
        return math.prod(self.shape)

    @property
    def spikes(self) -> int:
        """Over all samples and steps."""
        return sum(self.spikes_by_step)


@dataclass(frozen=True, slots=True)
class StageActivity:
    """All neuron layers of one resolution, e.g. `32x32`; `dense` for layers without space."""

    name: str
    layers: int
    neurons: int
    per_sample: Spread

    @property
    def spikes(self) -> int:
        """Over all samples and steps."""
        return self.per_sample.total


@dataclass(frozen=True, slots=True)
class SynapseActivity:
    """One convolution or linear layer.

    An event is one accumulation that a non-zero input causes: it goes to as many outputs as it
    has connections, which are fewer at the borders.

    Attributes:
        name: of its node.
        reads: what its inputs are.
        sources: neuron layers whose spikes or messages its inputs are, pooled or added up where
            `reads` is graded; empty for analog, stream, and a network input of spikes or counts.
        once: it reads the same at every step and runs once a sample.
        inputs: numbers it reads at a step.
        macs: multiplications at a step by the usual formula, outputs * fan-in, which counts
            padding.
        connections: pairs of input and output, without padding; the most events a step can have.
        active_by_step: [T], non-zero inputs over all samples; all in step 0 where `once`.
        events_by_step: [T], caused by these.
        effective_events: events over weights that are not zero.
        multi_valued_events: events of inputs other than -1, 0, 1.
        repeats: what counts in the network's own input add to `active`, over all samples and steps:
            a pixel that counted k events is active once and repeats k - 1 times.
    """

    name: str
    reads: Reads
    sources: tuple[str, ...]
    once: bool
    inputs: int
    macs: int
    connections: int
    active_by_step: tuple[int, ...]
    events_by_step: tuple[int, ...]
    effective_events: int
    multi_valued_events: int
    repeats: int = 0

    @property
    def active(self) -> int:
        """Non-zero inputs over all samples and steps."""
        return sum(self.active_by_step)

    @property
    def events(self) -> int:
        """Over all samples and steps."""
        return sum(self.events_by_step)


@dataclass(frozen=True, slots=True)
class Activity:
    """What a network did on a set of samples.

    Attributes:
        samples: how many.
        steps: T of each.
        neurons: layer by layer, in graph order.
        stages: in order of appearance.
        synapses: layer by layer, in graph order.
        additions: of residual streams, at a step of a sample; those of constants are not counted.
        spikes_by_sample: [samples], of the whole network.
    """

    samples: int
    steps: int
    neurons: tuple[NeuronActivity, ...]
    stages: tuple[StageActivity, ...]
    synapses: tuple[SynapseActivity, ...]
    additions: int
    spikes_by_sample: tuple[int, ...]

    @property
    def neuron_count(self) -> int:
        """Neurons of all layers; each is updated once a step."""
        return sum(layer.neurons for layer in self.neurons)

    @property
    def spikes(self) -> int:
        """Over all layers, samples and steps."""
        return sum(layer.spikes for layer in self.neurons)

    @property
    def spikes_by_step(self) -> tuple[int, ...]:
        """[T], over all layers and samples."""
        columns = zip(*(layer.spikes_by_step for layer in self.neurons), strict=True)
        return tuple(sum(column) for column in columns)

    @property
    def per_sample(self) -> Spread:
        """Spikes of the whole network."""
        return Spread.of(self.spikes_by_sample)
