"""Runs as users start them: several processes, and one that is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

EPOCHS = 3
OPTIONS = ["--steps", "1", "--epochs", str(EPOCHS), "--batch", "16", "--ema", "0.9", "--quiet"]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(3)
    path = tmp_path_factory.mktemp("data") / "noise.npz"
    images = rng.integers(0, 256, (320, 3, 8, 8)).astype(np.uint8)
    np.savez(path, images=images, labels=rng.integers(0, 10, 320))
    return path


def command(images: Path, folder: Path, *launcher: str) -> list[str]:
    start = [sys.executable, *launcher, "-m", "snn_deploy", "train", "ms_resnet20"]
    return [*start, "--data", str(images), "--test", str(images), "-o", str(folder), *OPTIONS]


@contextmanager
def started(arguments: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(arguments, env=environment, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


def run(arguments: list[str]) -> None:
    with started(arguments) as process:
        _, errors = process.communicate()
        assert process.returncode == 0, errors.decode()


def logged(folder: Path) -> list[int]:
    log = folder / "log.jsonl"
    lines = log.read_text().splitlines() if log.exists() else []
    return [json.loads(line)["epoch"] for line in lines]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    content = torch.load(folder / "checkpoint.pt", weights_only=True)
    return dict(content["state_dict"])


@pytest.mark.slow
def test_a_killed_run_loses_one_epoch_at_most(tmp_path: Path, images: Path) -> None:
    """SIGKILL in the second epoch; the end is that of a run that nobody killed, bit for bit."""
    with started(command(images, tmp_path / "killed")) as process:
        until = time.monotonic() + 120
        while 1 not in logged(tmp_path / "killed") and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert 1 <= len(logged(tmp_path / "killed")) < EPOCHS
    assert not (tmp_path / "killed" / "checkpoint.pt").exists()
    run(command(images, tmp_path / "killed"))
    run(command(images, tmp_path / "whole"))
    assert logged(tmp_path / "killed") == list(range(1, EPOCHS + 1))
    expected, found = weights(tmp_path / "whole"), weights(tmp_path / "killed")
    assert expected.keys() == found.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


@pytest.mark.slow
def test_two_processes_share_a_batch(tmp_path: Path, images: Path) -> None:
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    run(command(images, tmp_path, *launcher))
    assert logged(tmp_path) == list(range(1, EPOCHS + 1)), "one of them writes"
    assert torch.isfinite(weights(tmp_path)["fc.weight"]).all()
