"""Makes lava-nc 0.10.0 and lava-dl 0.6.0 importable on Python 3.11 and newer, without torch.

    import compat
    compat.prepare()
    from lava.lib.dl.netx import hdf5

Both packages are archived and declare Python 3.10. Neither is changed here: what they trip over is
put right around their import. This file needs nothing but the standard library and lies beside
every script that runs Lava.
"""

import dataclasses
import functools
import importlib
import importlib.metadata
import importlib.util
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Never

NEWEST_NUMPY = (2, 3)
"""numpy 2.4 dropped `reshape(newshape=...)`, with which Lava connects layers of unequal shape."""


def prepare() -> None:
    """Make `import lava` and `from lava.lib.dl.netx import hdf5` work; a second call does nothing.

    Raises:
        ImportError: lava is not installed, or numpy is too new for it.
    """
    check_numpy()
    with _hashable("ByteEncoder"):
        importlib.import_module("lava.magma.compiler.var_model")
    _widen_convolutions()
    if "torch" not in sys.modules and importlib.util.find_spec("torch") is None:
        _stand_in_for_torch()


def check_numpy() -> None:
    """Raise ImportError where Lava would fail later, in the middle of connecting layers."""
    version = importlib.metadata.version("numpy")
    major, minor, *_ = version.split(".")
    if (int(major), int(minor)) > NEWEST_NUMPY:
        newest = ".".join(map(str, NEWEST_NUMPY))
        raise ImportError(
            f"lava-nc 0.10.0 cannot use numpy {version}, it needs numpy {newest} or older: "
            f"pip install 'numpy<{NEWEST_NUMPY[0]}.{NEWEST_NUMPY[1] + 1}'"
        )


@contextmanager
def _hashable(name: str) -> Iterator[None]:
    """Give dataclasses of this name a hash while they are defined.

    Lava uses an instance of one as the default of a field. Since Python 3.11 that takes a hash.
    """
    original = dataclasses.dataclass

    @functools.wraps(original)
    def dataclass(cls: type | None = None, /, **options: Any) -> Any:
        def decorate(cls: type) -> type:
            return original(
                cls, **options | ({"unsafe_hash": True} if cls.__name__ == name else {})
            )

        return decorate if cls is None else decorate(cls)

    dataclasses.dataclass = dataclass
    try:
        yield
    finally:
        dataclasses.dataclass = original


def _widen_convolutions() -> None:
    """Keep a convolution's geometry in 32 bits.

    Lava keeps it in 8 and computes with it and with sizes of more than a byte: 128 channels, or an
    input of 128 pixels. numpy 1 widened such results by itself, numpy 2 raises OverflowError.
    """
    models = importlib.import_module("lava.proc.conv.models")
    for name in ("kernel_size", "stride", "padding", "dilation", "groups"):
        wide = models.LavaPyType(models.np.ndarray, models.np.int32, precision=8)
        setattr(models.AbstractPyConvModel, name, wide)


def _stand_in_for_torch() -> None:
    """Put empty modules where netx imports torch, which it needs for type hints and RF neurons."""
    tensor = type("Tensor", (), {})  # scipy looks for it as soon as there is a torch
    _module("torch", tensor=tensor, Tensor=tensor, is_tensor=lambda _: False)
    for name in ("lava.lib.dl.slayer", "lava.lib.dl.slayer.neuron"):
        _module(name)
    _module("lava.lib.dl.slayer.neuron.rf", neuron_params=_needs_torch)


def _module(name: str, **content: Callable[..., Any]) -> None:
    sys.modules[name] = types.ModuleType(name)
    vars(sys.modules[name]).update(content, __path__=[])


def _needs_torch(*_: Any) -> Never:
    raise ImportError("resonate-and-fire neurons in a .net need torch, which is not installed")
