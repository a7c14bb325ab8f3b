"""Images to batches, against loops over single images."""

import numpy as np
import torch

from snn_deploy.training.augmentation import normalise, shift_and_flip


def test_bytes_are_scaled_then_normalised(rng: np.random.Generator) -> None:
    images = rng.integers(0, 256, (5, 3, 4, 6)).astype(np.uint8)
    mean, std = (0.5, 0.25, 0.125), (0.5, 2.0, 1.0)
    found = normalise(torch.from_numpy(images), mean, std)
    assert found.is_contiguous(memory_format=torch.channels_last)
    expected = (images / 255 - np.reshape(mean, (3, 1, 1))) / np.reshape(std, (3, 1, 1))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-6)


def test_every_image_is_one_of_its_own_shifts() -> None:
    """Each of the 2 x 5 x 5 ways to cut and mirror occurs; zeros come in from outside."""
    x = 1 + torch.arange(600 * 2 * 3 * 5, dtype=torch.float32).reshape(600, 2, 3, 5)
    found = shift_and_flip(x, torch.Generator().manual_seed(1), padding=2).numpy()
    ways = set()
    for image, moved in zip(x.numpy(), found, strict=True):
        padded = np.pad(image, ((0, 0), (2, 2), (2, 2)))
        candidates = {
            (top, left, mirrored): padded[:, top : top + 3, left : left + 5][
                :, :, :: -1 if mirrored else 1
            ]
            for top in range(5)
            for left in range(5)
            for mirrored in (False, True)
        }
        fitting = [way for way, other in candidates.items() if np.array_equal(other, moved)]
        assert len(fitting) == 1
        ways.add(fitting[0])
    assert len(ways) == 50


def test_the_generator_decides() -> None:
    x = torch.rand(20, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    first, again, other = (
        shift_and_flip(x, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
