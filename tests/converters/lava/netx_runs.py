"""Many small networks in Lava's netx, in one Lava process: it takes a second to start."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from snn_deploy.converters.lava import NetConverter
from snn_deploy.converters.lava.environment import LavaEnvironment
from snn_deploy.converters.lava.net_lower import FILE, SCRIPTS
from snn_deploy.ir.graph import Array
from snn_deploy.quantization.graph import QuantGraph

DRIVER = """
import sys
from pathlib import Path
import numpy as np
from run_net import simulate

for folder in map(Path, sys.argv[1:]):
    np.savez(folder / "trace.npz", **simulate(folder / "network.net", np.load(folder / "x.npy")))
"""


def run_all(
    lava: LavaEnvironment, folder: Path, cases: Mapping[str, tuple[QuantGraph, Array]]
) -> dict[str, dict[str, Array]]:
    """Return, by case and layer, what netx gives, [T, B, *shape]."""
    (folder / "driver.py").write_text(DRIVER)
    for name, (graph, x) in cases.items():
        (folder / name).mkdir()
        files = NetConverter().lower(graph).files
        (folder / name / FILE).write_bytes(files[FILE])
        np.save(folder / name / "x.npy", x)
        for script in SCRIPTS:
            shutil.copy(script, folder)
    lava.run(folder / "driver.py", list(cases), cwd=folder, timeout_s=60 + 30 * len(cases))
    found = {}
    for name, (graph, _) in cases.items():
        with np.load(folder / name / "trace.npz") as trace:
            found[name] = {
                key: trace[key].reshape(*trace[key].shape[:2], *graph[key].type.shape)
                for key in trace
            }
        shutil.rmtree(folder / name)
    return found
