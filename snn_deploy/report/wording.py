"""Numbers as people read them: thousands separated, units with a fitting prefix."""

import math
import re

_PREFIXES = (("", 1.0), ("m", 1e-3), ("\N{MICRO SIGN}", 1e-6), ("n", 1e-9), ("p", 1e-12))


def count(number: float) -> str:
    """Return e.g. `1,234,567`; fractions of counts are rounded."""
    return f"{number:,.0f}"


def short_count(number: float) -> str:
    """Return e.g. `1.23 M`, three digits."""
    for suffix, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{three_digits(number / size)} {suffix}"
    return three_digits(number)


def energy(joules: float) -> str:
    """Return e.g. `3.26 mJ`."""
    return _with_prefix(joules, "J")


def power(watts: float) -> str:
    """Return e.g. `232 mW`."""
    return _with_prefix(watts, "W")


def saving(ratio: float) -> str:
    """Return a saving, or what is the contrary of one: `6.3 x less`, `1.4 x more`."""
    return f"{ratio:.1f} x less" if ratio >= 1 else f"{1 / ratio:.1f} x more"


def seconds(value: float) -> str:
    """Return e.g. `1.23 s`, `85 ms`, or `2 min 5 s`."""
    if value >= 100:
        minutes, rest = divmod(round(value), 60)
        return f"{minutes} min {rest} s"
    return _with_prefix(value, "s")


def percent(share: float, digits: int = 2) -> str:
    """Return e.g. `75.94 %`."""
    return f"{100 * share:.{digits}f} %"


def kilobytes(size_bytes: int) -> str:
    """Return e.g. `274 kB`, or bytes and megabytes where these fit better."""
    if size_bytes >= 1_000_000:
        return f"{three_digits(size_bytes / 1e6)} MB"
    return f"{three_digits(size_bytes / 1e3)} kB" if size_bytes >= 1000 else f"{size_bytes} B"


def three_digits(value: float) -> str:
    """Return a number with three significant digits, never in powers of ten."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{min(digits, 9)}f}"


def unbroken(text: str) -> str:
    """Return text whose lines break between a number and its unit no more."""
    return re.sub(r"(?<=\d) (?=(%|[mnp\N{MICRO SIGN}]?[Js])(\W|$))", "\N{NO-BREAK SPACE}", text)


def _with_prefix(value: float, unit: str) -> str:
    for prefix, size in _PREFIXES:
        if abs(value) >= size:
            return f"{three_digits(value / size)} {prefix}{unit}"
    return f"{three_digits(value / 1e-12)} p{unit}" if value else f"0 {unit}"
