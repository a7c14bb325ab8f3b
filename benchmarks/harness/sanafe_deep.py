"""Deep networks on a chip, alone: what each stage of a simulation costs."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from snn_deploy import targets
from snn_deploy.frontends.tracing import trace
from snn_deploy.hardware import Target
from snn_deploy.ir.evaluate import evaluate
from snn_deploy.ir.graph import Array
from snn_deploy.passes import FOLD, run_passes
from snn_deploy.placement import fit, place
from snn_deploy.quantization import QuantizationOptions, calibrate, quantize
from snn_deploy.quantization.graph import QuantGraph
from snn_deploy.simulation.chip.contention import Contention
from snn_deploy.simulation.chip.emission import Stepper
from snn_deploy.simulation.chip.machine import Machine, machine
from snn_deploy.simulation.chip.marks import Marker, Marks

from .networks import CIFAR10, IMAGENET, lively, samples
from .stages import Stages

DEEP = {"ms_resnet20": 4, "ms_resnet110": 4, "ms_resnet104": 5}
"""Networks, and their steps. The last one reads images of 224 x 224."""

CALIBRATION_IMAGES = 2


def measure(name: str) -> dict[str, Any]:
    """Simulate one image on as many Loihi 2 as it takes, and return what that costs.

    The network is random and fires as a trained one does; its shortcuts are relayed.
    """
    target, stages = targets.load("loihi2"), Stages()
    with stages("make and quantise"):
        graph, x = quantized(name, target)
    with stages("map"):
        network = fit(graph, target, "relay").network
    with stages("place"):
        placement = place(network, target, effort=0)
    with stages("machine"):
        placed = machine(network, placement, target)
    stepper, contention = Stepper(placed), Contention(placed)
    _warm(placed, stepper, contention)
    with stages("functional run alone"):
        sent = {sender.node for sender in placed.senders}
        for _ in evaluate(network.graph, x[None], keep=sent):
            pass
    with stages("functional run with marks"):
        marks = Marker(network, placed).mark(x)
    with stages("messages in order"):
        made = [stepper.emit(flat) for flat in _streamed(placed, marks)]
    with stages("counts"):
        counted = [stepper.tally(emissions) for emissions in made]
    with stages("contention"):
        timed = [contention.time(emissions) for emissions in made]
    ends = [max(time.sent_ps.max(), time.received_ps.max()) for time in timed]
    return {
        "name": name,
        "steps": DEEP[name],
        "neurons": int(placed.neurons.sum()),
        "cores": len(placed.cores),
        "chips": placement.chips,
        "classes": placed.routes.classes,
        "events": int(sum(step.events.sum() for step in counted)),
        "messages": int(sum(step.received.sum() for step in counted)),
        "hops": int(sum(step.links.sum() for step in counted)),
        "step_s": float(np.mean(ends)) / 1e12,
        "stages": {stage: asdict(cost) for stage, cost in stages.costs.items()},
    }


def quantized(name: str, target: Target) -> tuple[QuantGraph, Array]:
    """Return a random network that fires, as integers that a chip can hold, and an image."""
    assert target.chip is not None, "a chip has registers"
    like, steps = IMAGENET if name == "ms_resnet104" else CIFAR10, DEEP[name]
    subject = lively(name, steps, like=like, images=CALIBRATION_IMAGES)
    traced = trace(subject.module, subject.input.shape, name=name, steps=steps)
    folded = run_passes(traced, FOLD)
    shown = samples(subject.input, CALIBRATION_IMAGES)
    limits = target.chip.limits
    # A bias can be doubled by its exponent.
    options = QuantizationOptions(current_bits=limits.bias_bits + 1, sum_bits=limits.state_bits)
    graph = quantize(folded, calibrate(folded, shown), options).graph
    return graph, graph.quantize_input(shown[0])


def _warm(placed: Machine, stepper: Stepper, contention: Contention) -> None:
    """Compile."""
    made = stepper.emit(np.zeros(placed.first_mark[-1], np.uint8))
    stepper.tally(made)
    contention.time(made)


def _streamed(placed: Machine, marks: Marks) -> Iterator[Array]:
    """Yield the marks of all neurons at each chip step while samples stream."""
    steps = len(marks[0])
    for c in range(steps):
        parts = [
            array[(c - depth) % steps].ravel()
            for array, depth in zip(marks, placed.depths, strict=True)
        ]
        yield np.concatenate(parts)
