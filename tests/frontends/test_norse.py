"""norse networks, spike for spike in float64 over many steps."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from snn_deploy.errors import TraceError
from snn_deploy.frontends.tracing import trace
from snn_deploy.ir.evaluate import evaluate
from snn_deploy.ir.ops import Lif

from .agreement import agree, norse

STEPS = 40


def lif(**changes: float) -> object:
    values = {"tau_syn_inv": 300.0, "tau_mem_inv": 250.0, "v_th": 0.15} | changes
    return norse.LIFParameters(**{name: torch.tensor(v) for name, v in values.items()})


def box(method: object = None, **changes: float) -> object:
    values = {"tau_mem_inv": 300.0, "v_th": 0.15} | changes
    tensors = {name: torch.tensor(v) for name, v in values.items()}
    return norse.LIFBoxParameters(**tensors, reset_method=method or norse.reset_value)


CELLS: dict[str, Callable[[], nn.Module]] = {
    "lif": lambda: norse.LIFCell(lif()),
    "lif-leak": lambda: norse.LIFCell(lif(v_leak=0.05, v_reset=-0.1)),
    "lif-dt": lambda: norse.LIFCell(lif(v_leak=-0.02), dt=0.002),
    "lif-adjoint": lambda: norse.LIFCell(
        norse.LIFParameters(v_th=torch.tensor(0.15), method="adjoint")
    ),
    "box": lambda: norse.LIFBoxCell(box()),
    "box-leak": lambda: norse.LIFBoxCell(box(v_leak=0.08, v_reset=-0.2)),
    "box-subtract": lambda: norse.LIFBoxCell(box(norse.reset_subtract, v_leak=0.03)),
    "iaf": lambda: norse.IAFCell(),
    "iaf-reset": lambda: norse.IAFCell(
        norse.IAFParameters(v_th=torch.tensor(0.7), v_reset=torch.tensor(-0.3))
    ),
}


def network(make: Callable[[], nn.Module]) -> nn.Module:
    return norse.SequentialState(
        nn.Conv2d(2, 6, 3, padding=1), nn.BatchNorm2d(6), make(), nn.AvgPool2d(2),
        nn.Conv2d(6, 6, 3), make(), nn.Flatten(), nn.Linear(24, 12), make(), nn.Linear(12, 4),
    )  # fmt: skip


@pytest.mark.parametrize("name", [n for n in CELLS if n != "lif-adjoint"])
def test_cells(name: str, rng: np.random.Generator) -> None:
    x = 2 * rng.normal(size=(STEPS, 4, 2, 8, 8))
    module = network(CELLS[name])
    for p in module.parameters():
        nn.init.normal_(p, std=0.6)
    agree(module, (2, 8, 8), x, steps=STEPS, sequence=True)
    agree(module, (2, 8, 8), x[0], steps=STEPS)


def test_surrogate_is_no_part_of_the_meaning() -> None:
    op = CELLS["lif-adjoint"]()
    graph = trace(op, (3,), name="x", steps=2)
    assert graph.spiking[0].op == Lif(
        membrane_keep=pytest.approx(0.9),
        membrane_gain=pytest.approx(0.1),
        synapse_keep=pytest.approx(0.8),
        threshold=pytest.approx(0.15),
    )


def test_sequence_modules(rng: np.random.Generator) -> None:
    module = norse.SequentialState(
        norse.Lift(nn.Conv2d(2, 4, 3)), norse.LIF(lif(v_leak=0.02)), norse.Lift(nn.Flatten()),
        nn.Linear(144, 8), norse.IAF(),
    )  # fmt: skip
    x = rng.normal(size=(12, 3, 2, 8, 8))
    graph = agree(module, (2, 8, 8), x, steps=12, sequence=True)
    assert graph["layer1"].op.v_initial == pytest.approx(0.02)  # type: ignore[attr-defined]
    agree(module, (2, 8, 8), x[0], steps=12)


def test_lifted_network(rng: np.random.Generator) -> None:
    module = norse.Lift(network(CELLS["lif"]))
    agree(module, (2, 8, 8), 2 * rng.normal(size=(12, 3, 2, 8, 8)), steps=12, sequence=True)


def test_one_cell_with_several_states(rng: np.random.Generator) -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(6, 8)
            self.second = nn.Linear(8, 8)
            self.lif = norse.LIFCell(lif())

        def forward(self, x: Tensor) -> Tensor:
            s0 = s1 = None
            out = 0
            for t in range(x.shape[0]):
                z, s0 = self.lif(self.first(x[t]), s0)
                z, s1 = self.lif(10 * self.second(z), s1)
                out = out + z
            return out

    graph = agree(Shared(), (6,), 3 * rng.normal(size=(20, 3, 6)), steps=20, sequence=True)
    assert [n.name for n in graph.spiking] == ["lif", "lif_2"]


def test_states_by_keyword_and_nested(rng: np.random.Generator) -> None:
    class Keyword(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = norse.SequentialState(
                norse.SequentialState(nn.Linear(6, 8), norse.LIFCell(lif())), nn.Linear(8, 8)
            )
            self.last = norse.LIFBoxCell(box())

        def forward(self, x: Tensor) -> Tensor:
            inner = last = None
            outs = []
            for x_t in x:
                z, inner = self.inner(x_t, state=inner)
                z, last = self.last(z, state=last)
                outs += [z]
            return torch.stack(outs)

    x = 3 * rng.normal(size=(20, 3, 6))
    graph = agree(Keyword(), (6,), x, steps=20, sequence=True)
    assert (graph.steps, graph.readout) == (20, "mean")


def test_float32_agrees_but_for_rounding(rng: np.random.Generator) -> None:
    module = network(CELLS["lif-leak"]).eval()
    for p in module.parameters():
        nn.init.normal_(p, std=0.6)
    x = (2 * rng.normal(size=(8, 2, 8, 8))).astype(np.float32)
    graph = trace(module, (2, 8, 8), name="x", steps=STEPS)
    seen: list[Tensor] = []
    for i in (2, 5, 8):
        module[i].register_forward_hook(lambda m, a, result: seen.append(result[0]))
    state, wrong, total = None, 0, 0
    for values in evaluate(graph, x):
        seen.clear()
        with torch.no_grad():
            _, state = module(torch.as_tensor(x), state)
        for node, spikes in zip(graph.spiking, seen, strict=True):
            wrong += int((values[node.name] != spikes.numpy()).sum())
            total += spikes.numel()
    # Another order of float32 operations moves a spike now and then.
    assert wrong <= 1e-4 * total


@pytest.mark.parametrize(
    ("module", "operation"),
    [
        (norse.LIFRecurrentCell(3, 3), "recurrent"),
        (norse.LIFRecurrent(3, 3), "recurrent"),
        (norse.LIFAdExCell(), "no normal form"),
        (norse.LICell(), "no normal form"),
        (norse.LIFCell(norse.LIFParameters(v_th=torch.rand(3))), "'v_th' of shape (3,)"),
        (norse.LIFBoxCell(box(lambda z, v, r, t: v)), "resets by"),
    ],
)
def test_refused(module: nn.Module, operation: str) -> None:
    with pytest.raises(TraceError) as caught:
        trace(norse.SequentialState(nn.Linear(3, 3), module), (3,), name="x", steps=4)
    assert caught.value.where == "1"
    assert operation in caught.value.operation
