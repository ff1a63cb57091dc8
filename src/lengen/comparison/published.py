"""Published curves to compare with: one CSV and one YAML a paper, under `configs/published/`."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.stats import kendalltau

from lengen.comparison.cell_scores import lengths, matrix
from lengen.comparison.grouping import Cell, Panel
from lengen.config.compose import config_dir
from lengen.config.errors import UsageError, nearest

NEEDED = ("data", "scored", "splits")
DATA = ("split", "encoding", "seed", "length", "exact_match")


@dataclass(frozen=True)
class Published:
    """What a paper reports.

    Args:
        name: the YAML's.
        paper: author and year.
        scored: how its numbers were made, in a line.
        splits: for each split, the options that a run of ours must have.
        curves: by split and our name of an encoding: by seed, exact match by length.
    """

    name: str
    paper: str
    scored: str
    splits: Mapping[str, Mapping[str, Any]]
    curves: Mapping[tuple[str, str], Mapping[str, Mapping[int, float]]]

    def split(self, panel: Panel) -> str | None:
        """The split with the task of a panel's runs; None if there is none."""
        return next(
            (
                name
                for name, wanted in self.splits.items()
                if all(run.value(key) == str(value) for run in panel.runs for key, value in wanted.items())
            ),
            None,
        )


def load(name: str) -> Published:
    """Published curves by name, or from a YAML of one's own.

    Args:
        name: an option of the group `published`, or a path that ends in `.yaml`.

    Raises:
        UsageError: there is no such thing, or it lacks what it needs.
    """
    folder = config_dir() / "published"
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    path = Path(name) if name.endswith(".yaml") else folder / f"{name}.yaml"
    if not path.exists():
        raise UsageError(
            f"against={name}: there are no such published curves{nearest(name, known)} (allowed: {', '.join(known)}, or the path of a .yaml)"
        )
    text = path.read_text(encoding="utf-8")
    try:
        node = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"against={name}: no YAML ({str(error).splitlines()[0]})") from None
    missing = [key for key in NEEDED if not isinstance(node, Mapping) or key not in node]
    if missing:
        raise UsageError(f"against={name}: {path} has no {', '.join(missing)}")
    paper = next(
        (line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("# paper:")),
        path.stem,
    )
    curves = _curves(path.parent / node["data"], node.get("encodings") or {})
    return Published(path.stem, paper, " ".join(str(node["scored"]).split()), node["splits"], curves)


def _curves(path: Path, names: Mapping[str, str]) -> dict[tuple[str, str], dict[str, dict[int, float]]]:
    """The numbers of a CSV.

    Raises:
        UsageError: no such file, no such column, or a value that is no number.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = [name for name in DATA if name not in (reader.fieldnames or [])]
            lines = list(reader)
    except OSError as error:
        raise UsageError(f"against: {path}: {error.strerror}") from None
    if missing:
        raise UsageError(f"against: {path} has no column {', '.join(missing)}")
    found: dict[tuple[str, str], dict[str, dict[int, float]]] = {}
    for number, line in enumerate(lines, start=2):
        encoding = names.get(line["encoding"], line["encoding"])
        try:
            value = {int(line["length"]): float(line["exact_match"])}
        except (TypeError, ValueError):
            raise UsageError(
                f"against: {path}, line {number}: length and exact_match must be numbers"
            ) from None
        found.setdefault((line["split"], encoding), {}).setdefault(line["seed"], {}).update(value)
    return found


@dataclass(frozen=True)
class PublishedCell:
    """A cell of ours beside a published one; the fields are the columns of `against.csv`.

    Args:
        task: our panel; `split` is theirs.
        ours: median exact match over our seeds at a length; `theirs` the same of the paper's.
        difference: ours less theirs.
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


@dataclass(frozen=True)
class Agreement:
    """Whether a panel orders the encodings as the paper does, by mean exact match over the lengths both have.

    Args:
        tau: Kendall's tau-b over the cells; None with fewer than two, or where one side has only ties.
        p_value: of no association.
        our_order: names from best to worst; `their_order` likewise.
    """

    task: str
    split: str
    cells: int
    lengths: int
    tau: float | None
    p_value: float | None
    our_order: tuple[str, ...]
    their_order: tuple[str, ...]


COLUMNS = tuple(field.name for field in fields(PublishedCell))


def published_curves(published: Published, split: str, cell: Cell) -> Mapping[str, Mapping[int, float]]:
    """The published curves of a cell's encoding, by seed; empty if there are none."""
    return published.curves.get((split, cell.pe), {})


def beside(published: Published, panel: Panel) -> list[PublishedCell]:
    """Every cell that the paper has too, at every length that both have."""
    split = published.split(panel)
    if split is None:
        return []
    found = []
    for cell in panel.cells:
        seeds = published_curves(published, split, cell)
        at = [length for length in lengths(cell) if any(length in curve for curve in seeds.values())]
        if not at:
            continue
        for length, value in zip(at, np.median(matrix(cell, "exact_match", at), axis=0), strict=True):
            known = [curve[length] for curve in seeds.values() if length in curve]
            median = float(np.median(known))
            found.append(
                PublishedCell(
                    panel.name,
                    split,
                    cell.name,
                    cell.pe,
                    length,
                    float(value),
                    cell.tried,
                    median,
                    len(known),
                    float(value) - median,
                )
            )
    return found


def means(rows: Sequence[PublishedCell]) -> dict[str, tuple[float, float]]:
    """Mean exact match of each cell over the lengths that all cells have: ours and theirs."""
    names = list(dict.fromkeys(row.line for row in rows))
    common = set.intersection(*({row.length for row in rows if row.line == name} for name in names))
    return {
        name: (
            float(np.mean([row.ours for row in rows if row.line == name and row.length in common])),
            float(np.mean([row.theirs for row in rows if row.line == name and row.length in common])),
        )
        for name in names
        if common
    }


def agreement(rows: Sequence[PublishedCell]) -> Agreement:
    """Whether the order of the cells of one panel agrees.

    Args:
        rows: of one panel, at least one.
    """
    both = means(rows)
    tau, p_value = None, None
    if len(both) > 1:
        found = kendalltau([ours for ours, _ in both.values()], [other for _, other in both.values()])
        if not np.isnan(found.statistic):
            tau, p_value = float(found.statistic), float(found.pvalue)
    ordered = [tuple(sorted(both, key=lambda name: (-both[name][side], name))) for side in (0, 1)]
    return Agreement(
        rows[0].task, rows[0].split, len(both), len({row.length for row in rows}), tau, p_value, *ordered
    )
