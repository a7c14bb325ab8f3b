"""Runs a forward once on values without content and writes down every operation (torch.fx).

Proxies know their shapes, so `x.shape`, `len(x)`, `x.dim() == 5` and loops over an axis work. What
is computed from weights alone is computed.
"""

import copy
import operator
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.overrides import TorchFunctionMode

from .adapters import adapter
from .layers import layer
from .proxies import ShapedProxy, Stopped, is_user_code, user_line
from .values import BATCH, NeuronState, Refused

FACTORIES: tuple[Callable[..., Tensor], ...] = (torch.zeros, torch.ones, torch.empty, torch.full)
"""What is recorded and not run: a forward may make tensors of any size to fill them."""
_PLACES = {"device", "dtype", "requires_grad", "layout", "pin_memory"}


@dataclass(frozen=True, slots=True)
class Recording:
    """What a forward did.

    Attributes:
        graph: the operations in order.
        constants: the tensors that they name by `get_attr`.
        modules: by the path that the user knows.
        stopped: why the forward could not be followed to its end.
    """

    graph: fx.Graph
    constants: Mapping[str, Tensor]
    modules: Mapping[str, nn.Module]
    stopped: Stopped | None


class _Root(nn.Module):
    """Calls the module with one argument, so that its other arguments keep their defaults."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Any:
        return self.module(x)


def record(module: nn.Module, sample: Tensor) -> Recording:
    """Follow `module(sample)` to its end, or to where it cannot be followed. sample: on meta."""
    root = _Root(module)
    tracer = _Recorder(root, sample)
    stopped = None
    with _evaluating(module), torch.no_grad(), _Factories(tracer):
        try:
            tracer.trace(root)
        except Stopped as reason:
            stopped = reason
        except Exception as error:  # noqa: BLE001 - a user's forward may raise anything
            stopped = _stopped(tracer, error)
    modules = {user_path(path): m for path, m in tracer.modules.items()}
    return Recording(tracer.graph, tracer.constants, modules, stopped)


def user_path(path: str) -> str:
    """Return a module path as the user knows it."""
    return path.removeprefix("module").removeprefix(".")


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    training = [m for m in module.modules() if m.training]
    module.eval()
    try:
        yield
    finally:
        for m in training:
            m.training = True


def _stopped(tracer: "_Recorder", error: Exception) -> Stopped:
    message = str(error).strip().splitlines()
    text = f"{type(error).__name__}: {message[0] if message else 'no message'}"
    return Stopped(
        tracer.path(),
        f"cannot be followed ({text}){_place(error)}",
        "tracing follows forwards that take one tensor and whose control flow depends on shapes "
        "and constants only",
    )


def _place(error: BaseException) -> str:
    """Return ` at file:line` of the last frame that is not torch's or ours."""
    found, trace = "", error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if is_user_code(code.co_filename):
            found = f" at {code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    return found


class _Recorder(fx.Tracer):
    """fx's tracer with shapes: every node's `meta["value"]` is what it gives, on meta tensors."""

    def __init__(self, root: nn.Module, sample: Tensor) -> None:
        super().__init__()
        self.modules = dict(root.named_modules(remove_duplicate=False))
        self.sample = sample
        self.constants: dict[str, Tensor] = {}
        self._names: dict[int, str] = {}
        self._meta: dict[int, tuple[Tensor, Tensor]] = {}

    def path(self) -> str:
        """Return the module that is being run."""
        stack = getattr(self, "module_stack", None)
        return user_path(next(reversed(stack.values()))[0]) if stack else ""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Leaves are what the tables know, and what else torch defines."""
        known = adapter(m) is not None or layer(m) is not None
        return known or super().is_leaf_module(m, module_qualified_name)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        """Weights stay tensors, so that what is computed from them alone is computed."""
        return attr_val

    def proxy(self, node: fx.Node) -> ShapedProxy:
        """Return a proxy that knows its shape."""
        return ShapedProxy(node, self)

    def create_arg(self, a: Any) -> Any:
        """Tensors become named constants."""
        if isinstance(a, Tensor):
            return self.create_node("get_attr", self._constant(a), (), {})
        return super().create_arg(a)

    def _constant(self, tensor: Tensor) -> str:
        name = self._names.setdefault(id(tensor), f"constant_{len(self._names)}")
        self.constants[name] = tensor
        return name

    def create_node(self, kind: str, target: Any, *args: Any, **kwargs: Any) -> fx.Node:
        """Add the value and the source line."""
        node = super().create_node(kind, target, *args, **kwargs)
        node.meta["line"] = user_line()
        if kind == "placeholder":
            node.meta["value"] = self.sample
        elif kind == "get_attr":
            node.meta["value"] = self.on_meta(self.constants[target])
        elif kind != "output":
            with torch._C.DisableTorchFunction():
                node.meta["value"] = self._value(node)
        return node

    def on_meta(self, tensor: Tensor) -> Tensor:
        """Return the tensor without its content."""
        if id(tensor) not in self._meta:
            self._meta[id(tensor)] = (tensor, tensor.detach().to("meta"))
        return self._meta[id(tensor)][1]

    def _value(self, node: fx.Node) -> Any:
        args: Any
        kwargs: Any
        args, kwargs = fx.node.map_arg((node.args, node.kwargs), lambda n: n.meta["value"])
        if node.op == "call_module":
            return self._module_value(self.modules[str(node.target)], args, kwargs)
        if node.target in ("unbind", torch.unbind) and _takes_a_sample(*args, **kwargs):
            raise self._one_sample()
        if node.op == "call_method":
            return getattr(args[0], str(node.target))(*args[1:], **kwargs)
        function: Any = node.target
        if function is operator.setitem:
            return None
        if function is operator.getitem and _picks_a_sample(*args):
            raise self._one_sample()
        return function(*args, **kwargs, **({"device": "meta"} if function in FACTORIES else {}))

    def _one_sample(self) -> Stopped:
        return Stopped(
            self.path(),
            f"takes one sample out of the batch at {user_line()}",
            "take one step of a sequence, x[t]; every sample goes the same way",
        )

    def _module_value(self, module: nn.Module, args: Any, kwargs: Any) -> Any:
        neuron = adapter(module)
        if neuron is not None:
            spikes = args[0]
            return (spikes, NeuronState("", 0)) if neuron.gives_state else spikes
        call = layer(module)
        if call is None:
            return _foreign_value(module, args, kwargs)
        try:
            function, options = call(module)
        except Refused:
            return _foreign_value(module, args, kwargs)
        on_meta = {k: self.on_meta(v) if isinstance(v, Tensor) else v for k, v in options.items()}
        try:
            return function(*args, **kwargs, **on_meta)
        except RuntimeError:
            return args[0]  # it does not fit; the interpreter says so in our words


def _takes_a_sample(x: Any, dim: int = 0) -> bool:
    """Say whether an axis that is taken apart is one that the batch is in."""
    return isinstance(x, Tensor) and x.shape[dim] % BATCH == 0


def _picks_a_sample(x: Any, key: Any) -> bool:
    """Say whether an index picks from an axis that the batch is in."""
    if not isinstance(x, Tensor):
        return False
    keys = key if isinstance(key, tuple) else (key,)
    if any(k is None or k is Ellipsis for k in keys):
        return False
    picked = [n for n, k in zip(x.shape, keys, strict=False) if isinstance(k, int)]
    return any(n and n % BATCH == 0 for n in picked)


def _foreign_value(module: nn.Module, args: Any, kwargs: Any) -> Any:
    """Return what a module gives that the interpreter will refuse, so that others are seen too."""
    return copy.deepcopy(module).to("meta").forward(*args, **kwargs)


class _Factories(TorchFunctionMode):
    """Tensors of the batch's size that a forward makes are recorded, not made."""

    def __init__(self, tracer: _Recorder) -> None:
        super().__init__()
        self.tracer = tracer

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        options = {k: v for k, v in (kwargs or {}).items() if k not in _PLACES}
        if func in FACTORIES and _has_batch((args, *options.values())):
            return self.tracer.create_proxy("call_function", func, args, options)
        return func(*args, **(kwargs or {}))


def _has_batch(sizes: Any) -> bool:
    if isinstance(sizes, tuple | list):
        return any(_has_batch(size) for size in sizes)
    return isinstance(sizes, int) and sizes > 0 and sizes % BATCH == 0
