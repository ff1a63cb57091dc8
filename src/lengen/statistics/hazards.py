"""Whether errors grow with the place in the answer or with the length of the problem, from the first wrong tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lengen.statistics.estimates import Floats

DECISIVE = 5.0
"""Difference of the two penalised log-likelihoods from which one is reported."""


class Hazards(NamedTuple):
    """Hazard by place against hazard by length.

    Args:
        depends_on: "place", "length" or "undecided".
        advantage: log-likelihood by place less by length.
        penalised: the same, less the difference in the number of parameters (Akaike 1974).
        by_place: hazard at each place: first errors there / answers right up to there; NaN where no answer came so far.
        by_length: hazard at each length: wrong answers / tokens up to the first wrong one.
    """

    depends_on: str
    advantage: float
    penalised: float
    by_place: Floats
    by_length: Floats


def hazards(first_errors: Sequence[npt.ArrayLike], tokens: Sequence[npt.ArrayLike | int]) -> Hazards:
    """Compare two explanations of errors: a hazard for each place in the answer, and one for each length of the problem.

    Exact match by length cannot tell them apart, since longer problems have longer answers; the first wrong token can.
    Assumption: given place (or length) the first errors of different answers are independent.

    Args:
        first_errors: for each length the 0-based place of the first wrong token of every answer; -1 if the answer is right.
        tokens: for each length the number of answer tokens, the end token included: one number, or one per answer.

    Raises:
        ValueError: there is no length, or an error is beyond its answer.

    >>> hazards([[-1, 1, -1, 1], [-1, 1, 1, -1]], [2, 2]).by_place.tolist()
    [0.0, 0.5]
    """
    if not len(first_errors):
        raise ValueError("there must be at least one length")
    counts = [_counts(errors, number) for errors, number in zip(first_errors, tokens, strict=True)]
    places = max(len(wrong) for wrong, _ in counts)
    wrong, risk = (
        np.array([np.pad(count[part], (0, places - len(count[part]))) for count in counts]) for part in (0, 1)
    )
    by_place, by_length = (
        _likelihood(wrong.sum(axis=0), risk.sum(axis=0)),
        _likelihood(wrong.sum(1), risk.sum(1)),
    )
    parameters = [int((risk.sum(axis=axis) > 0).sum()) for axis in (0, 1)]
    advantage = by_place - by_length
    penalised = advantage - (parameters[0] - parameters[1])
    decided = "undecided" if abs(penalised) < DECISIVE else "place" if penalised > 0 else "length"
    return Hazards(
        decided, advantage, penalised, *(_share(wrong.sum(axis=axis), risk.sum(axis=axis)) for axis in (0, 1))
    )


def _counts(first_errors: npt.ArrayLike, tokens: npt.ArrayLike | int) -> tuple[Floats, Floats]:
    """Return, for each place, how many answers have their first error there, and how many are right up to there."""
    errors = np.asarray(first_errors, dtype=int)
    lengths = np.broadcast_to(np.asarray(tokens, dtype=int), errors.shape)
    if (errors >= lengths).any() or (errors < -1).any():
        raise ValueError("a first error must be a place of its answer, or -1")
    places = int(lengths.max(initial=0))
    last = np.where(
        errors < 0, lengths - 1, errors
    )  # the last token that was due while all before it were right
    wrong = np.bincount(errors[errors >= 0], minlength=places).astype(float)
    risk = np.bincount(last, minlength=places)[::-1].cumsum()[::-1].astype(float)
    return wrong, risk


def _share(wrong: Floats, risk: Floats) -> Floats:
    """Return wrong / risk; NaN where nothing is at risk."""
    return np.asarray(np.divide(wrong, risk, out=np.full(len(risk), np.nan), where=risk > 0))


def _likelihood(wrong: Floats, risk: Floats) -> float:
    """Return the greatest binomial log-likelihood of independent counts."""
    right = risk - wrong
    terms = [
        part * np.log(np.divide(part, risk, out=np.ones(len(risk)), where=part > 0))
        for part in (wrong, right)
    ]
    return float(np.sum(terms))
