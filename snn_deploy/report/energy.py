"""Energy of one inference from counts, by the arithmetic that papers use: operations times joules.

Only arithmetic, in 32-bit floating point on 45 nm: no memory, no wires, no clock, no leakage.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from snn_deploy.simulation import Activity, SynapseActivity

MAC_J = 4.6e-12
"""One multiplication and addition, fp32, 45 nm: 3.7 + 0.9 pJ. Horowitz, ISSCC 2014."""

ACCUMULATE_J = 0.9e-12
"""One addition, fp32, 45 nm. Horowitz, ISSCC 2014."""


ANALOG = "analog first layers"
"""Name of a share that others look for."""


@dataclass(frozen=True, slots=True)
class Share:
    """A part of an estimate: so many operations of one kind in one inference."""

    name: str
    operations: float
    operation_j: float

    @property
    def energy_j(self) -> float:
        """Operations times the price of one."""
        return self.operations * self.operation_j


@dataclass(frozen=True, slots=True)
class Estimate:
    """Energy of one inference beside that of the ANN with the same layers.

    Attributes:
        shares: what the spiking network's energy consists of.
        ann_j: of the twin.
        assumes: how the figure was made, a sentence each.
        leaves_out: what it does not contain, a phrase each.
    """

    shares: tuple[Share, ...]
    ann_j: float
    assumes: tuple[str, ...]
    leaves_out: tuple[str, ...]

    @property
    def snn_j(self) -> float:
        """Energy of the spiking network."""
        return sum(share.energy_j for share in self.shares)

    @property
    def ratio(self) -> float | None:
        """How many times the twin's energy is the network's own; None where either is nothing."""
        return self.ann_j / self.snn_j if self.snn_j and self.ann_j else None


def paper(activity: Activity) -> Estimate:
    """Estimate as the paper does: the analog first layers as MACs, all others as accumulates.

        E = 4.6 pJ * MACs(analog) + 0.9 pJ * sum over the others of T * rate * MACs

    `rate` is the mean firing rate of what the layer reads; where that is a camera's events, every
    single one counts, and where it is messages of sigma-delta neurons, each is a MAC, because it
    carries a number. A shortcut reads real numbers, for which the formula knows no rate; it gets
    the mean rate of the network's neurons.
    """
    analog, others = _split(activity)
    shares = (
        Share(ANALOG, _analog_macs(activity, analog), MAC_J),
        Share("spiking layers", _operations(activity, _without_messages(others)), ACCUMULATE_J),
        _of_messages(activity, others),
    )
    assumes = (
        "4.6 pJ for a multiply-accumulate, 0.9 pJ for an accumulate: 32-bit floating point, "
        "45 nm (Horowitz 2014).",
        *_on_layers(analog),
        *_on_messages(others),
    )
    leaves_out = (
        "the multiplications of projection shortcuts on the real-valued stream",
        "neuron updates and residual additions",
        *_NEVER_COUNTED,
    )
    return Estimate(_present(shares), _twin_j(activity), assumes, leaves_out)


def _on_layers(analog: list[SynapseActivity]) -> tuple[str, ...]:
    """Return what the paper's account assumes of layers; it was made for images."""
    if analog:
        return (
            "Every layer after the analog first ones costs T x mean firing rate x MACs "
            "accumulates, projection shortcuts too, although they read real numbers.",
            "The ANN twin does all MACs of one pass.",
        )
    return (
        "Every layer costs T x mean firing rate x MACs accumulates; the first one reads the "
        "input's own spikes, one accumulate for each event and connection.",
        "The ANN twin does all MACs of one pass over one frame, though the input has T steps.",
    )


def _on_messages(layers: list[SynapseActivity]) -> tuple[str, ...]:
    if not any(layer.reads == "message" for layer in layers):
        return ()
    return (
        "A message of a sigma-delta neuron is a multiply-accumulate for each connection, not an "
        "accumulate: it carries a number.",
    )


def charged(activity: Activity) -> Estimate:
    """Estimate as `paper`, with what it hides charged by the same two prices.

    Convolutions of the real-valued stream and layers that read pooled spikes are MACs at every
    step; each neuron update and each residual addition is an accumulate.
    """
    analog, others = _split(activity)
    shortcuts = [layer for layer in others if layer.reads == "stream"]
    graded = [layer for layer in others if _reads_pooled(layer)]
    spikes = [s for s in others if s.reads != "stream" and not _reads_pooled(s)]
    steps = activity.steps
    shares = (
        Share(ANALOG, _analog_macs(activity, analog), MAC_J),
        Share("spiking layers", _operations(activity, _without_messages(spikes)), ACCUMULATE_J),
        _of_messages(activity, others),
        Share("shortcuts on the real-valued stream", steps * _macs(shortcuts), MAC_J),
        Share("layers that read pooled spikes", steps * _macs(graded), MAC_J),
        Share("neuron updates", float(steps * activity.neuron_count), ACCUMULATE_J),
        Share("residual additions", float(steps * activity.additions), ACCUMULATE_J),
    )
    assumes = (
        "The paper's two prices: 4.6 pJ for a multiply-accumulate, 0.9 pJ for an accumulate "
        "(Horowitz 2014).",
        "Convolutions of the real-valued stream and layers that read pooled spikes are "
        "multiply-accumulates at every step.",
        "A neuron update and a residual addition are one accumulate each, whether anything "
        "arrived or not.",
        *_on_messages(others),
    )
    return Estimate(_present(shares), _twin_j(activity), assumes, _NEVER_COUNTED)


_NEVER_COUNTED = (
    "reading weights and reading and writing potentials, which in published memory-aware models "
    "cost several times the arithmetic",
    "moving spikes, addressing, control and leakage",
    "the gain of 8-bit integers over 32-bit floating point, for either network",
)


def _split(activity: Activity) -> tuple[list[SynapseActivity], list[SynapseActivity]]:
    analog = [layer for layer in activity.synapses if layer.reads == "analog"]
    others = [layer for layer in activity.synapses if layer.reads != "analog"]
    return analog, others


def _reads_pooled(layer: SynapseActivity) -> bool:
    """Say whether a layer reads pooled spikes; a camera's events come one by one."""
    return layer.reads == "graded" and bool(layer.sources)


def _without_messages(layers: Iterable[SynapseActivity]) -> list[SynapseActivity]:
    return [layer for layer in layers if layer.reads != "message"]


def _of_messages(activity: Activity, layers: Iterable[SynapseActivity]) -> Share:
    reading = [layer for layer in layers if layer.reads == "message"]
    return Share("layers that read messages", _operations(activity, reading), MAC_J)


def _present(shares: Iterable[Share]) -> tuple[Share, ...]:
    return tuple(share for share in shares if share.operations)


def _macs(layers: Iterable[SynapseActivity]) -> float:
    return float(sum(layer.macs for layer in layers))


def _analog_macs(activity: Activity, layers: Iterable[SynapseActivity]) -> float:
    """Once a sample for an image, at every step for a sequence."""
    return float(sum(layer.macs * (1 if layer.once else activity.steps) for layer in layers))


def _twin_j(activity: Activity) -> float:
    return _macs(activity.synapses) * MAC_J


def _operations(activity: Activity, layers: Iterable[SynapseActivity]) -> float:
    rates = _neuron_rates(activity)
    mean = _ratio(activity.spikes, activity.neuron_count * activity.steps * activity.samples)
    total = 0.0
    for layer in layers:
        if layer.reads == "stream":
            rate = mean
        elif layer.reads == "graded" and layer.sources:
            rate = sum(rates[source] for source in layer.sources)
        else:
            presented = layer.inputs * activity.samples * (1 if layer.once else activity.steps)
            rate = _ratio(layer.active + layer.repeats, presented)
        total += activity.steps * rate * layer.macs
    return total


def _neuron_rates(activity: Activity) -> dict[str, float]:
    shown = activity.steps * activity.samples
    return {layer.name: _ratio(layer.spikes, layer.neurons * shown) for layer in activity.neurons}


def _ratio(count: int, of: int) -> float:
    return count / of if of else 0.0
