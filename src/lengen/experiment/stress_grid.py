"""A grid over a family of stress sets: value x length, as a table and a heat map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lengen.evaluation.stress_sets import chosen, family
from lengen.experiment.load_run import TrainedRun
from lengen.experiment.protocol import footnote
from lengen.experiment.reevaluate import EvalResult, Reevaluation, place, written
from lengen.records.curve import TRAINED, Curve, write_csv
from lengen.report import heat

COLUMNS = (
    "length",
    "split",
    "examples",
    "correct",
    "exact_match",
    "ci_low",
    "ci_high",
    "token_accuracy",
    "loss",
    "first_error",
)
"""Columns of the curves that `grid.csv` has, behind the value."""


@dataclass(frozen=True)
class StressGrid:
    """Evaluations of one run that differ in the value of a stress set alone.

    Args:
        parts: the evaluations, at least two.
        curves: what each found.
    """

    parts: Sequence[Reevaluation]
    curves: Sequence[Curve]

    def run(self) -> EvalResult:
        """Write the table and draw the map."""
        first = self.parts[0]
        word, trained = family(first.stress), first.trained
        asked = {**first.asked, "stress": [part.stress for part in self.parts]}
        label = first.label.replace(first.stress, word)
        folder, values = place(trained, label, asked), {}
        for part, curve in zip(self.parts, self.curves, strict=True):
            values[part.stress.partition("=")[2]] = curve
        with folder.working(written(asked), {**first.facts, "asked": asked}, force=first.force) as work:
            if work:
                write_csv(folder.path / "grid.csv", (word, *COLUMNS), table(word, values))
                share = trained.id_exact_match
                heat.draw(
                    values,
                    folder.path / "grid.png",
                    word=word,
                    title=f"{trained.config.title}: exact match by {word}",
                    footnote=footnote(trained.config, share, trained.trained_lengths),
                    trained=share >= TRAINED,
                )
        return EvalResult(folder, not work)


def table(word: str, values: Mapping[str, Curve]) -> list[dict[str, object]]:
    """One row for each value and length."""
    return [
        {word: value, **{name: getattr(row, name) for name in COLUMNS}}
        for value, curve in values.items()
        for row in curve.rows
    ]


def evaluate(trained: TrainedRun, name: str | None = None, *, force: bool = False) -> list[EvalResult]:
    """All evaluations of a run: its own task, or each of its stress sets and their grids.

    Args:
        trained: the run.
        name: what folders are called in place of what differs from the run.
        force: do again what is there.
    """
    names = list(chosen(trained.config.formatted_task, trained.config.eval.stress)) or [""]
    parts = [Reevaluation(trained, stress, name, force) for stress in names]
    answers = [part.run() for part in parts]
    return answers + [grid.run() for grid in grids(parts, answers)]


def grids(parts: Sequence[Reevaluation], answers: Sequence[EvalResult]) -> list[StressGrid]:
    """One grid for each family with several evaluated sets."""
    words = dict.fromkeys(family(part.stress) for part in parts if "=" in part.stress)
    found = []
    for word in words:
        pairs = [
            (part, answer.curve)
            for part, answer in zip(parts, answers, strict=True)
            if family(part.stress) == word and answer.curve is not None
        ]
        if len(pairs) > 1:
            found.append(StressGrid([part for part, _ in pairs], [curve for _, curve in pairs]))
    return found
