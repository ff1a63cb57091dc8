"""Performance profile of a cell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def performance_profile(scores: Sequence[float], thresholds: Sequence[float]) -> list[float]:
    """Fraction of seeds whose score is at least each threshold (Dolan and More 2002; Agarwal et al. 2021).

    >>> performance_profile([1.0, 2.0, 4.0, 4.0], [1, 2, 3, 5])
    [1.0, 0.75, 0.5, 0.0]
    """
    passed = np.asarray(scores, dtype=float)[:, None] >= np.asarray(thresholds, dtype=float)[None, :]
    return [float(fraction) for fraction in passed.mean(0)]
