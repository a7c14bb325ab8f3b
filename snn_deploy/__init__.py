"""Takes trained spiking networks off the GPU: one integer meaning, the same spikes everywhere."""

from .errors import SnnDeployError
from .ir.evaluate import evaluate, read_out
from .ir.graph import Graph, Node
from .quantization.calibration import calibrate
from .quantization.graph import QuantGraph
from .quantization.options import QuantizationOptions
from .quantization.quantizer import quantize

__all__ = [
    "Graph",
    "Node",
    "QuantGraph",
    "QuantizationOptions",
    "SnnDeployError",
    "calibrate",
    "evaluate",
    "quantize",
    "read_out",
]
