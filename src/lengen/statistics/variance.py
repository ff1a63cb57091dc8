"""Variance components of crossed seeds: what initial parameters, training data and test strings contribute to the spread of areas."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from lengen.statistics.estimates import Floats

LEAST = 2
"""Least number of seeds of either kind."""

First = TypeVar("First", bound=Hashable)
Second = TypeVar("Second", bound=Hashable)


class Components(NamedTuple):
    """Variance components of one run's area; their sum is the variance over new seeds of both kinds and new strings.

    They are unbiased, so one that is about 0 may be estimated below 0.

    Args:
        init: from the seed of the initial parameters.
        data: from the seed of the training data.
        strings: from the draw of the test strings, whatever the run; None if it is unknown.
        rest: what remains: which init seed meets which data seed or strings, and what differs at equal seeds.
    """

    init: float
    data: float
    strings: float | None
    rest: float

    @property
    def total(self) -> float:
        """Sum of the components, each at least 0."""
        return sum(max(0.0, each) for each in self if each is not None)

    @property
    def shares(self) -> Shares:
        """Shares of the total, in [0, 1]; a component below 0 counts as 0. None if nothing varies, or if it is unknown."""
        total = self.total
        return Shares(*(None if each is None or not total else max(0.0, each) / total for each in self))


class Shares(NamedTuple):
    """Shares of variance, as in `Components`."""

    init: float | None
    data: float | None
    strings: float | None
    rest: float | None


def components(areas: npt.ArrayLike, strings: float | None = None) -> Components:
    """Return the variance components of areas whose init seeds are crossed with data seeds, one run for every pair.

    Two-way random effects without replicates, by the mean squares of the analysis of variance (Searle, Casella and McCulloch 1992,
    chapter 4): rest = MS(rest), init = (MS(init) - MS(rest)) / data seeds, data likewise. No distribution is assumed, but that seeds
    of either kind are drawn independently.

    Args:
        areas: one area per run: init seeds x data seeds, at least 2 x 2.
        strings: the component of the strings (`string_component`); None if it is unknown.

    Raises:
        ValueError: there are fewer than two seeds of a kind.

    >>> components([[0.0, 0.0], [1.0, 1.0]])
    Components(init=0.5, data=0.0, strings=None, rest=0.0)
    """
    scores = np.asarray(areas, dtype=float)
    if scores.ndim != 2 or min(scores.shape) < LEAST:  # noqa: PLR2004
        raise ValueError(f"both kinds of seeds need at least {LEAST}, got areas of shape {scores.shape}")
    init, data = (scores.mean(axis=axis, keepdims=True) for axis in (1, 0))
    apart = scores - init - data + scores.mean()
    rest = float((apart**2).sum()) / ((scores.shape[0] - 1) * (scores.shape[1] - 1))
    return Components(
        float(init.var(ddof=1)) - rest / scores.shape[1],
        float(data.var(ddof=1)) - rest / scores.shape[0],
        strings,
        rest,
    )


def string_component(exact: Iterable[npt.ArrayLike], weights: npt.ArrayLike) -> float:
    """Return the variance component of the strings: how much the draw of the strings moves the areas of all runs alike.

    At each length it is the mean covariance, over strings, of two runs that share neither seed, divided by the number of
    strings. That equals the component by the mean squares of the three-way analysis of variance of init seeds, data seeds and
    strings (Brennan 2001): (MS(strings) - MS(init strings) - MS(data strings) + MS(rest)) / runs.

    Args:
        exact: for each length the verdicts: init seeds x data seeds x strings.
        weights: weight of each length in the area, as `areas.area_weights` gives it.

    Raises:
        ValueError: a length that counts has fewer than two strings, or there are fewer than two seeds of a kind.

    >>> string_component([[[[1, 0, 1, 0]] * 2] * 2], [1.0])  # every run gets the same half right: variance 1/3 of 4 strings
    0.08333333333333333
    """
    total = 0.0
    for verdicts, weight in zip(exact, np.asarray(weights, dtype=float).tolist(), strict=True):
        scores = np.asarray(verdicts, dtype=float)
        if not weight:
            continue
        if scores.ndim != 3 or min(scores.shape) < LEAST:  # noqa: PLR2004
            raise ValueError(f"seeds of both kinds and strings need at least {LEAST}, got {scores.shape}")
        init, data, strings = scores.shape
        centred = scores - scores.mean(axis=2, keepdims=True)
        products = (
            _square(centred.sum(axis=(0, 1)))
            - _square(centred.sum(axis=1))
            - _square(centred.sum(axis=0))
            + _square(centred)
        )
        pairs = init * data * (init - 1) * (data - 1)
        total += weight**2 * products / (pairs * (strings - 1) * strings)
    return total


def crossing(pairs: Iterable[tuple[First, Second]]) -> tuple[Sequence[First], Sequence[Second]]:
    """Return the seeds of the largest complete crossing, at least 2 x 2; empty if there is none.

    Args:
        pairs: the pairs of seeds that have a run.

    Returns:
        Seeds of the first and of the second kind of which every pair has a run, in the order in which they occur.

    >>> crossing([(0, 0), (1, 1), (0, 1), (1, 0), (2, 2), (2, 0)])
    ([0, 1], [0, 1])
    """
    pairs = list(dict.fromkeys(pairs))
    met = {first: frozenset(other for one, other in pairs if one == first) for first, _ in pairs}
    shared = set(met.values())
    while more := {one & other for one in shared for other in shared} - shared:
        shared |= more
    blocks = [([first for first in met if kinds <= met[first]], kinds) for kinds in shared]
    whole = [block for block in blocks if min(map(len, block)) >= LEAST]
    if not whole:
        return [], []
    order = list(dict.fromkeys(second for _, second in pairs))
    firsts, seconds = max(
        whole,
        key=lambda block: (
            len(block[0]) * len(block[1]),
            [-order.index(each) for each in order if each in block[1]],
        ),
    )
    return firsts, [each for each in order if each in seconds]


def _square(values: Floats) -> float:
    """Return the sum of squares."""
    return float(np.vdot(values, values))
