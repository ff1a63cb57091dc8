"""Laws of the error rate by length: how exact match falls because every answer token may be wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from lengen.statistics.estimates import Floats

STARTS = (0.5, 1.5, 4.0, 10.0)
"""Growths from which a fit is started."""
BOUNDS = {"constant": (-30.0, 6.0), "scale": (-120.0, 6.0), "growth": (-3.0, 4.0)}
"""Logarithms between which parameters are sought."""
TOTALS = (1e-12, 700.0)
"""Hazard of a whole answer: bounds that keep likelihoods finite."""
ITERATIONS = 500
"""Steps after which a search has not converged."""


class NotConvergedError(ArithmeticError):
    """No search for the parameters of a law converged."""


@dataclass(frozen=True)
class AnswerCounts:
    """Right answers of one seed: one entry per length and number of answer tokens.

    Args:
        lengths: length of each entry, ascending; a length occurs once for every number of tokens that its answers have.
        tokens: answer tokens of each entry, the end token included.
        correct: right answers.
        examples: all answers.
        train_length: the longest trained length.
    """

    lengths: Floats
    tokens: Floats
    correct: Floats
    examples: Floats
    train_length: float

    @classmethod
    def of(
        cls,
        lengths: npt.ArrayLike,
        tokens: npt.ArrayLike,
        correct: npt.ArrayLike,
        examples: npt.ArrayLike,
        train_length: float,
    ) -> AnswerCounts:
        """Return counts from plain sequences.

        Raises:
            ValueError: the sequences differ in length, or a count is impossible.
        """
        columns = [np.asarray(column, dtype=float) for column in (lengths, tokens, correct, examples)]
        columns = [np.array(column, dtype=float) for column in np.broadcast_arrays(*columns)]
        length, token, right, total = columns
        if (np.diff(length) < 0).any() or (right < 0).any() or (right > total).any() or (total < 1).any():
            raise ValueError("lengths must ascend, and right answers be 0 to all of at least one example")
        if (token < 1).any() or train_length <= 0:
            raise ValueError("answers need at least one token, and the train length must be above 0")
        return cls(length, token, right, total, train_length)

    @cached_property
    def log_ratio(self) -> Floats:
        """Natural logarithm of length / train length."""
        return np.asarray(np.log(self.lengths / self.train_length))

    @property
    def accuracy(self) -> Floats:
        """Exact match of each distinct length."""
        return self.by_length(self.correct) / self.by_length(self.examples)

    @cached_property
    def distinct(self) -> Floats:
        """The distinct lengths."""
        return np.unique(self.lengths)

    def by_length(self, values: Floats) -> Floats:
        """Return the sums of a column over the entries of each distinct length."""
        return np.asarray(np.bincount(self._group, weights=values), dtype=float)

    @cached_property
    def _group(self) -> npt.NDArray[np.int64]:
        """Index of each entry's length among the distinct lengths."""
        return np.searchsorted(self.distinct, self.lengths)

    def only(self, keep: npt.NDArray[np.bool_]) -> AnswerCounts:
        """Return some of the entries."""
        return AnswerCounts(
            self.lengths[keep], self.tokens[keep], self.correct[keep], self.examples[keep], self.train_length
        )


@dataclass(frozen=True)
class Law:
    """A law of the hazard h(L): an answer of m tokens is right with probability exp(-m h).

    Args:
        name: its name.
        parameters: names of the parameters; all are positive, and fitted as logarithms.
        hazard: hazard, and its derivatives by the logarithms of the parameters (parameters x entries), from the logarithms of
            the parameters and of length / train length.
    """

    name: str
    parameters: tuple[str, ...]
    hazard: Callable[[Floats, Floats], tuple[Floats, Floats]]


def _constant(theta: Floats, place: Floats) -> tuple[Floats, Floats]:
    """Return the hazard c."""
    hazard = np.full(len(place), np.exp(theta[0]))
    return hazard, hazard[None]


def _power(theta: Floats, place: Floats) -> tuple[Floats, Floats]:
    """Return the hazard a (L/T)^b."""
    growth = np.exp(theta[1])
    hazard = np.exp(np.minimum(theta[0] + growth * place, 50.0))
    return hazard, np.stack([hazard, hazard * growth * place])


def _floor_and_power(theta: Floats, place: Floats) -> tuple[Floats, Floats]:
    """Return the hazard c + a (L/T)^b."""
    floor, floor_slope = _constant(theta[:1], place)
    power, power_slope = _power(theta[1:], place)
    return floor + power, np.concatenate([floor_slope, power_slope])


LAWS = (
    Law("constant", ("constant",), _constant),
    Law("power", ("scale", "growth"), _power),
    Law("floor and power", ("constant", "scale", "growth"), _floor_and_power),
)
"""From simple to flexible. A logistic error rate is left out: it cannot be told from a power where exact match is informative."""


def exact_match(law: Law, theta: Floats, counts: AnswerCounts) -> Floats:
    """Return the exact match that a law predicts for each entry."""
    hazard, _ = law.hazard(theta, counts.log_ratio)
    return np.asarray(np.exp(-counts.tokens * hazard))


def log_likelihood(law: Law, theta: Floats, counts: AnswerCounts) -> float:
    """Return the binomial log-likelihood of counts, without the binomial coefficients."""
    return -_loss(theta, law, counts)[0]


def fit(law: Law, counts: AnswerCounts, start: Floats | None = None) -> tuple[Floats, float]:
    """Fit a law by greatest likelihood.

    Args:
        law: the law.
        counts: right answers of one seed.
        start: logarithms of the parameters from which the search starts; None searches from several.

    Returns:
        Logarithms of the parameters, and the log-likelihood.

    Raises:
        NotConvergedError: the search reached its greatest number of steps from every start.
    """
    from scipy.optimize import minimize  # slow to import, and a finished run is shown without it

    bounds = [BOUNDS[name] for name in law.parameters]
    options: Any = {"maxiter": ITERATIONS}
    results = [
        minimize(_loss, first, (law, counts), jac=True, bounds=bounds, method="L-BFGS-B", options=options)
        for first in (_starts(law, counts) if start is None else [start.tolist()])
    ]
    converged = [result for result in results if result.nit < ITERATIONS and np.isfinite(result.fun)]
    if not converged:
        raise NotConvergedError(f"{law.name}: no search converged within {ITERATIONS} steps")
    best = min(converged, key=lambda result: float(result.fun))
    return np.asarray(best.x, dtype=float), -float(best.fun)


def _loss(theta: Floats, law: Law, counts: AnswerCounts) -> tuple[float, Floats]:
    """Return the negative log-likelihood and its gradient."""
    hazard, slopes = law.hazard(theta, counts.log_ratio)
    total = np.clip(counts.tokens * hazard, *TOTALS)
    wrong = counts.examples - counts.correct
    fails = -np.expm1(-total)
    value = (counts.correct * total - wrong * np.log(fails)).sum()
    by_total = counts.correct - wrong * (1 - fails) / fails
    return float(value), np.asarray(slopes @ (by_total * counts.tokens))


def _starts(law: Law, counts: AnswerCounts) -> list[list[float]]:
    """Return starting points: the hazards that are seen, and several growths."""
    shares = (counts.correct + 0.5) / (counts.examples + 1)
    hazards = -np.log(shares) / counts.tokens
    least, middle = float(np.log(hazards.min())), int(np.argmin(np.abs(shares - 0.5)))
    if law.name == "constant":
        return [[float(np.log(np.median(hazards)))], [float(np.log(hazards[middle]))]]
    powers = [
        [float(np.log(hazards[middle]) - growth * counts.log_ratio[middle]), float(np.log(growth))]
        for growth in STARTS
    ]
    return powers if law.name == "power" else [[least, *power] for power in powers]
