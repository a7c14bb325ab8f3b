"""Training of spiking networks with surrogate gradients, on CPU or CUDA."""

from .batches import input_of
from .config import TrainingConfig
from .loop import Trained, train
from .run import Progress

__all__ = ["Progress", "Trained", "TrainingConfig", "input_of", "train"]
