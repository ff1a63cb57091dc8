"""Evaluate a trained run with extensions, and compare every setting with the decoder as trained, on the same strings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from lengen.config.errors import UsageError
from lengen.evaluation.stress_sets import chosen
from lengen.experiment.extended import ExtendedRun
from lengen.experiment.load_run import TrainedRun
from lengen.experiment.protocol import footnote
from lengen.experiment.reevaluate import EvalResult, Reevaluation, eval_folder, to_yaml
from lengen.extend.chosen import Chosen
from lengen.records.curve import TRAINED, read_csv, write_csv
from lengen.records.run_dir import EvalFolder
from lengen.report import extensions
from lengen.report.paper import SCREEN
from lengen.statistics.paired import PairedChange, paired_change

COLUMNS = (
    "setting", "fit", "length", "split", "examples", "exact_match", "base_exact_match", "difference", "ci_low", "ci_high", "lost",
    "won", "p_value", "token_accuracy", "base_token_accuracy", "loss", "base_loss", "id_exact_match", "base_id_exact_match",
    "refused", "id_examples", "id_lost", "id_won", "id_p_value", "inactive",
)  # fmt: skip
"""Columns of `extend.csv`: one row for each setting and length; a setting that does not apply has one row, with the reason.
ID exact match, before and after, is over the same `id_examples` strings of all trained lengths, of which `id_lost` and `id_won`
change; `inactive` is 1 where a setting leaves the decoder as it is."""
REVISION = 3
"""Raised by every change to what the columns hold; part of the request, so that earlier tables are written anew."""
COSTS = 0.01
"""Exact match over the trained lengths that an extension may lose without a mark."""
CHANCE = 0.05
"""A loss is marked if the exact McNemar test over these strings gives a p-value below this."""
SAME = 1e-5
"""Losses that differ by less than this share are those of the same decoder, computed in another order."""


@dataclass(frozen=True)
class Settings:
    """Settings of extensions for one run.

    Args:
        applied: those that apply to it.
        refused: of the others the label, and why not.
    """

    applied: Sequence[Chosen]
    refused: Mapping[str, str]


def applied(trained: TrainedRun, settings: Sequence[Chosen]) -> Settings:
    """Find the settings that apply to a run.

    Raises:
        UsageError: none does; the error of the first.
    """
    fitting, refused, errors = [], dict[str, str](), list[UsageError]()
    for setting in settings:
        try:
            ExtendedRun(trained, setting).check()
        except UsageError as error:
            refused[setting.label] = str(error).partition("; run=")[0].partition(": ")[2]
            errors.append(error)
        else:
            fitting.append(setting)
    if not fitting:
        raise errors[0]
    return Settings(fitting, refused)


@dataclass(frozen=True)
class ExtensionTable:
    """Evaluations of one run that differ only in their extensions.

    Args:
        base: the decoder as trained.
        parts: one for each setting.
        results: the result of the base, then of each setting.
        refused: settings that do not apply, and why.
    """

    base: Reevaluation
    parts: Sequence[Reevaluation]
    results: Sequence[EvalResult]
    refused: Mapping[str, str]

    def run(self) -> EvalResult:
        """Write the table and draw the figure, unless that is already done."""
        base, trained = self.base, self.base.trained
        request = {
            **base.request,
            "extend": [part.request["extend"] for part in self.parts],
            "refused": dict(self.refused),
            "revision": REVISION,
        }
        label = "-".join(filter(None, (base.name, base.stress, "extend")))
        folder = eval_folder(trained, label, request)
        facts = {**base.facts, "asked": request, "category": self.parts[0].extended.category}
        table = folder.path / "extend.csv"
        with folder.working(to_yaml(request), facts, force=base.force) as work:
            if work:
                write_csv(table, COLUMNS, [*self.rows()])
            if work or trained.config.paper != SCREEN:
                self.draw(folder)
        named = [f"stress={base.stress}"] if base.stress else []
        named += [f"loops={word}"] if (word := trained.config.eval.own_loops) is not None else []
        return EvalResult(folder, not work, lines=(*named, *summary(read_csv(table))))

    def draw(self, folder: EvalFolder) -> None:
        """Draw the curves of all settings and that of the decoder as trained."""
        trained, own = self.base.trained, self.results[0].folder.load_curve()
        curves = {
            part.chosen.label: result.folder.load_curve()
            for part, result in zip(self.parts, self.results[1:], strict=True)
        }
        draw = partial(
            extensions.draw,
            own,
            curves,
            title=": ".join(filter(None, (trained.config.title, "extended", self.base.stress))),
            footnote=footnote(trained.config, trained.id_exact_match, trained.trained_lengths),
            trained=trained.id_exact_match >= TRAINED,
            paper=trained.config.paper,
        )
        trained.config.paper.draw(folder.path / "extend", draw)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows of `extend.csv`."""
        own, verdicts = self.results[0].folder.load_curve(), self.results[0].folder.load_verdicts()
        id_before = {
            "base_id_exact_match": self.base.trained.measured_id_exact_match,
            "id_examples": self.base.trained.config.id_examples,
        }
        for part, result in zip(self.parts, self.results[1:], strict=True):
            after, curve = result.folder.load_verdicts(), result.folder.load_curve()
            change_of_id = id_change(part, result.folder.facts())
            shared = {
                "setting": part.chosen.label,
                "fit": "approximate" if "approximate" in part.extended.fits.values() else "exact",
                "id_exact_match": result.folder.facts()["id_exact_match"],
                **id_before,
                "id_lost": change_of_id.lost,
                "id_won": change_of_id.won,
                "id_p_value": change_of_id.p_value,
            }
            before = {row.length: row for row in own.rows}
            for row in curve.rows:
                was, is_now = verdicts[row.length].exact, after[row.length].exact
                change = paired_change(int((was & ~is_now).sum()), int((~was & is_now).sum()), len(was))
                yield {
                    **shared,
                    **{name: getattr(row, name) for name in ("length", "split", "examples", "exact_match", "token_accuracy", "loss")},
                    **{f"base_{name}": getattr(before[row.length], name) for name in ("exact_match", "token_accuracy", "loss")},
                    "difference": change.difference, "ci_low": change.low, "ci_high": change.high, "lost": change.lost,
                    "won": change.won, "p_value": change.p_value,
                    "inactive": int(
                        not change.lost + change.won
                        and abs(row.loss - before[row.length].loss) <= SAME * (1 + before[row.length].loss)
                        and part.extended.changes_nothing(part.test_set(row.length)[0])
                    ),
                }  # fmt: skip
        for setting, reason in self.refused.items():
            yield {"setting": setting, "refused": reason}


def extended(
    trained: TrainedRun, settings: Sequence[Chosen], name: str | None = None, *, force: bool = False
) -> list[EvalResult]:
    """Evaluate a run as trained and with every setting that applies, on its own task or on each stress set.

    Args:
        trained: the run; its parameters are read once.
        settings: extensions that are applied together, one evaluation each.
        name: name of the result folders; None names them by the options that differ from the run's own.
        force: repeat evaluations that are already finished.

    Raises:
        UsageError: no setting applies.
    """
    found, results = applied(trained, settings), list[EvalResult]()
    for stress in list(chosen(trained.config.formatted_task, trained.config.eval.stress)) or [""]:
        base = Reevaluation(trained, stress, name, force)
        parts = [
            Reevaluation(trained, stress, name, force, setting, figure=len(found.applied) == 1)
            for setting in found.applied
        ]
        evaluated = [part.run() for part in (base, *parts)]
        results += [*evaluated, ExtensionTable(base, parts, evaluated, found.refused).run()]
    return results


def id_change(part: Reevaluation, facts: Mapping[str, Any]) -> PairedChange:
    """Return how exact match over the trained lengths changes: as its evaluation recorded it, or measured for one of an earlier version.

    Args:
        part: the evaluation of a setting.
        facts: what its folder records.
    """
    if "id_lost" in facts:
        return paired_change(facts["id_lost"], facts["id_won"], facts["id_examples"])
    return part.extended.id_change


def costs(change: float, p_value: float) -> bool:
    """Whether a change of ID exact match is marked: more than `COSTS` is lost, and not by the chance of a few strings.

    >>> costs(-1 / 60, 1.0), costs(-6 / 60, 0.03125), costs(-0.005, 0.001)
    (False, True, False)
    """
    return change < -COSTS and p_value < CHANCE


def summary(table: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a line for each setting: its ID change, and its change at every OOD length.

    Args:
        table: rows of `extend.csv`.
    """
    lines = []
    for setting in dict.fromkeys(row["setting"] for row in table):
        rows = [row for row in table if row["setting"] == setting]
        if rows[0]["refused"]:
            lines.append(f"{setting}: refused: {rows[0]['refused']}")
            continue
        change = rows[0]["id_exact_match"] - rows[0]["base_id_exact_match"]
        mark = "  COSTS ID" if costs(change, rows[0]["id_p_value"]) else ""
        parts = [f"ID {change:+.3f} of {rows[0]['id_examples']} strings{mark}"]
        beyond = [row for row in rows if row["split"] == "ood"]
        parts += [
            f"{row['length']}: {row['base_exact_match']:.3f} -> {row['exact_match']:.3f} (p {row['p_value']:.2g})"
            for row in beyond
            if not row["inactive"]
        ]
        if idle := [row["length"] for row in beyond if row["inactive"]]:
            parts.append(f"inactive at {', '.join(map(str, idle))}")
        lines.append(f"{setting}: " + "; ".join(parts))
    return lines
