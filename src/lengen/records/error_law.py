"""The error law of one sweep, as `run.json` and `eval.json` keep it under `error_law`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from lengen.records.curve import Curve
from lengen.records.verdicts import StringVerdicts
from lengen.statistics.error_law import FittedLaw, error_law
from lengen.statistics.estimates import Estimate
from lengen.statistics.hazards import hazards
from lengen.statistics.laws import AnswerCounts

QUANTITIES = ("error_rate", "growth", "horizon", "half_length")
"""What is estimated, each with an interval."""
DIGITS = 6
"""Significant digits that are kept."""
UNKNOWN = "unknown numbers of answer tokens"
"""Why there is no law where an earlier version evaluated some length."""


@dataclass(frozen=True)
class ErrorLaw:
    """How the errors of one run grow with length: exact match is the product of 1 - error rate over the answer's tokens.

    Each estimate is a `lengen.statistics.estimates.Estimate`: `value`, and `low` to `high`, its 95% interval. None where there is no
    law, or where the law has no such quantity.

    Args:
        law: `constant`, `power` or `floor and power`; None if no law is shown.
        note: why no law is shown, as `reason` or `reason: detail`; empty if one is.
        error_rate: probability that an answer token is wrong at the train length.
        growth: exponent with which the error rate (`power`), or its part above the floor, grows with length.
        horizon: length at which this part is as large as the floor.
        half_length: length at which the law's exact match is 1/2; None if that is outside the sweep.
        dispersion: Pearson chi-square per degree of freedom; intervals allow for what is above 1.
        errors_follow: `place` if the error rate depends on the place in the answer rather than on the length of the problem, `length`
            for the opposite, else `undecided`.
        place_over_length: log-likelihood of the first errors by place less that by length, less the difference of the parameters.
        by_bic: the law that BIC would choose; None if none was fitted.
        fits: for each fitted law its parameters (hazards per answer token), log_likelihood, bic, held_out and dispersion.
        predicted: exact match by length, under the law.
    """

    law: str | None
    note: str
    error_rate: Estimate | None = None
    growth: Estimate | None = None
    horizon: Estimate | None = None
    half_length: Estimate | None = None
    dispersion: float | None = None
    errors_follow: str | None = None
    place_over_length: float | None = None
    by_bic: str | None = None
    fits: Mapping[str, Mapping[str, Any]] | None = None
    predicted: Mapping[int, float] | None = None

    @property
    def reason(self) -> str:
        """The name of the law, or why there is none, without details."""
        return self.law or self.note.partition(":")[0]

    @property
    def facts(self) -> dict[str, Any]:
        """The law as JSON values."""
        estimates = {name: getattr(self, name) for name in QUANTITIES}
        return {
            **asdict(self),
            **{name: None if found is None else _bounds(found) for name, found in estimates.items()},
            "predicted": {str(length): share for length, share in (self.predicted or {}).items()} or None,
        }

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> ErrorLaw | None:
        """Return the law that `run.json` or `eval.json` keeps; None if an earlier version made it.

        Args:
            facts: the contents of the file.
        """
        known = facts.get("error_law")
        if not isinstance(known, Mapping) or "note" not in known:
            return None
        values: dict[str, Any] = {field.name: known.get(field.name) for field in fields(cls)}
        values |= {name: Estimate(**values[name]) for name in QUANTITIES if values[name]}
        if values["predicted"]:
            values["predicted"] = {int(length): share for length, share in values["predicted"].items()}
        return cls(**values)


def fit_error_law(curve: Curve, verdicts: Mapping[int, StringVerdicts]) -> ErrorLaw:
    """Fit the error law of one sweep.

    Args:
        curve: at least one row.
        verdicts: the verdicts on the strings of each of its lengths.
    """
    strings = [verdicts[length] for length in curve.lengths if length in verdicts]
    if len(strings) < len(curve) or any((each.answer_tokens < 1).any() for each in strings):
        return ErrorLaw(None, UNKNOWN)
    found = error_law(_counts(curve, strings))
    follow = hazards([each.first_error for each in strings], [each.answer_tokens for each in strings])
    fitted_laws = {
        fitted.law: {
            **{name: _bounds(estimate) for name, estimate in fitted.estimates.items()},
            **{
                name: _rounded(getattr(fitted, name))
                for name in ("log_likelihood", "bic", "held_out", "dispersion")
            },
        }
        for fitted in found.fits
    }
    return ErrorLaw(
        law=found.chosen.law if found.chosen else None,
        note=found.note,
        **(_of_fit(found.chosen, curve) if found.chosen else {}),
        errors_follow=follow.depends_on,
        place_over_length=_rounded(follow.penalised),
        by_bic=found.by_bic,
        fits=fitted_laws or None,
    )


def _counts(curve: Curve, strings: list[StringVerdicts]) -> AnswerCounts:
    """Return the counts of a sweep by length and number of answer tokens."""
    sizes = [len(each.exact) for each in strings]
    tokens = np.concatenate([each.answer_tokens for each in strings]).astype(np.int64)
    base = int(tokens.max()) + 1
    keys = np.repeat(curve.lengths, sizes) * base + tokens
    entries, index = np.unique(keys, return_inverse=True)
    correct = np.bincount(index, weights=np.concatenate([each.exact for each in strings]))
    return AnswerCounts.of(
        entries // base, entries % base, correct, np.bincount(index), curve.rows[0].train_length
    )


def _of_fit(fitted: FittedLaw, curve: Curve) -> dict[str, Any]:
    """Return what the chosen law says."""
    return {
        "error_rate": _estimate(fitted.error_rate),
        "growth": _estimate(fitted.estimates.get("growth")),
        "horizon": _estimate(fitted.horizon),
        "half_length": _estimate(fitted.half_length),
        "dispersion": _rounded(fitted.dispersion),
        "predicted": dict(zip(curve.lengths, map(_rounded, fitted.predicted.tolist()), strict=True)),
    }


def _estimate(found: Estimate | None) -> Estimate | None:
    """Return an estimate as it will be read again."""
    return None if found is None else Estimate(**_bounds(found))


def _bounds(found: Estimate) -> dict[str, Any]:
    """Return an estimate as JSON values."""
    return {name: _rounded(getattr(found, name)) for name in ("value", "low", "high")}


def _rounded(value: float | None) -> float | None:
    """Return a number with as many digits as mean anything; None if it is not finite."""
    return float(f"{value:.{DIGITS}g}") if value is not None and math.isfinite(value) else None
