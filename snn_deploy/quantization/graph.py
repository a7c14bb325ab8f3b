"""The integer graph: one definition of every spike, for every target."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from snn_deploy.errors import GraphError
from snn_deploy.ir.graph import Array, Graph

Scale = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantGraph(Graph):
    """A graph whose parameters are all integers.

    Attributes:
        scales: for every node, the real value of one integer unit of what it gives, [1] or [C].
            Spikes have scale 1.
        weight_bits: of the widest weight, sign included.
        input_limit: the largest magnitude of an input integer.

    Raises:
        GraphError: as `Graph`, and for a parameter that is not of an integer type or a node
            without a scale.
    """

    scales: Mapping[str, Scale] = field(default_factory=dict)
    weight_bits: int = 8
    input_limit: int = 127

    def __post_init__(self) -> None:
        """Check that the graph holds integers only, and a scale for every value."""
        Graph.__post_init__(self)
        for key, array in self.params.items():
            if array.dtype.kind != "i":
                raise GraphError(self.name, key, f"holds {array.dtype}, an integer graph does not")
        for node in self.nodes:
            if node.name not in self.scales:
                raise GraphError(self.name, node.name, "has no scale")
        object.__setattr__(self, "scales", MappingProxyType(dict(self.scales)))

    def quantize_input(self, x: Array) -> Array:
        """Return samples as integers: clip(round_half_even(x / scale), -limit, limit).

        x: real, any leading axes before the sample's -> int8, or int16 where the limit needs it.
        """
        scaled = np.rint(np.asarray(x, np.float64) / self.scales[self.input.name])
        dtype = np.int8 if self.input_limit <= 127 else np.int16
        return np.clip(scaled, -self.input_limit, self.input_limit).astype(dtype)

    def output_scale(self, name: str) -> Scale:
        """Return the factor from an output's sum over all steps to its real readout."""
        steps = self.steps if self.readout == "mean" else 1
        return self.scales[name] / steps
