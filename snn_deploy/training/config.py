"""What a training run is made of."""

from dataclasses import asdict, dataclass
from typing import Any

from snn_deploy.checkpoints import EventBinning


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """The recipe; the defaults are the paper's for CIFAR (T aside).

    Attributes:
        architecture: a name of `models.ARCHITECTURES`.
        classes: of the classifier.
        steps: T.
        shortcut: of the architecture; empty for its default.
        epochs: passes over the training set.
        batch: images an update, over all processes.
        learning_rate: the first one; it falls to zero along a cosine.
        momentum: of SGD.
        nesterov: whether SGD looks ahead.
        weight_decay: of SGD, on every parameter.
        label_smoothing: share of the target spread over all classes.
        warmup_epochs: over which the learning rate rises linearly.
        short_epochs: at the beginning, trained at `short_steps` instead of `steps`: the weights of
            a static image's network differ little between small T, and time is linear in T.
        short_steps: T of those epochs.
        bfloat16: automatic mixed precision.
        ema: share that the averaged weights keep at every update, such as 0.999; the average is
            then what is measured and delivered. 0 for none.
        checkpointing: compute a block's values again for backward instead of keeping them.
        seed: of weights, order and augmentation.
        begin_with: the network whose weights this one begins with; empty for random ones.
        events: how recordings become input; None for images.
        mean: of a channel, of images scaled to [0, 1].
        std: of a channel.
    """

    architecture: str
    classes: int = 10
    steps: int = 6
    shortcut: str = ""
    epochs: int = 100
    batch: int = 128
    learning_rate: float = 0.1
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 1e-4
    label_smoothing: float = 0.0
    warmup_epochs: float = 0.0
    short_epochs: int = 0
    short_steps: int = 1
    bfloat16: bool = True
    ema: float = 0.0
    checkpointing: bool = False
    seed: int = 1
    begin_with: str = ""
    events: EventBinning | None = None
    mean: tuple[float, ...] = (0.4914, 0.4822, 0.4465)
    std: tuple[float, ...] = (0.247, 0.243, 0.261)

    def steps_at(self, epoch: int) -> int:
        """Return T of an epoch, counted from 0."""
        return self.short_steps if epoch < self.short_epochs else self.steps

    def network_config(self) -> dict[str, int | str]:
        """Return the keywords of the architecture's builder."""
        config: dict[str, int | str] = {"classes": self.classes, "steps": self.steps}
        return config | ({"shortcut": self.shortcut} if self.shortcut else {})

    def recipe(self) -> dict[str, Any]:
        """Return the whole of it as plain containers."""
        recipe = asdict(self) | {"mean": list(self.mean), "std": list(self.std)}
        if self.events is None:
            del recipe["events"]  # what runs of images were begun with never had it
        return recipe
