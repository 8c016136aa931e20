"""Numbers as people write them: 143,000 and 0.00012, and 1.4e-07 only where the digits would have to be counted."""

from __future__ import annotations

import math

__all__ = ["EXPONENTS", "format_number"]

EXPONENTS = (-4, 9)
"""The powers of ten between which a number is written without an exponent."""


def format_number(value: float, digits: int = 3) -> str:
    """Return a number with so many significant digits, but every digit before the point, in groups of thousands.

    >>> [format_number(value) for value in (143_000.0, 0.5, 1999.6, 1.4e-7, 2e12)]
    ['143,000', '0.5', '2,000', '1.4e-07', '2e+12']
    """
    if not math.isfinite(value) or value == 0:
        return f"{value + 0.0:g}"  # + 0.0 takes the sign from -0
    exponent = int(f"{value:.{digits - 1}e}".partition("e")[2])
    if not EXPONENTS[0] <= exponent < EXPONENTS[1]:
        return f"{value:.{digits}g}"
    text = f"{value:,.{max(0, digits - 1 - exponent)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
