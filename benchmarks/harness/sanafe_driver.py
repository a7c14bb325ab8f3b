"""SANA-FE as a process of its own: what it simulates, and what it says of it.

SANA-FE (SLAM-Lab/SANA-FE, GPL-3.0) is never imported here. It gets the constants of one of our
chips as its architecture, the same neurons in the same order on the same cores, and every synapse;
`sanafe_process.py` runs there. What differs between the two programs is said at `Description`.
"""

import json
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np

from snn_deploy.hardware import Chip
from snn_deploy.ir.graph import Array
from snn_deploy.placement.mesh import mesh
from snn_deploy.simulation.chip.result import EVENT_KINDS

Timing = Literal["simple", "detailed", "cycle"]

PROCESS = Path(__file__).with_name("sanafe_process.py")
GRID = 64
"""Units of `IntegerLif`'s potential in one of a weight."""

SHOWN = 2000
"""Characters of what it said before it ended."""

MOST_DELAY = 5
"""Of its dendrites, in steps; a literal of `AccumulatorWithDelayModel`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """Neurons and synapses as SANA-FE takes them; neurons in the order in which their cores work.

    Its neuron is v = trunc(64 leak v) / 64 + bias + current, a spike where v > threshold, then 0
    or v - threshold. That is `IntegerLif` with current_decay = 4096 in units of 64: both round the
    decayed potential towards zero on the grid of 1/64, and nothing else is ever between its points,
    so that no number has to be chosen for the two to be equal. It does not leak in the first step,
    where v is 0 here.

    Attributes:
        core: as SANA-FE counts them.  int32 [N]
        leak, threshold, bias, potential: of each neuron; the last in the beginning.  float64 [N]
        soft: whether firing takes the threshold off.  bool [N]
        input: number of an input, -1 for others.  int32 [N]
        spikes: of the inputs.  uint8 [T, inputs]
        source, target, weight, kind, delay: of each synapse.  int32, int32, int32, int8, int8 [S]
        delayed: whether dendrites delay.
    """

    core: Array
    leak: Array
    threshold: Array
    bias: Array
    potential: Array
    soft: Array
    input: Array
    spikes: Array
    source: Array
    target: Array
    weight: Array
    kind: Array
    delay: Array

    @property
    def delayed(self) -> bool:
        """Whether a synapse waits."""
        return bool(self.delay.any())

    def write(self, folder: Path, chip: Chip) -> None:
        """Write what `sanafe_process.py` reads."""
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        np.savez(folder / "network.npz", delayed=self.delayed, **arrays)
        described = architecture(chip, self.spikes.shape[1], delayed=self.delayed)
        (folder / "architecture.json").write_text(json.dumps(described), encoding="utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What SANA-FE says of a run.

    Attributes:
        fired, updated, hops, events: of each step.  int64 [T]
        messages: of the run.
        step_s: how long each step took on the chip.  float64 [T]
        energy_j: by part and in total.
        trace: who fired in each step, ascending, where that was asked for.
        wall_s, processor_s: of the run.
        build, load: seconds and memory of connecting and of loading; `load` only with a new chip.
        peak_bytes: of the process so far.
    """

    fired: Array
    updated: Array
    hops: Array
    events: Array
    messages: int
    step_s: Array
    energy_j: dict[str, float]
    trace: Sequence[Sequence[int]] | None
    wall_s: float
    processor_s: float
    build: dict[str, float]
    load: dict[str, float]
    peak_bytes: int


class Process:
    """SANA-FE with a network; `run` it as often as you like."""

    def __init__(self, child: "subprocess.Popen[str]", said: Path) -> None:
        self._child = child
        self._said = said

    def run(self, steps: int, timing: Timing, *, fresh: bool = True, trace: bool = False) -> Answer:
        """Simulate.

        Args:
            steps: of the chip.
            timing: its model of time.
            fresh: load a new chip, which begins at step 1; else go on where the last run ended.
            trace: tell who fires.

        Raises:
            RuntimeError: the process ended.
        """
        job = {"steps": steps, "timing": timing, "fresh": fresh, "trace": trace}
        asks, answers = self._child.stdin, self._child.stdout
        assert asks is not None, "a pipe"
        assert answers is not None, "a pipe"
        asks.write(json.dumps(job) + "\n")
        asks.flush()
        line = answers.readline()
        if not line:
            said = self._said.read_text(encoding="utf-8", errors="replace")[-SHOWN:]
            raise RuntimeError(f"SANA-FE's process ended with {self._child.wait()}: {said}")
        return _answer(json.loads(line))


def _answer(found: dict[str, Any]) -> Answer:
    steps = found["steps"]
    counts = {
        ours: np.array(steps[theirs], np.int64)
        for ours, theirs in (
            ("fired", "fired"),
            ("updated", "updated"),
            ("hops", "hops"),
            ("events", "spikes"),
        )
    }
    same = ("messages", "energy_j", "wall_s", "processor_s", "build", "load", "peak_bytes")
    return Answer(
        **counts,
        **{name: found[name] for name in same},
        step_s=np.array(steps["sim_time"]),
        trace=found.get("trace"),
    )


@contextmanager
def process(python: Path, network: Description, chip: Chip) -> Iterator[Process]:
    """Yield SANA-FE with a network connected.

    Args:
        python: one that has `sanafe`, numpy and nothing of ours.
        network: what to simulate.
        chip: whose constants it gets.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        said = stack.enter_context((folder / "said").open("w"))
        network.write(folder, chip)
        command = [str(python), str(PROCESS), str(folder)]
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True
        )
        try:
            yield Process(child, folder / "said")
        finally:
            child.communicate()


def version(python: Path) -> str | None:
    """Return the version of SANA-FE that a Python has, or None."""
    asked = "from importlib.metadata import version; import numpy, sanafe; print(version('sanafe'))"
    try:
        done = subprocess.run(
            [str(python), "-c", asked], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.splitlines()[-1]


def cores_of(chip: Chip, places: Array) -> Array:
    """Return the cores that SANA-FE has where our places are; its tiles follow columns."""
    grid = mesh(chip.limits, 1)
    tile = grid.column[places] * chip.limits.mesh_rows + grid.row[places]
    cores = tile * grid.router_cores + places % grid.router_cores
    return np.asarray(cores, np.int32)


def architecture(chip: Chip, inputs: int, *, delayed: bool) -> dict[str, Any]:
    """Return a chip as SANA-FE describes one; core 0 has the inputs, which cost nothing there."""
    limits, energy, latency, network = chip.limits, chip.energy, chip.latency, chip.network
    first = _core("core[0]", chip, inputs, delayed)
    others = _core(f"core[1..{limits.router_cores - 1}]", chip, 0, delayed)
    hops = {}
    for direction, cost_j, cost_s in (
        ("east", energy.hop_x_j, network.hop_x_s),
        ("west", energy.hop_x_j, network.hop_x_s),
        ("north", energy.hop_y_j, network.hop_y_s),
        ("south", energy.hop_y_j, network.hop_y_s),
    ):
        hops |= {f"energy_{direction}_hop": cost_j, f"latency_{direction}_hop": cost_s}
    tiles = limits.mesh_rows * limits.mesh_columns
    alike = _core(f"core[0..{limits.router_cores - 1}]", chip, 0, delayed)
    return {
        "architecture": {
            "name": "chip",
            "attributes": {
                "topology": "mesh",
                "width": limits.mesh_columns,
                "height": limits.mesh_rows,
                "link_buffer_size": network.buffer_flits,
                "sync_model": "table",
                "latency_sync": dict(latency.barrier_s),
            },
            "tile": [
                {"name": "tile[0]", "attributes": hops, "core": [first, others]},
                {"name": f"tile[1..{tiles - 1}]", "attributes": hops, "core": [alike]},
            ],
        }
    }


def _core(name: str, chip: Chip, inputs: int, delayed: bool) -> dict[str, Any]:
    energy, latency = chip.energy, chip.latency
    dendrite = {"energy_update": 0.0, "latency_update": 0.0}
    adding = {"name": "adding", "attributes": {"model": "accumulator", **dendrite}}
    delaying = {"name": "delaying", "attributes": {"model": "accumulator_with_delay", **dendrite}}
    somas = [
        _soma(
            "lif",
            "leaky_integrate_fire",
            energy.neuron_access_j,
            latency.neuron_access_s,
            energy.neuron_update_j,
            latency.neuron_update_s,
            energy.send_j,
            latency.send_s,
        )
    ]
    if inputs:
        somas.append(_soma(f"inputs[0..{inputs - 1}]", "input", *(0.0,) * 6))
    return {
        "name": name,
        "attributes": {
            "buffer_position": "dendrite" if delayed else "soma",
            "buffer_inside_unit": delayed,
            "max_neurons_supported": chip.limits.neurons + inputs,
        },
        "axon_in": [
            {
                "name": "in",
                "attributes": {
                    "energy_message_in": energy.axon_in_j,
                    "latency_message_in": latency.axon_in_s,
                },
            }
        ],
        "synapse": [
            {
                "name": kind,
                "attributes": {
                    "model": "current_based",
                    "energy_process_spike": getattr(energy, f"{kind}_event_j"),
                    "latency_process_spike": getattr(latency, f"{kind}_event_s"),
                },
            }
            for kind in EVENT_KINDS
        ],
        "dendrite": [delaying if delayed else adding],
        "soma": somas,
        "axon_out": [
            {
                "name": "out",
                "attributes": {
                    "energy_message_out": energy.axon_out_j,
                    "latency_message_out": latency.axon_out_s,
                },
            }
        ],
    }


def _soma(name: str, model: str, *costs: float) -> dict[str, Any]:
    verbs = ("access_neuron", "update_neuron", "spike_out")
    attributes: dict[str, Any] = {"model": model}
    for verb, cost_j, cost_s in zip(verbs, costs[::2], costs[1::2], strict=True):
        attributes |= {f"energy_{verb}": cost_j, f"latency_{verb}": cost_s}
    return {"name": name, "attributes": attributes}
