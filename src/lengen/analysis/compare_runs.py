"""Compare runs: find them, group them into cells, write tables, figures and a page."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from rich.console import Console
from rich.progress import track

from lengen.comparison.cell_scores import Metric
from lengen.comparison.cell_summary import CellSummary, SuccessCriterion
from lengen.comparison.grouping import Study, assemble
from lengen.comparison.overall import Overall
from lengen.comparison.pairs import CellPair
from lengen.comparison.published import COLUMNS as BESIDE
from lengen.comparison.published import Published, PublishedCell, agreement, load, matched_cells
from lengen.comparison.run_record import Excluded
from lengen.comparison.summary import StudySummary, summarize
from lengen.config.errors import UsageError
from lengen.records.curve import COLUMNS as CURVE_COLUMNS
from lengen.records.curve import write_csv, write_text
from lengen.report import against, band, cost, medians, multiples, page, profile, success, tables
from lengen.report.band import X
from lengen.report.console import say
from lengen.tracking.wandb_comparison import WandbComparison
from lengen.tracking.wandb_read import find

NOTE = "compare.json"
"""The options of the comparison, and the files that it made."""


@dataclass(frozen=True)
class Comparison:
    """Options of a comparison: the keys of `configs/compare.yaml`.

    Args:
        runs: globs of run folders, or of folders above them.
        where: conditions on runs: `key=value`, `key=one|other`, `key!=value`.
        by: options that name a cell.
        metric: what is drawn over length.
        x: lengths, or lengths over the train length.
        threshold: exact match from which a seed succeeds at a length.
        at: the length at which success is counted.
        mixed: compare in spite of differing protocols.
        against: published curves, by name or as a YAML.
        title: of table and page; None for the tasks.
        out: where everything is written.
        wandb: log the comparison to Weights & Biases too.
        project: of W&B, where it is put.
        entity: user or team there; None for the account's default.
    """

    runs: list[str]
    where: list[str]
    by: list[str]
    metric: Metric
    x: X
    threshold: float
    at: str
    mixed: bool
    against: str | None
    title: str | None
    out: str
    wandb: bool
    project: str
    entity: str | None

    @property
    def criterion(self) -> SuccessCriterion:
        """When a run counts as a success."""
        return SuccessCriterion(self.threshold, self.at)

    def run(self, console: Console | None = None) -> Study:
        """Find the runs, compare them, write the folder, print the tables."""
        console, criterion = console or Console(), self.criterion
        board = WandbComparison(self.project, self.entity) if self.wandb else None
        by = [key.strip() for text in self.by for key in text.split(",")]
        study = assemble(find(self.runs), by, self.where, mixed=self.mixed)
        published = load(self.against) if self.against else None
        published_cells = self._published_cells(published, study) if published else {}
        found = summarize(study, criterion)
        files = Written(Path(self.out))
        title = self.title or ", ".join(panel.name for panel in study.panels)
        self.tabulate(study, found, files, title)
        self.draw(study, files)
        page.write(
            study,
            files.file("page.html"),
            title=title,
            threshold=self.threshold,
            tables=[
                *tables.blocks(study, found),
                ("Columns of the tables", [], [[tables.legend(criterion)]]),
            ],
        )
        tables.show(study, found, criterion, console)
        if published:
            self.hold_against(published, published_cells, study, files, console)
        files.close(self)
        if board:
            panels = {files.name(panel.name): panel for panel in study.panels}
            board.log(panels, files.folder, files.names, title=title, config=asdict(self))
        say(console, f"{len(files.names)} files are in {self.out}: {', '.join(sorted(files.names))}")
        return study

    def tabulate(self, study: Study, found: StudySummary, files: Written, title: str) -> None:
        """Write the tables as CSV and as Markdown."""
        for name, kind, rows in (
            ("table.csv", CellSummary, found.summaries),
            ("pairs.csv", CellPair, found.pairs),
            ("overall.csv", Overall, found.overall),
            ("left_out.csv", Excluded, study.left_out),
        ):
            if rows:
                write_csv(
                    files.file(name), [field.name for field in fields(kind)], [asdict(row) for row in rows]
                )
        columns = ("panel", "line", "trained", "place")
        curves = [
            {
                "panel": panel.name,
                "line": cell.name,
                "trained": run.trained,
                "place": run.place,
                **{name: getattr(row, name) for name in CURVE_COLUMNS},
            }
            for panel in study.panels
            for cell in panel.cells
            for run in cell.runs
            for row in run.curve.rows
        ]
        write_csv(files.file("curves.csv"), (*columns, *CURVE_COLUMNS), curves)
        write_text(files.file("table.md"), tables.markdown(study, found, self.criterion, title))

    def draw(self, study: Study, files: Written) -> None:
        """Draw every figure, as PNG and SVG."""
        panels = [panel for panel in study.panels if any(cell.curves for cell in panel.cells)]
        for panel in track(panels, "figures", transient=True, disable=not sys.stdout.isatty()):
            name = files.name(panel.name)
            files.add(band.draw(panel, files.stem(f"curves-{name}"), metric=self.metric, x=self.x))
            files.add(success.draw(panel, files.stem(f"success-{name}"), threshold=self.threshold, x=self.x))
            files.add(medians.draw(panel, files.stem(f"heat-{name}"), metric=self.metric))
            files.add(cost.draw(panel, files.stem(f"cost-{name}")))
        if panels:
            files.add(profile.draw(panels, files.stem("profile")))
            files.add(multiples.draw(panels, files.stem("multiples"), metric=self.metric, x=self.x))

    def _published_cells(self, published: Published, study: Study) -> dict[str, list[PublishedCell]]:
        """Panels with published curves, each cell beside the paper's.

        Raises:
            UsageError: it has none of them.
        """
        if found := {panel.name: rows for panel in study.panels if (rows := matched_cells(published, panel))}:
            return found
        splits = "; ".join(
            f"{name}: {', '.join(f'{key}={value}' for key, value in wanted.items())}"
            for name, wanted in published.splits.items()
        )
        raise UsageError(
            f"against={self.against}: none of these runs was asked what it has curves for ({splits})"
        )

    def hold_against(
        self,
        published: Published,
        found: dict[str, list[PublishedCell]],
        study: Study,
        files: Written,
        console: Console,
    ) -> None:
        """Tabulate and draw every panel with published curves."""
        rows = [asdict(row) for each in found.values() for row in each]
        write_csv(files.file("against.csv"), BESIDE, rows)
        write_text(files.file("against.md"), tables.against(published, list(found.values())))
        for panel in study.panels:
            if panel.name in found:
                files.add(against.draw(panel, published, files.stem(f"against-{files.name(panel.name)}")))
                for line in tables.agreement_lines(agreement(found[panel.name]), published):
                    say(console, line)


class Written:
    """The files of a comparison: what an earlier one left and this one does not write goes, nothing else does.

    Args:
        folder: made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.names: set[str] = set()

    def file(self, name: str) -> Path:
        """The path of a file that is about to be written; it counts as one of this comparison."""
        self.names.add(name)
        return self.folder / name

    def stem(self, name: str) -> Path:
        """The path of a figure without its ending; `add` takes in the files that are written for it."""
        return self.folder / name

    def add(self, paths: list[Path]) -> None:
        """Take in files that were written."""
        self.names |= {path.name for path in paths}

    @staticmethod
    def name(text: str) -> str:
        """A text as part of a file's name.

        >>> Written.name("copy (repeats=one, alphabet=20)")
        'copy-repeats=one-alphabet=20'
        """
        kept = "".join(sign if sign.isalnum() or sign in "=_+" else "-" for sign in text)
        return "-".join(part for part in kept.split("-") if part)[:80]

    def close(self, comparison: Comparison) -> None:
        """Remove what an earlier comparison left here, and write down what this one did."""
        self.remove_earlier()
        note = {"asked": asdict(comparison), "files": sorted(self.names)}
        write_text(self.folder / NOTE, json.dumps(note, indent=2) + "\n")

    def remove_earlier(self) -> None:
        """Remove the files of an earlier comparison that this one does not write."""
        try:
            earlier = json.loads((self.folder / NOTE).read_text(encoding="utf-8"))["files"]
        except (OSError, ValueError, LookupError, TypeError):
            return
        for name in earlier if isinstance(earlier, list) else ():
            path = self.folder / Path(str(name)).name
            if path.name not in self.names and path.is_file():
                path.unlink()
