"""Sigma-delta neurons of domain `ai.snn`: as `ir/messages.py`, operation by operation."""

from dataclasses import dataclass

from .function_text import Body


@dataclass(frozen=True, slots=True)
class Messenger:
    """Which of them.

    Attributes:
        sums: adds up and rectifies what arrives (`SigmaDelta`); otherwise scales it (`Delta`).
        sequence: over all steps in one call.
    """

    sums: bool
    sequence: bool = False

    @property
    def name(self) -> str:
        """Name of the operator."""
        return f"{'SigmaDelta' if self.sums else 'Delta'}{'Seq' * self.sequence}"

    @property
    def states(self) -> tuple[str, ...]:
        """The roles of its states."""
        return ("sigma", "sent") if self.sums else ("sent",)


def messenger_body(operator: Messenger) -> Body:
    """Return its text. Mod has the sign of the divisor: what it leaves divides rounding down."""
    arrive = (
        (
            "sigma_n = Add (sigma_t, x_t)",
            "biased = Add (sigma_n, bias)",
            "level = Max (biased, zero)",
        )
        if operator.sums
        else ("scaled = Mul (x_t, gain_32)", "level = Add (scaled, bias)")
    )
    send = (
        "distance = Sub (level, sent_t)",
        "far = Abs (distance)",
        "changed = GreaterOrEqual (far, threshold)",
        "sent_n = Where (changed, level, sent_t)",
        "meant = Where (changed, distance, zero)",
        "lost = Mod (meant, unit_32)",
        "kept = Sub (meant, lost)",
        "s_t = Div (kept, unit_32)",
    )
    names = ("unit",) if operator.sums else ("gain", "unit")
    constants = ["zero = Constant <value = int32 {0}> ()"]
    for name in names:
        constants.append(f"{name}_64 = Constant <value_int: int = @{name}> ()")
        constants.append(f"{name}_32 = Cast <to = 6> ({name}_64)")
    return Body(names, ("threshold", "bias"), tuple(constants), (*arrive, *send), "int32", "int32")
