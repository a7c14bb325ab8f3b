"""Synapse lists; and all counts beside SANA-FE's, where a Python that has it is named.

SANA-FE (GPL-3.0) runs as a process of its own: `benchmarks/harness/sanafe_driver.py`.
"""

import os
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from snn_deploy import targets
from snn_deploy.simulation.chip.fanout import EVENT_KINDS, synapse_lists
from tests.house.tree import ROOT

NAMED = "SNN_DEPLOY_SANAFE_PYTHON"


class TestLists:
    """A class for each neuron, an entry for each tile that it reaches."""

    @pytest.mark.parametrize("neurons", [1, 60])
    def test_every_synapse_is_in_one_entry(self, neurons: int, rng: np.random.Generator) -> None:
        counts = rng.integers(0, 9, neurons)
        first = np.concatenate([[0], np.cumsum(counts)])
        target = rng.integers(0, neurons, first[-1], np.int32)
        tile = np.sort(rng.integers(0, 7, neurons)).astype(np.int32)
        found = synapse_lists(first, target, tile, "sparse")
        source = np.repeat(np.arange(neurons), counts)
        pairs, events = np.unique(np.stack([source, tile[target]]), axis=1, return_counts=True)
        order = np.lexsort((found.slot, found.of))
        assert found.of.tolist() == sorted(found.of.tolist())
        assert np.stack([found.of, found.slot])[:, order].tolist() == pairs.tolist()
        assert found.events[order].tolist() == events.tolist()
        assert set(found.kind.tolist()) <= {EVENT_KINDS.index("sparse")}

    def test_the_class_of_a_neuron_is_its_number(self) -> None:
        first, target = np.array([0, 2, 2, 3]), np.array([0, 2, 1], np.int32)
        found = synapse_lists(first, target, np.array([0, 0, 1], np.int32), "dense")
        assert found.classes == (3, 1, 1)
        assert found.channel.tolist() == [0, 1, 2]
        assert found.of.tolist() == [0, 0, 2]
        assert found.slot.tolist() == [0, 1, 0]
        assert found.events.tolist() == [1, 1, 1]

    def test_twenty_bytes_a_synapse_are_more_than_it_takes(self, rng: np.random.Generator) -> None:
        """As many tiles as a chip has cores: most synapses have an entry of their own."""
        neurons, fan_out = 2000, 100
        target = rng.integers(0, neurons, neurons * fan_out, np.int32)
        tile = (np.arange(neurons) * 128 // neurons).astype(np.int32)
        found = synapse_lists(np.arange(neurons + 1) * fan_out, target, tile, "sparse")
        lists = (found.of, found.slot, found.events, found.kind)
        held = target.nbytes + sum(array.nbytes for array in lists)
        assert held < 20 * len(target)


@pytest.fixture(scope="module")
def python() -> Path:
    """A Python that has SANA-FE."""
    if NAMED not in os.environ:
        pytest.skip(f"{NAMED} names no Python that has SANA-FE")
    return Path(os.environ[NAMED])


@pytest.fixture
def workloads(python: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The networks of the benchmark."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    from harness import sanafe_driver, sanafe_workloads

    if sanafe_driver.version(python) is None:
        pytest.skip(f"{python} has no SANA-FE, or no numpy")
    return sanafe_workloads


NETWORKS = (
    "dense",
    "convolutional",
    "residual",
    "32 cores",
    "128 cores, many messages",
    "near neighbours",
    "hot core of 64",
)


@pytest.mark.parametrize("name", NETWORKS)
def test_counts_are_those_of_sana_fe(name: str, workloads: ModuleType, python: Path) -> None:
    """Integers in every step, spikes neuron by neuron; joules and ideal times to rounding."""
    compare(name, workloads, python)


@pytest.mark.slow
def test_its_own_network_has_its_own_totals(workloads: ModuleType, python: Path) -> None:
    """The spikes are those that its tutorial asserts."""
    counts = compare(workloads.DVS, workloads, python)
    assert counts["spikes"] == (365_277, 365_277)
    assert counts["synaptic events"] == (51_549_374, 51_549_374)
    assert counts["messages"] == (2_482_643, 2_482_643)
    assert counts["updates"] == (15_539_753, 15_539_753)


def compare(name: str, workloads: ModuleType, python: Path) -> dict[str, tuple[int, int]]:
    from harness.sanafe_compare import agreement
    from harness.sanafe_driver import process

    work = workloads.workload(name, targets.load("loihi"), python)
    with process(python, work.description, work.chip) as there:
        found = agreement(work, there.run(work.steps, "simple", trace=True))
    assert list(found.different) == []
    assert found.counts["spikes"][0] > 0
    assert found.energy_error < 1e-9
    assert found.step_error < 1e-9
    return dict(found.counts)
