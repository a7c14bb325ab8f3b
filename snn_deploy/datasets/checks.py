"""Arrays of samples against what a network reads."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn_deploy.checkpoints import EventBinning, InputSpec
from snn_deploy.errors import ModelError


def check_shape(shape: tuple[int, ...], spec: InputSpec, source: str) -> None:
    """Refuse samples of another shape at a step.

    Raises:
        ModelError: says so, and what to do where the channels are last.
    """
    if shape == tuple(spec.shape):
        return
    found, wanted = list(shape), list(spec.shape)
    channels_last = found == [*wanted[1:], *wanted[:1]]
    remedy = (
        "put the channels first: np.moveaxis(images, -1, 1)"
        if channels_last
        else "give samples of that shape"
    )
    raise ModelError(source, f"has samples of shape {found}, the network takes {wanted}", remedy)


def check_time(length: int | None, spec: InputSpec, source: str) -> None:
    """Refuse what has no time axis where one is needed, has one where none is, or a short one.

    Args:
        length: steps of a sample; None for samples without a time axis.
        spec: what the network reads.
        source: the file, for messages.

    Raises:
        ModelError: one of the three.
    """
    if length is None and spec.events is not None:
        raise ModelError(
            source,
            "holds no events, the network reads nothing else",
            "give arrays x, y, p, t and offset, or their counts as 'sequences' [N, T, P, H, W]",
        )
    if (length is not None) != spec.sequence:
        held, taken = ("samples without a time axis", "sequences")
        if length is not None:
            held, taken = ("sequences", "samples without a time axis")
        raise ModelError(source, f"has {held}, the network takes {taken}", f"give {taken}")
    if length is not None and length < spec.steps:
        raise ModelError(
            source,
            f"has sequences of {length} steps, the network takes {spec.steps}",
            "give longer ones, or fewer --steps",
        )


def check_counts(values: NDArray[Any], binning: EventBinning, source: str) -> None:
    """Refuse, for a network that reads events, arrays of anything else than their counts.

    Raises:
        ModelError: a value is no whole number from 0 to the limit.
    """
    low, high = values.min(), values.max()
    if low < 0 or high > binning.limit or not (values == np.rint(values)).all():
        raise ModelError(
            source,
            f"holds values from {low:g} to {high:g}, the network reads counts of events",
            f"give whole numbers from 0 to {binning.limit}",
        )
