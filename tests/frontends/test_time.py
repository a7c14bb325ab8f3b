"""A time loop, a merged axis and a single step are the same graph, and make torch's spikes."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from snn_deploy.errors import TraceError
from snn_deploy.frontends.tracing import trace
from snn_deploy.ir.graph import Array, Graph
from snn_deploy.ir.ops import Lif
from snn_deploy.neurons import LIF

from .agreement import agree, norse, run

T = 5
SHAPE = (2, 8, 8)
BOX = norse.LIFBoxParameters(
    tau_mem_inv=torch.tensor(750.0), v_th=torch.tensor(0.2), v_reset=torch.tensor(0.0)
)
Forward = Callable[[nn.Module, Tensor], Tensor]


class Cells(nn.Module):
    """Convolution, neuron, residual block, classifier, with cells of one step."""

    def __init__(self, forward: Forward | None = None) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.first = norse.LIFBoxCell(BOX)
        self.inner = nn.Conv2d(4, 4, 3, padding=1)
        self.second = norse.LIFBoxCell(BOX)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(4, 3)
        self.way = forward

    def step(
        self, x: Tensor, states: tuple[object, object]
    ) -> tuple[Tensor, tuple[object, object]]:
        x = self.norm(self.conv(x))
        spikes, first = self.first(x, states[0])
        spikes, second = self.second(x + self.inner(spikes), states[1])
        return self.pool(spikes).flatten(1), (first, second)

    def forward(self, x: Tensor) -> Tensor:
        assert self.way is not None
        return self.way(self, x)


def mean_of_list(m: nn.Module, x: Tensor) -> Tensor:
    states, outs = (None, None), []
    for _ in range(T):
        y, states = m.step(x, states)
        outs.append(m.fc(y))
    return torch.stack(outs).mean(0)


def classifier_after_mean(m: nn.Module, x: Tensor) -> Tensor:
    states, outs = (None, None), []
    for _ in range(T):
        y, states = m.step(x, states)
        outs.append(y)
    return m.fc(torch.stack(outs, dim=1).mean(1))


def running_mean(m: nn.Module, x: Tensor) -> Tensor:
    states, out = (None, None), 0
    for _ in range(T):
        y, states = m.step(x, states)
        out = out + m.fc(y) / T
    return out


def filled(m: nn.Module, x: Tensor) -> Tensor:
    states, out = (None, None), torch.zeros(T, x.shape[0], 3)
    for t in range(T):
        y, states = m.step(x, states)
        out[t] = m.fc(y)
    return out.mean(0)


def layer_by_layer(m: nn.Module, x: Tensor) -> Tensor:
    """Every layer runs all its steps before the next; what has no state runs on [T*B, ...]."""
    x = m.norm(m.conv(x)).unsqueeze(0).expand(T, -1, -1, -1, -1)
    state, spikes = None, []
    for x_t in x:
        s, state = m.first(x_t, state)
        spikes.append(s)
    y = m.inner(torch.cat(spikes)).unflatten(0, (T, -1)) + x
    state, spikes = None, []
    for t in range(y.shape[0]):
        s, state = m.second(y[t], state)
        spikes.append(s)
    pooled = m.pool(torch.stack(spikes).flatten(0, 1)).view(T, x.shape[1], -1)
    return m.fc(pooled).mean(dim=0)


def chunked(m: nn.Module, x: Tensor) -> Tensor:
    x = m.norm(m.conv(x)).repeat(T, 1, 1, 1)
    states = (None, None)
    total: object = 0
    for part in x.chunk(T):
        spikes, first = m.first(part, states[0])
        spikes, second = m.second(part + m.inner(spikes), states[1])
        states = (first, second)
        total = total + m.fc(m.pool(spikes).flatten(1))
    return total / T


LOOPS: dict[str, Forward] = {
    f.__name__: f
    for f in (mean_of_list, classifier_after_mean, running_mean, filled, layer_by_layer, chunked)
}


class Merged(Cells):
    """The same network on a merged axis."""

    def __init__(self) -> None:
        super().__init__()
        self.first = self.second = None  # type: ignore[assignment]
        self.lif1 = LIF(0.25, 0.2 / 0.75, steps=T)
        self.lif2 = LIF(0.25, 0.2 / 0.75, steps=T)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x)).repeat(T, 1, 1, 1)
        x = self.lif2(x + self.inner(self.lif1(x)))
        return self.fc(self.pool(x).flatten(1).unflatten(0, (T, -1)).mean(0))


def weights(module: nn.Module) -> nn.Module:
    torch.manual_seed(3)
    for p in module.parameters():
        nn.init.normal_(p, std=0.5)
    return module


def meaning(graph: Graph, x: Array) -> list[Array]:
    """Return all spikes in the graph's order, and the output: what has no name in it."""
    spikes, outputs = run(graph, x)
    return [*spikes.values(), *outputs.values()]


@pytest.mark.parametrize("name", LOOPS)
def test_loops_are_the_merged_axis(name: str, rng: np.random.Generator) -> None:
    x = rng.normal(size=(3, *SHAPE))
    loop = weights(Cells(LOOPS[name]))
    graph = agree(loop, SHAPE, x)
    assert (graph.steps, graph.readout, len(graph.spiking)) == (T, "mean", 2)
    merged = weights(Merged())
    merged_graph = agree(merged, SHAPE, x)
    for ours, theirs in zip(meaning(graph, x), meaning(merged_graph, x), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


def test_a_loop_is_as_long_as_one_step() -> None:
    def wait(steps: int) -> Forward:
        def forward(m: nn.Module, x: Tensor) -> Tensor:
            states, out = (None, None), 0
            for _ in range(steps):
                y, states = m.step(x, states)
                out = out + y
            return out

        return forward

    short, long = (trace(Cells(wait(n)), SHAPE, name="x", steps=n) for n in (2, 30))
    assert short.nodes == long.nodes
    assert (long.steps, long.readout) == (30, "sum")


def test_bias_after_a_sum_is_divided(rng: np.random.Generator) -> None:
    def forward(m: nn.Module, x: Tensor) -> Tensor:
        states, out = (None, None), 0
        for _ in range(T):
            y, states = m.step(x, states)
            out = out + y
        return m.fc(out)

    graph = agree(weights(Cells(forward)), SHAPE, rng.normal(size=(3, *SHAPE)))
    assert graph.readout == "sum"


def test_any_factor_on_a_sum(rng: np.random.Generator) -> None:
    def forward(m: nn.Module, x: Tensor) -> Tensor:
        states, out = (None, None), 0
        for _ in range(T):
            y, states = m.step(x, states)
            out = out + m.fc(y)
        return out / 3 + 1

    agree(weights(Cells(forward)), SHAPE, rng.normal(size=(3, *SHAPE)))


def batch_first(m: nn.Module, x: Tensor) -> Tensor:
    states, outs = (None, None), []
    for t in range(x.shape[1]):
        y, states = m.step(x[:, t], states)
        outs.append(m.fc(y))
    return torch.stack(outs, 1).sum(1)


def time_first(m: nn.Module, x: Tensor) -> Tensor:
    assert x.dim() == 5
    steps, batch, *_ = x.shape
    states, outs = (None, None), torch.empty(steps, batch, 3)
    for t, x_t in enumerate(x.unbind(0)):
        y, states = m.step(x_t, states)
        outs[t, :] = m.fc(y)
    return outs.sum(0)


def swapped(m: nn.Module, x: Tensor) -> Tensor:
    return time_first(m, x.permute(1, 0, 2, 3, 4))


@pytest.mark.parametrize("forward", [batch_first, time_first, swapped])
def test_sequences(forward: Forward, rng: np.random.Generator) -> None:
    x = rng.normal(size=(6, 3, *SHAPE))
    graph = agree(weights(Cells(forward)), SHAPE, x, steps=6, sequence=True)
    assert (graph.steps, graph.readout) == (6, "sum")
    static = agree(weights(Cells(forward)), SHAPE, x[0], steps=6)
    assert static.nodes[1:] == graph.nodes[1:]


def test_one_step_networks(rng: np.random.Generator) -> None:
    own = nn.Sequential(nn.Conv2d(2, 4, 3), LIF(), nn.Flatten(), nn.Linear(144, 5), LIF())
    graph = agree(own, SHAPE, rng.normal(size=(3, *SHAPE)), steps=7)
    assert (graph.steps, graph.readout) == (7, "mean")
    agree(own, SHAPE, rng.normal(size=(7, 3, *SHAPE)), steps=7, sequence=True)
    assert trace(own, SHAPE, name="x").steps == 1


def test_merged_networks_without_a_time_loop(rng: np.random.Generator) -> None:
    merged = nn.Sequential(nn.Conv2d(2, 4, 3), LIF(steps=4), nn.Flatten(), nn.Linear(144, 5))
    agree(merged, SHAPE, rng.normal(size=(3, *SHAPE)))
    graph = agree(merged, SHAPE, rng.normal(size=(4, 3, *SHAPE)), sequence=True)
    assert graph.steps == 4


def test_one_module_in_two_places(rng: np.random.Generator) -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(2, 2, 3, padding=1)
            self.lif = LIF(steps=3)

        def forward(self, x: Tensor) -> Tensor:
            return self.lif(self.conv(self.lif(self.conv(x.repeat(3, 1, 1, 1)))))

    graph = agree(weights(Shared()), SHAPE, rng.normal(size=(3, *SHAPE)))
    assert [n.name for n in graph.nodes] == ["input", "conv", "lif", "conv_2", "lif_2"]


def test_own_steps_and_asked_steps() -> None:
    merged = nn.Sequential(nn.Linear(2, 2), LIF(steps=4))
    assert trace(merged, (2,), name="x", steps=4).steps == 4
    with pytest.raises(TraceError) as caught:
        trace(merged, (2,), name="x", steps=6)
    assert "4 steps, 6" in caught.value.operation
    assert "set_steps" in caught.value.remedy


def test_own_neuron_is_the_papers() -> None:
    graph = trace(nn.Sequential(nn.Linear(2, 2), LIF(steps=4)), (2,), name="x")
    assert graph["layer1"].op == Lif(membrane_keep=0.25, threshold=0.5, strict=True, reset="hard")
