"""Evaluate a trained run with several numbers of loops: one curve each, a table of all, their figure and a heat map."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from lengen.experiment.load_run import TrainedRun
from lengen.experiment.protocol import footnote
from lengen.experiment.reevaluate import EvalResult, Reevaluation, eval_folder, to_yaml
from lengen.records.curve import TRAINED, Curve, write_csv
from lengen.records.run_dir import EvalFolder
from lengen.report import heat, loop_curves
from lengen.report.paper import SCREEN
from lengen.statistics.formats import floored

COLUMNS = (
    "setting", "loops", "length", "split", "examples", "correct", "exact_match", "ci_low", "ci_high", "token_accuracy", "loss",
    "first_error",
)  # fmt: skip
"""Columns of `loops.csv`: one row for each entry of `eval.loops` (`setting`) and length; `loops` is the number that was taken."""


@dataclass(frozen=True)
class LoopGrid:
    """Evaluations of one run that differ only in the number of loops.

    Args:
        base: an evaluation at the run's own number.
        settings: those at the entries of `eval.loops`, by entry.
        curves: the curve of each.
    """

    base: Reevaluation
    settings: Mapping[str, Reevaluation]
    curves: Mapping[str, Curve]

    def run(self) -> EvalResult:
        """Write the table and draw the figures, unless that is already done."""
        base = self.base
        request = {**base.request, "loops": [part.request for part in self.settings.values()]}
        label = "-".join(filter(None, (base.name, base.stress, "loops")))
        folder = eval_folder(base.trained, label, request)
        with folder.working(to_yaml(request), {**base.facts, "asked": request}, force=base.force) as work:
            if work:
                write_csv(folder.path / "loops.csv", COLUMNS, [*self.rows()])
            if work or base.trained.config.paper != SCREEN:
                self.draw(folder)
        return EvalResult(folder, not work, lines=tuple(self.lines()))

    def rows(self) -> Iterator[dict[str, object]]:
        """Yield the rows of `loops.csv`."""
        for setting, curve in self.curves.items():
            for row in curve.rows:
                yield {"setting": setting, **{name: getattr(row, name) for name in COLUMNS[1:]}}

    def lines(self) -> Iterator[str]:
        """Yield a line for each entry: exact match by length."""
        if self.base.stress:
            yield f"stress={self.base.stress}"
        for setting, curve in self.curves.items():
            shown = ", ".join(f"{row.length}: {floored(row.exact_match)}" for row in curve.rows)
            yield f"loops={setting}: {shown}"

    def draw(self, folder: EvalFolder) -> None:
        """Draw the curves by length, and the heat map of loops and length."""
        trained = self.base.trained
        config, accuracy = trained.config, trained.id_exact_match
        shared: dict[str, Any] = {
            "title": ": ".join(filter(None, (f"{config.title}: exact match by loops", self.base.stress))),
            "footnote": footnote(config, accuracy, trained.trained_lengths),
            "trained": accuracy >= TRAINED,
            "paper": config.paper,
        }
        config.paper.draw(folder.path / "loops", partial(loop_curves.draw, self.curves, **shared))
        if len(self.curves) > 1:
            named = not all(name.isdecimal() for name in self.curves)
            rows = {f"loops={name}" if named else name: curve for name, curve in self.curves.items()}
            draw = partial(heat.of_curves, rows, word="" if named else "loops", **shared)
            config.paper.draw(folder.path / "grid", draw)


def with_each(
    trained: TrainedRun, names: Sequence[str], name: str | None = None, *, force: bool = False
) -> list[EvalResult]:
    """Evaluate a run at every entry of a list in `eval.loops`.

    Args:
        trained: the run; its parameters are read once.
        names: the stress sets; empty for the run's own task.
        name: name of the result folders; None names them by the options that differ from the run's own.
        force: repeat evaluations that are already finished.
    """
    results: list[EvalResult] = []
    looped = {str(word): trained.with_loops(word) for word in trained.config.eval.listed_loops}
    for stress in names:
        parts = {
            word: Reevaluation(run, stress, name, force, figure=len(looped) == 1)
            for word, run in looped.items()
        }
        evaluated = {word: part.run() for word, part in parts.items()}
        curves = {word: result.curve for word, result in evaluated.items() if result.curve is not None}
        grid = LoopGrid(Reevaluation(trained, stress, name, force), parts, curves)
        results += [*evaluated.values(), grid.run()]
    return results
