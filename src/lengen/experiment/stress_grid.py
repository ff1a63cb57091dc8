"""Evaluate a trained run on its test sets, and combine the stress sets of one family into a grid of value x length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from lengen.evaluation.stress_sets import chosen, family
from lengen.experiment.load_run import TrainedRun
from lengen.experiment.loop_grid import with_each
from lengen.experiment.protocol import footnote
from lengen.experiment.reevaluate import EvalResult, Reevaluation, eval_folder, to_yaml
from lengen.records.curve import TRAINED, Curve, write_csv
from lengen.records.run_dir import EvalFolder
from lengen.report import heat
from lengen.report.paper import SCREEN

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
"""Columns of the curves that follow the value in `grid.csv`."""


@dataclass(frozen=True)
class StressGrid:
    """Evaluations of one run that differ only in the value of a stress set, such as `depth=0.3`.

    Args:
        parts: the evaluations, at least two.
        curves: the curve of each.
    """

    parts: Sequence[Reevaluation]
    curves: Sequence[Curve]

    def run(self) -> EvalResult:
        """Write the table and draw the heat map, unless that is already done."""
        first = self.parts[0]
        name, trained = family(first.stress), first.trained
        request = {**first.request, "stress": [part.stress for part in self.parts]}
        label = first.label.replace(first.stress, name)
        folder, values = eval_folder(trained, label, request), {}
        for part, curve in zip(self.parts, self.curves, strict=True):
            values[part.stress.partition("=")[2]] = curve
        with folder.working(to_yaml(request), {**first.facts, "asked": request}, force=first.force) as work:
            if work:
                write_csv(folder.path / "grid.csv", (name, *COLUMNS), table(name, values))
            if work or trained.config.paper != SCREEN:
                self.draw(folder, name, values)
        return EvalResult(folder, not work)

    def draw(self, folder: EvalFolder, name: str, values: Mapping[str, Curve]) -> None:
        """Draw the heat map of the family `name`, by its values."""
        trained = self.parts[0].trained
        config, accuracy = trained.config, trained.id_exact_match
        draw = partial(
            heat.of_curves,
            values,
            word=name,
            title=f"{config.title}: exact match by {name}",
            footnote=footnote(config, accuracy, trained.trained_lengths),
            trained=accuracy >= TRAINED,
            paper=config.paper,
        )
        config.paper.draw(folder.path / "grid", draw)


def table(name: str, values: Mapping[str, Curve]) -> list[dict[str, object]]:
    """Return the rows of `grid.csv`: one for each value and length."""
    return [
        {name: value, **{column: getattr(row, column) for column in COLUMNS}}
        for value, curve in values.items()
        for row in curve.rows
    ]


def evaluate(trained: TrainedRun, name: str | None = None, *, force: bool = False) -> list[EvalResult]:
    """Evaluate a run as its configuration says: on its own task, or on each stress set in `eval.stress` and on their grids.

    With a list in `eval.loops`, at each of its entries.

    Args:
        trained: the run.
        name: name of the result folders; None names them by the options that differ from the run's own.
        force: repeat evaluations that are already finished.
    """
    names = list(chosen(trained.config.formatted_task, trained.config.eval.stress)) or [""]
    if trained.config.eval.listed_loops:
        return with_each(trained, names, name, force=force)
    parts = [Reevaluation(trained, stress, name, force) for stress in names]
    results = [part.run() for part in parts]
    return results + [grid.run() for grid in grids(parts, results)]


def grids(parts: Sequence[Reevaluation], results: Sequence[EvalResult]) -> list[StressGrid]:
    """Return a grid for every family with at least two evaluated stress sets."""
    families = dict.fromkeys(family(part.stress) for part in parts if "=" in part.stress)
    family_grids = []
    for name in families:
        pairs = [
            (part, result.curve)
            for part, result in zip(parts, results, strict=True)
            if family(part.stress) == name and result.curve is not None
        ]
        if len(pairs) > 1:
            family_grids.append(StressGrid([part for part, _ in pairs], [curve for _, curve in pairs]))
    return family_grids
