"""Takes trained spiking networks off the GPU: one integer meaning, the same spikes everywhere.

The face hands on the errors that a caller catches; what makes them is imported from its room, so
that `--help` loads neither numpy nor torch.
"""

from .errors import (
    CapacityError,
    MissingDependencyError,
    ModelError,
    SnnDeployError,
    TraceError,
    UnsupportedError,
    UsageError,
    ValidationError,
)

__all__ = [
    "CapacityError",
    "MissingDependencyError",
    "ModelError",
    "SnnDeployError",
    "TraceError",
    "UnsupportedError",
    "UsageError",
    "ValidationError",
]
