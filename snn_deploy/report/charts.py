"""Bar charts as geometry in percent of the plot, so that a page can stretch them to any width."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .claim import HIGH, LOW, SpikesSection, SpikingPart
from .wording import count

CROWDED = 60
"""Above so many bars they touch each other and lose their error bars."""

BINS = 24


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar that stands on the axis. x, width, height: percent of the plot; whisker: (from, to)."""

    x: float
    width: float
    height: float
    title: str
    over: bool = False
    whisker: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled height, or a labelled stretch of the horizontal axis."""

    at: float
    label: str
    note: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars, heights with labels, and stretches: `columns` are widths in percent that sum to 100."""

    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    columns: tuple[Tick, ...] = ()
    one: float | None = None
    band: tuple[float, float] | None = None


def by_layer(spikes: SpikesSection) -> Chart:
    """Spikes per neuron of every layer, grouped by stage, with the paper's line at one."""
    place = {stage.name: i for i, stage in enumerate(spikes.stages)}
    layers = sorted(spikes.layers, key=lambda layer: place[layer.stage])
    crowded = len(layers) > CROWDED
    reach = [f.mean if crowded else f.mean + f.deviation for f in (x.per_neuron for x in layers)]
    top = _round_up(max([HIGH, *reach]))
    slot = 100 / max(1, len(layers))
    bars = tuple(_layer_bar(layer, i * slot, slot, top, crowded) for i, layer in enumerate(layers))
    columns = []
    for stage in spikes.stages:
        members = sum(layer.stage == stage.name for layer in layers)
        mean = f"{stage.per_neuron.mean:.2f}"
        title = (
            f"{stage.name}: {members} layers, {count(stage.neurons)} neurons, {mean} spikes each"
        )
        columns.append(Tick(_percent(members, len(layers)), times(stage.name), mean, title))
    band = (_percent(LOW, top), _percent(HIGH, top))
    return Chart(bars, _ticks(top), tuple(columns), _percent(1, top), band)


def _layer_bar(layer: SpikingPart, x: float, slot: float, top: float, crowded: bool) -> Bar:
    figure = layer.per_neuron
    title = (
        f"{layer.name}: {figure.mean:.3f} spikes per neuron, standard deviation "
        f"{figure.deviation:.3f} over the samples; {count(layer.neurons)} neurons"
    )
    gap = 0.0 if crowded else 0.16
    low, high = max(0.0, figure.mean - figure.deviation), figure.mean + figure.deviation
    whisker = None if crowded else (_percent(low, top), _percent(high, top))
    return Bar(
        round(x + gap * slot, 3),
        round(slot * (1 - 2 * gap), 3),
        _percent(figure.mean, top),
        title,
        figure.mean > HIGH,
        whisker,
    )


def by_step(spikes: SpikesSection) -> Chart:
    """Spikes per neuron at every step; the bars add up to the spikes of an inference."""
    values = spikes.by_step
    titles = [f"step {t + 1} of {len(values)}: {v:.3f} per neuron" for t, v in enumerate(values)]
    few = len(values) <= 10
    columns = [Tick(100 / len(values), str(t + 1), f"{v:.2f}") for t, v in enumerate(values) if few]
    if not few:
        columns = [Tick(50, "step 1"), Tick(50, f"step {len(values)}")]
    return _histogram(values, titles, columns, gap=0.12 if few else 0.04)


def by_chip_step(step_s: Sequence[float]) -> Chart:
    """How long every step of a chip took, in microseconds."""
    values = [1e6 * seconds for seconds in step_s]
    titles = [
        f"step {t + 1} of {len(values)}: {v:.3g} \N{MICRO SIGN}s" for t, v in enumerate(values)
    ]
    columns = [Tick(50, "step 1"), Tick(50, f"step {len(values)}")]
    return _histogram(values, titles, columns, gap=0.04)


def by_sample(spikes: SpikesSection) -> Chart:
    """How many samples made the network fire how much."""
    values = spikes.by_sample
    low, high = min(values), max(values)
    bins = min(BINS, max(1, round(2 * len(values) ** 0.5))) if high > low else 1
    counts = [0] * bins
    width = (high - low) / bins
    for value in values:
        counts[min(bins - 1, int((value - low) / width)) if width else 0] += 1
    titles = [
        f"{n} samples with {low + i * width:.3f} to {low + (i + 1) * width:.3f} spikes per neuron"
        for i, n in enumerate(counts)
    ]
    columns = [Tick(50, f"{low:.2f}", "fewest"), Tick(50, f"{high:.2f}", "most")]
    if bins == 1:
        columns = [Tick(100, f"{low:.2f}")]
    return _histogram(counts, titles, columns, gap=0.04, whole=True)


def _histogram(
    values: Sequence[float],
    titles: Sequence[str],
    columns: Sequence[Tick],
    gap: float,
    whole: bool = False,
) -> Chart:
    top = _round_up(max(values, default=1.0) or 1.0, whole)
    slot = 100 / max(1, len(values))
    bars = tuple(
        Bar(round((i + gap) * slot, 3), round(slot * (1 - 2 * gap), 3), _percent(value, top), title)
        for i, (value, title) in enumerate(zip(values, titles, strict=True))
    )
    return Chart(bars, _ticks(top), tuple(columns))


def _percent(value: float, of: float) -> float:
    return round(100 * value / of, 3) if of else 0.0


def _step(top: float) -> float:
    """Return a round distance, 1, 2 or 5 times a power of ten, that gives three to six ticks."""
    size = 10.0 ** math.floor(math.log10(top))
    return next(size * f for f in (0.1, 0.2, 0.5, 1, 2) if top / (size * f) <= 6)


def _round_up(value: float, whole: bool = False) -> float:
    """Return the end of an axis: a bit above the value."""
    step = _step(value * 1.04)
    if whole:
        step = max(1.0, step)
    return math.ceil(value * 1.04 / step) * step if whole else value * 1.08


def _ticks(top: float) -> tuple[Tick, ...]:
    step = _step(top)
    heights = [i * step for i in range(int(top / step + 1e-9) + 1)]
    return tuple(Tick(_percent(height, top), f"{height:g}") for height in heights)


def times(resolution: str) -> str:
    """Return a resolution with a proper sign: 32x32 -> 32 x 32."""
    parts = resolution.split("x")
    return " \N{MULTIPLICATION SIGN} ".join(parts) if all(map(str.isdigit, parts)) else resolution
