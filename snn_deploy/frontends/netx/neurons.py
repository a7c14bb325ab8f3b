"""The `neuron` group of a layer."""

from dataclasses import dataclass

from .section import Section

LARGEST_THRESHOLD = 2**17 - 1
"""What Loihi's register for thresholds holds, in units of 64."""
LARGEST_MESSAGE_THRESHOLD = 2**11 - 1
"""The same of sigma-delta neurons: times 2^12 it fits 24 bits."""
NEVER = 2**18 - 1
"""What Lava-DL writes for an affine block, whose neurons are to integrate and never to fire."""

_NONE_OF_OURS = {
    "ALIF": "adapts its threshold",
    "ADRF_PHASE": "resonates",
    "ADRF_IZHIKEVICH": "resonates",
    "RF_PHASE": "resonates",
    "RF_IZHIKEVICH": "resonates",
}
_CUBA_KEYS = {"type", "iDecay", "vDecay", "vThMant", "theta", "tauRho", "scaleRho"}
_PLAIN = {"refDelay": 1, "gradedSpike": 0, "wgtExp": 0, "weight_exp": 0, "messageBits": 0}
"""What may stand there and means nothing as long as it has this value."""
_SDNN_KEYS = {"type", "vThMant", "activation", "sigma_output", "messageBits"}


@dataclass(frozen=True, slots=True)
class Cuba:
    """Leaky integrate-and-fire with a synaptic current; `threshold` in units of 64."""

    current_decay: int
    voltage_decay: int
    threshold: int

    @property
    def integrates(self) -> bool:
        """Whether it only adds up what arrives: no leak, and a threshold out of reach."""
        leaks = self.current_decay != 4096 or self.voltage_decay != 0
        return not leaks and self.threshold >= LARGEST_THRESHOLD


@dataclass(frozen=True, slots=True)
class SigmaDelta:
    """Adds up, rectifies, sends changes of at least `threshold`, in units of 2^12."""

    threshold: int


@dataclass(frozen=True, slots=True)
class Sigma:
    """Adds up and gives the sum."""


Neuron = Cuba | SigmaDelta | Sigma


def read_neuron(layer: Section) -> Neuron | None:
    """Return a layer's neuron; None where it has none and, with complaints, none that we know."""
    section = layer.group("neuron") if "neuron" in layer else None
    kind = None if section is None else section.text("type")
    if section is None or kind is None:
        return None
    if kind in ("CUBA", "LOIHI"):
        return _cuba(section)
    if kind == "SDNN":
        return _sigma_delta(section)
    reason = _NONE_OF_OURS.get(kind, "is unknown")
    section.complain(f"'{kind}' {reason}; CUBA, LOIHI and SDNN can be read", "type")
    return None


def _cuba(section: Section) -> Cuba | None:
    refuse_unknown(section, _CUBA_KEYS | _PLAIN.keys())
    for name, value in _PLAIN.items():
        section.whole(name, value, value, default=value)
    current = section.whole("iDecay", 0, 4096)
    voltage = section.whole("vDecay", 0, 4096)
    threshold = section.whole("vThMant", 0, NEVER)
    if current is None or voltage is None or threshold is None:
        return None
    cuba = Cuba(current, voltage, threshold)
    if threshold > LARGEST_THRESHOLD and not cuba.integrates:
        section.complain(
            f"is {threshold}, from 0 to {LARGEST_THRESHOLD} is expected of neurons that leak",
            "vThMant",
        )
        return None
    return cuba


def _sigma_delta(section: Section) -> SigmaDelta | Sigma | None:
    refuse_unknown(section, _SDNN_KEYS)
    activation = section.text("activation") if "activation" in section else "relu"
    if activation is not None and activation != "relu":
        section.complain(f"is '{activation}', Lava has nothing but relu", "activation")
    if "sigma_output" in section:
        return None if section.whole("sigma_output", 1, 1) is None else Sigma()
    threshold = section.whole("vThMant", 0, LARGEST_MESSAGE_THRESHOLD)
    return None if threshold is None else SigmaDelta(threshold)


def refuse_unknown(section: Section, known: set[str]) -> None:
    """Complain of what nothing here understands: it may change what the network does."""
    for name in section.names:
        if name not in known:
            section.complain("is not known; take it out if it means nothing", name)
