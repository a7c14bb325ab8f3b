"""CIFAR-10 as the `.npz` files that `snn-deploy` reads.

    python examples/cifar10_to_npz.py FOLDER OUT

FOLDER holds either the binary version of the data set as its authors publish it
(`data_batch_1.bin` … `test_batch.bin`), or the same images as lossless WebP sheets
(`cifar10-train-1.webp` …, `cifar10-test.webp`) with `cifar10-labels.npz`. OUT gets
`cifar10_train.npz` and `cifar10_test.npz`, each with `images` uint8 [N, 3, 32, 32] and `labels`.

Krizhevsky: Learning Multiple Layers of Features from Tiny Images, University of Toronto, 2009.
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Part = tuple[Bytes, Bytes]
"""Images [N, 3, 32, 32] and labels [N]."""

RECORD = 1 + 3 * 32 * 32
SHEET = (200, 32, 50, 32, 3)
"""A sheet is 200 rows of 50 tiles of 32x32 RGB pixels."""


def read_binary(path: Path) -> Part:
    """Read one batch file: a label byte, then the planes R, G, B, for each image."""
    records = np.fromfile(path, np.uint8).reshape(-1, RECORD)
    return records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0]


def read_sheet(path: Path) -> Bytes:
    """Read one sheet of 10,000 images in row-major order."""
    from PIL import Image

    pixels = np.asarray(Image.open(path).convert("RGB"))
    return pixels.reshape(SHEET).transpose(0, 2, 4, 1, 3).reshape(-1, 3, 32, 32)


def read_folder(folder: Path) -> tuple[Part, Part]:
    """Return the training and the test part of whichever form the folder holds."""
    if (folder / "test_batch.bin").exists():
        batches = [read_binary(folder / f"data_batch_{i}.bin") for i in range(1, 6)]
        images, labels = (np.concatenate(part) for part in zip(*batches, strict=True))
        return (images, labels), read_binary(folder / "test_batch.bin")
    sheets = [read_sheet(folder / f"cifar10-train-{i}.webp") for i in range(1, 6)]
    with np.load(folder / "cifar10-labels.npz") as labelled:
        training = np.concatenate(sheets), labelled["train"]
        return training, (read_sheet(folder / "cifar10-test.webp"), labelled["test"])


def main() -> None:
    """Convert the folder named on the command line."""
    if len(sys.argv) != 3:
        sys.exit("usage: python examples/cifar10_to_npz.py FOLDER OUT")
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    for name, (images, labels) in zip(("train", "test"), read_folder(folder), strict=True):
        np.savez(out / f"cifar10_{name}.npz", images=images, labels=labels)
        sys.stdout.write(f"{out / f'cifar10_{name}.npz'}: {len(labels)} images\n")


if __name__ == "__main__":
    main()
