"""What is refused, and what the message says."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from snn_deploy.errors import TraceError
from snn_deploy.frontends.tracing import trace
from snn_deploy.neurons import LIF

from .agreement import norse

SHAPE = (2, 8, 8)


class Net(nn.Module):
    def __init__(self, function: Callable[["Net", Tensor], object]) -> None:
        super().__init__()
        self.function = function
        self.conv = nn.Conv2d(2, 2, 3, padding=1)
        self.lif = LIF(steps=4)
        self.cell = norse.LIFCell()
        self.act = nn.ReLU()
        self.norm = nn.BatchNorm2d(2, track_running_stats=False)
        self.mirror = nn.Conv2d(2, 2, 3, padding=1, padding_mode="reflect")
        self.big = nn.BatchNorm3d(2)
        self.indices = nn.MaxPool2d(2, return_indices=True)

    def forward(self, x: Tensor) -> object:
        return self.function(self, x)


def loop(m: Net, x: Tensor) -> list[Tensor]:
    state, outs = None, []
    for _ in range(4):
        s, state = m.cell(m.conv(x), state)
        outs.append(s)
    return outs


def two_inputs(m: Net, x: Tensor) -> Tensor:
    a, state = m.cell(m.conv(x))
    b, state = m.cell(x, state)
    return a + b


def delayed(m: Net, x: Tensor) -> Tensor:
    """The neuron reads its own spikes of the step before."""
    a, state = m.cell(m.conv(x))
    b, state = m.cell(m.conv(x) + a, state)
    return a + b


def state_read(m: Net, x: Tensor) -> Tensor:
    _, state = m.cell(x)
    return state.v


class Sign(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return x.gt(0).float()


REFUSED: dict[str, tuple[Callable[[Net, Tensor], object], str, str, str]] = {
    "relu module": (lambda m, x: m.act(x), "act", "ReLU has no meaning", "Conv1d/2d"),
    "sigmoid": (lambda m, x: torch.sigmoid(x), "", "sigmoid has no meaning", "Conv1d/2d"),
    "softmax": (lambda m, x: F.softmax(x, 1), "", "softmax has no meaning", "Conv1d/2d"),
    "own function": (lambda m, x: Sign.apply(x), "", "gt has no meaning", "Conv1d/2d"),
    "product": (lambda m, x: x * m.conv(x), "", "mul multiplies two tensors", "weights"),
    "no statistics": (lambda m, x: m.norm(x), "norm", "no running statistics", "running"),
    "padding mode": (lambda m, x: m.mirror(x), "mirror", "padding_mode='reflect'", "zeros"),
    "even kernel": (
        lambda m, x: F.conv2d(x, torch.ones(2, 2, 2, 2), padding="same"), "", "unevenly", "odd",
    ),
    "dropout left on": (lambda m, x: F.dropout(x, 0.5), "", "at random", "training=self.training"),
    "indices": (lambda m, x: m.indices(x)[0], "indices", "return_indices", "without"),
    "dilated max": (lambda m, x: F.max_pool2d(x, 2, dilation=2), "", "dilation", "without"),
    "no fixed window": (
        lambda m, x: F.adaptive_avg_pool2d(x, 3), "", "[8, 8] to [3, 3]", "divides",
    ),
    "windows over the edge": (
        lambda m, x: F.avg_pool2d(x, 3, ceil_mode=True), "", "over the edge", "ceil_mode=False",
    ),
    "padding not counted": (
        lambda m, x: F.avg_pool2d(x, 2, padding=1, count_include_pad=False), "",
        "count_include_pad", "pad before",
    ),
    "norm of reals": (lambda m, x: F.lp_pool2d(x, 1, 2), "", "real numbers", "of spikes"),
    "joined features": (lambda m, x: torch.cat([x, x], 1), "", "concatenates along", "added"),
    "part of the image": (lambda m, x: x[:, :, 1:], "", "takes the part", "one step"),
    "part of the batch": (lambda m, x: x[1:2], "", "takes the part", "one step"),
    "one axis of the image": (lambda m, x: x.mean(2), "", "reduces axes [2]", "together"),
    "over all": (lambda m, x: x.sum(), "", "reduces axes all", "time"),
    "axes in another order": (lambda m, x: x.transpose(2, 3), "", "exchanges axes", "order"),
    "another reshape": (
        lambda m, x: x.reshape(-1, 4, 4, 8), "", "makes [B, 4, 4, 8] of [B, 2, 8, 8]", "flatten",
    ),
    "norm of a stack": (
        lambda m, x: m.big(m.lif(x.repeat(4, 1, 1, 1)).unflatten(0, (4, -1))), "big",
        "normalises axis 1 of [T, B, ...]", "merge T and B",
    ),
    "repeated otherwise": (
        lambda m, x: x.repeat(1, 2, 1, 1), "", "repeats to [B, 4, 8, 8]", "T times",
    ),
    "half a sum": (lambda m, x: sum(loop(m, x)[:2]), "", "sums 2 of 4 steps", "sum all"),
    "last step": (lambda m, x: loop(m, x)[-1], "", "is step 3 of 4 alone", "all of them"),
    "steps out of order": (
        lambda m, x: torch.stack(loop(m, x)[::-1]).sum(0), "", "not steps 0 to 3", "all steps",
    ),
    "steps mixed": (
        lambda m, x: (lambda o: m.conv(o[0]) + o[1])(loop(m, x)), "", "different steps", "one step",
    ),
    "state thrown away": (
        lambda m, x: sum(m.cell(m.conv(x_t))[0] for x_t in x), "cell",
        "starts from nothing at step 1", "hand its state",
    ),
    "neuron with two inputs": (two_inputs, "cell", "continues 'cell' with another input", "hand"),
    "recurrent": (delayed, "cell", "is at step 1 and reads step 0", "hand its state"),
    "state read": (state_read, "", "reads 'v' of a neuron's state", "state"),
    "max of a mean": (
        lambda m, x: F.max_pool2d(torch.stack(loop(m, x)).mean(0), 2), "", "not linear", "before",
    ),
    "neuron of a mean": (
        lambda m, x: m.cell(torch.stack(loop(m, x)).mean(0))[0], "cell", "mean over time", "single",
    ),
    "decision": (lambda m, x: x if x.norm() > 0 else -x, "", "takes a decision", "shapes"),
    "number": (lambda m, x: x * x.norm().item(), "", "as a number", "shapes"),
    "dictionary": (lambda m, x: {"logits": x}, "", "is a dictionary", "one tensor"),
    "nothing": (lambda m, x: None, "", "has no tensor", "one tensor"),
    "crash": (lambda m, x: x + m.missing, "", "cannot be followed (AttributeError", "one tensor"),
    "wrong shape": (lambda m, x: m.conv(x.flatten(1)), "conv", "does not fit", "shapes"),
    "in place with a view": (
        lambda m, x: (lambda y: (y.view(-1, 128), y.add_(1))[0])(m.conv(x)),
        "", "has views", "x + y",
    ),
    "a constant image": (lambda m, x: x + torch.rand(2, 8, 8), "", "constant tensor", "layer"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    function, path, operation, remedy = REFUSED[name]
    with pytest.raises(TraceError) as caught:
        trace(Net(function), SHAPE, name="x", steps=4)
    error = caught.value
    assert operation in error.operation
    assert path in (error.where, "") or f"{path}: " in error.operation
    assert remedy in error.remedy or "also" in error.operation
    assert "\n" not in str(error)


def test_the_place_is_named() -> None:
    with pytest.raises(TraceError) as caught:
        trace(
            nn.Sequential(nn.Conv2d(2, 2, 3), Net(lambda m, x: m.act(x))), SHAPE, name="x", steps=4
        )
    assert caught.value.where == "1.act"
    assert f"{__file__}:" in caught.value.operation
    assert caught.value.exit_code == 3


def test_all_offences_are_named() -> None:
    def many(m: Net, x: Tensor) -> Tensor:
        x = torch.sigmoid(m.norm(m.act(m.mirror(x))))
        return x if x.norm() > 0 else -x

    with pytest.raises(TraceError) as caught:
        trace(Net(many), SHAPE, name="x", steps=4)
    assert caught.value.where == "mirror"
    for text in ("padding_mode", "act: ReLU", "norm: BatchNorm2d", "sigmoid", "takes a decision"):
        assert text in caught.value.operation


def test_a_step_without_a_number_of_steps() -> None:
    with pytest.raises(TraceError) as caught:
        trace(norse.SequentialState(nn.Linear(2, 2), norse.LIFCell()), (2,), name="x")
    assert "how many" in caught.value.operation
    assert caught.value.remedy == "give steps"


def test_loop_of_another_length() -> None:
    def four(m: Net, x: Tensor) -> Tensor:
        return torch.stack(loop(m, x)).mean(0)

    net = Net(four)
    del net.lif
    assert trace(net, SHAPE, name="x").steps == 4
    with pytest.raises(TraceError) as caught:
        trace(net, SHAPE, name="x", steps=6)
    assert "runs 4 steps, 6" in caught.value.operation


def test_a_subclass_with_its_own_forward_is_not_its_base() -> None:
    class Doubled(nn.Conv2d):
        def forward(self, input: Tensor) -> Tensor:
            return 2 * super().forward(input)

    class Loud(LIF):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) * x

    graph = trace(Doubled(2, 2, 1), SHAPE, name="x", steps=1)
    assert [type(n.op).__name__ for n in graph.nodes] == ["Input", "Conv", "BatchNorm"]
    with pytest.raises(TraceError):
        trace(Loud(), SHAPE, name="x", steps=1)
