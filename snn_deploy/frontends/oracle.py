"""What the torch module itself does, in float64: the proof of a trace.

The module runs as it is, with hooks on its neurons. Nothing here uses the graph's evaluator.
"""

import copy
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from snn_deploy.ir.graph import Array, Graph
from snn_deploy.ir.ops import Input

from .adapters import Calling, adapter
from .step import node_name
from .tracing import Traced, trace_how
from .values import Axes


@dataclass(frozen=True, slots=True)
class Observed:
    """What a module did.

    Attributes:
        spikes: of every neuron node of the graph, uint8 [T, B, ...].
        outputs: of every output node what is read out, float64 [B, ...].
    """

    spikes: Mapping[str, Array]
    outputs: Mapping[str, Array]


def torch_values(module: nn.Module, graph: Graph, x: Array) -> Iterator[Mapping[str, Array]]:
    """Yield the spikes of every neuron node, step by step, as the torch module makes them.

    Args:
        module: what the graph was traced from; it is copied.
        graph: tells the names, T and the kind of input.
        x: [B, *S] for a static input, [T, B, *S] for a sequence.
    """
    observed = observe(module, graph, x)
    for t in range(graph.steps):
        yield {name: spikes[t] for name, spikes in observed.spikes.items()}


def observe(module: nn.Module, graph: Graph, x: Array) -> Observed:
    """Run the module in float64 on all steps; arguments as `torch_values`."""
    network = _wide(module)
    recorder = _Recorder(network)
    outputs = _run(network, module, graph, x)
    return Observed(recorder.spikes(graph, _batch(graph, x)), outputs)


def observe_outputs(module: nn.Module, graph: Graph, x: Array) -> Mapping[str, Array]:
    """Return `Observed.outputs` without the spikes, which take far more room than a layer does."""
    return _run(_wide(module), module, graph, x)


def _wide(module: nn.Module) -> nn.Module:
    return copy.deepcopy(module).double().eval()


def _batch(graph: Graph, x: Array) -> int:
    op = graph.input.op
    assert isinstance(op, Input), "Graph.input finds Inputs"
    return len(x) if op.static else x.shape[1]


@torch.no_grad()
def _run(network: nn.Module, module: nn.Module, graph: Graph, x: Array) -> dict[str, Array]:
    """Run a module's float64 copy on all steps; return what it reads out."""
    op = graph.input.op
    assert isinstance(op, Input), "Graph.input finds Inputs"
    how = trace_how(module, op.shape, name=graph.name, steps=graph.steps, sequence=not op.static)
    samples = torch.as_tensor(x, dtype=torch.float64)
    if how.one_step and graph.steps > 1:
        results = _step_by_step(network, samples, op.static, graph.steps)
    else:
        results = [network(_argument(samples, how.axes, op.static, graph.steps))]
    return _outputs(graph, results, how, _batch(graph, x))


def _argument(x: Tensor, axes: Axes, static: bool, steps: int) -> Tensor:
    if axes is Axes.BATCH:
        return x
    through_time = x.expand(steps, *x.shape) if static else x[:steps]
    if axes is Axes.MERGED:
        return through_time.flatten(0, 1)
    return through_time if axes is Axes.STACKED else through_time.transpose(0, 1)


def _step_by_step(network: nn.Module, x: Tensor, static: bool, steps: int) -> list[Any]:
    """Run a module of one step T times; what it returns behind its result goes in again."""
    merged = [m for m in network.modules() if _calling(m) is Calling.MERGED]
    if merged:
        for m in merged:
            m.steps = steps  # type: ignore[assignment]
        return [network(_argument(x, Axes.MERGED, static, steps))]
    results: list[Any] = []
    state: tuple[Any, ...] = ()
    takes = len(inspect.signature(network.forward).parameters) - 1
    for t in range(steps):
        result = network(x if static else x[t], *state[:takes])
        results.append(result)
        state = tuple(result[1:]) if isinstance(result, tuple) else ()
    return results


def _calling(module: nn.Module) -> Calling | None:
    found = adapter(module)
    return None if found is None else found.calling


class _Recorder:
    """Keeps what every neuron of a network gives, apart by the state that it goes on from."""

    def __init__(self, network: nn.Module) -> None:
        self._layers: dict[str, list[list[Tensor]]] = {}
        self._of_state: dict[int, list[Tensor]] = {}
        self._alive: list[Any] = []
        for path, m in network.named_modules():
            if _calling(m) is not None:
                self._layers[path] = []
                m.register_forward_hook(self._hook(path), with_kwargs=True)

    def _hook(self, path: str) -> Any:
        def hook(_: nn.Module, args: Any, kwargs: Any, result: Any) -> None:
            before = args[1] if len(args) > 1 else kwargs.get("state")
            if before is None:
                parts: list[Tensor] = []
                self._layers[path].append(parts)
            else:
                parts = self._of_state[id(before)]
            spikes, after = result if isinstance(result, tuple) else (result, None)
            # A byte each at once: in float64 the spikes would take more room than the network.
            parts.append(spikes.to(torch.uint8))
            self._of_state[id(after)] = parts
            self._alive.append(after)

        return hook

    def spikes(self, graph: Graph, batch: int) -> dict[str, Array]:
        """Return [T, B, ...] by graph node; layers that the graph does not have are left out."""
        found: dict[str, Array] = {}
        for path, layers in self._layers.items():
            for number, parts in enumerate(layers, start=1):
                name = node_name(path) if path else ""
                names = [name if number == 1 else f"{name}_{number}"]
                names = [n for n in names if n in graph] or [
                    n.name for n in graph.spiking if not path
                ]
                for node in names:
                    shape = (graph.steps, batch, *graph[node].type.shape)
                    array = torch.cat([p.reshape(-1) for p in parts]).numpy()
                    found[node] = array.reshape(shape)
        return found


def _outputs(graph: Graph, results: list[Any], how: Traced, batch: int) -> dict[str, Array]:
    sums: list[Array] = []
    for result in results:
        arrays = [t.numpy() for t in _tensors(result)]
        parts = [
            _over_time(a, graph, o, how, batch) for a, o in zip(arrays, graph.outputs, strict=False)
        ]
        sums = [a + b for a, b in zip(sums, parts, strict=True)] if sums else parts
    return {o: a / len(results) for o, a in zip(graph.outputs, sums, strict=True)}


def _over_time(array: Array, graph: Graph, output: str, how: Traced, batch: int) -> Array:
    shape = graph[output].type.shape
    if array.shape == (batch, *shape):
        return array
    if how.axes is Axes.BATCH_FIRST and array.shape == (batch, graph.steps, *shape):
        return np.asarray(array.mean(axis=1))
    return np.asarray(array.reshape(graph.steps, batch, *shape).mean(axis=0))


def _tensors(result: Any) -> list[Tensor]:
    """Return the tensors of a result that are not in a neuron's state."""
    if isinstance(result, Tensor):
        return [result]
    if isinstance(result, tuple | list) and not hasattr(result, "_fields"):
        return [t for item in result for t in _tensors(item)]
    return []
