"""What a checkpoint says about events: read back as written, and refused where it is wrong."""

from pathlib import Path
from typing import Any

import pytest
import torch

from snn_deploy.checkpoints import Checkpoint, EventBinning, InputSpec, to_mapping
from snn_deploy.errors import ModelError
from snn_deploy.frontends.loading import load, read_checkpoint
from snn_deploy.models import build

NAME = "conv_snn_nmnist"


def written(folder: Path, **changed: Any) -> Path:
    """Write a checkpoint whose input has some other entries; None takes one away."""
    spec = InputSpec((2, 34, 34), (), (), 4, EventBinning(1500, 7))
    weights = build(NAME, steps=4).state_dict()
    content = to_mapping(Checkpoint(NAME, {"steps": 4}, weights, spec))
    said = content["input"] | changed
    content["input"] = {name: value for name, value in said.items() if value is not None}
    torch.save(content, folder / "net.pt")
    return folder / "net.pt"


def test_what_was_written_is_read(tmp_path: Path) -> None:
    spec = InputSpec((2, 34, 34), (), (), 4, EventBinning(1500, 7))
    path = written(tmp_path)
    assert read_checkpoint(path).input == spec
    assert (spec.sequence, spec.kind) == (True, "graded")
    loaded = load(path, steps=6)
    assert loaded.input == InputSpec((2, 34, 34), (), (), 6, EventBinning(1500, 7))
    assert InputSpec((2, 4, 4), (), (), 4, EventBinning(1)).kind == "spike"
    assert InputSpec((2, 4, 4), (), (), 4).kind == "current"


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"events": 5}, "'input.events' is int, not Mapping"),
        ({"events": {"limit": 1}}, "'input.events.step_us' is missing"),
        ({"events": {"step_us": 1000}}, "'input.events.limit' is missing"),
        ({"events": {"step_us": 0, "limit": 1}}, "'input.events.step_us' is 0, it may be 1 to"),
        ({"events": {"step_us": 10**12, "limit": 1}}, "'input.events.step_us' is 1000000000000"),
        ({"events": {"step_us": 1.5, "limit": 1}}, "'input.events.step_us' is float"),
        ({"events": {"step_us": 1000, "limit": -1}}, "'input.events.limit' is -1, it may be 1"),
        ({"events": {"step_us": 1000, "limit": 40_000}}, "it may be 1 to 32767"),
        ({"events": {"step_us": 1000, "limit": True}}, "'input.events.limit' is bool"),
        ({"shape": [3, 34, 34]}, "'input.shape' is [3, 34, 34], of events it is [2 or 1, H, W]"),
        ({"shape": [2, 34]}, "'input.shape' is [2, 34], of events"),
        ({"mean": [0.5, 0.5]}, "'input.mean' is of bytes, counts of events are not scaled"),
        ({"steps": None}, "'input.steps' is missing"),
        ({"events": None}, "'input.mean' is missing"),
    ],
)
def test_what_is_refused(changed: dict[str, Any], problem: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        load(written(tmp_path, **changed))
    assert problem in caught.value.problem
