import subprocess
import sys
from pathlib import Path

import numpy as np

from snn_deploy import datasets

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "examples" / "cifar10_to_npz.py"


def test_binary_batches_become_samples(tmp_path: Path, rng: np.random.Generator) -> None:
    batches = {}
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        labels = rng.integers(0, 10, (4, 1), np.uint8)
        images = rng.integers(0, 256, (4, 3, 32, 32), np.uint8)
        np.concatenate([labels, images.reshape(4, -1)], axis=1).tofile(tmp_path / f"{name}.bin")
        batches[name] = images, labels[:, 0]

    subprocess.run([sys.executable, str(SCRIPT), str(tmp_path), str(tmp_path / "out")], check=True)

    training = datasets.load(tmp_path / "out" / "cifar10_train.npz")
    test = datasets.load(tmp_path / "out" / "cifar10_test.npz")
    assert len(training) == 20
    np.testing.assert_array_equal(training.values[4:8], batches["data_batch_2"][0])
    np.testing.assert_array_equal(test.values, batches["test_batch"][0])
    np.testing.assert_array_equal(test.labels, batches["test_batch"][1])


def test_sheets_hold_the_images_of_the_sample_file(shared_data: Path, tmp_path: Path) -> None:
    sys.path.insert(0, str(SCRIPT.parent))
    try:
        from cifar10_to_npz import read_sheet
    finally:
        sys.path.pop(0)

    images = read_sheet(shared_data / "cifar10-test.webp")

    shipped = datasets.load(ROOT / "models" / "samples" / "cifar10_100.npz")
    np.testing.assert_array_equal(images[:100], shipped.values)
