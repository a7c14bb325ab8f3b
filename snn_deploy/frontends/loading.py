"""A model file becomes a module, without running code that the user did not name."""

import importlib
import logging
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from snn_deploy.checkpoints import Checkpoint, InputSpec
from snn_deploy.errors import ModelError, UsageError
from snn_deploy.models import build

from .architectures import check, identify, load_into
from .checkpoint_file import MAX_STEPS, is_checkpoint, parse, tensors
from .files import read, sha256

logger = logging.getLogger(__name__)

_NESTED = ("state_dict", "model_state_dict", "model", "net", "network")
_FACTORY = "write it as package.module:function"
_MEND = "mend that code; it is called without arguments and returns a torch.nn.Module"


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A module with its weights, in eval mode, and where it is from.

    Attributes:
        name: the file's, without its ending; the function's where there is no file.
        module: the network.
        input: what it expects, where the file says so.
        architecture: one of ours, or None.
        metrics: what the file says about its accuracy.
        source_sha256: of the file; empty where there is none.
    """

    name: str
    module: nn.Module
    input: InputSpec | None = None
    architecture: str | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    source_sha256: str = ""

    @property
    def described(self) -> str:
        """What kind of network it is, for the report."""
        return self.architecture or type(self.module).__name__

    @property
    def parameters(self) -> int:
        """How many numbers were trained."""
        return sum(array.numel() for array in self.module.parameters())


def load(
    path: Path | str | None,
    *,
    architecture: str | None = None,
    factory: str | None = None,
    trust_pickle: bool = False,
    steps: int | None = None,
) -> LoadedModel:
    """Return the network of a file.

    Args:
        path: our checkpoint, a state dict, or (trusted) a pickled module; None with a factory.
        architecture: of a state dict; found by its keys and shapes where not given.
        factory: "package.module:function" of the user, imported because it is named; gives the
            module, and the file its weights.
        trust_pickle: run the code in a pickled module.
        steps: T, for architectures of ours; the file's own or the architecture's unless given.

    Raises:
        UsageError: no such file, architecture or function.
        ModelError: the file is damaged, of another kind, or its weights do not fit.
    """
    if steps is not None and not 1 <= steps <= MAX_STEPS:
        raise UsageError(f"{steps} steps", f"a network has 1 to {MAX_STEPS}")
    if path is None:
        return _without_file(factory)
    path = Path(path)
    content = read(path, trust_pickle=trust_pickle)
    loaded = _from_content(content, str(path), architecture, factory, steps)
    logger.debug("%s: %s, %s", path, type(loaded.module).__name__, loaded.architecture)
    return LoadedModel(
        path.stem,
        loaded.module.eval(),
        loaded.input,
        loaded.architecture,
        loaded.metrics,
        sha256(path),
    )


def read_checkpoint(path: Path | str) -> Checkpoint:
    """Return our checkpoint as it lies in a file.

    Raises:
        UsageError: no such file.
        ModelError: it is something else, or a field is not what it must be.
    """
    content = read(Path(path), trust_pickle=False)
    if not isinstance(content, Mapping) or not is_checkpoint(content):
        raise ModelError(str(path), "is no checkpoint of ours", "write one with `snn-deploy train`")
    return parse(content, str(path))


def _without_file(factory: str | None) -> LoadedModel:
    if factory is None:
        raise UsageError("no model", "give a model file, or --model package.module:function")
    module = _made(factory)
    _check_finite(module.state_dict(), factory)
    return LoadedModel(factory.rpartition(":")[2], module.eval())


def _from_content(
    content: Any, where: str, architecture: str | None, factory: str | None, steps: int | None
) -> LoadedModel:
    if isinstance(content, nn.Module):
        _check_finite(content.state_dict(), where)
        return LoadedModel("", content)
    if not isinstance(content, Mapping):
        raise ModelError(
            where, f"holds a {type(content).__name__}", "save module.state_dict() or a checkpoint"
        )
    if factory is None and is_checkpoint(content):
        return _from_checkpoint(parse(content, where), where, architecture, steps)
    weights = _widened(_stripped(tensors(_state_dict(content, where), where)))
    if factory is not None:
        module = _made(factory)
        load_into(module, weights, where)
        _check_finite(weights, where)
        return LoadedModel("", module)
    architecture, options = identify(weights, architecture, where)
    return LoadedModel("", _built(architecture, options, steps, weights, where), None, architecture)


def _from_checkpoint(
    checkpoint: Checkpoint, where: str, architecture: str | None, steps: int | None
) -> LoadedModel:
    name = checkpoint.architecture
    if architecture not in (None, name):
        raise UsageError(f"{where} is a checkpoint of {name}", f"leave --arch {architecture} out")
    weights = _widened(dict(checkpoint.state_dict))
    config = dict(checkpoint.config)
    config.setdefault("classes", len(weights["fc.weight"]) if "fc.weight" in weights else 10)
    check(weights, name, config, where)
    module = _built(name, config, steps, weights, where)
    spec = checkpoint.input
    if steps is not None:
        spec = replace(spec, steps=steps)
    return LoadedModel("", module, spec, name, checkpoint.metrics)


def _built(
    name: str,
    options: Mapping[str, Any],
    steps: int | None,
    weights: Mapping[str, Tensor],
    where: str,
) -> nn.Module:
    _check_finite(weights, where)
    chosen = dict(options) | ({"steps": steps} if steps is not None else {})
    module = build(name, **chosen)
    load_into(module, weights, where)
    return module


def _state_dict(content: Mapping[Any, Any], where: str) -> Mapping[Any, Any]:
    """Return the state dict of a mapping that may hold it beside other things."""
    for key in _NESTED:
        inner = content.get(key)
        if isinstance(inner, Mapping):
            return inner
    if not any(isinstance(value, Tensor) for value in content.values()):
        keys = ", ".join(str(key) for key in list(content)[:5])
        raise ModelError(where, f"holds no state dict (its entries: {keys})", "save a state dict")
    return content


def _stripped(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Remove what DistributedDataParallel puts before every name."""
    if all(name.startswith("module.") for name in weights):
        return {name.removeprefix("module."): tensor for name, tensor in weights.items()}
    return weights


def _widened(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    half = (torch.float16, torch.bfloat16)
    return {name: t.float() if t.dtype in half else t for name, t in weights.items()}


def _check_finite(weights: Mapping[str, Tensor], where: str) -> None:
    for name, tensor in weights.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            count = int((~tensor.isfinite()).sum())
            raise ModelError(
                where,
                f"'{name}' has {count} of {tensor.numel()} values that are NaN or infinite",
                "take a checkpoint from before the training diverged",
            )


def _made(factory: str) -> nn.Module:
    """Return what the user's function gives."""
    name, _, function = factory.partition(":")
    if not name or not function:
        raise UsageError(f"'{factory}' names no function", _FACTORY)
    sys.path.insert(0, str(Path.cwd()))
    try:
        make = getattr(importlib.import_module(name), function)
    except (ImportError, AttributeError) as error:
        raise UsageError(f"'{factory}' cannot be imported ({error})", _FACTORY) from error
    except (Exception, SystemExit) as error:
        raise ModelError(name, f"its import fails {_place(error)}", _MEND) from error
    finally:
        sys.path.pop(0)
    if not callable(make):
        raise UsageError(f"'{factory}' is a {type(make).__name__}, no function", _FACTORY)
    try:
        module = make()
    except (Exception, SystemExit) as error:
        raise ModelError(factory, f"fails {_place(error)}", _MEND) from error
    if not isinstance(module, nn.Module):
        raise ModelError(factory, f"gives a {type(module).__name__}", "return a torch.nn.Module")
    return module


def _place(error: BaseException) -> str:
    """Return what an error says, and where in the user's own code it is from."""
    not_theirs = ("site-packages", "<frozen", importlib.__file__, __file__)
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if not any(part in f.filename for part in not_theirs)]
    where = f"at {own[-1].filename}:{own[-1].lineno} " if own else ""
    return f"{where}({type(error).__name__}: {error})"
