"""Our own file: plain containers and tensors, written as a whole or not at all."""

from pathlib import Path
from typing import Any, BinaryIO

import pytest
import torch

from snn_deploy.checkpoints import FORMAT, Checkpoint, InputSpec, save, to_mapping, write_atomically

SPEC = InputSpec((3, 8, 8), (0.1, 0.2, 0.3), (1.0, 2.0, 3.0), 4)
CHECKPOINT = Checkpoint(
    "ms_resnet20",
    {"classes": 10, "steps": 4},
    {"fc.weight": torch.arange(6.0).reshape(2, 3), "bn.num_batches_tracked": torch.tensor(7)},
    SPEC,
    {"test_accuracy": 0.5, "training": {"epochs": 3}},
)


def plain(tree: Any) -> bool:
    """Whether a tree is made of what `weights_only` reads."""
    if type(tree) is dict:
        return all(type(key) is str and plain(value) for key, value in tree.items())
    if type(tree) is list:
        return all(plain(value) for value in tree)
    return type(tree) in (str, int, float, torch.Tensor)


def test_it_is_plain() -> None:
    tree = to_mapping(CHECKPOINT)
    assert plain(tree)
    assert tree["format"] == FORMAT
    assert set(tree) == {"format", "architecture", "config", "state_dict", "input", "metrics"}


def test_written_and_read_without_running_code(tmp_path: Path) -> None:
    save(CHECKPOINT, tmp_path / "net.pt")
    assert [path.name for path in tmp_path.iterdir()] == ["net.pt"]
    tree = torch.load(tmp_path / "net.pt", weights_only=True)
    weights = tree.pop("state_dict")
    expected = to_mapping(CHECKPOINT)
    for key, tensor in expected.pop("state_dict").items():
        assert torch.equal(weights[key], tensor)
    assert tree == expected
    assert tree["input"] == {
        "shape": [3, 8, 8],
        "mean": [0.1, 0.2, 0.3],
        "std": [1.0, 2.0, 3.0],
        "steps": 4,
    }


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError("disk full")])
def test_an_interruption_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    path = tmp_path / "net.pt"
    save(CHECKPOINT, path)
    before = path.read_bytes()

    def half(_: object, draft: BinaryIO) -> None:
        draft.write(before[:100])
        raise error

    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(type(error)):
        write_atomically({"epoch": 2}, path)
    assert path.read_bytes() == before
