"""What extensions change over the seeds of a cell: tables of several runs, pooled by cell and setting."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lengen.analysis.cell_of import run_of, seeds_in_words
from lengen.analysis.output_files import OutputFiles
from lengen.analysis.read_tables import aligned
from lengen.experiment.extension_table import CHANCE, COSTS, costs
from lengen.records.curve import TRAINED, read_csv, write_csv, write_text
from lengen.report import heat
from lengen.report.paper import SCREEN, Paper
from lengen.statistics.areas import area_weights, doublings
from lengen.statistics.paired import paired_change
from lengen.statistics.permutation import sign_flip_test

LABELS = ("task", "pe", "positions", "attention", "decoder")
KEYS = (*LABELS, "cell", "stress")
COLUMNS = (
    *KEYS, "setting", "fit", "seeds", "id_exact_match", "base_id_exact_match", "length", "split", "exact_match",
    "base_exact_match", "difference", "least_difference", "largest_difference", "area_change", "least_area_change",
    "largest_area_change", "p_area", "refused", "id_examples", "id_lost", "id_won",
    "id_p_value", "inactive",
)  # fmt: skip
"""Columns of the pooled `extend.csv`: one row for each cell, setting and length; means over seeds."""
Row = Mapping[str, Any]


@dataclass(frozen=True)
class RunTable:
    """The table of extensions of one run.

    Args:
        cell: labels and hash of its cell.
        train_length: its trained length.
        rows: of its `extend.csv`.
        trained: whether it has learned the lengths that it was trained on.
    """

    cell: Mapping[str, str]
    train_length: int
    rows: Sequence[Row]
    trained: bool = True


def read_tables(folders: Iterable[Path]) -> tuple[list[RunTable], list[RunTable]]:
    """Read the tables of runs: those of trained ones, and those of the others.

    Args:
        folders: folders with an `extend.csv`, below their runs.
    """
    every = [
        RunTable(run.cell, run.train_length, read_csv(folder / "extend.csv"), run.id_exact_match >= TRAINED)
        for folder in folders
        for run in (run_of(folder, LABELS),)
    ]
    return [table for table in every if table.trained], [table for table in every if not table.trained]


def of_other_cells(tables: Sequence[RunTable], trained: Sequence[RunTable]) -> list[RunTable]:
    """Return the tables of cells without a trained run.

    Args:
        tables: of runs that are not trained.
        trained: of those that are.
    """
    cells = [table.cell for table in trained]
    return [table for table in tables if table.cell not in cells]


def pooled(tables: Sequence[RunTable]) -> Iterator[dict[str, Any]]:
    """Yield the rows of the pooled table: means over the seeds of a cell, with the least and the largest.

    The p-value is that of a sign-flip permutation test over seeds: that the change of the area under exact match over the logarithm
    of the length, from the trained length on, is as often up as down. Five seeds can give no less than 1/16.

    Args:
        tables: of trained runs, or of runs of which none is.
    """
    for cell in dict.fromkeys(tuple(table.cell.items()) for table in tables):
        same = [table for table in tables if tuple(table.cell.items()) == cell]
        for setting in dict.fromkeys(row["setting"] for table in same for row in table.rows):
            yield from _setting(dict(cell), setting, same)


def _setting(cell: Mapping[str, str], setting: str, tables: Sequence[RunTable]) -> Iterator[dict[str, Any]]:
    seeds = [[row for row in table.rows if row["setting"] == setting] for table in tables]
    if seeds[0][0]["refused"]:
        yield {**cell, "setting": setting, "refused": seeds[0][0]["refused"]}
        return
    lost, won = (sum(int(rows[0][name]) for rows in seeds) for name in ("id_lost", "id_won"))
    changes = [area_change(rows, table.train_length) for rows, table in zip(seeds, tables, strict=True)]
    areas = [change for change in changes if change is not None]
    shared = {
        **cell,
        "setting": setting,
        "fit": seeds[0][0]["fit"],
        "seeds": len(seeds),
        "id_examples": seeds[0][0]["id_examples"],
        "id_lost": lost,
        "id_won": won,
        "id_p_value": paired_change(lost, won, sum(int(rows[0]["id_examples"]) for rows in seeds)).p_value,
        **{
            name: _mean(rows[0][name] for rows in seeds) for name in ("id_exact_match", "base_id_exact_match")
        },
    }
    if areas:
        shared |= {
            "area_change": float(np.mean(areas)),
            "least_area_change": min(areas),
            "largest_area_change": max(areas),
            "p_area": sign_flip_test(areas),
        }
    for length in sorted({int(row["length"]) for rows in seeds for row in rows}):
        at = [row for rows in seeds for row in rows if int(row["length"]) == length]
        differences = [float(row["difference"]) for row in at]
        yield {
            **shared,
            "length": length,
            "split": at[0]["split"],
            **{name: _mean(row[name] for row in at) for name in ("exact_match", "base_exact_match")},
            "difference": float(np.mean(differences)),
            "least_difference": min(differences),
            "largest_difference": max(differences),
            "inactive": int(all(row["inactive"] for row in at)),
        }


def area_change(rows: Sequence[Row], train_length: int) -> float | None:
    """Return how the area under exact match changes, in doublings of the trained length; None if no length is beyond it.

    Args:
        rows: of one run and setting.
        train_length: the trained length.
    """
    lengths, differences = zip(
        *sorted((int(row["length"]), float(row["difference"])) for row in rows), strict=True
    )
    if lengths[-1] <= train_length:
        return None
    return float(area_weights(lengths, train_length) @ differences * doublings(lengths, train_length))


def write(
    rows: Sequence[Mapping[str, Any]],
    left_out: int,
    out: Path,
    train_lengths: Mapping[str, int],
    paper: Paper = SCREEN,
) -> list[str]:
    """Write the pooled table as CSV and as Markdown, and a heat map of each cell; return the names of the files.

    Args:
        rows: as `pooled` yields them.
        left_out: number of runs that are not trained.
        out: the folder; made if it is not there.
        train_lengths: the trained length of each cell.
        paper: where figures are printed.
    """
    out.mkdir(parents=True, exist_ok=True)
    write_csv(out / "extend.csv", COLUMNS, rows)
    write_text(out / "extend.md", "\n".join(markdown(rows, left_out)) + "\n")
    names = ["extend.md", "extend.csv"]
    for title, own in _cells(rows).items():
        if not (applied := [row for row in own if not row.get("refused")]):
            continue
        lengths = tuple(sorted({row["length"] for row in applied}))
        settings = [*reversed({row["setting"]: row for row in applied}.values())]
        exact = {
            (row["setting"], row["length"]): row["exact_match"] for row in applied if not row["inactive"]
        }
        base = {row["length"]: row["base_exact_match"] for row in applied}
        draw = partial(
            heat.draw,
            {"as trained": [base[length] for length in lengths]}
            | {
                f"{row['setting']}  ID {_id_change(row):+.3f}": [
                    exact.get((row["setting"], length), math.nan) for length in lengths
                ]
                for row in settings
            },
            lengths=lengths,
            train_length=train_lengths[own[0]["cell"]],
            word="",
            title=title,
            footnote=f"exact match, mean over {_seeds(own)}; ID: its change over the trained lengths; lowest row: the decoders as trained, on the same "
            "strings; white: a setting that leaves them as trained",
            paper=paper,
        )
        stem = out / f"extend-{OutputFiles.name(title)}"
        paper.draw(stem, draw)
        names += [path.name for path in paper.files(stem)]
    return names


def markdown(rows: Sequence[Mapping[str, Any]], left_out: int) -> Iterator[str]:
    """Yield the lines of the table in Markdown: one table a cell, one row a setting."""
    yield "# Extensions, over the seeds of each cell"
    yield ""
    for title, own in _cells(rows).items():
        applied = [row for row in own if not row.get("refused")]
        lengths = sorted({row["length"] for row in applied})
        yield f"**{title}, {_seeds(own)}.** As trained: {_as_trained(applied)}"
        yield ""
        yield "| setting | fit | ID change | " + " | ".join(map(str, lengths)) + " | area change | p |"
        yield "|---" * (len(lengths) + 5) + "|"
        for setting in dict.fromkeys(row["setting"] for row in applied):
            at = [row for row in applied if row["setting"] == setting]
            change = _id_change(at[0])
            marked = f"**{change:+.3f}**" if costs(change, at[0]["id_p_value"]) else f"{change:+.3f}"
            values = ["inactive" if row["inactive"] else f"{row['difference']:+.3f}" for row in at]
            area, p_value = "—", "—"
            if at[0].get("area_change") is not None:
                area = f"{at[0]['area_change']:+.2f} [{at[0]['least_area_change']:+.2f}, {at[0]['largest_area_change']:+.2f}]"
            if at[0].get("p_area") is not None:
                p_value = f"{at[0]['p_area']:.3f}"
            yield f"| {setting} | {at[0]['fit']} | {marked} | {' | '.join(values)} | {area} | {p_value} |"
        yield ""
    yield (
        "Mean differences of exact match over seeds, extended less as trained, on the same strings. ID change: over all trained lengths, on the same strings, bold "
        f"if more than {COSTS} is lost and the exact McNemar test over the strings of all seeds has p below {CHANCE}. inactive: the decoder is as trained. area change: under exact match over log2(length / train length), in doublings, mean [least, largest]; "
        "p: sign-flip permutation test over seeds, not adjusted for the number of settings. A setting that is picked by these numbers is "
        f"selected on the test. Runs that are not trained are left out ({left_out})."
    )


def printed(
    rows: Sequence[Mapping[str, Any]], left_out: int, untrained: Sequence[Mapping[str, Any]] = ()
) -> Iterator[str]:
    """Yield the lines of the table for a terminal: one table a cell, one row a setting.

    Args:
        rows: as `pooled` yields them.
        left_out: number of runs that are not trained.
        untrained: the same of cells without a trained run, which are marked.
    """
    yield from _tables(rows, "trained")
    yield from _tables(untrained, "NOT TRAINED")
    if examples := {row["id_examples"] for row in (*rows, *untrained) if not row.get("refused")}:
        yield f"mean differences over runs, on the same strings; ID: {' or '.join(map(str, sorted(examples)))} strings a run"
    if left_out:
        yield f"runs that are not trained are left out: {left_out}" + (
            ", but for cells without a trained run, which are marked NOT TRAINED and say nothing about extrapolation"
            if untrained
            else ""
        )


def _tables(rows: Sequence[Mapping[str, Any]], state: str) -> Iterator[str]:
    for title, own in _cells(rows).items():
        applied = [row for row in own if not row.get("refused")]
        yield f"{title}, {_seeds(own, state)}; without extension: {_as_trained(applied)}"
        table = []
        for setting in dict.fromkeys(row["setting"] for row in applied):
            at = [row for row in applied if row["setting"] == setting]
            change = _id_change(at[0])
            table.append(
                {
                    "setting": setting,
                    "runs": at[0]["seeds"],
                    "ID": f"{change:+.3f}",
                    **{
                        str(row["length"]): "inactive" if row["inactive"] else f"{row['difference']:+.3f}"
                        for row in at
                    },
                    "": "COSTS ID" if costs(change, at[0]["id_p_value"]) else "",
                }
            )
        yield from (f"  {line}" for line in aligned(table))
        if refused := [row["setting"] for row in own if row.get("refused")]:
            yield f"  do not apply: {', '.join(refused)}"


def _cells(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Return the rows of each cell and stress set, by a title that no other has."""
    cells = [*dict.fromkeys(tuple(row[name] for name in KEYS) for row in rows)]
    alike = Counter((*labels, stress) for *labels, _, stress in cells)
    found = {}
    for cell in cells:
        own = [row for row in rows if tuple(row[name] for name in KEYS) == cell]
        task, pe, positions, attention, decoder, digest, stress = cell
        more = [
            name
            for name, plain in ((positions, "contiguous"), (attention, "softmax"), (stress, ""))
            if name != plain
        ]
        if alike[task, pe, positions, attention, decoder, stress] > 1:
            more.append(f"cell {digest}")
        found[", ".join((task, pe, *more))] = own
    return found


def _id_change(row: Mapping[str, Any]) -> float:
    """Return the change of ID exact match."""
    return float(row["id_exact_match"] - row["base_id_exact_match"])


def _seeds(rows: Sequence[Mapping[str, Any]], state: str = "trained") -> str:
    """Return how many seeds the rows of a cell are means over, in words."""
    return seeds_in_words(max((row["seeds"] for row in rows if not row.get("refused")), default=0), state)


def _as_trained(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return exact match by length without extensions."""
    values = {row["length"]: row["base_exact_match"] for row in rows}
    return ", ".join(f"{length}: {values[length]:.3f}" for length in sorted(values))


def _mean(values: Iterable[str]) -> float:
    return float(np.mean([float(value) for value in values]))
