"""Writes a network as ONNX files that any ONNX Runtime can run, neurons included."""

from .lower import OnnxConverter, lower_model

__all__ = ["OnnxConverter", "lower_model"]
