"""What critics ask: figures by hand, and both sides of every threshold."""

from dataclasses import replace

import pytest

from snn_deploy.quantization import QuantGraph
from snn_deploy.report import Check, Estimate, Share, examine, lemaire, paper
from snn_deploy.report.criticism import PER_NEURON, PER_SYNAPSE, RATE, RATE_AT_5
from snn_deploy.report.energy import ANALOG
from snn_deploy.report.memory import Widths, twin_j
from snn_deploy.simulation import Activity, NeuronActivity, Spread, SynapseActivity
from tests.networks import INTEGER

from .integers import PERFECT, dense, evaluated


def spiking(steps: int, spikes: int, neurons: int = 1000, crossed: int = 0) -> Activity:
    """One layer that fires so often; over its synapses, a thousand, so many spikes have come."""
    layer = NeuronActivity("lif", "dense", (neurons,), (spikes, *[0] * (steps - 1)), Spread.of([0]))
    silence = [0] * (steps - 1)
    synapses = SynapseActivity(
        "fc", "spike", (), False, 4, 12, 1000, (1, *silence), (crossed, *silence), crossed, 0
    )
    return Activity(1, steps, (layer,), (), (synapses,), 0, (spikes,))


def ask(activity: Activity, graph: QuantGraph | None = None) -> dict[str, Check]:
    graph = graph or dense()
    checks = examine(graph, activity, paper(activity), lemaire(graph, activity))
    return {check.name: check for check in checks}


@pytest.mark.parametrize(
    ("crossed", "verdict"),
    [
        (150, "for the spiking network"),
        (151, "depends on the ANN"),
        (1380, "depends on the ANN"),
        (1381, "for the ANN"),
    ],
)
def test_spikes_per_synapse(crossed: int, verdict: str) -> None:
    check = ask(spiking(4, 1, crossed=crossed))["spikes-per-synapse"]
    assert (check.verdict, check.measured) == (verdict, crossed / 1000)
    assert check.threshold == PER_SYNAPSE == (0.15, 1.38)


@pytest.mark.parametrize(
    ("spikes", "verdict"), [(1699, "for the spiking network"), (1700, "for the ANN")]
)
def test_spikes_per_neuron(spikes: int, verdict: str) -> None:
    check = ask(spiking(4, spikes))["spikes-per-neuron"]
    assert (check.verdict, check.measured) == (verdict, pytest.approx(spikes / 1000))
    assert check.threshold == (PER_NEURON,) == (1.7,)
    assert "not verified" in check.source


@pytest.mark.parametrize(
    ("steps", "per_mille", "threshold", "verdict"),
    [
        (4, 1, (), "not stated"),
        (5, 56, (RATE_AT_5,), "for the spiking network"),
        (5, 57, (RATE_AT_5,), "for the ANN"),
        (6, 63, (RATE,), "for the spiking network"),
        (6, 64, (RATE,), "for the ANN"),
        (10, 63, (RATE,), "for the spiking network"),
        (10, 64, (RATE,), "for the ANN"),
        (11, 1, (), "not stated"),
    ],
)
def test_spike_rate(steps: int, per_mille: int, threshold: tuple[float, ...], verdict: str) -> None:
    """6.4 % for 5 to 10 steps, 5.7 % at 5 in the last version; nothing elsewhere."""
    check = ask(spiking(steps, per_mille * steps))["spike-rate"]
    assert (check.verdict, check.threshold) == (verdict, threshold)
    assert check.measured == pytest.approx(per_mille / 1000)
    assert (f"nothing is stated for T = {steps}" in check.says) == (verdict == "not stated")
    assert (RATE, RATE_AT_5) == (0.064, 0.057)


@pytest.mark.parametrize(("steps", "bits"), [(1, 1), (3, 2), (4, 3), (7, 3), (8, 4), (15, 4)])
def test_the_fair_twin_has_as_many_values(steps: int, bits: int) -> None:
    """T steps tell T + 1 counts apart: ceil(log2(T + 1)) bits."""
    graph, activity = dense(), spiking(steps, 1)
    check = ask(activity)["fair-twin"]
    assert f"what {bits} bits do" in check.says
    assert check.threshold == (twin_j(graph, activity, Widths(activations=bits)),)
    assert check.measured == lemaire(graph, activity).snn_j


def test_the_fair_twin_is_dearer_or_cheaper() -> None:
    """Of a thousand synapses few are crossed, or each several times."""
    rare, often = (ask(spiking(4, 1, crossed=n))["fair-twin"] for n in (10, 5000))
    assert (rare.verdict, often.verdict) == ("for the spiking network", "for the ANN")
    assert "x less" in rare.says
    assert "x more" in often.says


def test_leaks_are_named() -> None:
    says = [
        ask(spiking(4, 1), graph)["spikes-per-synapse"].says for graph in (dense(), dense(PERFECT))
    ]
    assert "these leak" in says[0]
    assert "as these are" in says[1]


def test_memory_is_a_share() -> None:
    """All of the account but arithmetic and addressing."""
    graph, activity = dense(), spiking(4, 1, crossed=500)
    memory = lemaire(graph, activity)
    rest = sum(s.energy_j for s in memory.shares if s.name in ("arithmetic", "addressing"))
    check = ask(activity)["memory-accesses"]
    assert check.measured == pytest.approx(1 - rest / memory.snn_j)
    assert rest > 0


def test_the_first_layer() -> None:
    """Counted, left out by an account, or not there."""
    graph, events = dense(), spiking(4, 1, crossed=500)
    assert ask(events)["first-layer"].says == "There is none: the first layer reads events."
    analog = replace(events, synapses=(replace(events.synapses[0], reads="analog", once=True),))
    counted = ask(analog)["first-layer"]
    assert (counted.verdict, counted.measured) == ("yes", 1.0)
    hiding = Estimate((Share("spiking layers", 1.0, 1.0),), 1.0, (), ())
    assert paper(analog).shares[0].name == ANALOG
    checks = examine(graph, analog, hiding, lemaire(graph, analog))
    (left_out,) = (check for check in checks if check.name == "first-layer")
    assert (left_out.verdict, left_out.measured) == ("no", 0.0)


def test_operations_per_spike() -> None:
    """Those that neurons cause; what events of the input cause is no neuron's."""
    activity = spiking(4, 20, crossed=500)
    assert ask(activity)["synaptic-operations"].measured == 0
    heard = replace(activity, synapses=(replace(activity.synapses[0], sources=("lif",)),))
    assert ask(heard)["synaptic-operations"].measured == 25
    assert "synaptic-operations" not in ask(spiking(4, 0))


def test_figures_before_silicon_are_said_to_be() -> None:
    check = ask(spiking(4, 1))["pre-silicon"]
    assert check.threshold == (23.6e-12,)
    assert check.measured is None
    assert "23.6 pJ" in check.says


def test_messages_are_no_spikes() -> None:
    """No threshold speaks of numbers that are sent."""
    graph = INTEGER["sigma_delta"]()
    assert isinstance(graph, QuantGraph)
    found = ask(evaluated(graph), graph)
    for name in ("spikes-per-synapse", "spikes-per-neuron", "spike-rate"):
        assert (found[name].verdict, found[name].threshold) == ("not stated", ())
        assert "messages carry numbers" in found[name].says
    assert "fair-twin" not in found


def test_a_network_without_synapses_is_asked_less() -> None:
    activity = replace(spiking(4, 1), synapses=())
    assert not {"spikes-per-synapse", "fair-twin"} & ask(activity).keys()
