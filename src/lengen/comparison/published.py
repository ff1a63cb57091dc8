"""Published curves to compare with: one CSV and one YAML per paper, under `configs/published/`."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import kendalltau

from lengen.comparison.cell_scores import lengths, matrix
from lengen.comparison.grouping import Cell, Panel
from lengen.comparison.ranks import rankable
from lengen.config.bounded_yaml import parse_yaml, yaml_text
from lengen.config.errors import UsageError, nearest, require
from lengen.config.search import config_dir

NEEDED = ("data", "scored", "splits")
DATA = ("split", "encoding", "seed", "length", "exact_match")


@dataclass(frozen=True)
class Published:
    """Published curves of a paper.

    Args:
        name: name of the YAML.
        paper: authors and year.
        scored: how the paper evaluated, in one line.
        splits: for each split of the paper, the options that our runs must have.
        curves: by split and our name of the encoding: exact match by seed and length.
    """

    name: str
    paper: str
    scored: str
    splits: Mapping[str, Mapping[str, Any]]
    curves: Mapping[tuple[str, str], Mapping[str, Mapping[int, float]]]

    def split(self, panel: Panel) -> str | None:
        """Return the split that matches the options of a panel's runs; None if there is none."""
        return next(
            (
                name
                for name, wanted in self.splits.items()
                if all(run.value(key) == str(value) for run in panel.runs for key, value in wanted.items())
            ),
            None,
        )


def load(name: str) -> Published:
    """Load published curves by name, or from the user's YAML.

    Args:
        name: an option of the group `published`, or a path that ends in `.yaml`.

    Raises:
        UsageError: the file does not exist, or a key or a column is missing.
    """
    folder = config_dir() / "published"
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    path = Path(name) if name.endswith(".yaml") else folder / f"{name}.yaml"
    if not path.exists():
        require(not name.endswith(".yaml"), f"against={name}: there is no such file")
        raise UsageError(
            f"against={name}: no such published curves{nearest(name, known)} (allowed: {', '.join(known)}, or the path of a .yaml)"
        )
    text = yaml_text(path, f"against={name}")
    node = parse_yaml(text, f"against={name}")
    missing = [key for key in NEEDED if not isinstance(node, Mapping) or key not in node]
    if missing:
        raise UsageError(f"against={name}: {path} lacks {', '.join(missing)}")
    paper = next(
        (line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("# paper:")),
        path.stem,
    )
    curves = _curves(path.parent / node["data"], node.get("encodings") or {})
    return Published(path.stem, paper, " ".join(str(node["scored"]).split()), node["splits"], curves)


def _curves(path: Path, names: Mapping[str, str]) -> dict[tuple[str, str], dict[str, dict[int, float]]]:
    """Read the published curves from their CSV.

    Raises:
        UsageError: the file or a column is missing, or a value is not a number.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = [name for name in DATA if name not in (reader.fieldnames or [])]
            lines = list(reader)
    except OSError as error:
        raise UsageError(f"against: {path}: {error.strerror}") from None
    if missing:
        raise UsageError(f"against: {path}: missing column {', '.join(missing)}")
    curves: dict[tuple[str, str], dict[str, dict[int, float]]] = {}
    for number, line in enumerate(lines, start=2):
        encoding = names.get(line["encoding"], line["encoding"])
        try:
            value = {int(line["length"]): float(line["exact_match"])}
        except (TypeError, ValueError):
            raise UsageError(
                f"against: {path}, line {number}: length and exact_match must be numbers"
            ) from None
        curves.setdefault((line["split"], encoding), {}).setdefault(line["seed"], {}).update(value)
    return curves


@dataclass(frozen=True)
class PublishedCell:
    """A cell of ours and the published one, at one length; the fields are the columns of `against.csv`.

    Args:
        task: our panel; `split` is the split of the paper.
        line: name of our cell.
        ours: median exact match over our seeds; `theirs` is the median over the seeds of the paper.
        difference: `ours` minus `theirs`.
        ordered: whether our cell has a place in an order: it has a trained run, and not all such cells are at chance.
    """

    task: str
    split: str
    line: str
    encoding: str
    length: int
    ours: float
    our_seeds: int
    theirs: float
    their_seeds: int
    difference: float
    ordered: bool


@dataclass(frozen=True)
class Agreement:
    """Whether our results order the encodings as the paper does, by the mean over the common lengths of medians over seeds of exact match.

    Args:
        cells: number of cells in the order.
        without: names of the cells without a place in it.
        tau: Kendall's tau-b over the cells; None with fewer than two cells, or if all cells of one side tie.
        p_value: p-value of the null hypothesis of no association.
        our_order: names from the highest to the lowest mean; `their_order` likewise.
    """

    task: str
    split: str
    cells: int
    lengths: int
    tau: float | None
    p_value: float | None
    our_order: tuple[str, ...]
    their_order: tuple[str, ...]
    without: tuple[str, ...] = ()


COLUMNS = tuple(field.name for field in fields(PublishedCell))


def published_curves(published: Published, split: str, cell: Cell) -> Mapping[str, Mapping[int, float]]:
    """Return the published curves of a cell's encoding, by seed; empty if there are none."""
    return published.curves.get((split, cell.pe), {})


def matched_cells(published: Published, panel: Panel) -> list[PublishedCell]:
    """Match the cells of a panel with the paper's, at every length that both have."""
    split = published.split(panel)
    if split is None:
        return []
    matches, ordered = [], rankable(panel.cells)
    for cell in panel.cells:
        seeds = published_curves(published, split, cell)
        at = [length for length in lengths(cell) if any(length in curve for curve in seeds.values())]
        if not at:
            continue
        for length, value in zip(at, np.median(matrix(cell, "exact_match", at), axis=0), strict=True):
            published_values = [curve[length] for curve in seeds.values() if length in curve]
            median = float(np.median(published_values))
            matches.append(
                PublishedCell(
                    panel.name,
                    split,
                    cell.name,
                    cell.pe,
                    length,
                    float(value),
                    cell.tried,
                    median,
                    len(published_values),
                    float(value) - median,
                    cell.name in ordered,
                )
            )
    return matches


def means(rows: Sequence[PublishedCell]) -> dict[str, tuple[float, float]]:
    """Return the mean of each cell over the lengths that all cells have of its median over seeds of exact match, ours and theirs."""
    names = list(dict.fromkeys(row.line for row in rows))
    common = {row.length for row in rows}.intersection(
        *({row.length for row in rows if row.line == name} for name in names)
    )
    return {
        name: (
            float(np.mean([row.ours for row in rows if row.line == name and row.length in common])),
            float(np.mean([row.theirs for row in rows if row.line == name and row.length in common])),
        )
        for name in names
        if common
    }


def agreement(rows: Sequence[PublishedCell]) -> Agreement:
    """Compare how our results and the paper order the cells of a panel.

    Args:
        rows: the matched cells of one panel, at least one.
    """
    mean_pairs = means([row for row in rows if row.ordered])
    tau, p_value = None, None
    if len(mean_pairs) > 1:
        association = kendalltau(
            [ours for ours, _ in mean_pairs.values()], [theirs for _, theirs in mean_pairs.values()]
        )
        if not np.isnan(association.statistic):
            tau, p_value = float(association.statistic), float(association.pvalue)
    ours, theirs = (
        tuple(sorted(mean_pairs, key=lambda name: (-mean_pairs[name][side], name))) for side in (0, 1)
    )
    return Agreement(
        rows[0].task,
        rows[0].split,
        cells=len(mean_pairs),
        lengths=len({row.length for row in rows}),
        tau=tau,
        p_value=p_value,
        our_order=ours,
        their_order=theirs,
        without=tuple(dict.fromkeys(row.line for row in rows if not row.ordered)),
    )
