"""What a reader must not miss, read from the numbers of a report."""

import math
from collections.abc import Iterator, Sequence

from snn_deploy.validation import Agreement

from .claim import Claim, SpikesSection
from .sections import AccuracySection, QuantizationSection
from .simulated import Simulation
from .wording import count, percent

TOLERATED_LOSS = 0.005
"""An accuracy lost in integers above this is warned of: half a point, the goal at 8 bits."""

NAMED = 4
"""So many layers are named in one warning."""


def notices(
    quantization: QuantizationSection | None,
    accuracy: AccuracySection | None,
    spikes: SpikesSection | None,
    claim: Claim | None,
    agreement: Sequence[Agreement],
    simulated: Simulation | None,
) -> tuple[str, ...]:
    """Return the warnings, the gravest first."""
    return (
        *_of_simulation(simulated),
        *_of_agreement(agreement),
        *_of_quantization(quantization),
        *_of_accuracy(accuracy),
        *_of_spikes(spikes, claim),
    )


def _of_simulation(simulated: Simulation | None) -> Iterator[str]:
    if simulated is not None and simulated.partial:
        yield (
            "The simulation was stopped by hand: all figures of the chip are of the first "
            f"{count(simulated.samples)} of {count(simulated.asked)} samples."
        )


def _of_agreement(agreement: Sequence[Agreement]) -> Iterator[str]:
    if not agreement:
        yield "No executor was compared with the reference: equal spikes are not proved."
    for a in agreement:
        if a.mismatches:
            yield (
                f"{a.backend} ({a.form}) gives other values than the reference: "
                f"{count(a.mismatches)} of {count(a.values_compared)}, first in {a.first_mismatch}."
            )
        elif not a.equal:
            yield f"{a.backend} ({a.form}) was compared on no values at all."


def _of_quantization(quantization: QuantizationSection | None) -> Iterator[str]:
    if quantization is not None and quantization.saturated:
        yield (
            f"Integer registers reached their limit {count(quantization.saturated)} times on these "
            "samples: there the network computes something else than was trained."
        )


def _of_accuracy(accuracy: AccuracySection | None) -> Iterator[str]:
    if accuracy is None or not is_loss(accuracy):
        return
    assert accuracy.floating is not None, "is_loss compares two figures"
    assert accuracy.integer is not None, "is_loss compares two figures"
    yield (
        f"Integers cost {100 * (accuracy.floating - accuracy.integer):.2f} points of accuracy: "
        f"{percent(accuracy.floating)} became {percent(accuracy.integer)}."
    )


def is_loss(accuracy: AccuracySection) -> bool:
    """Say whether integers lose more than is tolerated, and more than chance on so few samples."""
    if accuracy.floating is None or accuracy.integer is None or not accuracy.samples:
        return False
    lost = accuracy.floating - accuracy.integer
    # Both figures come from the same samples; two standard errors of one are a cautious bound.
    chance = 2 * math.sqrt(accuracy.integer * (1 - accuracy.integer) / accuracy.samples)
    return lost > max(TOLERATED_LOSS, chance)


def _of_spikes(spikes: SpikesSection | None, claim: Claim | None) -> Iterator[str]:
    if claim is not None and claim.verdict == "more than one":
        busiest = ", ".join(
            f"{layer.name} {layer.per_neuron.mean:.2f}" for layer in claim.where[:3]
        )
        yield (
            f"{claim.measured.mean:.2f} spikes per neuron and inference are more than the paper's "
            f"one; most are in {busiest}."
        )
    if spikes is None:
        return
    silent = [layer.name for layer in spikes.layers if not layer.spikes]
    if silent:
        yield f"No neuron ever fires in {_listed(silent)}."
    constant = [layer.name for layer in spikes.layers if layer.rate == 1]
    if constant:
        yield f"Every neuron fires at every step in {_listed(constant)}."


def _listed(names: Sequence[str]) -> str:
    more = f" and {count(len(names) - NAMED)} more layers" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
