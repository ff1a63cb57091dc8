"""Whether exact match falls as independent errors of the answer tokens would make it fall, and how the error rate grows with length."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from lengen.analysis.inspect import Line, Panel, ReadOut, Row, Tables, columns, where
from lengen.config.errors import require
from lengen.evaluation.sweep import sweep
from lengen.experiment.reevaluate import Reevaluation
from lengen.records.curve import Curve
from lengen.records.error_law import ErrorLaw, fit_error_law
from lengen.records.run_dir import SweepRecord

PARAMETERS = ("constant", "scale", "growth")
"""Of the laws; see `lengen.statistics.laws`."""
SCORES = ("log_likelihood", "bic", "held_out", "dispersion")


@dataclass(frozen=True)
class ErrorRates(ReadOut):
    """Exact match beside the product of token accuracies, and the law of the error rate.

    With token accuracy a under teacher forcing and T scored tokens, independent errors give exact match a^T, over strings the mean of it.
    The ratio log EM / log mean a^T is 1 for these; below 1 errors crowd in few strings, above 1 they are spread more evenly over strings
    than by chance. The laws are those of every sweep: hazards that are constant, a power of length, or both, chosen by
    held-out lengths; `inspect=stopping` has the hazard by place in the answer. At a constant error rate, exact match falls to s after
    ln s / ln a tokens (Sinha et al. 2025).

    Args:
        success: exact match s that horizons are for.
    """

    name = "error_law"
    tables: ClassVar = {
        "error_law": (
            "length", "split", "examples", "tokens", "token_accuracy", "error_rate", "exact_match", "ci_low", "ci_high", "independent",
            "ratio", "ratio_low", "ratio_high", "law_predicts", "horizon_tokens",
        ),
        "laws": (
            "law", "chosen", "by_bic", *PARAMETERS, *SCORES, "error_rate", "half_length", "errors_follow", "note",
        ),
        "horizons": ("of", "success", "falls_at"),
    }  # fmt: skip
    by: ClassVar = ("length", "split", "law", "of", "success")
    lengths: ClassVar = ("0.5x", "1x", "1.1x", "1.2x", "1.3x", "1.4x", "1.5x", "1.75x", "2x", "2.5x", "3x")
    examples = 200
    note = "teacher forcing; independent: mean over strings of token accuracy to the number of scored tokens"

    success: float = 0.5

    def __post_init__(self) -> None:
        require(0 < self.success < 1, f"inspect.success={self.success}: must be above 0 and below 1")

    def read(self, evaluation: Reevaluation) -> Tables:
        """Sweep the lengths by teacher forcing, and fit the laws."""
        found = swept(evaluation)
        law = fit_error_law(found.curve, found.verdicts)
        rows = [self._at(found, length, law) for length in found.curve.lengths]
        lengths = [row["length"] for row in rows]
        horizons = [
            {
                "of": name,
                "success": self.success,
                "falls_at": crossing(lengths, [row[column] for row in rows], self.success),
            }
            for name, column in (("seen", "exact_match"), ("independent", "independent"))
        ]
        return {"error_law": rows, "laws": law_rows(law), "horizons": horizons}

    def _at(self, found: SweepRecord, length: int, law: ErrorLaw) -> Row:
        """Return the row of a length."""
        row, sizes = found.curve[length], found.verdicts[length].answer_tokens
        accuracy = row.token_accuracy
        independent = float((accuracy ** sizes.astype(float)).mean())
        seen = {"ratio": row.exact_match, "ratio_low": row.ci_high, "ratio_high": row.ci_low}
        return {
            "length": length,
            "split": row.split,
            "examples": row.examples,
            "tokens": float(sizes.mean()),
            "token_accuracy": accuracy,
            "error_rate": 1 - accuracy,
            "exact_match": row.exact_match,
            "ci_low": row.ci_low,
            "ci_high": row.ci_high,
            "independent": independent,
            **{name: ratio(share, independent) for name, share in seen.items()},
            "law_predicts": (law.predicted or {}).get(length),
            "horizon_tokens": horizon(accuracy, self.success),
        }

    def headline(self, tables: Tables) -> str:
        """Say whether errors are independent where exact match tells, the law, and both horizons."""
        rows = [row for row in where(tables["error_law"], split="ood") if row["ratio"] is not None]
        parts = []
        if rows:
            row = min(rows, key=lambda each: abs(each["exact_match"] - 0.5))
            parts.append(
                f"exact match {row['exact_match']:.2f} at length {row['length']}, {row['independent']:.2f} if errors were independent "
                f"(ratio of logarithms {row['ratio']:.2f})"
            )
        law = next(iter(where(tables["laws"], chosen=1)), None)
        parts.append(f"law: {law['law']}" if law else f"no law: {tables['laws'][0]['note']}")
        seen, independent = (
            "at no length of the sweep" if row["falls_at"] is None else f"at length {row['falls_at']:.1f}" for row in tables["horizons"]
        )  # fmt: skip
        parts.append(f"exact match falls to {self.success:g} {seen}, independent errors {independent}")
        return "; ".join(parts)

    def shown(self, tables: Tables) -> list[Row]:
        """Show what was seen beside what was predicted."""
        names = ("length", "tokens", "token_accuracy", "exact_match", "independent", "ratio", "law_predicts", "horizon_tokens")  # fmt: skip
        return [{name: row[name] for name in names} for row in tables["error_law"]]

    def panels(self, tables: Tables) -> list[Panel]:
        """Draw exact match beside both predictions, the ratio of logarithms, and the error rate of a token."""
        rows = tables["error_law"]
        trained = max((row["length"] for row in where(rows, split="id")), default=None)
        lengths = [row["length"] for row in rows]
        exact = [
            Line("exact match", *columns(rows, "length", "exact_match")),
            Line("independent errors", *columns(rows, "length", "independent")),
            Line("law", *columns(rows, "length", "law_predicts"), grey=True),
        ]
        ratios = [
            Line("exact match", *columns(rows, "length", "ratio")),
            Line("independent errors", lengths, [1.0] * len(lengths)),
        ]
        rates = [Line("exact match", *columns(rows, "length", "error_rate"))]
        return [
            Panel(
                "exact match",
                "length",
                "exact match",
                [line for line in exact if line.x],
                share=True,
                trained=trained,
            ),
            Panel("seen / independent", "length", "ratio of logarithms", ratios, trained=trained),
            Panel("wrong answer tokens", "length", "share of tokens", rates, trained=trained),
        ]


def swept(evaluation: Reevaluation) -> SweepRecord:
    """Return rows and verdicts of the lengths of an evaluation, by teacher forcing."""
    trained = evaluation.trained
    config = trained.config
    return sweep(
        trained.decoder,
        evaluation.task,
        config.positions,
        replace(config.eval, decode="teacher"),
        evaluation.lengths,
        config.facts(trained.step),
        SweepRecord(Curve(), {}),
        lambda _: None,
        prepare=config.with_loops(),
    )


def ratio(seen: float, independent: float) -> float | None:
    """Return log seen / log independent; None where one of them is 0, or no token is wrong.

    >>> ratio(0.25, 0.5)
    2.0
    """
    if seen <= 0 or not 0 < independent < 1:
        return None
    return math.log(seen) / math.log(independent)


def horizon(accuracy: float, success: float) -> float | None:
    """Return the tokens after which independent errors leave exact match at `success`; None if no token, or every one, is wrong.

    >>> round(horizon(0.99, 0.5), 1)
    69.0
    """
    return math.log(success) / math.log(accuracy) if 0 < accuracy < 1 else None


def crossing(lengths: Sequence[int], values: Sequence[float], level: float) -> float | None:
    """Return the length at which values first fall to a level, between lengths on a straight line; None if they do not.

    >>> crossing([10, 20, 30], [1.0, 0.8, 0.4], 0.5)
    27.5
    """
    if values[0] <= level:
        return None
    for index in range(1, len(values)):
        if values[index] <= level:
            pair = slice(index - 1, index + 1)
            return float(np.interp(-level, [-value for value in values[pair]], lengths[pair]))
    return None


def law_rows(law: ErrorLaw) -> list[dict[str, Any]]:
    """Return a row for each law that was fitted; one without numbers, with the reason, if none was."""
    shared = {"errors_follow": law.errors_follow, "note": law.note or None}
    if not law.fits:
        return [{"law": "none", "chosen": 0, "by_bic": 0, **shared}]
    rows: list[dict[str, Any]] = []
    for name, fitted in law.fits.items():
        mine = law if name == law.law else None
        rows.append(
            {
                "law": name,
                "chosen": int(mine is not None),
                "by_bic": int(name == law.by_bic),
                **{each: fitted[each]["value"] for each in PARAMETERS if each in fitted},
                **{each: fitted[each] for each in SCORES},
                "error_rate": mine and mine.error_rate and mine.error_rate.value,
                "half_length": mine and mine.half_length and mine.half_length.value,
                **shared,
            }
        )
    return rows
