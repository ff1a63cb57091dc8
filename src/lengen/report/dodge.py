"""Places of points that several cells have at one length, side by side so that all can be seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

STEP = 0.008
"""Distance of neighbouring points, as a share of the axis, where there is room."""
ROOM = 0.6
"""Share of the space between two lengths that points of one length may take."""


def dodged(places: Sequence[float], boundary: float, index: int, count: int) -> list[float]:
    """Return where the points of one cell are drawn.

    Points of a length spread around it, with less distance where lengths are dense. They never leave the axes, nor cross the end
    of the trained region: points of trained lengths stay at or before it, those of longer lengths beyond it.

    Args:
        places: places of the cell's lengths on the axis, from 0 to 1, ascending.
        boundary: place of the train length.
        index: index of the cell, and `count` the number of cells.
        count: number of cells.

    >>> [round(place, 3) for place in dodged([0.2, 0.5, 0.9], 0.5, 2, 3)]
    [0.208, 0.5, 0.908]
    """
    at = np.asarray(places, dtype=float)
    gaps = np.diff(at, prepend=-np.inf, append=np.inf)
    width = np.minimum(STEP * (count - 1), ROOM * np.minimum(gaps[:-1], gaps[1:]))
    trained = at <= boundary + 1e-9
    low, high = np.where(trained, 0, boundary), np.where(trained, boundary, 1)
    width = np.minimum(width, high - low)
    middle = np.clip(at, low + width / 2, high - width / 2)
    moved: npt.NDArray[np.float64] = middle + width * (index / max(count - 1, 1) - 0.5)
    return [float(each) for each in moved]
