"""The operators of `ai.snn` as a library for ONNX Runtime: where it lies, what it holds.

`build.py` makes it. Nothing here imports ONNX Runtime.
"""

from .find import InstructionSets, instruction_sets, library

__all__ = ["InstructionSets", "instruction_sets", "library"]
