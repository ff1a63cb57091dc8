"""Two verdicts on each of the same strings: how much the share of right ones changed, and whether that is chance."""

from __future__ import annotations

import math
from typing import NamedTuple


class PairedChange(NamedTuple):
    """How exact match changed between two evaluations of the same strings.

    Args:
        lost: strings that were right and are wrong.
        won: strings that were wrong and are right.
        difference: exact match after less before.
        low: lower end of the interval of the difference.
        high: upper end.
        p_value: exact McNemar test that as many are lost as won by chance.
    """

    lost: int
    won: int
    difference: float
    low: float
    high: float
    p_value: float


def paired_change(lost: int, won: int, strings: int, confidence: float = 0.95) -> PairedChange:
    """Compare two verdicts on each of the same strings.

    The interval is the adjusted Wald interval of a difference of paired proportions (Bonett and Price 2012): one string is added to
    those that were lost and one to those that were won. The p-value is that of the binomial test of `lost` among both at one half.

    >>> paired_change(lost=1, won=9, strings=100).p_value
    0.021484375

    Args:
        lost: strings that were right and are wrong.
        won: strings that were wrong and are right.
        strings: all strings.
        confidence: of the interval.
    """
    from scipy.stats import binomtest, norm

    fell, rose = ((count + 1) / (strings + 2) for count in (lost, won))
    middle, error = rose - fell, math.sqrt((rose + fell - (rose - fell) ** 2) / (strings + 2))
    width = float(norm.ppf((1 + confidence) / 2)) * error
    p_value = float(binomtest(lost, lost + won).pvalue) if lost + won else 1.0
    return PairedChange(
        lost, won, (won - lost) / strings, max(middle - width, -1.0), min(middle + width, 1.0), p_value
    )
