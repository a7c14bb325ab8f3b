"""The orders in which passes run."""

from .adapt_addends import AdaptAddends
from .adapt_neurons import AdaptNeurons
from .base import Pass
from .drop_identity import DropIdentity
from .fold_batchnorm import FoldBatchNorm

FOLD: tuple[Pass, ...] = (DropIdentity(), FoldBatchNorm())
"""TRACED -> FOLDED: the network as it computes at inference."""

JOIN_SCALES: tuple[Pass, ...] = (AdaptAddends(), AdaptNeurons())
"""FOLDED -> FOLDED: what quantisation asks of every addition and every neuron."""
