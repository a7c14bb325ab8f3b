"""What the residual networks here share: batch norm over time, the stages, the classifier.

Time and batch share the leading axis, [T*B, C, H, W], time outermost; only neurons unfold it.
"""

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from snn_deploy.neurons import LIF

MakeBlock = Callable[[int, int, int], nn.Module]
"""(channels in, channels out, stride) -> a block."""


class TemporalBatchNorm(nn.Module):
    """Batch norm with statistics over batch, time and space together (tdBN).

    On the merged axis [T*B, C, H, W] that is the ordinary BatchNorm2d. The factor alpha * V_th of
    tdBN is the initial scale: V_th = 0.5, or 0 where a block is to begin as the identity.
    """

    def __init__(self, channels: int, scale: float = 0.5) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(channels)
        nn.init.constant_(self.bn.weight, scale)

    def forward(self, x: Tensor) -> Tensor:
        """x: [T*B, C, H, W] -> the same."""
        return self.bn(x)


class ResidualNetwork(nn.Module):
    """Stem, encoder, stages of blocks, last neurons, mean rate, classifier.

    Images [B, 3, H, W] or sequences [T, B, 3, H, W] -> logits [B, classes]. An image is presented
    at every step; the stem, which has no state, then runs once.

    Args:
        stem: analog layers, which give `channels_in` channels.
        channels_in: of the first block.
        encoder: neurons between the stem and the first block; None where currents go on.
        blocks: of each stage.
        channels: of each stage.
        strides: of each stage's first block.
        make_block: what a stage is made of.
        last: neurons behind the last block; None where it gives spikes.
        dropout: before the classifier.
        classes: of the classifier.
        steps: T.
    """

    def __init__(
        self,
        *,
        stem: nn.Module,
        channels_in: int,
        encoder: nn.Module | None,
        blocks: Sequence[int],
        channels: Sequence[int],
        strides: Sequence[int],
        make_block: MakeBlock,
        last: nn.Module | None,
        dropout: float,
        classes: int,
        steps: int,
    ) -> None:
        super().__init__()
        self.steps = steps
        self.conv1 = stem
        self.encoder = encoder
        self.stages: list[str] = []
        stages = zip(blocks, channels, strides, strict=True)
        for number, (count, channels_out, stride) in enumerate(stages, start=2):
            first = make_block(channels_in, channels_out, stride)
            others = [make_block(channels_out, channels_out, 1) for _ in range(count - 1)]
            self.stages.append(f"conv{number}_x")
            self.add_module(self.stages[-1], nn.Sequential(first, *others))
            channels_in = channels_out
        self.lif = last
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(channels_in, classes)
        self.apply(_initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Run T steps and return the logits of the mean firing rates."""
        if x.dim() == 5:
            x = self.conv1(x.flatten(0, 1))
        else:
            x = self.conv1(x).repeat(self.steps, 1, 1, 1)
        if self.encoder is not None:
            x = self.encoder(x)
        for stage in self.stages:
            x = self.get_submodule(stage)(x)
        if self.lif is not None:
            x = self.lif(x)
        rates = self.pool(x).flatten(1).unflatten(0, (self.steps, -1)).mean(0)
        return self.fc(self.dropout(rates))


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def blocks_of_depth(depth: int) -> tuple[int, int, int]:
    """Return the blocks of each stage of a thin CIFAR network of 6n + 2 layers.

    Raises:
        ValueError: the depth is not of that form.
    """
    blocks, rest = divmod(depth - 2, 6)
    if rest or blocks < 1:
        raise ValueError(f"depth {depth}: a thin CIFAR network has 6n + 2 layers (8, 14, 20, …)")
    return (blocks, blocks, blocks)


THIN_CHANNELS = (16, 32, 64)
THIN_STRIDES = (1, 2, 2)
"""The thin CIFAR family of He et al., Deep Residual Learning for Image Recognition, 2016, 4.2."""


def conv_norm(channels_in: int, channels_out: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    """Return a convolution that keeps the size but for its stride, and its batch norm."""
    conv = nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, bias=False)
    return [conv, TemporalBatchNorm(channels_out)]


def thin_of_spikes(
    depth: int, make_block: MakeBlock, *, classes: int, steps: int
) -> ResidualNetwork:
    """Build a thin CIFAR network whose blocks read spikes: neurons follow the stem, none the end.

    Raises:
        ValueError: the depth is not of the form 6n + 2.
    """
    return ResidualNetwork(
        stem=nn.Sequential(*conv_norm(3, 16, 3)),
        channels_in=16,
        encoder=LIF(steps=steps),
        blocks=blocks_of_depth(depth),
        channels=THIN_CHANNELS,
        strides=THIN_STRIDES,
        make_block=make_block,
        last=None,
        dropout=0.0,
        classes=classes,
        steps=steps,
    )
