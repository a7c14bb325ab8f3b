"""Triton's kernels on a machine without a GPU: its interpreter runs them in NumPy."""

import sys
from collections.abc import Iterator

import numpy as np
import pytest
import torch

import snn_deploy.neurons
from tests.neurons import kernels


@pytest.fixture(scope="session")
def interpreted() -> Iterator[None]:
    """Let the fused neuron run interpreted, on tensors of the CPU.

    A second copy of the kernels is loaded for it: a kernel is interpreted or compiled for ever, as
    the environment says when it is defined.
    """
    pytest.importorskip("triton", reason="needs the package triton")
    with pytest.MonkeyPatch.context() as patch:
        _round_to_bfloat16(patch)
        _round_once(patch)
        patch.setenv("TRITON_INTERPRET", "1")
        copy = kernels.load_again()
        patch.setitem(sys.modules, kernels.NAME, copy)
        patch.setattr(snn_deploy.neurons, "triton_kernels", copy, raising=False)
        yield


def _round_to_bfloat16(patch: pytest.MonkeyPatch) -> None:
    """Round to the nearest, as a GPU does: the interpreter cuts off what bfloat16 cannot hold."""
    import triton.language as tl
    from triton.runtime.interpreter import InterpreterBuilder, TensorHandle

    cast = InterpreterBuilder.cast_impl

    def cast_impl(self: object, source: TensorHandle, to: tl.dtype) -> TensorHandle:
        if (source.dtype.scalar, to.scalar) != (tl.float32, tl.bfloat16):
            return cast(self, source, to)
        rounded = torch.from_numpy(np.ascontiguousarray(source.data)).bfloat16()
        return TensorHandle(rounded.view(torch.int16).numpy().view(np.uint16), tl.bfloat16)

    patch.setattr(InterpreterBuilder, "cast_impl", cast_impl)


def _round_once(patch: pytest.MonkeyPatch) -> None:
    """Let a float32 fma round once, as a GPU does: interpreters before Triton 3.9 round twice.

    The product of two float32 is exact in float64.
    """
    from triton.runtime.interpreter import InterpreterBuilder, TensorHandle

    def create_fma(_: object, x: TensorHandle, y: TensorHandle, z: TensorHandle) -> TensorHandle:
        wide = x.data.astype(np.float64) * y.data + z.data
        return TensorHandle(wide.astype(x.data.dtype), x.dtype.scalar)

    patch.setattr(InterpreterBuilder, "create_fma", create_fma)
