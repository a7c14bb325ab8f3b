"""What a user may choose of the quantisation."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QuantizationOptions:
    """Bits and scales.

    Attributes:
        weight_bits: of every weight, sign included: 2 to 8, or 16 for CPU targets.
        input_bits: of an analog input, sign included.
        per_channel: a scale for each output channel. A layer alone before its neurons takes any
            real scale a channel (the threshold absorbs it); a branch of a residual stream takes a
            power of two a channel.
        current_bits: of a neuron's input current over its calibrated range, sign included. The
            register has 18 (24 less the 6 of the membrane's fraction): 15 leave a factor of 8.
        sum_bits: of the register that a layer's products are added up in, sign included: 32 on a
            CPU, 24 on Loihi. Weights that read wide values (a projection shortcut) are held back
            to fit, by what calibration saw with a factor of 2 left.
        bias_correction: whether a layer's bias takes off the mean error of its rounded weights.
    """

    weight_bits: int = 8
    input_bits: int = 8
    per_channel: bool = False
    current_bits: int = 15
    sum_bits: int = 32
    bias_correction: bool = True

    @property
    def weight_limit(self) -> int:
        """The largest weight."""
        return int(2 ** (self.weight_bits - 1)) - 1

    @property
    def input_limit(self) -> int:
        """The largest input integer."""
        return int(2 ** (self.input_bits - 1)) - 1

    @property
    def current_limit(self) -> int:
        """Where the calibrated range of a current ends."""
        return int(2 ** (self.current_bits - 1)) - 1
