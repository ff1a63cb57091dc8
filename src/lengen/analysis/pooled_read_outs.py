"""A read-out over several runs: its tables in one, what the seeds of a cell have in common, and a figure of each cell."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lengen.analysis.cell_of import RunOf, run_of, seeds_in_words
from lengen.analysis.inspect import Line, Panel, ReadOut, Row, Tables
from lengen.analysis.output_files import OutputFiles
from lengen.analysis.read_tables import load_tables
from lengen.config.errors import require
from lengen.records.curve import TRAINED, write_csv, write_text
from lengen.report import line_panels
from lengen.report.paper import Paper

LABELS = ("task", "pe", "positions", "attention")
CELL = (*LABELS, "cell")
RUN = (*CELL, "seed", "stress", "id_exact_match")
"""Columns of a pooled table before those of the read-out: one row for each row of a run."""
OWN = ("head", "heads", "unit")
"""Names of what differs from seed to seed: head 2 of one is not head 2 of another. Their rows are averaged within a run."""


@dataclass(frozen=True)
class RunTables:
    """The tables of one run.

    Args:
        run: the run.
        tables: of its read-out.
        headline: what it found, on one line.
    """

    run: RunOf
    tables: Tables
    headline: str

    @property
    def trained(self) -> bool:
        """Whether the run has learned the lengths that it was trained on."""
        return self.run.id_exact_match >= TRAINED

    @property
    def columns(self) -> dict[str, Any]:
        """The values of `RUN`."""
        return {**self.run.cell, "seed": self.run.seed, "id_exact_match": self.run.id_exact_match}


def read_runs(folders: Iterable[Path], read_out: ReadOut) -> list[RunTables]:
    """Read the tables of runs.

    Args:
        folders: of evaluations, below their runs; those without the tables of the read-out are left out.
        read_out: what was read.

    Raises:
        UsageError: a column of the read-out has the name of one of `RUN`.
    """
    for name, names in read_out.tables.items():
        taken = [column for column in names if column in RUN]
        require(
            not taken,
            f"inspect={read_out.name}: {name}.csv has a column {taken and taken[0]}, which tables over several runs need for the run",
        )
    found = []
    for folder in folders:
        if all((folder / f"{name}.csv").exists() for name in read_out.tables):
            tables = load_tables(folder, read_out.tables)
            found.append(RunTables(run_of(folder, LABELS), tables, read_out.headline(tables)))
    return found


def cells(runs: Sequence[RunTables]) -> list[list[RunTables]]:
    """Return the trained runs of each cell and stress set, in the order in which they occur."""
    found: dict[tuple[str, ...], list[RunTables]] = {}
    for each in runs:
        if each.trained:
            found.setdefault(tuple(each.run.cell.values()), []).append(each)
    return list(found.values())


def pooled(runs: Sequence[RunTables], table: str) -> Iterator[Row]:
    """Yield the rows of a table of all runs, with what names the run."""
    for each in runs:
        for row in each.tables[table]:
            yield {**each.columns, **row}


def summary_columns(names: Sequence[str], by: Sequence[str]) -> list[str]:
    """Return the columns of the summary of a table.

    Args:
        names: columns of the table.
        by: of these the ones that say what a row is of.
    """
    measured = [name for name in names if name not in by and name not in OWN]
    spread = [column for name in measured for column in (name, f"least_{name}", f"largest_{name}")]
    return [*CELL, "stress", "seeds", *(name for name in names if name in by and name not in OWN), *spread]


def summary(seeds: Sequence[RunTables], table: str, names: Sequence[str], by: Sequence[str]) -> Iterator[Row]:
    """Yield the mean over the seeds of a cell of every number of a table, with the least and the largest.

    Rows of a run that differ only in `OWN` are averaged first. Texts that are not among `by` are left out.

    Args:
        seeds: the runs of a cell.
        table: name of the table.
        names: its columns.
        by: columns that say what a row is of.
    """
    kept = [name for name in names if name in by and name not in OWN]
    measured = [name for name in names if name not in by and name not in OWN]
    grouped = [_by(each.tables[table], kept) for each in seeds]
    for place in dict.fromkeys(place for run in grouped for place in run):
        row: Row = {**seeds[0].run.cell, **dict(zip(kept, place, strict=True))}
        at = [run[place] for run in grouped if place in run]
        for name in measured:
            means = [value for rows in at if (value := _mean(each[name] for each in rows)) is not None]
            if means:
                row |= {name: _mean(means), f"least_{name}": min(means), f"largest_{name}": max(means)}
        yield {**row, "seeds": len(at)}


def _by(rows: Sequence[Row], names: Sequence[str]) -> dict[tuple[Any, ...], list[Row]]:
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(row[name] for name in names), []).append(row)
    return found


def _mean(values: Iterable[Any]) -> float | None:
    """Return the mean of the numbers; None if there is none, or if infinities of both signs have none."""
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    signs = {math.copysign(1, value) for value in numbers if math.isinf(value)}
    return float(np.mean(numbers)) if numbers and len(signs) < 2 else None  # noqa: PLR2004


def pooled_panels(figures: Sequence[Sequence[Panel]]) -> list[Panel]:
    """Return panels whose lines are means over seeds, within the least and the largest.

    Lines are the same if their panels have the same title and they have the same label; they have the places that all seeds have.

    Args:
        figures: the panels of each seed.
    """
    first = {panel.title: panel for panels in reversed(figures) for panel in panels}
    found = []
    for title in dict.fromkeys(panel.title for panels in figures for panel in panels):
        drawn = [panel for panels in figures for panel in panels if panel.title == title]
        labels = dict.fromkeys(line.label for panel in drawn for line in panel.lines)
        lines = [
            _pooled_line([line for panel in drawn for line in panel.lines if line.label == label])
            for label in labels
        ]
        found.append(replace(first[title], lines=lines))
    return found


def _pooled_line(lines: Sequence[Line]) -> Line:
    values = [dict(zip(line.x, line.y, strict=True)) for line in lines]
    places = [x for x in lines[0].x if all(x in each for each in values)]
    columns = [[each[x] for each in values] for x in places]
    return replace(
        lines[0],
        x=places,
        y=[float(np.mean(column)) for column in columns],
        low=[min(column) for column in columns],
        high=[max(column) for column in columns],
    )


def write(runs: Sequence[RunTables], read_out: ReadOut, out: Path, paper: Paper) -> list[str]:
    """Write the tables of all runs, their summaries, a page, and a figure of each cell; return the names of the files.

    Args:
        runs: the runs.
        read_out: what was read.
        out: the folder; made if it is not there.
        paper: where figures are printed.
    """
    files, groups = OutputFiles(out), cells(runs)
    for name, names in read_out.tables.items():
        write_csv(files.file(f"{name}.csv"), [*RUN, *names], [*pooled(runs, name)])
        rows = [row for seeds in groups for row in summary(seeds, name, names, read_out.by)]
        known = summary_columns(names, read_out.by)
        numbers = {column for row in rows for column in row}
        write_csv(files.file(f"{name}_summary.csv"), [column for column in known if column in numbers], rows)
    alike = Counter(_words(seeds[0]) for seeds in groups)
    titles = {
        id(seeds): ", ".join((*_words(seeds[0]), *([seeds[0].run.cell["cell"]] if alike[_words(seeds[0])] > 1 else [])))
        for seeds in groups
    }  # fmt: skip
    if read_out.alike:
        for seeds in groups:
            draw = partial(
                line_panels.draw,
                pooled_panels([read_out.panels(each.tables) for each in seeds]),
                title=f"{titles[id(seeds)]}: {read_out.name}",
                footnote="; ".join(filter(None, (read_out.note, f"mean over {len(seeds)} seeds, least to largest shaded"))),
                paper=paper,
            )  # fmt: skip
            stem = files.stem(f"{read_out.name}-{OutputFiles.name(titles[id(seeds)])}")
            paper.draw(stem, draw)
            files.add(paper.files(stem))
    lines = [f"# {read_out.name}, over the seeds of each cell", ""]
    for seeds in groups:
        lines += [f"**{titles[id(seeds)]}, {seeds_in_words(len(seeds))}**", ""]
        lines += [f"- seed {each.run.seed}: {each.headline}" for each in seeds] + [""]
    left_out = sum(not each.trained for each in runs)
    lines.append(f"Runs that are not trained are in the tables of all runs, and in no summary ({left_out}).")
    write_text(files.file(f"{read_out.name}.md"), "\n".join(lines) + "\n")
    files.close({"inspect": read_out.name})
    return sorted(files.names)


def _words(each: RunTables) -> tuple[str, ...]:
    """Return what a title says of a cell: task, encoding, and what is not usual."""
    cell: Mapping[str, str] = each.run.cell
    usual = {"positions": "contiguous", "attention": "softmax", "stress": ""}
    return (cell["task"], cell["pe"], *(cell[name] for name, plain in usual.items() if cell[name] != plain))
