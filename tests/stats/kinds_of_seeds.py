"""Kinds of seeds: distributions of a score in [0, 1], with their means."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


def steps(rate: float) -> Draw:
    """0 or 1."""
    return lambda generator, shape: (generator.random(shape) < rate).astype(float)


def beta(first: float, second: float) -> Draw:
    return lambda generator, shape: generator.beta(first, second, shape)


def mixed(rate: float, works: tuple[float, float], fails: tuple[float, float]) -> Draw:
    """A share of seeds from one distribution, the others from another."""
    return lambda generator, shape: np.where(
        generator.random(shape) < rate, generator.beta(*works, shape), generator.beta(*fails, shape)
    )


def mean(first: float, second: float) -> float:
    return first / (first + second)


MODES = (40, 1), (1, 15)
HIGH, LOW = (50, 1), (1, 15)

KINDS: dict[str, tuple[Draw, float]] = {
    **{f"0/1 at {rate}": (steps(rate), rate) for rate in (0.2, 0.5, 0.8)},
    **{
        f"two modes at {rate}": (mixed(rate, *MODES), rate * mean(*MODES[0]) + (1 - rate) * mean(*MODES[1]))
        for rate in (0.3, 0.7)
    },
    **{f"beta {shape}": (beta(*shape), mean(*shape)) for shape in ((0.3, 0.3), (2, 2), (30, 20), HIGH)},
    **{
        f"ceiling, {share} fails": (
            mixed(1 - share, HIGH, LOW),
            (1 - share) * mean(*HIGH) + share * mean(*LOW),
        )
        for share in (0.1, 0.05)
    },
    "floor, 0.1 works": (mixed(0.1, HIGH, LOW), 0.1 * mean(*HIGH) + 0.9 * mean(*LOW)),
}
