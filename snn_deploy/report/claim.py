"""One spike per neuron: the paper's claim against what was measured."""

from dataclasses import dataclass
from typing import Literal

from snn_deploy.simulation import Activity, NeuronActivity, Spread, StageActivity

Verdict = Literal["about one spike per neuron", "fewer than one", "more than one"]

ABOUT = 1.0
LOW, HIGH = 0.6, 1.3
"""What counts as about one, ends included: the figures published for MS-ResNet 18, 34 and 104 with
5 to 6 steps, back-solved from their energy ratios, lie between 0.63 and 1.30 (Yao et al., MA-SNN,
table 2)."""

WHERE = 5
"""So many layers are named."""


@dataclass(frozen=True, slots=True)
class PerNeuron:
    """Spikes per neuron and inference, i.e. T times the mean rate: mean and spread over samples."""

    mean: float
    deviation: float
    smallest: float
    largest: float


@dataclass(frozen=True, slots=True)
class SpikingPart:
    """A stage or a layer of the network."""

    name: str
    neurons: int
    spikes: int
    rate: float
    per_neuron: PerNeuron
    stage: str = ""


@dataclass(frozen=True, slots=True)
class SpikesSection:
    """What the network fired.

    Attributes:
        total: spikes of all samples.
        samples: how many.
        steps: T.
        neurons: of the network.
        per_neuron: per inference.
        stages: in order; all neurons of one resolution.
        layers: in order; `rate` is spikes per neuron and step.
        by_step: [T] spikes per neuron, mean over the samples.
        by_sample: [samples] spikes per neuron.
    """

    total: int
    samples: int
    steps: int
    neurons: int
    per_neuron: PerNeuron
    stages: tuple[SpikingPart, ...]
    layers: tuple[SpikingPart, ...]
    by_step: tuple[float, ...]
    by_sample: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """The verdict, and the layers that spike most."""

    measured: PerNeuron
    verdict: Verdict
    where: tuple[SpikingPart, ...]
    low: float = LOW
    high: float = HIGH


def describe(activity: Activity) -> SpikesSection:
    """Return spikes per neuron of the network, its stages and layers."""
    neurons = activity.neuron_count
    shown = neurons * activity.samples
    return SpikesSection(
        total=activity.spikes,
        samples=activity.samples,
        steps=activity.steps,
        neurons=neurons,
        per_neuron=_per_neuron(activity.per_sample, neurons),
        stages=tuple(_part(stage, activity.steps) for stage in activity.stages),
        layers=tuple(_part(layer, activity.steps) for layer in activity.neurons),
        by_step=tuple(_share(count, shown) for count in activity.spikes_by_step),
        by_sample=tuple(_share(count, neurons) for count in activity.spikes_by_sample),
    )


def judge(activity: Activity) -> Claim:
    """Compare with the paper's one spike per neuron."""
    spikes = describe(activity)
    busiest = sorted(spikes.layers, key=lambda layer: -layer.per_neuron.mean)[:WHERE]
    return Claim(spikes.per_neuron, verdict_of(spikes.per_neuron.mean), tuple(busiest))


def verdict_of(per_neuron: float) -> Verdict:
    """Say on which side of the band a figure lies; its ends are inside."""
    if per_neuron < LOW:
        return "fewer than one"
    return "more than one" if per_neuron > HIGH else "about one spike per neuron"


def _part(part: NeuronActivity | StageActivity, steps: int) -> SpikingPart:
    shown = part.neurons * part.per_sample.samples * steps
    stage = part.stage if isinstance(part, NeuronActivity) else part.name
    per_neuron = _per_neuron(part.per_sample, part.neurons)
    rate = _share(part.spikes, shown)
    return SpikingPart(part.name, part.neurons, part.spikes, rate, per_neuron, stage)


def _per_neuron(spread: Spread, neurons: int) -> PerNeuron:
    return PerNeuron(
        _share(spread.mean, neurons),
        _share(spread.deviation, neurons),
        _share(spread.smallest, neurons),
        _share(spread.largest, neurons),
    )


def _share(count: float, of: int) -> float:
    return count / of if of else 0.0
