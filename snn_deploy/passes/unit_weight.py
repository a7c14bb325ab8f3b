"""The layer that changes nothing: it stands where a scale must be set."""

import numpy as np

from snn_deploy.ir.builder import GraphBuilder
from snn_deploy.ir.ops import Conv, Linear


def add_unit_weight(builder: GraphBuilder, name: str, source: str) -> str:
    """Append a depthwise convolution of ones, or an identity matrix where there is no space."""
    size, *lengths = builder.type(source).shape
    if not lengths:
        return builder.add(name, Linear(), source, weight=np.eye(size, dtype=np.float32))
    ones = (1,) * len(lengths)
    op = Conv(stride=ones, padding=(0,) * len(lengths), dilation=ones, groups=size)
    return builder.add(name, op, source, weight=np.ones((size, 1, *ones), np.float32))
