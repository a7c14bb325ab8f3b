"""From the network's order of axes to Lava's: channels come last, and width before height.

[C, H, W] is (W, H, C) in Lava, [C, L] is (L, 1, C), [N] stays.
"""

import numpy as np


def to_lava(array: np.ndarray) -> np.ndarray:
    """Reorder the values of a layer: [C, H, W], [C, L] or [N]."""
    return array.T[:, np.newaxis] if array.ndim == 2 else array.T


def from_lava(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Undo `to_lava`. shape: the network's."""
    return array.T.reshape(shape)


def kernel(weight: np.ndarray, exponent: np.ndarray | int = 0) -> np.ndarray:
    """Return the kernel of a Lava `Conv`: (O, width, height, I / groups).

    Lava flips kernels, the network does not. `Conv` ignores its `weight_exp`, so the powers of two
    are multiplied in.

    Args:
        weight: [O, I / groups, height, width] or [O, I / groups, length].
        exponent: of each output channel, [O], or of all.
    """
    if weight.ndim == 3:
        weight = weight[:, :, np.newaxis]  # one row, as wide as the length
    shifted = weight.astype(np.int64) << np.reshape(exponent, (-1, 1, 1, 1))
    return shifted[:, :, ::-1, ::-1].transpose(0, 3, 2, 1)


def window(channels: int, *size: int) -> np.ndarray:
    """Return the kernel that sums a window of each channel. size: height, width; or length."""
    return kernel(np.ones((channels, 1, *size), np.int32))


def matrix(
    weight: np.ndarray, source: tuple[int, ...], exponent: np.ndarray | int = 0
) -> np.ndarray:
    """Return the weights of a dense layer in the order in which Lava flattens its source: (O, I).

    Args:
        weight: [O, I], where I counts the source's values with its channels outermost.
        source: the network's shape of what is read.
        exponent: of each output, [O], or of all.
    """
    backwards = weight.reshape(-1, *source).transpose(0, *range(len(source), 0, -1))
    return backwards.reshape(weight.shape).astype(np.int64) << np.reshape(exponent, (-1, 1))
