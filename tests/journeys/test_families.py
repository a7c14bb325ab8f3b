"""Each kind of residual network goes the whole way: whatever crosses its shortcuts."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from snn_deploy import checkpoints
from snn_deploy.checkpoints import Checkpoint, InputSpec
from snn_deploy.converters.onnx.native import library
from snn_deploy.models import build
from tests.journeys.command import export
from tests.journeys.nets import CLASSES, MEAN, SHAPE, STD

STEPS = 2


@pytest.mark.parametrize(
    ("name", "options", "layers"),
    [
        ("spiking_resnet20", {}, 19),
        ("sew_resnet20", {}, 21),
        ("ms_resnet20", {"shortcut": "spiking"}, 21),
    ],
)
def test_a_network_that_fires(
    name: str, options: dict[str, Any], layers: int, images: Path, tmp_path: Path
) -> None:
    config = {"classes": CLASSES, "steps": STEPS, **options}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        network = build(name, **config)
    for key, parameter in network.named_parameters():
        if key.endswith("bn.weight"):
            torch.nn.init.constant_(parameter, 0.8)
    spec = InputSpec(SHAPE, MEAN, STD, STEPS)
    path = tmp_path / f"{name}.pt"
    checkpoints.save(Checkpoint(name, config, network.state_dict(), spec), path)
    ended = export(path, "--data", images, "-o", tmp_path / "out")
    assert ended.code == 0, ended.err
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["model"]["spiking_layers"] == layers
    assert all(layer["spikes"] for layer in report["spikes"]["layers"])
    runtimes = {"onnxruntime", "onnxruntime native"} if library() else {"onnxruntime"}
    assert {row["backend"] for row in report["agreement"]} == {"torch module", *runtimes}
    assert all(row["mismatches"] == 0 < row["values_compared"] for row in report["agreement"])
