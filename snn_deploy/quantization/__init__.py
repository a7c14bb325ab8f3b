"""Float graph -> integer graph, with one meaning for every target."""

from .calibration import Calibration, calibrate
from .graph import QuantGraph
from .options import QuantizationOptions
from .quantizer import LayerError, Quantized, quantize

__all__ = [
    "Calibration",
    "LayerError",
    "QuantGraph",
    "QuantizationOptions",
    "Quantized",
    "calibrate",
    "quantize",
]
