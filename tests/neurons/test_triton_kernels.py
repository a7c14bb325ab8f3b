"""What Triton makes of the kernels for a GPU, which needs none: its compiler runs anywhere."""

from pathlib import Path
from typing import Any

import pytest

from tests.neurons import kernels

SCALARS = {
    **dict.fromkeys(("neurons", "steps"), "i32"),
    **dict.fromkeys(("decay", "threshold", "lowest", "highest", "width"), "fp32"),
}
OPTIONS = {"keeps": True, "scales": True, "block": 1024}


@pytest.fixture(params=["_forward", "_backward"])
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    pytest.importorskip("triton", minversion="3.3", reason="needs the package triton")
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    # Whether products and sums may be fused unasked; ours are where we say so.
    monkeypatch.setenv("TRITON_DEFAULT_FP_FUSION", "0")
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    return getattr(kernels.load_again(), request.param)


def test_rounding_and_access(kernel: Any) -> None:
    """One rounding for product and sum, to the nearest bfloat16; 16 bytes an access."""
    text = _assembly(kernel, "bf16", capability=80)
    assert "fma.rn.f32" in text
    assert "mul.f32" not in text
    assert "mul.rn.f32" not in text
    assert "cvt.rn.bf16" in text
    assert "ld.global.v4.b32" in text
    assert "st.global.v4.b32" in text


@pytest.mark.parametrize("number", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("capability", [80, 90])
def test_every_type_compiles(kernel: Any, number: str, capability: int) -> None:
    assert ".visible .entry" in _assembly(kernel, number, capability)


def test_one_neuron_and_one_step_compile(kernel: Any) -> None:
    """Triton makes a constant of an argument that is 1."""
    assert ".visible .entry" in _assembly(kernel, "fp32", 80, neurons=1, steps=1)


def _assembly(kernel: Any, number: str, capability: int, **constants: int) -> str:
    """Return PTX for pointers and counts that are multiples of 16."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    signature, known, aligned = {}, {}, {}
    for i, name in enumerate(kernel.arg_names):
        if name in (OPTIONS | constants):
            signature[name], known[(i,)] = "constexpr", (OPTIONS | constants)[name]
        elif name in SCALARS:
            signature[name] = SCALARS[name]
        else:
            signature[name] = "*u8" if "bytes" in name else f"*{number}"
        if name == "neurons" or signature[name].startswith("*"):
            aligned[(i,)] = [["tt.divisibility", 16]]
    for place in known:
        aligned.pop(place, None)
    source = ASTSource(kernel, signature, known, aligned)
    return str(triton.compile(source, target=GPUTarget("cuda", capability, 32)).asm["ptx"])
