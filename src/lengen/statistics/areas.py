"""Area under exact match over log2 length: the score of a seed, on the lengths that all compared runs share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import log2

import numpy as np
import numpy.typing as npt

from lengen.statistics.estimates import TOLERANCE, Floats, unit_scores


def common_lengths(sweeps: Iterable[Iterable[int]]) -> tuple[int, ...]:
    """Return the lengths that all sweeps share, in ascending order.

    >>> common_lengths([[10, 20, 40, 80], [40, 20, 10]])
    (10, 20, 40)
    """
    found = [set(sweep) for sweep in sweeps]
    return tuple(sorted(set.intersection(*found))) if found else ()


def doublings(lengths: Sequence[int], train_length: int) -> float:
    """Return the number of doublings from the train length to the last length; 0 or less if none is beyond it.

    >>> doublings([5, 10, 20, 40], 10)
    2.0
    """
    return log2(max(lengths) / train_length) if len(lengths) else 0.0


def area_weights(lengths: Sequence[int], train_length: int) -> Floats:
    """Return the weight of each length in the area: trapezoid rule in log2 length, from the train length to the last.

    Exact match at the train length is interpolated linearly in log2 length; if no length is so short, it is that of the
    shortest. The weights sum to 1, so an area lies in [0, 1]; multiply it by `doublings` to state it in doublings.

    Args:
        lengths: distinct lengths in ascending order.
        train_length: where the area begins.

    Returns:
        One weight per length; lengths far below the train length have weight 0.

    Raises:
        ValueError: the lengths do not ascend, or none is beyond the train length.

    >>> area_weights([5, 10, 20, 40], 10).tolist()
    [0.0, 0.25, 0.5, 0.25]
    """
    place = np.log2(np.asarray(lengths, dtype=float) / train_length)
    if (np.diff(place) <= 0).any():
        raise ValueError(f"lengths must ascend, got {list(lengths)}")
    knots = np.concatenate([[0.0], place[place > TOLERANCE]])
    if len(knots) == 1:
        raise ValueError(f"no length is beyond the train length {train_length}: got {list(lengths)}")
    hats = np.array([np.interp(knots, place, row) for row in np.eye(len(place))])
    weights: Floats = np.trapezoid(hats, knots, axis=1) / knots[-1]
    return weights


def mean_areas(exact_match: npt.ArrayLike, lengths: Sequence[int], train_length: int) -> Floats:
    """Return the area of each seed: mean exact match over lengths drawn evenly in log2 length, in [0, 1].

    Exact match at length L has the weight that `area_weights` gives it. For a curve that falls from 1 to 0 at length R, the
    area is log2(R / train length) / doublings: a restricted mean (Royston and Parmar 2013). A diverged seed has area 0.

    Args:
        exact_match: seeds x lengths, in [0, 1].
        lengths: distinct lengths in ascending order, shared by everything that is compared (`common_lengths`).
        train_length: where the area begins.

    Returns:
        One area per seed.

    Raises:
        ValueError: as in `area_weights`, or exact match is outside [0, 1].

    >>> mean_areas([[1.0, 1.0, 0.5, 0.0]], [5, 10, 20, 40], 10).tolist()
    [0.5]
    """
    areas: Floats = unit_scores(unit_scores(exact_match) @ area_weights(lengths, train_length))
    return areas
