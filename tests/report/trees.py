"""Small reports for comparing, as JSON trees."""

import copy
import json
from typing import Any

from snn_deploy.report.reading import Written, read

LAYERS = ("lif1", "conv3_x.0.lif", "lif")


def tree(**changes: Any) -> dict[str, Any]:
    """A report with a few figures; `spikes__total=3` sets a key, None takes it away."""
    made = copy.deepcopy(_TREE)
    for path, value in changes.items():
        *sections, last = path.split("__")
        place = made
        for section in sections:
            place = place.setdefault(section, {})
        if value is None:
            del place[last]
        else:
            place[last] = value
    return made


def written(where: str = "a.json", **changes: Any) -> Written:
    """The same, read."""
    return read(json.dumps(tree(**changes)).encode(), where)


def layers(*figures: float, names: tuple[str, ...] = LAYERS) -> list[dict[str, Any]]:
    """Entries of `spikes.layers`."""
    return [
        {"name": name, "neurons": 100, "spikes": 400, "per_neuron_per_inference": figure}
        for name, figure in zip(names, figures, strict=True)
    ]


_TREE: dict[str, Any] = {
    "schema": "snn-deploy-report/1",
    "tool": {"version": "0.1.0"},
    "warnings": ["No neuron ever fires in lif9."],
    "model": {
        "name": "net",
        "source_sha256": "ab" * 32,
        "architecture": "ms_resnet20",
        "parameters": 272474,
        "neurons": 300,
        "spiking_layers": 3,
        "steps": 4,
        "input_shape": [3, 32, 32],
    },
    "target": {"name": "loihi2", "kind": "chip", "constants_sha256": "cd" * 32},
    "quantization": {
        "weight_bits": 8,
        "saturated": 0,
        "layers": [{"name": "conv1", "scale": 0.5, "shift": -2, "weight_error": 0.02}],
    },
    "accuracy": {"samples": 1000, "float": 0.85, "integer": 0.84},
    "spikes": {
        "total": 1200,
        "per_neuron_per_inference": 0.9,
        "samples": 1000,
        "layers": layers(0.8, 0.9, 1.0),
    },
    "claim": {"verdict": "about one spike per neuron"},
    "agreement": [
        {"backend": "onnxruntime", "form": "step", "values_compared": 10, "mismatches": 0}
    ],
    "placement": {
        "cores_used": 57,
        "strategy": {"conv2_x": "relay"},
        "layers": {"conv3_x.0.lif": 3, "lif1": 1},
    },
    "latency": {"steps": 4, "offset_steps": 22, "inference_s": 1e-3, "tier": "ideal"},
    "energy": {
        "paper": {"snn_j": 3e-5, "ann_j": 1.8e-4, "ratio": 6.0},
        "chip": {"dynamic_j": 4e-5, "total_j": 9e-5},
    },
    "timing": {"trace": 0.5, "prove the trace": 1.5},
}
