"""How much two cells differ: difference of their means, and the probability that a seed of one beats one of the other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lengen.statistics.estimates import Estimate, Floats, no_interval, unit_scores
from lengen.statistics.simplex import (
    DRAWS,
    SEEDS_OF_A_MEAN,
    SEEDS_OF_A_RANK,
    mean_interval,
    simplex_weights,
)
from lengen.statistics.strings import half_width


def mean_difference(
    first: npt.ArrayLike, second: npt.ArrayLike, confidence: float = 0.95, string_error: float = 0.0
) -> Estimate:
    """Return the difference of two cells' means with an interval, from three seeds of each on.

    The intervals of the two means are combined by square-and-add (Newcombe 1998; MOVER, Zou and Donner 2008). Numbers of seeds
    may differ; seeds are independent.

    Args:
        first: one score per seed of one cell, in [0, 1].
        second: the same of the other cell.
        confidence: nominal coverage, in (0, 1).
        string_error: standard error of the difference from the draw of test strings: `strings.standard_error` of
            `strings.differences`.

    Returns:
        First less second, in [-1, 1].

    >>> [round(number, 2) for number in mean_difference([1, 1, 1, 1, 1], [0, 0, 0, 0, 0])[:3]]
    [1.0, 0.26, 1.0]
    """
    ours, theirs = mean_interval(first, confidence), mean_interval(second, confidence)
    shift = ours.value - theirs.value
    fewest = min(np.size(first), np.size(second))
    if ours.low is None or ours.high is None or theirs.low is None or theirs.high is None:
        return no_interval(shift, fewest, SEEDS_OF_A_MEAN)
    extra = half_width(string_error, confidence)
    down = float(np.hypot(np.hypot(ours.value - ours.low, theirs.high - theirs.value), extra))
    up = float(np.hypot(np.hypot(ours.high - ours.value, theirs.value - theirs.low), extra))
    return Estimate(shift, max(-1.0, shift - down), min(1.0, shift + up))


def beats(
    first: npt.ArrayLike, second: npt.ArrayLike, confidence: float = 0.95, string_error: float = 0.0
) -> Estimate:
    """Return the probability that a seed of one cell beats a seed of the other; ties count half (Mann and Whitney 1947).

    Both cells get weights uniform on the simplex and one more seed, which makes the first lose for the lower bound and win for
    the upper one; the bounds are quantiles over 4,000 fixed draws (confidence distributions are combined as in Fay, Proschan
    and Brittain 2015). With several lengths, the probability is the mean over them, and all scores of a seed share its weight.

    Args:
        first: one score per seed of one cell, or seeds x lengths.
        second: the same of the other cell, at the same lengths.
        confidence: nominal coverage, in (0, 1).
        string_error: standard error of the difference of the cells from the draw of test strings, as for `mean_difference`. Each
            draw then shifts the scores of the first cell by normal noise of this size: all seeds have the same strings.

    Returns:
        The probability; without an interval for fewer than five seeds of either cell.

    >>> beats([1.0, 0.9], [1.0, 0.4]).value
    0.625
    """
    ours, theirs = (unit_scores(scores).reshape(np.shape(scores)[0], -1) for scores in (first, second))
    gaps = ours[:, None] - theirs[None]
    estimate, fewest = float(((gaps > 0) + 0.5 * (gaps == 0)).mean()), min(len(ours), len(theirs))
    if fewest < SEEDS_OF_A_RANK:
        return no_interval(estimate, fewest, SEEDS_OF_A_RANK)
    shifts = np.zeros((1, 1))
    if string_error:
        shifts = string_error * np.random.default_rng(DRAWS).standard_normal((DRAWS, 1))
    shares, with_ghosts = _weighted_wins(ours, theirs, shifts)
    tail = (1 - confidence) / 2
    return Estimate(
        estimate,
        min(estimate, float(np.quantile(shares, tail))),
        min(1.0, max(estimate, float(np.quantile(shares + with_ghosts, 1 - tail)))),
    )


def _weighted_wins(ours: Floats, theirs: Floats, shifts: Floats) -> tuple[Floats, Floats]:
    """Return the weighted share of pairs of seeds that the first wins in each draw, ties half, and the weight of pairs with a ghost.

    A seed wins against the weight of all lower scores, which is a cumulated weight of the sorted ones.

    Args:
        ours: seeds x lengths.
        theirs: the same of the other cell.
        shifts: what is added to all scores of the first cell: draws x 1, or 1 x 1 for all draws.
    """
    first, second = (
        simplex_weights(len(scores), stream)[:, :-1] for stream, scores in ((1, ours), (2, theirs))
    )
    shares = np.zeros(len(first))
    for own, other in zip(ours.T, theirs.T, strict=True):  # a length at a time
        order = np.argsort(other)
        below = np.pad(np.cumsum(second[:, order], axis=1), ((0, 0), (1, 0)))
        for side in ("left", "right"):
            lower = np.searchsorted(other[order], own + shifts, side)
            won = np.take_along_axis(below, np.broadcast_to(lower, first.shape), axis=1)
            shares += (first * won).sum(axis=1) / 2
    return shares / ours.shape[1], 1 - first.sum(axis=1) * second.sum(axis=1)
