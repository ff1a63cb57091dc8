"""Choice of the law of one seed's errors, with intervals of its parameters."""

from __future__ import annotations

from math import log
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.stats import t as student

from lengen.statistics.estimates import Estimate, Floats
from lengen.statistics.intervals import clopper_pearson
from lengen.statistics.laws import LAWS, AnswerCounts, Law, exact_match, fit, log_likelihood

INFORMATIVE = (0.02, 0.98)
"""A length tells something about the law if its exact match lies between these."""
SPARE = 2
"""A law is fitted from this many informative lengths more than it has parameters."""
WORST_FIT = 10.0
"""Above this Pearson chi-square per degree of freedom no law is shown."""
FOLDS = 12
"""Up to this many lengths each is held out by itself, else every twelfth."""


class FittedLaw(NamedTuple):
    """A law fitted to one seed.

    Args:
        law: name of the law.
        estimates: each parameter by name, with a quasi-binomial interval (Wedderburn 1974): `constant` and `scale` are hazards per
            answer token (at the train length), `growth` is the exponent of length.
        log_likelihood: greatest log-likelihood, without binomial coefficients.
        bic: Bayesian information criterion (Schwarz 1978) with the number of lengths; less is better.
        held_out: log-likelihood of lengths held out, summed over all of them; more is better.
        misfit: Pearson chi-square per degree of freedom.
        half_length: length at which exact match falls to 1/2; None if it does not inside the sweep.
        horizon: length at which power and floor are equal; None for other laws.
    """

    law: str
    estimates: dict[str, Estimate]
    log_likelihood: float
    bic: float
    held_out: float
    misfit: float
    half_length: float | None
    horizon: float | None


class ErrorLaw(NamedTuple):
    """The law of one seed.

    Args:
        chosen: the fit of the law chosen by held-out lengths; None if no law is shown.
        by_bic: name of the law that BIC would choose; None if none was fitted.
        fits: all laws that were fitted.
        note: why no law is shown; empty if one is.
    """

    chosen: FittedLaw | None
    by_bic: str | None
    fits: tuple[FittedLaw, ...]
    note: str


def error_law(counts: AnswerCounts, confidence: float = 0.95) -> ErrorLaw:
    """Fit the laws to one seed and choose one by the likelihood of lengths held out.

    Of the laws whose held-out log-likelihood is within one standard error of the best, the simplest is chosen. The standard error
    is that of the sum over lengths of the difference from the best law. BIC is stated beside it and decides nothing.

    Args:
        counts: right answers of one seed. Pool no seeds: a mixture of two modes obeys no law.
        confidence: nominal coverage of the parameters' intervals.
    """
    between = int(((counts.accuracy > INFORMATIVE[0]) & (counts.accuracy < INFORMATIVE[1])).sum())
    laws = [law for law in LAWS if between >= len(law.parameters) + SPARE]
    if not laws:
        return ErrorLaw(None, None, (), _why_no_law(counts))
    held_out = [_held_out(law, counts) for law in laws]
    fits = tuple(
        fitted_law(law, counts, confidence, float(held.sum()))
        for law, held in zip(laws, held_out, strict=True)
    )
    chosen = fits[_simplest_of_the_best(held_out)]
    by_bic = min(fits, key=lambda fitted: fitted.bic).law
    if chosen.misfit > WORST_FIT:
        return ErrorLaw(
            None, by_bic, fits, f"no law fits: chi-square {chosen.misfit:.0f} per degree of freedom"
        )
    return ErrorLaw(chosen, by_bic, fits, "")


def fitted_law(
    law: Law, counts: AnswerCounts, confidence: float = 0.95, held_out: float = float("nan")
) -> FittedLaw:
    """Fit one law to one seed, with the intervals of its parameters and what follows from them.

    The covariance of the logarithms of the parameters is the inverse of Fisher's information times the misfit, if that is above 1;
    the interval has a t quantile.

    Args:
        law: the law.
        counts: right answers of one seed.
        confidence: nominal coverage of the intervals.
        held_out: log-likelihood of lengths held out, where it is known.
    """
    theta, likelihood = fit(law, counts)
    misfit, freedom = _misfit(law, theta, counts)
    half = student.isf((1 - confidence) / 2, freedom) * np.sqrt(
        max(misfit, 1.0) * _variances(law, theta, counts)
    )
    estimates = {
        name: Estimate(
            float(np.exp(value)), float(np.exp(value - width)), float(np.exp(min(value + width, 700.0)))
        )
        for name, value, width in zip(law.parameters, theta, half, strict=True)
    }
    horizon = None
    if law.name == "floor and power":
        horizon = float(counts.train_length * np.exp((theta[0] - theta[1]) / np.exp(theta[2])))
    bic = len(theta) * log(len(counts.distinct)) - 2 * likelihood
    return FittedLaw(
        law.name, estimates, likelihood, bic, held_out, misfit, _half_length(law, theta, counts), horizon
    )


def _simplest_of_the_best(held_out: list[Floats]) -> int:
    """Return the first law whose held-out log-likelihood is within one standard error of the best law's."""
    best = max(held_out, key=lambda held: float(held.sum()))
    for place, held in enumerate(held_out):
        lost = best - held
        if lost.sum() <= np.sqrt(len(lost) * lost.var(ddof=1)):
            return place
    return len(held_out) - 1


def _held_out(law: Law, counts: AnswerCounts) -> Floats:
    """Return the log-likelihood of every distinct length under the law fitted to the others."""
    lengths = counts.distinct
    fold = np.arange(len(lengths)) % min(FOLDS, len(lengths))
    result = np.zeros(len(lengths))
    start, _ = fit(law, counts)
    for left_out in np.unique(fold):
        theta, _ = fit(law, counts.only(~np.isin(counts.lengths, lengths[fold == left_out])), start)
        for place in np.flatnonzero(fold == left_out):
            result[place] = log_likelihood(law, theta, counts.only(counts.lengths == lengths[place]))
    return result


def _misfit(law: Law, theta: Floats, counts: AnswerCounts) -> tuple[float, int]:
    """Return Pearson's chi-square per degree of freedom, and these.

    Lengths at which the law expects less than one right or one wrong answer give no degree of freedom; no variance is less than
    that of one answer.
    """
    predicted = exact_match(law, theta, counts)
    expected, total = counts.by_length(counts.examples * predicted), counts.by_length(counts.examples)
    spread = counts.by_length(counts.examples * predicted * (1 - predicted))
    residual = (counts.by_length(counts.correct) - expected) ** 2 / np.maximum(spread, 1.0)
    counted = int(((expected >= 1) & (total - expected >= 1)).sum())
    freedom = max(1, counted - len(theta))
    return float(residual.sum()) / freedom, freedom


def _variances(law: Law, theta: Floats, counts: AnswerCounts) -> Floats:
    """Return the binomial variances of the logarithms of the parameters, from Fisher's information."""
    hazard, slopes = law.hazard(theta, counts.log_ratio)
    total = np.clip(counts.tokens * hazard, 1e-12, 700.0)
    information = (slopes * (counts.examples * counts.tokens**2 / np.expm1(total))) @ slopes.T
    return np.maximum(np.diag(np.linalg.pinv(information)), 0.0)


def _half_length(law: Law, theta: Floats, counts: AnswerCounts) -> float | None:
    """Return the length at which the law's exact match is 1/2; answer tokens are interpolated between lengths."""
    lengths = counts.distinct
    tokens = counts.by_length(counts.tokens * counts.examples) / counts.by_length(counts.examples)

    def excess(length: float) -> float:
        hazard, _ = law.hazard(theta, np.log(np.array([length]) / counts.train_length))
        return float(np.interp(length, lengths, tokens) * hazard[0] - log(2))

    if excess(float(lengths[0])) > 0 or excess(float(lengths[-1])) < 0:
        return None
    return float(brentq(excess, float(lengths[0]), float(lengths[-1])))


def _why_no_law(counts: AnswerCounts) -> str:
    """Return why too few lengths tell something about a law."""
    accuracy = counts.accuracy
    if (accuracy >= INFORMATIVE[1]).all():
        right, total = int(counts.by_length(counts.correct)[-1]), int(counts.by_length(counts.examples)[-1])
        tokens = float(counts.by_length(counts.tokens * counts.examples)[-1]) / total
        bound = -log(clopper_pearson(right, total, 0.90)[0]) / tokens
        return f"at the ceiling: error rate below {bound:.1g} per token at length {counts.distinct[-1]:g}"
    return "at the floor" if (accuracy <= INFORMATIVE[0]).all() else "curve is a step"
