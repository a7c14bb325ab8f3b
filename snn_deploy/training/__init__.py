"""Training of spiking networks with surrogate gradients, on CPU or CUDA."""

from .config import TrainingConfig
from .loop import Progress, Trained, train

__all__ = ["Progress", "Trained", "TrainingConfig", "train"]
