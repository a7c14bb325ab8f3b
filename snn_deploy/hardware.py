"""The shape of a target: what a chip or a runtime has; `targets/` says how much."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Target:
    """Something that a network is exported for.

    Attributes:
        name: on the command line, and of its file.
        kind: a "runtime" executes a step at once; a "chip" has cores and passes spikes on.
        title: for people.
        converter: which converter writes for it, unless `--to` says otherwise.
        weight_bits: the widest weight it takes.
    """

    name: str
    kind: Literal["runtime", "chip"]
    title: str
    converter: str
    weight_bits: int
