"""Gradient checkpointing: a block's values are computed again for backward instead of kept.

Memory then grows with the number of blocks times one stream, not times all that a block makes; time
grows by one more forward pass (Chen et al., Training Deep Nets with Sublinear Memory Cost, 2016).
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def recompute_blocks(network: nn.Module) -> int:
    """Make every module whose class says `recomputable = True` forget what it computed.

    Results, gradients and running statistics stay the same, bit for bit. Returns the number of
    blocks.
    """
    blocks = [m for m in network.modules() if getattr(type(m), "recomputable", False)]
    for block in blocks:
        block.forward = partial(
            checkpoint, block.forward, use_reentrant=False, context_fn=partial(_contexts, block)
        )
    return len(blocks)


def _contexts(
    block: nn.Module,
) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    return nullcontext(), _statistics_are_left_alone(block)


@contextmanager
def _statistics_are_left_alone(block: nn.Module) -> Iterator[None]:
    """Let batch norms use the batch's statistics without counting that batch a second time.

    They must go on tracking: a norm that does not keeps fewer values for backward, and checkpoint
    compares the two passes by these.
    """
    norms = [m for m in block.modules() if isinstance(m, _BatchNorm)]
    before = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum, norm.num_batches_tracked = 0.0, None
    try:
        yield
    finally:
        for norm, (momentum, count) in zip(norms, before, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, count
