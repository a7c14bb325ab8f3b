from pathlib import Path

import numpy as np
import pytest
import torch

from snn_deploy import checkpoints
from snn_deploy.checkpoints import Checkpoint, InputSpec
from snn_deploy.models import build
from tests.journeys.command import SMALL, Ended, export
from tests.journeys.nets import CLASSES, MEAN, SHAPE, STD


@pytest.fixture(scope="session")
def floats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight labelled samples in floating point, already normalised."""
    rng = np.random.default_rng(20)
    path = tmp_path_factory.mktemp("data") / "floats.npz"
    images = rng.normal(size=(8, *SHAPE)).astype(np.float32)
    np.savez(path, images=images, labels=rng.integers(0, CLASSES, 8))
    return path


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight labelled images in bytes."""
    rng = np.random.default_rng(21)
    path = tmp_path_factory.mktemp("data") / "images.npz"
    values = rng.integers(0, 256, (8, *SHAPE), np.uint8)
    np.savez(path, images=values, labels=rng.integers(0, CLASSES, 8))
    return path


@pytest.fixture(scope="session")
def exported(floats: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    """An export folder, and how the program ended that made it."""
    folder = tmp_path_factory.mktemp("exports") / "net"
    return folder, export(*SMALL, "--data", floats, "-o", folder)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MS-ResNet-20 for images of 8 x 8 with T = 1, untrained, as a checkpoint of ours."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(20)
        network = build("ms_resnet20", classes=CLASSES, steps=1)
    path = tmp_path_factory.mktemp("models") / "small.pt"
    spec = InputSpec(SHAPE, MEAN, STD, steps=1)
    config = {"classes": CLASSES, "steps": 1}
    checkpoints.save(Checkpoint("ms_resnet20", config, network.state_dict(), spec), path)
    return path


@pytest.fixture(scope="session")
def state_dict(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights of the checkpoint and nothing else."""
    path = tmp_path_factory.mktemp("models") / "weights.pt"
    torch.save(torch.load(checkpoint, weights_only=True)["state_dict"], path)
    return path
