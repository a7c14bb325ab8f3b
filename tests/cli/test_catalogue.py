"""`inspect`, `models` and `targets`."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from snn_deploy import models, targets
from tests.frontends.netx.files import conv, dense, write
from tests.journeys import nets
from tests.journeys.command import NETWORK, deploy

NETS = NETWORK.rpartition(":")[0]


def test_inspect_counts_every_layer() -> None:
    ended = deploy("inspect", "--model", NETWORK, "--shape", "3x8x8", "--json")
    assert (ended.code, ended.err) == (0, "")
    layers = {row["layer"]: row for row in ended.json()}
    assert layers["stem"] == {
        "layer": "stem",
        "operation": "Conv",
        "kind": "current",
        "shape": [6, 8, 8],
        "parameters": 6 * 3 * 9 + 6,
        "neurons": 0,
        "macs": 6 * 64 * 3 * 9,
    }
    assert (layers["lif1"]["kind"], layers["lif1"]["neurons"]) == ("spike", 6 * 64)
    assert layers["fc"]["macs"] == 30
    assert "norm" not in layers


def test_inspect_prints_a_table() -> None:
    ended = deploy("inspect", "--model", NETWORK, "--shape", "3x8x8")
    lines = ended.out.splitlines()
    assert lines[0].split() == ["layer", "op", "gives", "params", "neurons", "macs"]
    assert ["stem", "Conv", "6x8x8", "168", "10,368"] in [line.split() for line in lines]
    assert len({len(line) for line in lines if re.search(r"^(stem|conv|fc) ", line)}) == 1
    assert lines[-3:] == [
        "residual: 2 spiking layers, 768 neurons, T = 3",
        "539 parameters, 533 once batch norm is folded",
        "31,134 multiply-accumulates a step, were every input active",
    ]


def test_inspect_shows_integers(tmp_path: Path) -> None:
    path = write(tmp_path / "small.net", [dense(np.full((3, 4), 2), bias=np.ones(3))])
    lines = deploy("inspect", path).out.splitlines()
    assert ["lif0", "IntegerLif", "3", "4", "3"] in [line.split() for line in lines]
    assert lines[-3:] == [
        "small: 1 spiking layers, 3 neurons, T as asked for",
        "15 parameters, integers",
        "12 multiply-accumulates a step, were every input active",
    ]
    assert "3 neurons, T = 9" in deploy("inspect", path, "--steps", "9").out
    ended = deploy("inspect", path, "--shape", "5")
    assert ended.code == 3
    assert "layer 0: weights for 4 inputs, 5 arrive ([5])" in ended.complaint


def test_inspect_asks_for_a_shape_that_is_in_no_file(tmp_path: Path) -> None:
    path = write(tmp_path / "small.net", [conv(np.ones((3, 2, 3, 3)), (3, 3, 2))])
    ended = deploy("inspect", path)
    assert (ended.code, ended.complaint) == (
        2,
        "small does not say what it reads; give --shape, e.g. 3x32x32",
    )
    assert deploy("inspect", path, "--shape", "2x5x4", "--json").json()[0]["shape"] == [2, 5, 4]


def test_inspect_reads_the_shape_from_the_file(tmp_path: Path) -> None:
    from snn_deploy import checkpoints
    from snn_deploy.checkpoints import Checkpoint, InputSpec

    network = models.build("ms_resnet20", classes=10, steps=2)
    spec = InputSpec((3, 16, 16), (0.5,) * 3, (0.2,) * 3, 2)
    path = tmp_path / "small.pt"
    checkpoints.save(Checkpoint("ms_resnet20", {"steps": 2}, network.state_dict(), spec), path)
    ended = deploy("inspect", path)
    assert "small: 19 spiking layers, 47,104 neurons, T = 2" in ended.out
    assert max(map(len, ended.out.splitlines())) <= 80
    torch.save(network.state_dict(), path)
    bare = deploy("inspect", path, "--arch", "ms_resnet20")
    assert (bare.code, bare.complaint) == (
        2,
        "small does not say what it reads; give --shape, e.g. 3x32x32",
    )


@pytest.mark.parametrize("shape", ["3x0", "3,8,8", "x", "-3", "1x2x3x4", "axb"])
def test_shapes_that_are_none(shape: str) -> None:
    ended = deploy("inspect", "--model", NETWORK, "--shape", shape)
    assert (ended.code, ended.complaint) == (
        2,
        f"--shape cannot be '{shape}'; give one to three positive numbers, e.g. 3x32x32",
    )


def test_inspect_needs_a_model() -> None:
    ended = deploy("inspect", "--shape", "3x8x8")
    assert ended.code == 2
    assert ended.complaint.startswith("no model; give a model file, or --model ")


def test_inspect_says_what_cannot_be_traced() -> None:
    ended = deploy("inspect", "--model", f"{NETS}:branching", "--shape", "3x8x8", "--steps", "2")
    assert ended.code == 3
    assert f"at {nets.__file__}:" in ended.complaint


def test_targets() -> None:
    rows = deploy("targets", "--json").json()
    assert [row["name"] for row in rows] == list(targets.names())
    assert all(set(row) == {"name", "kind", "converter", "title"} for row in rows)
    listed = deploy("targets").out.splitlines()
    assert len(listed) == 1 + len(rows)
    assert listed[0].split() == ["name", "kind", "converter", "title"]


def test_models(monkeypatch: pytest.MonkeyPatch) -> None:
    few = {name: models.ARCHITECTURES[name] for name in ("ms_resnet20", "ms_resnet32")}
    monkeypatch.setattr(models, "ARCHITECTURES", few)
    assert deploy("models", "--json").json() == [
        {"name": "ms_resnet20", "parameters": 272474},
        {"name": "ms_resnet32", "parameters": 466906},
    ]
    assert deploy("models").out.splitlines()[1].split() == ["ms_resnet20", "272,474"]
