"""What is published of MS-ResNets, to stand beside what was measured.

Yao et al., Attention Spiking Neural Networks, IEEE TPAMI 2023 (arXiv 2209.13929), table 2, gives
the energy of the ANN over that of the spiking network on ImageNet. Spikes per neuron are solved
back from it by the same formula (45 nm, 4.6 and 0.9 pJ) and the networks' operation counts; for 104
layers they depend on which stem was charged, hence two figures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

RatioVerdict = Literal["as published", "less than published", "more than published"]


@dataclass(frozen=True, slots=True)
class PublishedNetwork:
    """One row of the comparison.

    Attributes:
        name: of the network, on ImageNet.
        steps: T.
        per_neuron: spikes per neuron and inference, least and most.
        energy_ratio: ANN over SNN by the paper's account.
    """

    name: str
    steps: int
    per_neuron: tuple[float, float]
    energy_ratio: float


PUBLISHED: Sequence[PublishedNetwork] = (
    PublishedNetwork("MS-ResNet-18", 6, (1.30, 1.30), 3.3),
    PublishedNetwork("MS-ResNet-34", 6, (1.22, 1.22), 3.8),
    PublishedNetwork("MS-ResNet-104", 5, (0.63, 0.92), 5.3),
)

RATIO_LOW = min(network.energy_ratio for network in PUBLISHED)
RATIO_HIGH = max(network.energy_ratio for network in PUBLISHED)


def ratio_verdict(ratio: float) -> RatioVerdict:
    """Say how an energy ratio by the paper's account lies to the published ones; ends are inside.

    Both are rounded to a digit, as the published ones are.
    """
    ratio = round(ratio, 1)
    if ratio < RATIO_LOW:
        return "less than published"
    return "more than published" if ratio > RATIO_HIGH else "as published"
