"""What an export makes of a network."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

import numpy as np

from snn_deploy.converters.onnx import lower_model
from snn_deploy.converters.onnx.lower import Form
from snn_deploy.frontends.tracing import trace
from snn_deploy.ir.evaluate import evaluate, read_out
from snn_deploy.passes import FOLD, run_passes
from snn_deploy.quantization import QuantGraph, calibrate, quantize

from .networks import Floats, Subject, samples
from .routes import PART
from .timing import Logits

_CALIBRATION_VALUES = 64 * 3 * 32 * 32
"""So many pixels set the ranges: 64 images of CIFAR's size."""
_FEWEST_CALIBRATION_IMAGES = 4


@dataclass(frozen=True, slots=True)
class Exported:
    """An exported network.

    Attributes:
        integers: what the integer files were made of.
        files: by `Route.file`.
    """

    integers: QuantGraph
    files: Mapping[str, bytes]

    @property
    def output(self) -> str:
        """The node whose sums are the logits."""
        (found,) = self.integers.outputs
        return found

    @property
    def scale(self) -> Logits:
        """What an integer of the output is worth."""
        return self.integers.output_scale(self.output)

    def reference(self, images: Floats) -> Logits:
        """Return the logits of the reference evaluator, exactly as every integer file has them."""
        graph = self.integers
        parts = [graph.quantize_input(images[i : i + PART]) for i in range(0, len(images), PART)]
        values = [read_out(graph, evaluate(graph, part))[self.output] for part in parts]
        found: Logits = np.concatenate(values) * self.scale
        return found


def export(subject: Subject) -> Exported:
    """Do what an export does, without its proofs."""
    shape, steps = subject.input.shape, subject.input.steps
    floats = run_passes(trace(subject.module, shape, name=subject.name, steps=steps), FOLD)
    images = max(_FEWEST_CALIBRATION_IMAGES, _CALIBRATION_VALUES // int(np.prod(shape)))
    integers = quantize(floats, calibrate(floats, samples(subject.input, images))).graph
    graphs = {"integer": integers, "float": floats}
    files = {
        f"{numbers} {form}": lower_model(graph, form).SerializeToString()
        for numbers, graph in graphs.items()
        for form in get_args(Form)
    }
    return Exported(integers, files)
