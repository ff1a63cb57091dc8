"""Choice of the law of one seed's errors, with intervals of what follows from it."""

from __future__ import annotations

from contextlib import suppress
from math import exp, expm1, log
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from lengen.statistics.estimates import Estimate, Floats
from lengen.statistics.intervals import clopper_pearson
from lengen.statistics.laws import (
    LAWS,
    TOTALS,
    AnswerCounts,
    Law,
    NotConvergedError,
    exact_match,
    fit,
    log_likelihood,
)

INFORMATIVE = (0.02, 0.98)
"""A length tells something about the law if its exact match lies between these."""
SPARE = 2
"""A law is fitted from this many informative lengths more than it has parameters."""
WORST_FIT = 10.0
"""Above this Pearson chi-square per degree of freedom no law is shown."""
NO_FIT = "no law fits"
"""Why no law is shown if none is near the verdicts."""
STEP, LARGEST, LEAST_INFORMATION = 1e-4, 700.0, 1e-12
"""Step of numerical derivatives, largest logarithm of a bound, least information in any direction as a share of the largest."""
FOLDS = 12
"""Up to this many lengths each is held out by itself, else every twelfth."""


class FittedLaw(NamedTuple):
    """A law fitted to one seed. Intervals are quasi-binomial (Wedderburn 1974), on the log scale, by the delta method.

    Args:
        law: name of the law.
        estimates: each parameter by name: `constant` and `scale` are hazards per answer token (at the train length), `growth` is
            the exponent of length.
        error_rate: probability that an answer token is wrong at the train length, 1 - exp(-hazard).
        log_likelihood: greatest log-likelihood, without binomial coefficients.
        bic: Bayesian information criterion (Schwarz 1978) with the number of lengths; less is better.
        held_out: log-likelihood of lengths held out, summed over all of them; more is better. NaN from `fitted_law`.
        dispersion: Pearson chi-square per degree of freedom; 1 if lengths differ by the draw of strings alone.
        half_length: length at which exact match falls to 1/2; None if it does not inside the sweep.
        horizon: length at which power and floor are equal; None for other laws.
        predicted: exact match that the law predicts at every length.
    """

    law: str
    estimates: dict[str, Estimate]
    error_rate: Estimate
    log_likelihood: float
    bic: float
    held_out: float
    dispersion: float
    half_length: Estimate | None
    horizon: Estimate | None
    predicted: Floats


class ErrorLaw(NamedTuple):
    """The law of one seed.

    Args:
        chosen: the fit of the law chosen by held-out lengths; None if no law is shown.
        by_held_out: name of that law, also where it is not shown; None if none was fitted.
        by_bic: name of the law that BIC would choose; None if none was fitted.
        fits: all laws that were fitted.
        note: why no law is shown, as `reason` or `reason: detail`; empty if one is.
    """

    chosen: FittedLaw | None
    by_held_out: str | None
    by_bic: str | None
    fits: tuple[FittedLaw, ...]
    note: str


def error_law(counts: AnswerCounts, confidence: float = 0.95) -> ErrorLaw:
    """Fit the laws to one seed and choose one by the likelihood of lengths held out.

    Of the laws whose held-out log-likelihood is within one standard error of the best, the simplest is chosen. The standard error
    is that of the sum over lengths of the difference from the best law. BIC is stated beside it and decides nothing.

    Args:
        counts: right answers of one seed. Pool no seeds: a mixture of two modes obeys no law.
        confidence: nominal coverage of the intervals.
    """
    informative = int(((counts.accuracy > INFORMATIVE[0]) & (counts.accuracy < INFORMATIVE[1])).sum())
    laws = [law for law in LAWS if informative >= len(law.parameters) + SPARE]
    if not laws:
        return ErrorLaw(None, None, None, (), _why_no_law(counts, informative))
    fits: list[FittedLaw] = []
    held_out: list[Floats] = []
    for law in laws:
        with suppress(NotConvergedError):
            fitted = fitted_law(law, counts, confidence)
            start = np.log([estimate.value for estimate in fitted.estimates.values()])
            held = _held_out(law, counts, start)
            fits.append(fitted._replace(held_out=float(held.sum())))
            held_out.append(held)
    if not fits:
        return ErrorLaw(None, None, None, (), f"{NO_FIT}: no search for the parameters converged")
    chosen = fits[_simplest_of_the_best(held_out)]
    by_bic = min(fits, key=lambda fitted: fitted.bic).law
    if chosen.dispersion > WORST_FIT:
        note = f"{NO_FIT}: chi-square {chosen.dispersion:.0f} per degree of freedom"
        return ErrorLaw(None, chosen.law, by_bic, tuple(fits), note)
    return ErrorLaw(chosen, chosen.law, by_bic, tuple(fits), "")


def fitted_law(law: Law, counts: AnswerCounts, confidence: float = 0.95) -> FittedLaw:
    """Fit one law to one seed, with what follows from it and the intervals.

    The covariance of the logarithms of the parameters is the inverse of Fisher's information times the dispersion, if that is
    above 1; intervals have a t quantile.

    Args:
        law: the law.
        counts: right answers of one seed.
        confidence: nominal coverage of the intervals.

    Raises:
        NotConvergedError: the search for the parameters did not converge.
    """
    theta, likelihood = fit(law, counts)
    dispersion, freedom = _dispersion(law, theta, counts)
    covariance = max(dispersion, 1.0) * _covariance(law, theta, counts)
    quantile = float(stdtrit(freedom, (1 + confidence) / 2))

    def estimate(logarithm: float, gradient: Floats) -> Estimate:
        half = quantile * max(float(gradient @ covariance @ gradient), 0.0) ** 0.5
        value, low, high = (exp(min(logarithm + shift, LARGEST)) for shift in (0.0, -half, half))
        return Estimate(value, low, high)

    hazard, slopes = law.hazard(theta, np.zeros(1))
    at_train = estimate(float(np.log(hazard[0])), slopes[:, 0] / hazard[0])
    rate, rate_low, rate_high = (-expm1(-bound) for bound in at_train[:3] if bound is not None)
    half_length = _half_length(law, theta, counts)
    horizon = _horizon(law, theta, counts)
    return FittedLaw(
        law.name,
        {
            name: estimate(float(value), each)
            for name, value, each in zip(law.parameters, theta, np.eye(len(theta)), strict=True)
        },
        Estimate(rate, rate_low, rate_high),
        likelihood,
        len(theta) * log(len(counts.distinct)) - 2 * likelihood,
        float("nan"),
        dispersion,
        estimate(*half_length) if half_length else None,
        estimate(*horizon) if horizon else None,
        counts.by_length(counts.examples * exact_match(law, theta, counts))
        / counts.by_length(counts.examples),
    )


def _simplest_of_the_best(held_out: list[Floats]) -> int:
    """Return the first law whose held-out log-likelihood is within one standard error of the best law's."""
    best = max(held_out, key=lambda held: float(held.sum()))
    for place, held in enumerate(held_out):
        lost = best - held
        if lost.sum() <= np.sqrt(len(lost) * lost.var(ddof=1)):
            return place
    return len(held_out) - 1


def _held_out(law: Law, counts: AnswerCounts, start: Floats) -> Floats:
    """Return the log-likelihood of every distinct length under the law fitted to the others, from a start."""
    lengths = counts.distinct
    fold = np.arange(len(lengths)) % min(FOLDS, len(lengths))
    result = np.zeros(len(lengths))
    for left_out in np.unique(fold):
        theta, _ = fit(law, counts.only(~np.isin(counts.lengths, lengths[fold == left_out])), start)
        for place in np.flatnonzero(fold == left_out):
            result[place] = log_likelihood(law, theta, counts.only(counts.lengths == lengths[place]))
    return result


def _dispersion(law: Law, theta: Floats, counts: AnswerCounts) -> tuple[float, int]:
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


def _covariance(law: Law, theta: Floats, counts: AnswerCounts) -> Floats:
    """Return the binomial covariance of the logarithms of the parameters, from Fisher's information."""
    hazard, slopes = law.hazard(theta, counts.log_ratio)
    total = np.clip(counts.tokens * hazard, *TOTALS)
    information = (slopes * (counts.examples * counts.tokens**2 / np.expm1(total))) @ slopes.T
    values, vectors = np.linalg.eigh(information)
    least = max(float(values.max()), 1.0) * LEAST_INFORMATION  # what is not identified gets a wide interval
    return np.asarray((vectors / np.maximum(values, least)) @ vectors.T)


def _half_length(law: Law, theta: Floats, counts: AnswerCounts) -> tuple[float, Floats] | None:
    """Return the logarithm of the length at which the law's exact match is 1/2, and its gradient by the parameters.

    Between lengths of the sweep the logarithm of exact match is interpolated between those of the answers on both sides.
    """
    from scipy.optimize import brentq  # slow to import, and a finished run is shown without it

    lengths, totals = counts.distinct, counts.by_length(counts.examples)
    unit = np.eye(len(theta)) * STEP

    def excess(theta: Floats, log_length: float) -> float:
        hazard, _ = law.hazard(theta, np.full(len(counts.tokens), log_length - log(counts.train_length)))
        right = counts.by_length(counts.examples * np.exp(-np.clip(counts.tokens * hazard, *TOTALS))) / totals
        return float(np.interp(exp(log_length), lengths, np.log(right)) + log(2))

    first, last = log(lengths[0]), log(lengths[-1])
    if excess(theta, first) < 0 or excess(theta, last) > 0:
        return None
    found = float(brentq(lambda log_length: excess(theta, log_length), first, last))
    slope = excess(theta, found + STEP) - excess(theta, found - STEP)
    by_parameter = [excess(theta + each, found) - excess(theta - each, found) for each in unit]
    return found, -np.array(by_parameter) / min(slope, -(STEP**2))


def _horizon(law: Law, theta: Floats, counts: AnswerCounts) -> tuple[float, Floats] | None:
    """Return the logarithm of the length at which power and floor are equal, and its gradient by the parameters."""
    if law.parameters != ("constant", "scale", "growth"):
        return None
    growth = exp(theta[2])
    ratio = float(theta[0] - theta[1]) / growth
    return log(counts.train_length) + ratio, np.array([1 / growth, -1 / growth, -ratio])


def _why_no_law(counts: AnswerCounts, informative: int) -> str:
    """Return why too few lengths tell something about a law."""
    accuracy = counts.accuracy
    if (accuracy >= INFORMATIVE[1]).all():
        right, total = int(counts.by_length(counts.correct)[-1]), int(counts.by_length(counts.examples)[-1])
        tokens = float(counts.by_length(counts.tokens * counts.examples)[-1]) / total
        bound = -expm1(log(clopper_pearson(right, total, 0.90)[0]) / tokens)
        return f"at the ceiling: error rate below {bound:.1g} per token at length {counts.distinct[-1]:g}"
    if (accuracy <= INFORMATIVE[0]).all():
        return "at the floor"
    if accuracy.max() >= INFORMATIVE[1] and accuracy.min() <= INFORMATIVE[0]:
        return "curve is a step"
    return f"too few lengths: {informative} with exact match between {INFORMATIVE[0]} and {INFORMATIVE[1]}"
