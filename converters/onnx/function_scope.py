"""The body of a function under construction: constants are nodes, time is an axis of its input."""

from dataclasses import dataclass

import numpy as np
from onnx import numpy_helper

from snn_deploy.ir.graph import Array

from .scope import Scope

X = "x"
"""The operand that has a time axis in operators over a sequence."""


@dataclass
class FunctionScope(Scope):
    """As `Scope`, for nodes that go into a function."""

    def _initializer(self, array: Array, name: str) -> str:
        name = self._unique(name)
        tensor = numpy_helper.from_array(np.asarray(array, order="C"))
        return self.add("Constant", [], name, output=name, value=tensor)

    def time(self) -> str:
        """Return the tensor [T], int64 [1]."""
        if self.steps is not None:
            return self.constant(np.array([self.steps], np.int64), "T")
        return self._once(("T",), lambda: self.add("Shape", [X], "T", start=0, end=1))
