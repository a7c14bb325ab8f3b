"""norse 1.1.0: its Euler steps in our normal form, exactly.

    LIF:    j = i + x;  h = v + dt tau_mem_inv ((v_leak - v) + j);  i = j - dt tau_syn_inv j
    LIFBox: h = v + dt tau_mem_inv (x + v_leak - v)
    IAF:    h = v + x
    fires where h - v_th > 0; then v = v_reset, or h - v_th with `reset_subtract`

Source: norse/torch/functional/{lif,lif_box,iaf}.py. The products dt * tau_inv are made by torch, so
that a float32 parameter rounds here as it does there.
"""

from typing import Any

import torch

from snn_deploy.frontends.values import Refused
from snn_deploy.ir.ops import Lif, Reset

from .base import Adapter, Calling, refuse

_RESETS: dict[str, Reset] = {"reset_value": "hard", "reset_subtract": "soft"}


def _scalar(value: Any, name: str) -> float:
    tensor = torch.as_tensor(value).detach()
    if tensor.numel() != 1:
        raise Refused(
            f"has a parameter '{name}' of shape {tuple(tensor.shape)}",
            "a neuron layer has one number for each of its parameters",
        )
    return float(tensor)


def _lif(module: Any) -> Lif:
    p = module.p
    rate = _scalar(module.dt * p.tau_mem_inv, "tau_mem_inv")
    leak = _scalar(p.v_leak, "v_leak")
    return Lif(
        membrane_keep=1 - rate,
        membrane_gain=rate,
        synapse_keep=1 - _scalar(module.dt * p.tau_syn_inv, "tau_syn_inv"),
        bias=rate * leak,
        threshold=_scalar(p.v_th, "v_th"),
        v_reset=_scalar(p.v_reset, "v_reset"),
        v_initial=leak,
    )


def _lif_box(module: Any) -> Lif:
    p = module.p
    rate = _scalar(module.dt * p.tau_mem_inv, "tau_mem_inv")
    leak = _scalar(p.v_leak, "v_leak")
    method = getattr(p.reset_method, "__name__", repr(p.reset_method))
    if method not in _RESETS:
        raise Refused(f"resets by '{method}'", f"known reset methods: {', '.join(_RESETS)}")
    return Lif(
        membrane_keep=1 - rate,
        membrane_gain=rate,
        bias=rate * leak,
        threshold=_scalar(p.v_th, "v_th"),
        v_reset=_scalar(p.v_reset, "v_reset"),
        v_initial=leak,
        reset=_RESETS[method],
    )


def _iaf(module: Any) -> Lif:
    reset = _scalar(module.p.v_reset, "v_reset")
    return Lif(
        membrane_keep=1.0,
        threshold=_scalar(module.p.v_th, "v_th"),
        v_reset=reset,
        v_initial=reset,
    )


_FEED_FORWARD = "use a feed-forward cell: LIFCell, LIFBoxCell, IAFCell, LIF or IAF"
_recurrent = refuse("has recurrent connections", _FEED_FORWARD)
_unknown = refuse("is a neuron model that has no normal form here", _FEED_FORWARD)
_M = "norse.torch.module"

NORSE: dict[str, Adapter] = {
    f"{_M}.lif:LIFCell": Adapter(Calling.CELL, _lif),
    f"{_M}.lif:LIF": Adapter(Calling.SEQUENCE, _lif),
    f"{_M}.lif_box:LIFBoxCell": Adapter(Calling.CELL, _lif_box),
    f"{_M}.iaf:IAFCell": Adapter(Calling.CELL, _iaf),
    f"{_M}.iaf:IAF": Adapter(Calling.SEQUENCE, _iaf),
    f"{_M}.snn:SNNRecurrentCell": Adapter(Calling.CELL, _recurrent),
    f"{_M}.snn:SNNRecurrent": Adapter(Calling.SEQUENCE, _recurrent),
    f"{_M}.snn:SNNCell": Adapter(Calling.CELL, _unknown),
    f"{_M}.snn:SNN": Adapter(Calling.SEQUENCE, _unknown),
}
