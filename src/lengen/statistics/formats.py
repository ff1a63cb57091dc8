"""How scores and reaches are written: one rule for terminal, tables, figures and page."""

from __future__ import annotations

import math

SLACK = 1e-9
"""In units of the last digit: less than this below a digit is the rounding of binary fractions."""


def floored(score: float, digits: int = 3) -> str:
    """Write a share or an area with some decimals, rounded down, so that only 1 reads as 1, and only 0 as 0.

    What is above 0 and below the last digit is written as less than that digit.

    >>> [floored(share) for share in (1.0, 0.9996, 0.29, 0.0004, 0.0)]
    ['1.000', '0.999', '0.290', '<0.001', '0.000']
    """
    if not math.isfinite(score):
        return str(score)
    down = round_down(score, digits)
    if score * 10**digits > SLACK and down == 0:
        return f"<{10**-digits:.{digits}f}"
    return f"{down:.{digits}f}"


def bounds(low: float, high: float, digits: int = 3, between: str = ", ") -> str:
    """Write an interval of shares or areas with some decimals: down below and up above, so that what is written covers it.

    >>> bounds(0.0, 0.4593, 2), bounds(0.895968, 0.931536, between=" to ")
    ('0.00, 0.46', '0.895 to 0.932')
    """
    up = math.ceil(high * 10**digits - SLACK) / 10**digits if math.isfinite(high) else high
    return f"{floored(low, digits)}{between}{up:.{digits}f}"


def round_down(score: float, digits: int = 3) -> float:
    """Return the number that `floored` shows.

    >>> round_down(0.9996), round_down(0.29)
    (0.999, 0.29)
    """
    return float(math.floor(score * 10**digits + SLACK) / 10**digits)


def counted(count: int, what: str) -> str:
    """A number of something.

    >>> counted(1, "job"), counted(2, "job")
    ('1 job', '2 jobs')
    """
    return f"{count} {what}{'s' * (count != 1)}"


def id_score(share: float, strings: int | None) -> str:
    """Write an ID exact match, with the number of its strings if it is known.

    >>> id_score(0.998, 1000), id_score(1.0, None)
    ('ID exact match 0.998 of 1000 strings', 'ID exact match 1.000')
    """
    return f"ID exact match {floored(share)}" + (f" of {counted(strings, 'string')}" if strings else "")


def short(share: float) -> str:
    """Write a share for a square of a heat map: two decimals as `floored`, without what goes without saying.

    >>> [short(share) for share in (1.0, 0.997, 0.5, 0.004, 0.0)]
    ['1', '.99', '.50', '<.01', '0']
    """
    return str(int(share)) if share in (0.0, 1.0) else floored(share, 2).replace("0.", ".", 1)


def percent(share: float) -> str:
    """Write a share as a whole percentage, by the same rule.

    >>> [percent(share) for share in (1.0, 0.997, 0.29, 0.004, 0.0)]
    ['100%', '99%', '29%', '<1%', '0%']
    """
    return f"{floored(100 * share, 0)}%"


def truncated(value: float, significant: int) -> float:
    """Cut a finite number to some significant digits, so that it can be `floored` later as if it were whole.

    >>> truncated(0.9999967, 5), truncated(123456.7, 5), truncated(0.29, 5)
    (0.99999, 123450.0, 0.29)
    """
    if not value:
        return 0.0
    digits = significant - 1 - math.floor(math.log10(abs(value)))
    scaled = math.trunc(value * 10.0**digits + math.copysign(SLACK, value))
    return float(f"{scaled}e{-digits}")


def reach_text(reach: float | None, *, at_least: bool | None = False, measurable: bool = True) -> str:
    """Write a reach: `none` where no length is reached, `>=` where the sweep ended before the curve fell.

    Args:
        reach: a length; None or 0 for none.
        at_least: whether it is the last length of the sweep, so that the true reach may be longer.
        measurable: whether there were enough examples for a reach to exist.

    >>> reach_text(40), reach_text(480.0, at_least=True), reach_text(52.5), reach_text(0, at_least=True)
    ('40', '>= 480', '52.5', 'none')
    """
    if not reach:
        return "none" if measurable else "not measurable"
    return f"{'>= ' if at_least else ''}{reach:g}"
