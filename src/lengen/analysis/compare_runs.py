"""Compare runs: find them, group them into cells, write tables, figures and a page."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track

from lengen.analysis.output_files import OutputFiles
from lengen.comparison.cell_scores import Metric
from lengen.comparison.cell_summary import SuccessCriterion
from lengen.comparison.grouping import Study, assemble
from lengen.comparison.loop_records import KEY, with_loops
from lengen.comparison.pairs import PairOptions
from lengen.comparison.published import COLUMNS as AGAINST_COLUMNS
from lengen.comparison.published import Published, PublishedCell, agreement, load, matched_cells
from lengen.comparison.summary import summarize
from lengen.comparison.theory_files import load_theory
from lengen.config.errors import UsageError, require
from lengen.records.curve import write_csv, write_text
from lengen.records.links import require_inside
from lengen.records.run_dir import RunFolder
from lengen.report import (
    against,
    band,
    cost,
    csv_tables,
    medians,
    multiples,
    page,
    profile,
    success,
    tables,
    together,
)
from lengen.report.band import X
from lengen.report.console import say
from lengen.report.figure_style import FigureStyle
from lengen.report.latex import label_of, latex
from lengen.report.paper import Paper
from lengen.report.vertical import Vertical
from lengen.tracking.wandb_comparison import WandbComparison
from lengen.tracking.wandb_read import find


@dataclass(frozen=True)
class Comparison:
    """Options of a comparison: the keys of `configs/compare.yaml`.

    Args:
        runs: globs of run folders, or of folders above them.
        where: conditions on runs: `key=value`, `key=one|other`, `key!=value`, `key<number`.
        by: options that name a cell.
        best: options of which the value that is best on ID is picked for every cell.
        metric: column of the curves that is drawn over length.
        x: horizontal axis: lengths, or multiples of the train length.
        threshold: exact match from which a seed counts as a success at a length.
        at: length at which successes are counted.
        mixed: compare runs even if their protocols differ.
        margin: two cells are alike if their areas differ by less than this many doublings.
        control: name of the cell with which all others are compared; None compares all pairs.
        variance: divide the spread of areas between init seeds, data seeds and strings.
        against: published curves, by name or as a path of a YAML file.
        title: title of table and page; None uses the names of the tasks.
        out: folder for all files.
        formats: formats of the figures: png, svg, pdf.
        style: how figures look, and the labels and order of cells.
        wandb: also log the comparison to Weights & Biases.
        project: W&B project.
        entity: W&B user or team; None uses the account's default.
    """

    runs: list[str]
    where: list[str]
    by: list[str]
    best: list[str]
    metric: Metric
    x: X
    threshold: float
    at: str
    mixed: bool
    margin: float
    control: str | None
    variance: bool
    against: str | None
    title: str | None
    out: str
    formats: list[str]
    style: FigureStyle
    wandb: bool
    project: str | None
    entity: str | None

    @property
    def criterion(self) -> SuccessCriterion:
        """Condition under which a run counts as a success."""
        return SuccessCriterion(self.threshold, self.at)

    @property
    def pair_options(self) -> PairOptions:
        """How cells are compared with each other; the control has its label."""
        return PairOptions(self.margin, None if self.control is None else self.style.label(self.control))

    @property
    def paper(self) -> Paper:
        """Where the figures are printed."""
        return Paper.of(self.style, self.formats)

    @property
    def vertical(self) -> Vertical:
        """The vertical axis of the figures of curves."""
        return Vertical(self.metric, self.style.y, self.style.scale)

    def __post_init__(self) -> None:
        require(bool(self.out.strip()), "out is empty: must be a folder for the files of the comparison")
        if not (out := Path(self.out)).is_absolute():
            require_inside(out, Path(out.parts[0]) if out.parts else out)  # no link of a stranger's results
        folder = out.absolute()
        for place in (folder, *folder.parents):
            require(
                not (place / RunFolder.facts_name).exists(),
                f"out={self.out}: must not be in the folder of a run ({place})",
            )
        self.paper  # noqa: B018  refuses formats that there are not
        self.vertical  # noqa: B018  refuses what does not fit the metric
        require("seed" not in separate(self.by), "by=seed: seeds are pooled in a cell; must be other options")

    def run(self, console: Console | None = None, folders: Sequence[Path] = ()) -> Study:
        """Find the runs, compare them, write the files and print the tables.

        Args:
            console: the terminal; None is standard output.
            folders: the user's configuration folders, which may have classes of decoders and families of tasks.

        Raises:
            UsageError: a file of the user is wrong, or there is nothing to compare.
        """
        theory = load_theory(folders)
        console, criterion, pair_options = console or Console(), self.criterion, self.pair_options
        board = WandbComparison(self.project, self.entity) if self.wandb else None
        records = with_loops(find(self.runs)) if KEY in separate(self.by) else find(self.runs)
        study = assemble(records, separate(self.by), self.where, best=separate(self.best), mixed=self.mixed)
        study = self.style.dress(study)
        published = load(self.against) if self.against else None
        published_cells = self._published_cells(published, study) if published else {}
        summary = summarize(study, criterion, pair_options, variance=self.variance, theory=theory)
        files = OutputFiles(Path(self.out))
        title = self.title or ", ".join(panel.name for panel in study.panels)
        csv_tables.write(study, summary, files.file)
        write_text(files.file("table.md"), tables.markdown(study, summary, criterion, title))
        write_text(files.file("table.tex"), latex(study, summary, criterion, self._label(study)))
        self.draw(study, files)
        page.write(
            study,
            files.file("page.html"),
            title=title,
            threshold=self.threshold,
            tables=[
                *tables.blocks(study, summary),
                ("Columns of the tables", [], [[tables.legend(criterion)]]),
            ],
        )
        tables.show(study, summary, criterion, console)
        cells = [cell for panel in study.panels for cell in panel.cells if cell.runs]
        if all(criterion.length(cell) is None for cell in cells):
            say(
                console,
                f"at={self.at}: no run is evaluated at this length, or at a longer one: successes are not counted",
            )
        if published:
            self.compare_with_published(published, published_cells, study, files, console)
        removed = files.close(asdict(self))
        if board:
            panels = {files.name(panel.name): panel for panel in study.panels}
            board.log(panels, files.folder, files.names, title=title, config=asdict(self))
        say(
            console,
            f"{len(files.names)} files and compare.json are in {self.out}: {', '.join(sorted(files.names))}",
        )
        if removed:
            say(console, f"removed there, of the comparison before: {', '.join(sorted(removed))}")
        return study

    def _label(self, study: Study) -> str:
        """The label of the tables in LaTeX."""
        cells = sorted({run.cell for run in study.runs})
        chosen = [self.runs, self.where, self.by, self.best, self.threshold, self.at, self.control]
        return label_of(self.title, [*chosen, cells])

    def draw(self, study: Study, files: OutputFiles) -> None:
        """Draw every figure, in every format."""
        panels = [panel for panel in study.panels if any(cell.curves for cell in panel.cells)]
        paper, metric, vertical, x = self.paper, self.metric, self.vertical, self.x
        with paper.fonts():
            for panel in track(panels, "figures", transient=True, disable=not sys.stdout.isatty()):
                name = files.name(panel.name)
                files.add(band.draw(panel, files.stem(f"curves-{name}"), vertical=vertical, x=x, paper=paper))
                files.add(
                    success.draw(
                        panel, files.stem(f"success-{name}"), threshold=self.threshold, x=x, paper=paper
                    )
                )
                files.add(medians.draw(panel, files.stem(f"heat-{name}"), metric=metric, paper=paper))
                files.add(cost.draw(panel, files.stem(f"cost-{name}"), paper=paper))
            if panels:
                files.add(profile.draw(panels, files.stem("profile"), paper=paper))
                files.add(
                    multiples.draw(panels, files.stem("multiples"), vertical=vertical, x=x, paper=paper)
                )
            if self.style.together and panels:
                files.add(together.draw(panels, files.stem("together"), vertical=vertical, x=x, paper=paper))

    def _published_cells(self, published: Published, study: Study) -> dict[str, list[PublishedCell]]:
        """Return the panels with published curves, each cell matched with the paper's.

        Raises:
            UsageError: no cell has a published curve.
        """
        if matched := {
            panel.name: rows for panel in study.panels if (rows := matched_cells(published, panel))
        }:
            return matched
        splits = "; ".join(
            f"{name}: {', '.join(f'{key}={value}' for key, value in wanted.items())}"
            for name, wanted in published.splits.items()
        )
        raise UsageError(
            f"against={self.against}: none of these runs was evaluated on a test set of the published curves ({splits})"
        )

    def compare_with_published(
        self,
        published: Published,
        matched: dict[str, list[PublishedCell]],
        study: Study,
        files: OutputFiles,
        console: Console,
    ) -> None:
        """Tabulate and draw every panel that has published curves."""
        rows = [asdict(row) for cells in matched.values() for row in cells]
        write_csv(files.file("against.csv"), AGAINST_COLUMNS, rows)
        write_text(files.file("against.md"), tables.against(published, list(matched.values())))
        for panel in study.panels:
            if panel.name in matched:
                with self.paper.fonts():
                    stem = files.stem(f"against-{files.name(panel.name)}")
                    files.add(against.draw(panel, published, stem, paper=self.paper))
                for line in tables.agreement_lines(agreement(matched[panel.name]), published):
                    say(console, line)


def show_table(runs: Sequence[str], console: Console | None = None, *, full: bool = True) -> None:
    """Print the tables of a comparison with its default options, without writing anything; without `full`, that of all seeds."""
    study, criterion = assemble(find(runs)), SuccessCriterion()
    tables.show(study, summarize(study, criterion), criterion, console or Console(), full=full)


def separate(texts: Iterable[str]) -> list[str]:
    """Return the options that some texts name, each once.

    >>> separate(["pe,steps", "pe"])
    ['pe', 'steps']
    """
    return list(dict.fromkeys(key.strip() for text in texts for key in text.split(",")))
