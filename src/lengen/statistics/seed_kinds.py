"""Kinds of seeds: distributions of a seed's score, on which methods are tried and power is simulated."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lengen.statistics.estimates import Floats

Shape = tuple[float, float]
"""Parameters of a beta distribution."""


class SeedKind(NamedTuple):
    """A mixture of two beta distributions; the outcomes 0 and 1 are written as `STEP` of 0 and 1.

    Args:
        rate: share of seeds that work.
        works: distribution of the scores of those.
        fails: distribution of the scores of the others.
    """

    rate: float
    works: Shape
    fails: Shape

    @property
    def mean(self) -> float:
        """Mean of the distribution."""
        works, fails = (first / (first + second) for first, second in (self.works, self.fails))
        return self.rate * works + (1 - self.rate) * fails

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        """Draw scores."""
        works = generator.random(shape) < self.rate
        scores: Floats = np.where(
            works, _beta(generator, self.works, shape), _beta(generator, self.fails, shape)
        )
        return scores


ONE, ZERO = (1.0, 0.0), (0.0, 1.0)
WORKED, FAILED = (40.0, 1.0), (1.0, 15.0)
CEILING = (50.0, 1.0)


def two_modes(rate: float) -> SeedKind:
    """Return seeds of which a share works with areas from Beta(40, 1) and the others fail with areas from Beta(1, 15)."""
    return SeedKind(rate, WORKED, FAILED)


def one_mode(first: float, second: float) -> SeedKind:
    """Return seeds with one beta distribution."""
    return SeedKind(1.0, (first, second), ZERO)


KINDS = {
    **{f"0/1 at {rate}": SeedKind(rate, ONE, ZERO) for rate in (0.2, 0.5, 0.8)},
    **{f"two modes at {rate}": two_modes(rate) for rate in (0.3, 0.7)},
    "Beta(.3, .3)": one_mode(0.3, 0.3),
    "Beta(2, 2)": one_mode(2, 2),
    "Beta(30, 20)": one_mode(30, 20),
    "ceiling": one_mode(*CEILING),
    "ceiling, 1 in 10 fails": SeedKind(0.9, CEILING, FAILED),
    "ceiling, 1 in 20 fails": SeedKind(0.95, CEILING, FAILED),
    "floor, 1 in 10 works": SeedKind(0.1, CEILING, FAILED),
}
"""The kinds of seeds on which intervals are tried."""

KIND_PAIRS = (
    ("0/1 at 0.2", "0/1 at 0.2"),
    ("0/1 at 0.2", "0/1 at 0.8"),
    ("0/1 at 0.5", "two modes at 0.7"),
    ("two modes at 0.3", "two modes at 0.7"),
    ("two modes at 0.7", "Beta(30, 20)"),
    ("Beta(.3, .3)", "Beta(2, 2)"),
    ("Beta(30, 20)", "Beta(30, 20)"),
    ("ceiling", "ceiling"),
    ("ceiling", "ceiling, 1 in 10 fails"),
    ("ceiling, 1 in 20 fails", "ceiling, 1 in 10 fails"),
    ("floor, 1 in 10 works", "Beta(2, 2)"),
    ("floor, 1 in 10 works", "ceiling, 1 in 10 fails"),
)
"""Pairs of kinds on which intervals of two cells are tried."""


def _beta(generator: np.random.Generator, shape: Shape, size: tuple[int, ...]) -> Floats:
    """Draw from a beta distribution; with a parameter of 0 it is a constant."""
    if 0 in shape:
        return np.full(size, float(shape[0] > 0))
    return generator.beta(*shape, size)
