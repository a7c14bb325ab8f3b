"""The verdict on one spike per neuron."""

import pytest

from snn_deploy.report import describe, judge
from snn_deploy.report.published import ratio_verdict

from .activities import firing


@pytest.mark.parametrize(
    ("spikes", "verdict"),
    [
        (59, "fewer than one"),
        (60, "about one spike per neuron"),
        (100, "about one spike per neuron"),
        (130, "about one spike per neuron"),
        (131, "more than one"),
    ],
)
def test_ends_of_the_band_are_inside(spikes: int, verdict: str) -> None:
    assert judge(firing(("lif", "dense", 100, [spikes]))).verdict == verdict


def test_spread_over_samples() -> None:
    activity = firing(("a", "4x4", 10, [5, 15]), ("b", "2x2", 30, [30, 30]))
    claim = judge(activity)
    assert claim.measured.mean == 1
    assert (claim.measured.smallest, claim.measured.largest) == (35 / 40, 45 / 40)
    assert claim.measured.deviation == pytest.approx(50**0.5 / 40)
    spikes = describe(activity)
    assert [(s.name, s.per_neuron.mean) for s in spikes.stages] == [("4x4", 1.0), ("2x2", 1.0)]
    assert spikes.layers[0].per_neuron.deviation == pytest.approx(50**0.5 / 10)
    assert spikes.layers[0].rate == 20 / (10 * 2 * 4)
    assert spikes.by_sample == (35 / 40, 45 / 40)
    assert sum(spikes.by_step) == pytest.approx(spikes.per_neuron.mean)


def test_where_names_the_busiest_first() -> None:
    layers = [(f"l{i}", "dense", 10, [i]) for i in range(8)]
    assert [layer.name for layer in judge(firing(*layers)).where] == ["l7", "l6", "l5", "l4", "l3"]


@pytest.mark.parametrize(
    ("ratio", "verdict"),
    [
        (3.24, "less than published"),
        (3.26, "as published"),
        (5.34, "as published"),
        (5.36, "more than published"),
    ],
)
def test_energy_ratios_are_compared_with_the_digits_that_are_published(
    ratio: float, verdict: str
) -> None:
    assert ratio_verdict(ratio) == verdict
