"""Runs networks in SANA-FE; a script for a Python that has it, which imports nothing of ours.

    python sanafe_process.py FOLDER

FOLDER holds `network.npz` and `architecture.json` as `harness/sanafe_driver.py` writes them. Every
line of standard input is a job in JSON, every line of standard output its answer.
"""

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import sanafe
import yaml

KINDS = ("conv", "dense", "sparse")
AT_ONCE = 100_000
"""Synapses handed over in one call: they are tuples there, and lists."""


class Process:
    """A network in SANA-FE, and the chip that it was loaded on last."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.arrays = dict(np.load(folder / "network.npz"))
        self.architecture = load_architecture(folder)
        began, before = time.perf_counter(), resident_bytes()
        self.network = self.connected()
        self.build = {"wall_s": time.perf_counter() - began, "bytes": resident_bytes() - before}
        self.chip = None

    def connected(self) -> sanafe.Network:
        network, arrays = sanafe.Network(), self.arrays
        delayed = bool(arrays["delayed"])
        group = network.create_neuron_group(
            "all",
            len(arrays["core"]),
            log_spikes=True,
            default_dendrite_hw_name="delaying" if delayed else "adding",
        )
        self.describe(group)
        for kind, name in enumerate(KINDS):
            chosen = np.flatnonzero(arrays["kind"] == kind)
            if len(chosen):
                for neuron in group:
                    neuron.set_attributes(default_synapse_hw_name=name)
                self.connect(group, chosen, delayed)
        cores = self.architecture.cores()
        for neuron, core in zip(group, arrays["core"].tolist(), strict=True):
            neuron.map_to_core(cores[core])
        return network

    def describe(self, group: sanafe.NeuronGroup) -> None:
        """Set what neurons are; inputs have a unit each, of one core."""
        arrays = self.arrays
        spikes = arrays["spikes"]
        names = ("leak_decay", "threshold", "bias", "potential")
        columns = [arrays[name.removesuffix("_decay")].tolist() for name in names]
        soft, given = arrays["soft"].tolist(), arrays["input"].tolist()
        for neuron, *values, is_soft, number in zip(group, *columns, soft, given, strict=True):
            if number >= 0:
                train = spikes[:, number].astype(bool).tolist()
                neuron.set_attributes(
                    soma_hw_name=f"inputs[{number}]", model_attributes={"spikes": train}
                )
                continue
            attributes = dict(zip(names, values, strict=True))
            attributes["reset_mode"] = "soft" if is_soft else "hard"
            neuron.set_attributes(soma_hw_name="lif", model_attributes=attributes)

    def connect(self, group: sanafe.NeuronGroup, chosen: np.ndarray, delayed: bool) -> None:
        arrays = self.arrays
        for first in range(0, len(chosen), AT_ONCE):
            part = chosen[first : first + AT_ONCE]
            ends = (arrays[end][part].tolist() for end in ("source", "target"))
            pairs = list(zip(*ends, strict=True))
            given = {"weight": arrays["weight"][part].tolist()}
            if delayed:
                given["delay"] = arrays["delay"][part].tolist()
            group.connect_neurons_sparse(group, given, pairs)

    def answer(self, job: dict[str, Any]) -> dict[str, Any]:
        """Do what a job says: steps, timing model, whether on a chip of its own, which traces."""
        load = {}
        if job["fresh"] or self.chip is None:
            # Booksim allows one chip at a time.
            self.chip = None
            began, before = time.perf_counter(), resident_bytes()
            self.chip = sanafe.SpikingChip(self.architecture)
            empty = resident_bytes()
            self.chip.load(self.network)
            load = {
                "wall_s": time.perf_counter() - began,
                "empty_bytes": empty - before,
                "bytes": resident_bytes() - empty,
            }
        traced = job["trace"]
        began, worked = time.perf_counter(), time.process_time()
        found = self.chip.sim(
            job["steps"],
            timing_model=job["timing"],
            processing_threads=1,
            scheduler_threads=0,
            spike_trace=traced or None,
            perf_trace=True,
        )
        wall_s, processor_s = time.perf_counter() - began, time.process_time() - worked
        names = ("fired", "updated", "hops", "spikes", "sim_time")
        answer = {
            "wall_s": wall_s,
            "processor_s": processor_s,
            "build": self.build,
            "load": load,
            "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "energy_j": found["energy"],
            "messages": found["packets_sent"],
            "steps": {name: [float(x) for x in found["perf_trace"][name]] for name in names},
        }
        if traced:
            answer["trace"] = [sorted(n.neuron_offset for n in s) for s in found["spike_trace"]]
        return answer


def load_architecture(folder: Path) -> sanafe.Architecture:
    described = json.loads((folder / "architecture.json").read_text(encoding="utf-8"))
    attributes = described["architecture"]["attributes"]
    # JSON has no keys that are numbers.
    attributes["latency_sync"] = {int(k): s for k, s in attributes["latency_sync"].items()}
    written = folder / "architecture.yaml"
    written.write_text(yaml.safe_dump(described), encoding="utf-8")
    return sanafe.load_arch(str(written))


def resident_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def main() -> None:
    """Answer jobs; whatever SANA-FE prints goes to standard error."""
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    folder = Path(sys.argv[1])
    # Booksim leaves a file where it runs.
    os.chdir(folder)
    process = Process(folder)
    for line in sys.stdin:
        replies.write(json.dumps(process.answer(json.loads(line))) + "\n")


if __name__ == "__main__":
    main()
