"""What integers cost: accuracy by weight bits, in ONNX Runtime, with the sequence form.

    python benchmarks/quantization_accuracy.py MODEL TEST.npz --calibration TRAIN.npz --weights 8 6c

`6c` is 6 bits with a scale for each output channel. Without arguments: the shipped network on its
100 images, which is too few to tell 6 bits from 8.
"""

import argparse
from pathlib import Path

import numpy as np

from snn_deploy import datasets
from snn_deploy.checkpoints import InputSpec
from snn_deploy.converters.onnx import lower_model
from snn_deploy.converters.onnx.run import Session
from snn_deploy.datasets import Samples
from snn_deploy.frontends.loading import load
from snn_deploy.frontends.tracing import trace
from snn_deploy.passes import FOLD, run_passes
from snn_deploy.quantization import QuantGraph, QuantizationOptions, calibrate, quantize


def accuracy(graph: QuantGraph, samples: Samples, spec: InputSpec) -> float:
    """Return the share of samples that the integer graph classifies correctly."""
    session = Session(lower_model(graph, "sequence"))
    hits = 0
    for batch in samples.batches(100):
        x = graph.quantize_input(batch.normalised(spec))
        guess = session.infer(x, graph.steps)[graph.outputs[0]].argmax(axis=1)
        hits += int(np.count_nonzero(guess == batch.labels))
    return hits / len(samples)


def main() -> None:
    """Print a line for each way of rounding."""
    parser = argparse.ArgumentParser(description=__doc__)
    shipped = Path(__file__).resolve().parents[1] / "models"
    few = shipped / "samples" / "cifar10_100.npz"
    network = shipped / "checkpoints" / "ms_resnet20_cifar10.pt"
    parser.add_argument("model", type=Path, nargs="?", default=network)
    parser.add_argument("test", type=Path, nargs="?", default=few)
    parser.add_argument("--calibration", type=Path, default=few)
    parser.add_argument("--weights", nargs="+", default=["8", "6c"])
    given = parser.parse_args()
    loaded, samples = load(given.model), datasets.load(given.test)
    spec = loaded.input
    if spec is None:
        parser.error(f"{given.model} does not say what it reads")
    graph = trace(loaded.module, spec.shape, name=loaded.name, steps=spec.steps)
    folded = run_passes(graph, FOLD)
    ranges = calibrate(folded, datasets.load(given.calibration).spread(64).normalised(spec))
    for weights in given.weights:
        bits, per_channel = int(weights.rstrip("c")), weights.endswith("c")
        options = QuantizationOptions(weight_bits=bits, per_channel=per_channel)
        found = accuracy(quantize(folded, ranges, options).graph, samples, spec)
        kind = "per channel" if per_channel else "per tensor"
        print(f"{bits:2} bits {kind}: {found:.4f} on {len(samples)} samples", flush=True)


if __name__ == "__main__":
    main()
