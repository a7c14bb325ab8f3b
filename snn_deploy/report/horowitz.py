"""What an access to SRAM and an operation on integers cost in 45 nm.

Horowitz, Computing's Energy Problem, ISSCC 2014: his figures, and lines between them.
"""

ACCESS_J = 13.2e-12
ACCESS_BIT_J = 1.09e-17
"""One read or write of a memory: 13.2 pJ, and 1.09e-5 pJ for each bit that it holds. The authors'
line through SRAM of 8 kB (10 pJ), 32 kB (20 pJ) and 1 MB (100 pJ) in 45 nm of Horowitz, ISSCC
2014."""

SMALLEST_BITS, LARGEST_BITS = 8 * 2**13, 8 * 2**20
"""The line was fitted between 8 kB and 1 MB; outside it is only extended."""

NARROW_BITS, WIDE_BITS = 8, 32
ADD_J = (0.03e-12, 0.1e-12)
MULTIPLY_J = (0.2e-12, 3.1e-12)
"""One integer addition and one multiplication of 8 and of 32 bits, 45 nm. Horowitz, ISSCC 2014."""


def access_j(words: int, bits: int) -> float:
    """Return the energy of one read or write of a memory of so many words."""
    return ACCESS_J + ACCESS_BIT_J * words * bits


def add_j(bits: int) -> float:
    """Return the energy of one addition of integers of this width."""
    return _between(ADD_J, bits)


def multiply_j(bits: int) -> float:
    """Return the energy of one multiplication; `bits` of the wider operand."""
    return _between(MULTIPLY_J, bits)


def _between(prices: tuple[float, float], bits: int) -> float:
    """Linear from 8 to 32 bits; nothing is published below, where it stays."""
    narrow, wide = prices
    return narrow + (wide - narrow) * max(0, bits - NARROW_BITS) / (WIDE_BITS - NARROW_BITS)
